"""The static-segments stage on files: rows, masks, resuming, deciding anew, failures."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import manifests.media
from acquire.simulator.render import render_clip
from acquire.simulator.specification import CameraMove, ClipSpecification, Event
from curate.cli import main
from curate.static_segments import StaticSegmentsSettings, measured_from, preview, run, static_segments
from manifests.files import Provenance, file_sha256, read_rows, write_rows
from manifests.media import probe, read_picture
from manifests.tables import Footage, Segment
from manifests.workspace import Workspace
from tests.curate.simulated import HEAVY, clip

PHONE = dataclasses.replace(
    clip(CameraMove("bump", 4, 60, 62), rain=HEAVY, frames=80),
    name="phone",
    width=160,
    height=240,
    rotation_deg=90,
    variable_frame_rate=True,
    quality=45,
    key_frame_interval=12,
)
EDITED = dataclasses.replace(clip(CameraMove(), Event("cut", 20, background="street:4"), frames=80), name="edited")
DRIFT = dataclasses.replace(clip(CameraMove("drift", 4, 0)), name="drift")
STILLS = dataclasses.replace(clip(frames=32), name="stills", codec="jpeg", fps=2)


def footage_of(workspace: Workspace, specification: ClipSpecification) -> Footage:
    """Render a clip into the workspace and describe it as an acquiring command does."""
    path = workspace.root / "footage" / (specification.name if specification.codec == "jpeg" else f"{specification.name}.mp4")
    path.parent.mkdir(parents=True, exist_ok=True)
    render_clip(specification, path)
    seen = probe(path)
    digest = f"{specification.name:0<16}" if path.is_dir() else file_sha256(path)
    return Footage(
        footage_id=digest[:16],
        source="simulated",
        source_id=specification.name,
        origin=specification.name,
        status="ok",
        acquired_at=datetime(2026, 1, 1, tzinfo=UTC),
        path=workspace.relative(path),
        sha256=digest,
        width=seen.width,
        height=seen.height,
        frames=seen.frames,
    )


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Footage]]:
    """Clips on disk, rendered once."""
    workspace = Workspace(tmp_path_factory.mktemp("rendered"))
    return workspace.root, [footage_of(workspace, specification) for specification in (PHONE, EDITED, DRIFT, STILLS)]


@pytest.fixture
def workspace(tmp_path: Path, rendered: tuple[Path, list[Footage]]) -> Workspace:
    """A workspace of its own over the rendered clips."""
    root, footage = rendered
    rows = [dataclasses.replace(row, path=str(root / str(row.path))) for row in footage]
    write_rows(Footage, Workspace(tmp_path).table(Footage), rows, Provenance("a test"))
    return Workspace(tmp_path)


def footage_in(workspace: Workspace) -> dict[str, Footage]:
    return {row.source_id: row for row in read_rows(Footage, workspace.table(Footage))}


def segments_in(workspace: Workspace) -> list[Segment]:
    return read_rows(Segment, workspace.table(Segment))


def spans_of(workspace: Workspace, name: str) -> list[tuple[int, int, str | None, str | None]]:
    footage_id = footage_in(workspace)[name].footage_id
    return [(row.first_frame, row.end_frame, row.verdict, row.reason) for row in segments_in(workspace) if row.footage_id == footage_id]


def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(manifests.media, "frames", refuse)


def test_a_workspace_from_footage_to_segments(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = StaticSegmentsSettings(least_s=1.5)
    assert preview(workspace, settings)["footage_to_decode"] == 4
    summary = run(workspace, settings, workers=0)
    assert summary.exit_code == 0
    assert (summary.total("kept"), summary.total("failed")) == (3, 0)

    phone = spans_of(workspace, "phone")
    assert phone[0][0] == 0
    assert abs(phone[0][1] - 62) <= 3
    assert phone[0][2:] == ("static", None)
    assert phone[-1][1] == 80
    first, second = spans_of(workspace, "edited")
    assert (first[:2], second) == ((0, 20), (20, 80, "static", None))
    assert str(first[3]).startswith("shot too short: 20 frames")
    ((begins, ends, verdict, reason),) = spans_of(workspace, "drift")
    assert (begins, ends, verdict) == (0, 60, "moving")
    assert str(reason).startswith("camera moves: 3")
    assert spans_of(workspace, "stills") == [(0, 32, "static", None)]

    kept = [row for row in segments_in(workspace) if row.reason is None]
    for row in kept:
        footage = {entry.footage_id: entry for entry in footage_in(workspace).values()}[row.footage_id]
        assert row.mask is not None
        mask = read_picture(workspace.resolve(row.mask), grey=True)
        assert mask.shape == (footage.height, footage.width)
        assert (mask == 255).mean() > 0.9
        assert row.measured_from == measured_from(footage)

    before = segments_in(workspace)
    no_decoding(monkeypatch)
    assert preview(workspace, settings) == {
        "footage_to_decode": 0,
        "frames_to_decode": 0,
        "footage_to_decide_anew": 0,
        "footage_done_before": 4,
    }
    run(workspace, settings)
    assert segments_in(workspace) == before


def test_other_thresholds_decide_anew_without_decoding(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run(workspace, StaticSegmentsSettings(least_s=1.5))
    default = segments_in(workspace)
    masks = {path.name for path in (workspace.root / "masks").iterdir()}
    no_decoding(monkeypatch)
    lenient = StaticSegmentsSettings(least_s=0.5, least_frames=15, shift_px=6)
    assert preview(workspace, lenient)["footage_to_decide_anew"] == 4
    run(workspace, lenient)
    assert [row[2:] for row in spans_of(workspace, "drift")] == [("static", None)]
    assert [row[:2] for row in spans_of(workspace, "edited") if row[3] is None] == [(0, 20), (20, 80)]
    assert [row[:2] for row in spans_of(workspace, "phone")] == [(0, 80)]
    run(workspace, StaticSegmentsSettings(shift_px=0.001, least_s=1.5))
    assert not any(row.reason is None for row in segments_in(workspace) if row.shift_px and row.shift_px > 0.01)
    run(workspace, StaticSegmentsSettings(least_s=1.5))
    assert sorted(segments_in(workspace), key=lambda row: row.segment_id) == sorted(default, key=lambda row: row.segment_id)
    assert {path.name for path in (workspace.root / "masks").iterdir()} == masks


def test_masks_that_are_gone_are_made_again_without_decoding(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = StaticSegmentsSettings(least_s=1.5)
    run(workspace, settings)
    before = segments_in(workspace)
    lost = {path: path.read_bytes() for path in (workspace.root / "masks").iterdir()}
    for path in lost:
        path.unlink()
    no_decoding(monkeypatch)
    run(workspace, settings)
    assert {path: path.read_bytes() for path in (workspace.root / "masks").iterdir()} == lost
    assert sorted(segments_in(workspace), key=lambda row: row.segment_id) == sorted(before, key=lambda row: row.segment_id)


def test_failures_are_rows_and_other_footage_goes_on(workspace: Workspace) -> None:
    rubbish = workspace.root / "rubbish.mp4"
    rubbish.write_bytes(bytes(range(256)) * 20)
    rows = list(footage_in(workspace).values())
    broken = dataclasses.replace(rows[2], footage_id="broken", source_id="broken", sha256="b", path="rubbish.mp4")
    missing = dataclasses.replace(rows[2], footage_id="missing", source_id="missing", sha256="m", path="gone.mp4")
    tiny = dataclasses.replace(rows[3], footage_id="no-media", source_id="no-media", sha256="n", path=None)
    failed = dataclasses.replace(rows[2], footage_id="failed", source_id="failed", status="failed", path=None)
    write_rows(Footage, workspace.table(Footage), [broken, missing, tiny, failed, rows[2]], Provenance("a test"))
    summary = run(workspace, workers=2)  # in child processes, as the command does
    assert summary.exit_code == 3
    found = {row.footage_id: row for row in segments_in(workspace)}
    assert found.keys() == {"broken", "missing", "no-media", rows[2].footage_id}
    for name, words in (("broken", "rubbish.mp4"), ("missing", "gone.mp4"), ("no-media", "no media")):
        row = found[name]
        assert words in str(row.error)
        assert (row.verdict, row.reason, row.first_frame, row.end_frame) == (None, None, 0, 0)
    assert found[rows[2].footage_id].error is None
    # Mended, it is measured; what is no longer in the footage table is dropped.
    mended = dataclasses.replace(rows[2], footage_id="broken", sha256="b")
    write_rows(Footage, workspace.table(Footage), [mended], Provenance("a test"))
    assert run(workspace).exit_code == 0
    assert {row.footage_id: row.verdict for row in segments_in(workspace)} == {"broken": "moving"}


def test_one_footage_from_python_and_damaged_measures_measured_again(workspace: Workspace) -> None:
    footage = footage_in(workspace)["stills"]
    rows = static_segments(footage, StaticSegmentsSettings(), workspace)
    assert [(row.verdict, row.reason) for row in rows] == [("static", None)]
    (stored,) = (workspace.root / "measures").iterdir()
    stored.write_bytes(b"half a file")
    assert static_segments(footage, StaticSegmentsSettings(), workspace) == rows
    with np.load(stored) as again:
        assert str(again["key"]) == measured_from(footage)


def test_the_command_prints_what_was_kept_and_why_not(workspace: Workspace) -> None:
    here = ["-C", str(workspace.root), "--workers", "0"]
    dry = CliRunner().invoke(main, ["static-segments", *here, "--dry-run"])
    assert (dry.exit_code, dry.stdout.splitlines()[0]) == (0, "footage to decode: 4")
    assert not workspace.table(Segment).exists()
    shown = CliRunner().invoke(main, ["static-segments", *here, "--set", "least_s=1.5"])
    assert shown.exit_code == 0
    assert "segments: 3 kept" in shown.stdout
    assert "camera moves" in shown.stdout
    told = CliRunner().invoke(main, ["static-segments", *here, "--set", "least_s=1.5", "--json"])
    *rows, last = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(rows) == len(segments_in(workspace))
    assert (last["summary"], last["kept"]) == ("segments", 3)


@pytest.mark.parametrize(
    "setting", ["shift_px=0", "least_frames=0", "moving_fraction=-1", "slow_levels=-2", "settled_s=-0.1", "masked_share=1.5"]
)
def test_settings_that_mean_nothing_are_wrong_usage(tmp_path: Path, setting: str) -> None:
    result = CliRunner().invoke(main, ["static-segments", "-C", str(tmp_path), "--set", setting])
    assert result.exit_code == 2
    assert setting.partition("=")[0] in result.stderr


def test_no_footage_table_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["static-segments", "-C", str(tmp_path)])
    assert result.exit_code == 1
    assert "no such table" in result.stderr
