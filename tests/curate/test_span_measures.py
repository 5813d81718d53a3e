"""What a span measures: crop, times, excursions, the moving share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.measures import NO_VIEW
from curate.span_measures import duration_s, end_s, excursions, measured_span, moving_share_and_mask, without_overlays_at_its_rim
from curate.static_segments import StaticSegmentsSettings
from tests.curate.made_measures import HEIGHT, WIDTH, make_measures

DEFAULT = StaticSegmentsSettings()


def test_times_are_those_of_the_frames_and_the_last_frame_lasts_one_mean_interval() -> None:
    measures = make_measures([0, 0, 0], fps=10)
    uneven = replace(measures, pts_s=measures.pts_s**1.2)
    assert end_s(uneven, 12) == uneven.pts_s[12]
    assert end_s(uneven, 30) == pytest.approx(uneven.pts_s[-1] * 30 / 29)
    assert duration_s(measures, 5, 15) == pytest.approx(1.0)
    assert duration_s(make_measures([0], lengths=[1]), 0, 1) == 0.0


def test_the_crop_is_even_lies_inside_the_bars_and_is_the_spans_own() -> None:
    measures = make_measures([0] * 6)
    row_peak, column_peak = measures.row_peak.copy(), measures.column_peak.copy()
    row_peak[:, :21] = 16  # 42 px
    column_peak[:3, -11:] = 16  # 22 px, in the first half
    barred = replace(measures, row_peak=row_peak, column_peak=column_peak)
    first, second = measured_span(barred, 0, 30), measured_span(barred, 30, 60)
    assert (first.crop_left, first.crop_top, first.crop_width, first.crop_height) == (0, 42, WIDTH - 22, HEIGHT - 42)
    assert (second.crop_left, second.crop_top, second.crop_width, second.crop_height) == (0, 42, WIDTH, HEIGHT - 42)
    _, mask = moving_share_and_mask(barred, 0, 30, DEFAULT)
    assert mask.sum() == 255 * (WIDTH - 22) * (HEIGHT - 42)


def test_a_ticker_is_cropped_off_and_a_logo_in_the_middle_masked() -> None:
    measures = make_measures([0] * 6)
    picture, challenged = measures.mean_picture.copy(), np.full_like(measures.challenged, 9)
    for top, left, right in ((168, 20, 300), (80, 140, 180)):  # of 180 x 320 measured px
        picture[top : top + 8 : 2, left:right:2] = 255
    marked = replace(measures, mean_picture=picture, challenged=challenged, withstood=challenged)
    row = without_overlays_at_its_rim(measured_span(marked, 0, 60), marked, 0.15)
    assert (row.crop_left, row.crop_top, row.crop_width) == (0, 0, WIDTH)
    assert row.crop_height is not None
    assert 320 <= row.crop_height <= 336  # the ticker begins at 336
    _, mask = moving_share_and_mask(marked, 0, 60, DEFAULT)
    assert not mask[164:172, 290:350].any()
    assert without_overlays_at_its_rim(measured_span(marked, 0, 60), marked, 0.05) == measured_span(marked, 0, 60)


def test_excursions_are_the_worst_view_and_ignore_what_has_none() -> None:
    places = [0, 1, 2, 3, 99, 50, 50 + 5j, 50, 50]
    measures = make_measures([0, 0, 0, 0, NO_VIEW, 1, 1, 1, 1], places, scale=[1, 1, 1.01, 1.01, 9, 1, 1, 1.03, 1])
    shift, zoom, roll = excursions(measures, 0, 90)
    assert shift == pytest.approx(5, rel=0.02)
    assert zoom == pytest.approx(0.01, abs=1e-6)
    assert roll == 0


def test_in_a_span_shorter_than_a_window_single_frames_tell() -> None:
    measures = make_measures([0, 0])
    offsets = np.zeros(20, np.float32)
    offsets[12:14] = 4
    assert excursions(replace(measures, offset_down_px=offsets), 10, 16)[0] == pytest.approx(4, rel=0.02)
    assert excursions(measures, 10, 16)[0] == 0


def test_a_row_tells_its_span_alone() -> None:
    measures = make_measures([0] * 6)
    brightness = np.repeat(np.array([50, 60, 70, 200, 200, 200], np.float32), 10)
    change = np.where(np.arange(60) < 30, 0.0, 1.0).astype(np.float32)
    told = replace(measures, brightness=brightness, change=change)
    row = measured_span(told, 0, 30)
    assert row.brightness == pytest.approx(60)
    assert row.illumination_drift == pytest.approx(20)
    assert row.frozen_fraction == pytest.approx(29 / 30)
    assert measured_span(told, 30, 60).frozen_fraction == 0
    assert row.textured_blocks == 16
    assert row.agreeing_fraction == 1.0


@given(st.integers(0, 50), st.integers(1, 60))
def test_steady_light_drifts_nowhere_whatever_part_of_a_window_a_span_ends_in(first: int, frames: int) -> None:
    measures = replace(make_measures([0] * 6), brightness=np.full(60, 100, np.float32))
    assert measured_span(measures, first, min(60, first + frames)).illumination_drift == pytest.approx(0)


def test_one_window_of_many_is_not_masked_and_a_tenth_of_the_time_is() -> None:
    measures = make_measures([0] * 20)
    unrest = measures.unrest.copy()
    unrest[3, 4:8, 4:8] = 90
    unrest[5:9, 10:14, 20:24] = 90
    share, mask = moving_share_and_mask(replace(measures, unrest=unrest), 0, 200, DEFAULT)
    step = HEIGHT // 18
    assert mask[5 * step, 5 * step] == 255
    assert mask[12 * step, 22 * step] == 0
    assert share == pytest.approx((16 * 1 + 16 * 4) / (20 * 18 * 32), rel=0.01)
