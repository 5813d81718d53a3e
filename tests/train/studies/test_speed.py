"""Networks are timed once, and told with what they were timed on."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from manifests.workspace import Workspace
from train.network import build, multiply_adds
from train.presets import SMALL
from train.studies import speed as module
from train.studies.results import Results, read_results
from train.studies.speed import Speed, speed
from train.studies.timing import timed_calls

from .conftest import TINY


def timed(workspace: Workspace, *, pictures: int = 2) -> Results[Speed]:
    return speed(workspace, [TINY], ["float32", "bfloat16"], side_px=16, pictures=pictures, device="cpu")


def test_a_row_a_network_and_precision(tmp_path: Path) -> None:
    found = timed(Workspace(tmp_path))
    assert [(row.preset, row.precision) for row in found.rows] == [("small", "float32"), ("small", "bfloat16")]
    for row in found.rows:
        assert row.least_s <= row.mean_s
        assert row.processor_s > 0
        assert row.pictures == 2
        assert row.multiply_adds == multiply_adds(TINY.network, 16, 16)
        assert row.parameters == sum(parameter.numel() for parameter in build(TINY).parameters())
        assert "thread" in row.device
    assert read_results(Speed, found.folder) == list(found.rows)
    assert (found.folder / "figure.png").exists()
    assert "GTX 1080 Ti" in found.markdown


def test_what_was_timed_is_not_timed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "write_figure", lambda _folder, _figure: None)
    before = timed(Workspace(tmp_path))
    monkeypatch.setattr(module, "build", lambda _preset: pytest.fail("timed again"))
    assert timed(Workspace(tmp_path)).rows == before.rows
    monkeypatch.setattr(module, "build", build)
    again = timed(Workspace(tmp_path), pictures=3)
    assert [row.pictures for row in again.rows] == [3, 3]
    assert again.markdown.count("| small |") == 2
    assert read_results(Speed, again.folder) == [*before.rows, *again.rows]


def test_calls_are_timed_one_by_one_after_the_first_few(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    ticks, processor_ticks = itertools.count(), iter([10.0, 12.0])
    monkeypatch.setattr("train.studies.timing.time.perf_counter", lambda: next(ticks) ** 2)
    monkeypatch.setattr("train.studies.timing.time.process_time", lambda: next(processor_ticks))
    found = timed_calls(lambda: calls.append(1), torch.device("cpu"), 4)
    assert found.seconds == [1, 5, 9, 13]  # differences of squares
    assert found.processor_s == 0.5
    assert len(calls) == 3 + 4


def test_the_presets_names_lead_to_their_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "write_figure", lambda _folder, _figure: None)
    found = speed(Workspace(tmp_path), [TINY, SMALL], ["float32"], side_px=8, pictures=1, device=None)
    assert found.rows[0].parameters < found.rows[1].parameters
    assert [row.spread_s for row in found.rows] == [0, 0]
