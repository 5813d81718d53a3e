"""How many frames of a scene it takes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from manifests.errors import InputError
from manifests.media import read_picture
from tests.worlds import World, clean_picture
from train.metrics import score
from train.studies import frames as module
from train.studies.frames import draw_counts, frames
from train.studies.results import read_results
from train.studies.study import Study
from train.studies.trials import Trial, Variant


def test_every_count_that_scenes_hold_with_every_target(
    study: Study, made_up: list[Variant], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "COUNTS", (2, 4, 25, 100))
    found = frames(dataclasses.replace(study, name="frames"))
    assert {(variant.frames, variant.preset.losses.target) for variant in made_up} == {
        (count, target) for count in (2, 4) for target in ("frame", "mean", "median")
    }
    assert "left out: 25, 100 frames; the scenes hold 5" in capsys.readouterr().err
    averaged = [row for row in found.rows if row.variant.startswith("temporal")]
    assert len(averaged) == 2 * 2 * study.seeds
    assert read_results(Trial, found.folder) == found.rows
    assert "| PSNR, dB | r = 2 | r = 4 | collapsed |" in found.markdown
    assert "| r = 2: 2 of 2: a constant background |" in found.markdown


def test_averages_of_all_frames_are_the_scenes_own(
    study: Study, world: World, made_up: list[Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COUNTS", (5,))
    found = frames(study)
    tests = [(number, row) for number, row in enumerate(world.scenes) if row.reason is None and row.split == "test"]
    for name, average in (("temporal mean", np.mean), ("temporal median", np.median)):
        expected = []
        for number, row in tests:
            stack = np.stack([read_picture(world.workspace.resolve(frame)) for frame in row.frames])
            picture = (average(stack, axis=0) / 255).astype(np.float32)
            expected.append(score(picture, clean_picture(world, number), study.protocol)[0])
        rows = [row for row in found.rows if row.variant == name]
        assert [row.psnr for row in rows] == [pytest.approx(np.mean(expected), abs=1e-3)] * study.seeds
        assert all(row.seed == seed and row.error is None for seed, row in enumerate(rows))


def test_pairs_have_no_frames_to_average(study: Study, made_up: list[Variant], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNTS", (2,))
    found = frames(dataclasses.replace(study, pairs=study.folder))
    assert {row.variant for row in found.rows} == {"ours", "supervised by the mean", "supervised by the median"}


def test_collapsed_runs_are_crosses_where_their_frames_are() -> None:
    rows = [
        Trial(f"{count}-{seed}", "ours", seed, "rgb", 10, count + seed, 0.9, 27, 0.8, frames=count) for count in (20, 30) for seed in (0, 1)
    ]
    axes = Figure().add_subplot()
    draw_counts(axes, [*rows[:3], dataclasses.replace(rows[3], collapsed="no streaks at all")], (20, 30))
    (crosses,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert (np.asarray(crosses.get_xdata()).tolist(), np.asarray(crosses.get_ydata()).tolist()) == ([30], [31])


def test_scenes_of_fewer_frames_than_any_count_are_refused(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNTS", (25, 100))
    with pytest.raises(InputError, match="hold 25 frames; `acquire simulate"):
        frames(study)
