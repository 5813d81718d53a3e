"""A world rendered into a workspace: rows that hold, reruns that render only what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from acquire.cli import main
from acquire.simulator import render
from acquire.simulator.simulate import SimulateSettings, missing_clips, simulate
from acquire.simulator.specification import ClipSpecification
from manifests.checks import check
from manifests.files import read_rows
from manifests.media import read_picture
from manifests.tables import Footage, Truth
from manifests.workspace import Workspace

TINY = SimulateSettings(clips=2, held_out=1, others=2, mix=("pan", "dry"), width=96, height=64, frames=6)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def rows(workspace: Workspace) -> tuple[dict[str, Footage], dict[str, Truth]]:
    footage = {row.source_id: row for row in read_rows(Footage, workspace.table(Footage))}
    return footage, {row.clip_id: row for row in read_rows(Truth, workspace.table(Truth))}


def test_footage_and_truth_hold_and_a_rerun_does_nothing(workspace: Workspace) -> None:
    summary = simulate(workspace, TINY, workers=0)
    assert (summary.total("kept"), summary.exit_code) == (5, 0)
    footage, truth = rows(workspace)
    assert footage.keys() == truth.keys()
    for name, row in footage.items():
        assert row.path == f"footage/{name}.mp4"
        assert (row.source, row.status, row.frames) == ("simulated", "ok", 6)
        assert truth[name].footage_id == row.footage_id
        assert (truth[name].clean is None) == name.startswith("pan")
    clean = truth["rain-000-astronaut"].clean
    assert clean == "footage/clean/rain-000-astronaut.png"
    assert read_picture(workspace.resolve(clean)).shape == (64, 96, 3)
    _, problems = check(workspace, media=True, workers=0)
    assert problems == []

    assert missing_clips(workspace, TINY) == []
    assert simulate(workspace, TINY, workers=0).total("kept") == 0


def test_only_what_is_missing_or_changed_is_rendered(workspace: Workspace) -> None:
    simulate(workspace, TINY, workers=0)
    before, _ = rows(workspace)
    workspace.resolve(str(before["dry-001-motorcycle"].path)).unlink()
    assert [clip.name for clip in missing_clips(workspace, TINY)] == ["dry-001-motorcycle"]
    assert len(missing_clips(workspace, replace(TINY, clips=4))) == 3
    simulate(workspace, replace(TINY, seed=1), workers=0)
    after, truth = rows(workspace)
    assert after.keys() == before.keys()  # the same names: new rows replaced the old
    assert all(after[name].footage_id != before[name].footage_id for name in before)
    assert {row.footage_id for row in truth.values()} == {row.footage_id for row in after.values()}


def test_an_interrupted_run_goes_on_where_it_stopped(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []
    whole = render.render_clip

    def stop_at_the_third(clip: ClipSpecification, path: Path, clean_path: Path | None = None) -> Truth:
        if len(rendered) == 2:
            raise KeyboardInterrupt
        rendered.append(clip.name)
        return whole(clip, path, clean_path)

    monkeypatch.setattr(render, "render_clip", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        simulate(workspace, TINY, workers=0)
    monkeypatch.setattr(render, "render_clip", whole)
    assert len(missing_clips(workspace, TINY)) == 3
    assert simulate(workspace, TINY, workers=0).total("kept") == 3
    assert len(rows(workspace)[0]) == 5


def test_a_clip_that_fails_is_a_failed_row_and_is_cured_by_a_rerun(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = render.render_clip

    def no_space(clip: ClipSpecification, path: Path, clean_path: Path | None = None) -> Truth:
        if clip.name.startswith("holdout"):
            raise OSError(28, "No space left on device")
        return whole(clip, path, clean_path)

    monkeypatch.setattr(render, "render_clip", no_space)
    summary = simulate(workspace, TINY, workers=0)
    assert (summary.total("kept"), summary.total("failed"), summary.exit_code) == (4, 1, 3)
    footage, truth = rows(workspace)
    failed = footage["holdout-000-coffee"]
    assert (failed.status, failed.error_kind, failed.path) == ("failed", "disk_full", None)
    assert "No space left" in str(failed.error)
    assert "holdout-000-coffee" not in truth

    monkeypatch.setattr(render, "render_clip", whole)
    assert simulate(workspace, TINY, workers=0).exit_code == 0
    footage, _ = rows(workspace)
    assert {row.status for row in footage.values()} == {"ok"}
    assert len(read_rows(Footage, workspace.table(Footage))) == 5


def test_child_processes_render_the_same_as_this_one(tmp_path: Path) -> None:
    here, there = Workspace(tmp_path / "here"), Workspace(tmp_path / "there")
    simulate(here, TINY, workers=0)
    simulate(there, TINY, workers=2)
    assert {row.footage_id for row in rows(here)[0].values()} == {row.footage_id for row in rows(there)[0].values()}
    one, two = (rows(workspace)[1]["pan-000-astronaut"] for workspace in (here, there))
    assert one == two
    assert np.diff(one.shift_x_px).any()


def test_the_command(tmp_path: Path) -> None:
    options = ["simulate", "-C", str(tmp_path), "--clips", "1", "--held-out", "0", "--others", "1", "--mix", "frozen", "--size", "96x64"]
    options += ["--frames", "5", "--seed", "3", "--workers", "0", "--json"]
    planned = CliRunner().invoke(main, [*options, "--dry-run"])
    assert planned.exit_code == 0
    assert [json.loads(line)["clip_id"] for line in planned.stdout.splitlines()] == ["rain-000-astronaut", "frozen-000-astronaut"]
    assert not (tmp_path / "footage").exists()
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 0, done.output
    *told, summary = (json.loads(line) for line in done.stdout.splitlines())
    assert [row["width"] for row in told] == [96, 96]
    assert summary["kept"] == 2


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        (["--size", "97x64"], "must be even", 2),
        (["--size", "wide"], "WIDTHxHEIGHT", 2),
        (["--mix", "sideways"], "no such kind of clip", 1),
        (["--set", "frames=0"], "positive", 2),
        (["--set", "quality=101"], "between 0 and 100", 2),
    ],
)
def test_wrong_settings_are_told_in_a_line(tmp_path: Path, options: list[str], message: str, code: int) -> None:
    result = CliRunner().invoke(main, ["simulate", "-C", str(tmp_path), *options])
    assert result.exit_code == code
    assert message in result.output
