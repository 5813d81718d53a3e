"""Verdicts, reasons and masks, on simulated clips of every kind of camera, and on measures by chance."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquire.simulator.camera import poses
from acquire.simulator.specification import CameraMove, ClipSpecification, Event, RainSpecification
from acquire.simulator.truth import static_spans
from curate.measures import NO_VIEW, Measures
from curate.static_segments import StaticSegmentsSettings
from curate.verdicts import judge
from manifests.tables import Segment
from tests.curate.made_measures import make_measures
from tests.curate.simulated import HEAVY, LIGHT, clip, measured

DEFAULT = StaticSegmentsSettings()


def rows_of(measures: Measures, settings: StaticSegmentsSettings = DEFAULT) -> list[Segment]:
    return [row for row, _ in judge(measures, "footage", settings)]


def kept(rows: list[Segment]) -> list[tuple[int, int]]:
    return [(row.first_frame, row.end_frame) for row in rows if row.reason is None]


def reason_of(rows: list[Segment], frame: int) -> str:
    (row,) = [row for row in rows if row.first_frame <= frame < row.end_frame]
    return f"{row.verdict}, {row.reason}"


@pytest.mark.parametrize("rain", [None, LIGHT, HEAVY])
@pytest.mark.parametrize(
    ("camera", "told"),
    [
        (CameraMove("drift", 3, 30), "camera moves"),
        (CameraMove("pan", 2), "camera moves"),
        (CameraMove("zoom", 1), "camera zooms"),
        (CameraMove("roll", 0.6), "camera rolls"),
        (CameraMove("shake", 2), "camera"),
    ],
)
def test_a_camera_that_moves_is_found_in_any_rain(camera: CameraMove, told: str, rain: RainSpecification | None) -> None:
    rows = rows_of(measured(clip(camera, rain=rain)))
    assert kept(rows) == []
    assert f"moving, {told}" in reason_of(rows, 30)


@pytest.mark.parametrize("rain", [None, LIGHT, HEAVY])
@pytest.mark.parametrize("background", ["coffee", "street:3", "gravel"])
def test_a_camera_that_stands_is_kept_in_any_rain(background: str, rain: RainSpecification | None) -> None:
    (row,) = rows_of(measured(clip(rain=rain, background=background)))
    assert (row.verdict, row.reason, row.first_frame, row.end_frame) == ("static", None, 0, 60)
    assert row.shift_px is not None
    assert row.shift_px < 0.3
    assert row.start_s == 0
    assert row.end_s == pytest.approx(60 / 25)


@pytest.mark.parametrize(
    "specification",
    [
        clip(CameraMove("bump", 3, 45, 57), frames=80),
        clip(CameraMove("bump", 1.6, 200, 63), rain=HEAVY, frames=80),
        clip(None, Event("cut", 56, background="street:2"), frames=114),
        clip(None, Event("cut", 23, background="rocket"), rain=HEAVY, frames=80),
        clip(None, Event("fade", 55, 70, background="street:2"), frames=125),
        clip(None, Event("black", 0, 12), frames=70),
        clip(None, Event("flash", 20, 22, 1.5), Event("flash", 41, 44, 1.0)),
        clip(None, Event("exposure", 20, 26, 0.6)),
        clip(None, Event("objects", strength=2), background="street:3"),
        clip(None, Event("overlay")),
        clip(None, Event("bars", strength=0.12)),
    ],
    ids=lambda specification: f"{specification.camera.kind}-{'-'.join(event.kind for event in specification.events)}",
)
def test_spans_that_stand_for_two_seconds_are_those_of_the_truth(specification: ClipSpecification) -> None:
    rows = rows_of(measured(specification))
    true = [(first, end) for first, end in static_spans(specification, poses(specification)) if end - first >= 50]
    assert len(kept(rows)) == len(true)
    for (first, end), (true_first, true_end) in zip(kept(rows), true, strict=True):
        assert abs(first - true_first) <= 3
        assert abs(end - true_end) <= 3


def test_each_rejection_says_why() -> None:
    assert "static, frozen: " in reason_of(rows_of(measured(clip(None, Event("frozen")))), 5)
    cut = rows_of(measured(clip(None, Event("cut", 14, background="street:2"), frames=70)))
    assert reason_of(cut, 5) == "static, shot too short: 14 frames, 0.6 s (at least 30 frames and 2 s)"
    assert "unknown, too dark: mean grey level 0" in reason_of(rows_of(measured(clip(None, Event("black", 20, 40), frames=70))), 30)
    assert "unknown, fades: " in reason_of(rows_of(measured(clip(None, Event("fade", 55, 70, background="street:2"), frames=125))), 62)
    leaves = reason_of(rows_of(measured(clip(None, Event("leaves", strength=0.9), background="street:3"))), 30)
    assert leaves.startswith("moving, ")
    blank = make_measures([NO_VIEW] * 6)
    blank = replace(blank, brightness=np.full(60, 128, np.float32), textured=np.ones(6, np.int64))
    assert reason_of(rows_of(blank), 0) == "unknown, too little texture: 1 of 16 blocks (at least 3)"


def test_the_mask_leaves_out_what_moves_and_the_bars_and_little_else() -> None:
    events = (Event("objects", strength=3), Event("bars", strength=0.2))
    measures = measured(clip(None, *events, background="street:3"))
    ((row, mask),) = judge(measures, "footage", DEFAULT)
    still = measured(clip(None, events[1], background="street:3"))
    ((still_row, still_mask),) = judge(still, "footage", DEFAULT)
    assert mask is not None
    assert still_mask is not None
    assert mask.shape == still_mask.shape == (160, 240)
    assert set(np.unique(mask)) == {0, 255}
    assert (row.crop_left, row.crop_top, row.crop_width, row.crop_height) == (0, 16, 240, 128)
    assert not mask[:16].any()
    assert not mask[-16:].any()
    assert (still_mask[16:-16] == 255).mean() > 0.98
    assert 0.02 < (mask[16:-16] == 0).mean() < 0.7
    assert row.moving_fraction is not None
    assert still_row.moving_fraction is not None
    assert row.moving_fraction > still_row.moving_fraction + 0.01


def test_wider_limits_keep_no_less_of_a_drift_and_a_shake() -> None:
    for camera in (CameraMove("drift", 3, 30), CameraMove("shake", 0.6)):
        measures = measured(clip(camera))
        frames = [
            sum(end - first for first, end in kept(rows_of(measures, replace(DEFAULT, shift_px=limit, jitter_px=limit, edge_px=limit))))
            for limit in (0.2, 0.5, 1, 2, 4, 8)
        ]
        assert frames == sorted(frames)
        assert (frames[0], frames[-1]) == (0, 60)


chance = st.lists(
    st.tuples(
        st.integers(-1, 2),  # view
        st.integers(2, 10),  # frames; one odd frame is no motion
        st.booleans(),  # abrupt
        st.floats(-3, 3, width=32),  # right
        st.floats(0, 30, width=32),  # brightness on top
        st.floats(0, 2, width=32),  # change
    ),
    min_size=1,
    max_size=14,
)


@given(chance, st.integers(1, 40), st.floats(0.2, 3))
@settings(deadline=None, max_examples=100)
def test_the_rows_partition_the_frames_whatever_was_measured(
    windows: list[tuple[int, int, bool, float, float, float]], least_frames: int, shift_px: float
) -> None:
    views, lengths, abrupt, right, light, change = zip(*windows, strict=True)
    measures = make_measures(views, [complex(place) for place in right], lengths=lengths, cut_at=np.flatnonzero(abrupt).tolist())
    measures = replace(
        measures,
        brightness=measures.brightness + np.repeat(light, lengths).astype(np.float32),
        change=np.repeat(change, lengths).astype(np.float32),
    )
    chosen = replace(DEFAULT, least_frames=least_frames, shift_px=shift_px, least_s=0.2)
    judged = judge(measures, "footage", chosen)
    rows = [row for row, _ in judged]
    assert rows[0].first_frame == 0
    assert rows[-1].end_frame == measures.frames
    assert all(before.end_frame == after.first_frame for before, after in pairwise(rows))
    assert all(row.first_frame < row.end_frame for row in rows)
    assert len({row.segment_id for row in rows}) == len(rows)
    for row, mask in judged:
        assert row.verdict is not None
        assert (mask is not None) == (row.reason is None)
        if row.reason is None:
            assert row.verdict == "static"
            assert row.end_frame - row.first_frame >= least_frames
            assert row.shift_px is not None
            assert row.shift_px <= 1.05 * shift_px


@given(chance)
@settings(deadline=None, max_examples=30)
def test_judging_twice_gives_the_same(windows: list[tuple[int, int, bool, float, float, float]]) -> None:
    views, lengths, *_ = zip(*windows, strict=True)
    measures = make_measures(views, lengths=lengths)
    assert rows_of(measures) == rows_of(measures)
