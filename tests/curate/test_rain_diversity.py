"""Is it raining, and differently from frame to frame: verdicts with their reasons, and the table that a run leaves."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from acquire.simulator.render import render_clip
from acquire.simulator.specification import ClipSpecification, Event, RainSpecification
from curate import rain_series
from curate.rain_diversity import RainDiversitySettings, decide, measured_from, preview, rain_diversity, run
from manifests.errors import InputError
from manifests.files import read_rows, write_rows
from manifests.options import EXIT_SOME_FAILED
from manifests.tables import Footage, Rain, Segment
from manifests.workspace import Workspace
from tests.curate.workspaces import BY_HAND, FRAMES, add_clip, dry_pictures, rainy_pictures, small_world, whole

SETTINGS = RainDiversitySettings()


def raining(**changes: object) -> Rain:
    """A row of 40 frames of fine rain."""
    row = Rain(
        segment_id="s",
        footage_id="f",
        frame_pts_s=tuple(index / 25 for index in range(40)),
        frame_light=(90.0,) * 40,
        frame_orientation_deg=(80.0,) * 40,
        frame_coherence=(0.8,) * 40,
        frame_concentration=(0.9,) * 40,
        frame_cover=(0.05,) * 40,
        frame_length_px=(20.0,) * 40,
        frame_width_px=(2.0,) * 40,
        frame_amplitude=(30.0,) * 40,
        frame_novelty=(0.8,) * 40,
        orientation_deg=80.0,
        coherence=0.8,
        concentration=0.9,
        elongation=4.0,
        bright_to_dark=6.0,
        cells=0.9,
        cover=0.05,
        median_cover=0.08,
        length_px=20.0,
        width_px=2.0,
        amplitude=30.0,
        residual="impulse",
        difference=0.9,
    )
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]


def test_rain_is_kept_without_a_reason() -> None:
    row = decide(raining(), SETTINGS)
    assert (row.raining, row.diverse, row.reason) == (True, True, None)
    assert row.frame_raining == (True,) * 40


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"concentration": 0.31}, "no rain streaks: concentration 0.31 (least 0.55)"),
        ({"orientation_deg": None, "concentration": 0.0}, "no rain streaks: concentration 0.00 (least 0.55)"),
        ({"orientation_deg": 178.2}, "streaks lie flat: 178° (at most 60° from vertical)"),
        ({"elongation": 1.36}, "no streaks but spots: 1.4 times as long as wide (least 3)"),
        ({"bright_to_dark": 1.02}, "darkens as much as it brightens: bright to dark 1.0 (least 1.8)"),
        ({"cells": 0.1}, "streaks in a small part of the picture: cells 0.10 (least 0.25)"),
        ({"cover": 0.0011}, "too little rain: cover 0.0011 (least 0.002)"),
        ({"median_cover": 0.52}, "too heavy: cover 0.52 (most 0.35)"),
    ],
)
def test_what_is_no_rain_is_rejected_with_the_number(changes: dict[str, object], reason: str) -> None:
    row = decide(raining(**changes), SETTINGS)
    assert (row.raining, row.diverse, row.reason) == (False, False, reason)
    assert not any(row.frame_raining)


def test_rain_that_does_not_change_is_rain_and_rejected() -> None:
    row = decide(raining(difference=0.04), SETTINGS)
    assert (row.raining, row.diverse) == (True, False)
    assert row.reason == "frames hardly differ: 0.04 of their rain (least 0.3)"


def test_only_frames_with_rain_count() -> None:
    dry = (None,) * 23
    row = decide(raining(frame_orientation_deg=(80.0,) * 17 + dry), SETTINGS)
    assert sum(row.frame_raining) == 17
    assert row.reason == "too few frames with rain: only 17 (30 needed)"
    lying = decide(raining(frame_orientation_deg=(80.0,) * 37 + (5.0, 175.0, 90.0)), SETTINGS)
    assert lying.frame_raining == (True,) * 37 + (False, False, True)


def test_frames_that_repeat_others_count_once() -> None:
    row = decide(raining(frame_novelty=(0.8,) * 25 + (0.02,) * 15), SETTINGS)
    assert (row.raining, row.diverse) == (True, False)
    assert row.reason == "the rain repeats: only 25 of 40 frames differ (30 needed)"
    assert row.frame_raining == (True,) * 25 + (False,) * 15
    assert decide(raining(frame_novelty=(0.8,) * 30 + (0.02,) * 10), SETTINGS).reason is None


def test_an_error_is_no_decision() -> None:
    failed = Rain("s", "f", error="the file is gone")
    assert decide(failed, SETTINGS) == failed


def test_deciding_again_forgets_the_first_decision() -> None:
    strict = dataclasses.replace(SETTINGS, concentration=0.95)
    rejected = decide(raining(), strict)
    assert rejected.reason == "no rain streaks: concentration 0.90 (least 0.95)"
    assert decide(rejected, SETTINGS) == decide(raining(), SETTINGS)


def test_thresholds_do_not_touch_the_resume_key_and_measuring_settings_do() -> None:
    segment = Segment("s", "f", 0, 40, measured_from="m")
    here = measured_from(segment, SETTINGS)
    assert measured_from(segment, dataclasses.replace(SETTINGS, concentration=0.6, cells=0.1, rainy_frames=3)) == here
    assert measured_from(segment, dataclasses.replace(SETTINGS, window_frames=60)) != here
    assert measured_from(dataclasses.replace(segment, end_frame=39), SETTINGS) != here
    assert measured_from(dataclasses.replace(segment, crop_top=8), SETTINGS) != here
    assert measured_from(dataclasses.replace(segment, measured_from="n"), SETTINGS) != here


# --- on clips ---------------------------------------------------------------------------------------------------------------------------


def test_drawn_rain_is_found_with_its_look(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    footage = add_clip(workspace, "clip", rainy_pictures(5, orientation_deg=70))
    (row,) = rain_diversity(whole(footage), footage, SETTINGS, workspace)
    assert row.reason is None
    assert row.orientation_deg == pytest.approx(70, abs=2)
    assert row.length_px == pytest.approx(20, rel=0.4)
    assert 1 < (row.width_px or 0) < 4
    for name in (field.name for field in dataclasses.fields(Rain) if field.name.startswith("frame_")):
        assert len(getattr(row, name)) == FRAMES, name
    assert row.frame_pts_s[10] == pytest.approx(10 / 25)


def test_measures_are_in_px_of_the_full_picture(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    footage = add_clip(workspace, "clip", rainy_pictures(6))
    (full,) = rain_diversity(whole(footage), footage, SETTINGS, workspace)
    (small,) = rain_diversity(whole(footage), footage, dataclasses.replace(SETTINGS, measured_pixels=THREE_QUARTERS), workspace)
    assert small.length_px == pytest.approx(full.length_px, rel=0.25)
    assert small.orientation_deg == pytest.approx(full.orientation_deg, abs=2)
    assert small.measured_from != full.measured_from


THREE_QUARTERS = 120 * 90


def simulated(name: str, **changes: object) -> ClipSpecification:
    base = ClipSpecification(name=name, seed=11, width=320, height=180, frames=FRAMES, background="street:3", rain=None, noise=1.0)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


RAINLESS = {
    "nothing": (),
    "snow": (Event("snow"),),
    "drops on glass": (Event("glass"),),
    "people and cars": (Event("objects"),),
    "leaves": (Event("leaves", strength=0.2),),
    "exposure": (Event("exposure", 10, 40),),
    "flash": (Event("flash", 20, 23),),
}


@pytest.mark.parametrize("kind", RAINLESS)
def test_what_moves_but_is_no_rain_is_rejected(kind: str, tmp_path: Path) -> None:
    row = _simulated_row(simulated("clip", events=RAINLESS[kind]), tmp_path)
    assert row.error is None
    assert row.raining is False
    assert row.reason is not None


def test_looped_rain_makes_no_scene(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    once = rainy_pictures(7, frames=16)
    footage = add_clip(workspace, "loop", once * 3)
    (row,) = rain_diversity(whole(footage), footage, SETTINGS, workspace)
    assert row.raining
    assert row.difference is not None
    assert row.difference > SETTINGS.difference  # from frame to frame the rain does differ
    assert row.reason == "the rain repeats: only 16 of 48 frames differ (30 needed)"
    assert [index for index, rains in enumerate(row.frame_raining) if rains] == list(range(16))


def test_simulated_rain_is_kept_also_before_cars(tmp_path: Path) -> None:
    look = RainSpecification(orientation_deg=105, length_px=22, density=0.08, brightness=90)
    row = _simulated_row(simulated("clip", rain=look, events=(Event("objects", strength=1),)), tmp_path)
    assert row.reason is None
    assert row.orientation_deg == pytest.approx(105, abs=3)


def test_a_frozen_picture_of_rain_is_rejected(tmp_path: Path) -> None:
    look = RainSpecification(density=0.1, brightness=90)
    row = _simulated_row(simulated("clip", rain=look, events=(Event("frozen"),)), tmp_path)
    assert row.raining is False


def _simulated_row(clip: ClipSpecification, folder: Path) -> Rain:
    workspace = Workspace(folder)
    truth = render_clip(clip, folder / "clip.mp4")
    footage = dataclasses.replace(
        add_clip(workspace, "unused", dry_pictures(1, frames=2)), path="clip.mp4", width=clip.width, height=clip.height, frames=truth.frames
    )
    (row,) = rain_diversity(whole(footage), footage, SETTINGS, workspace)
    return row


# --- runs -------------------------------------------------------------------------------------------------------------------------------


def test_a_run_measures_what_is_kept_and_a_second_one_only_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = small_world(tmp_path)
    assert preview(workspace, SETTINGS) == {
        "segments_to_measure": 3,
        "frames_to_measure": 3 * FRAMES,
        "segments_measured_before": 0,
    }
    summary = run(workspace, SETTINGS, workers=2)
    rows = {row.segment_id: row for row in read_rows(Rain, workspace.table(Rain))}
    assert {key: row.reason is None for key, row in rows.items()} == {"first-000000": True, "second-000000": True, "dry-000000": False}
    assert (summary.total("kept"), summary.total("rejected"), summary.exit_code) == (2, 1, 0)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a frame was decoded again")

    monkeypatch.setattr(rain_series, "measure_series", refuse)
    stricter = dataclasses.replace(SETTINGS, concentration=1.0)
    assert run(workspace, stricter).total("kept") == 0
    assert all((row.reason or "").startswith("no rain streaks") for row in read_rows(Rain, workspace.table(Rain)))
    run(workspace, SETTINGS)
    assert {row.segment_id: row for row in read_rows(Rain, workspace.table(Rain))} == rows


def test_rows_of_segments_that_are_gone_are_dropped(tmp_path: Path) -> None:
    workspace = small_world(tmp_path)
    run(workspace)
    segments = [row for row in read_rows(Segment, workspace.table(Segment)) if row.segment_id != "dry-000000"]
    write_rows(Segment, workspace.table(Segment), segments, BY_HAND)
    run(workspace)
    assert {row.segment_id for row in read_rows(Rain, workspace.table(Rain))} == {"first-000000", "second-000000"}


def test_a_clip_that_is_gone_is_a_failed_row_and_the_run_goes_on(tmp_path: Path) -> None:
    workspace = small_world(tmp_path)
    (tmp_path / "footage" / "first.mp4").unlink()
    summary = run(workspace)
    rows = {row.segment_id: row for row in read_rows(Rain, workspace.table(Rain))}
    failed = rows["first-000000"]
    assert (failed.raining, failed.diverse, failed.reason) == (None, None, None)
    assert "first.mp4: no such file" in (failed.error or "")
    assert rows["second-000000"].raining
    assert summary.exit_code == EXIT_SOME_FAILED


def test_no_kept_segment_leaves_an_empty_table(tmp_path: Path) -> None:
    workspace = small_world(tmp_path)
    write_rows(Segment, workspace.table(Segment), [], BY_HAND)
    assert run(workspace).counts == {}
    assert read_rows(Rain, workspace.table(Rain)) == []


def test_missing_tables_are_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"footage\.parquet: no such table; `acquire"):
        run(Workspace(tmp_path))
    workspace = small_world(tmp_path)
    workspace.table(Segment).unlink()
    with pytest.raises(InputError, match=r"segments\.parquet: no such table; `curate static-segments`"):
        run(workspace)


def test_footage_without_media_says_so(tmp_path: Path) -> None:
    workspace = small_world(tmp_path)
    footage = read_rows(Footage, workspace.table(Footage))[0]
    with pytest.raises(InputError, match="footage first: has no media; acquire it again"):
        rain_diversity(whole(footage), dataclasses.replace(footage, path=None), SETTINGS, workspace)


def test_settings_that_measure_nothing_are_refused() -> None:
    for name in ("measured_pixels", "window_frames"):
        with pytest.raises(ValueError, match="at least 1"):
            RainDiversitySettings(**{name: 0})


@pytest.mark.parametrize(("name", "value"), [("cells", -1), ("tilt_deg", -5), ("most_cover", 1.5), ("novelty", 2)])
def test_settings_that_cannot_be_meant_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        dataclasses.replace(SETTINGS, **{name: value})  # type: ignore[arg-type]
