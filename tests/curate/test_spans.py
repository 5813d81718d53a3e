"""Spans in which a camera stands, on places made by hand and by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from curate.measures import Measures
from curate.shots import view_runs
from curate.spans import Limits, Piece, excursion, extent, longest_within, settled_pieces, steady_change, still_pieces
from tests.curate.made_measures import HEIGHT, WIDTH, make_measures

LIMITS = Limits(1.0, 1.0)
steps = arrays.arrays(float, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.floats(-2, 2, width=32))


def longest_by_trying(series: npt.NDArray[np.float64], limit: float) -> int:
    count = len(series)
    spans = ((first, end) for first in range(count) for end in range(first + 1, count + 1))
    return max((end - first for first, end in spans if np.ptp(series[first:end], axis=0).max() <= limit), default=0)


@given(steps, st.floats(0.1, 5))
@settings(deadline=None, max_examples=80)
def test_the_longest_span_is_the_longest_of_all(series: npt.NDArray[np.float64], limit: float) -> None:
    first, end = longest_within(series, limit)
    assert np.ptp(series[first:end], axis=0).max() <= limit
    assert end - first == longest_by_trying(series, limit)


@given(steps, st.floats(0.1, 5), st.floats(0, 3))
@settings(deadline=None, max_examples=80)
def test_a_wider_limit_never_shortens_the_longest_span(series: npt.NDArray[np.float64], limit: float, more: float) -> None:
    lengths = [np.diff(longest_within(series, wide))[0] for wide in (limit, limit + more)]
    assert lengths[0] <= lengths[1]


@given(st.lists(st.complex_numbers(max_magnitude=50), min_size=1, max_size=20))
def test_extent_is_the_largest_distance_to_two_per_cent(places: list[complex]) -> None:
    true = max(abs(a - b) for a in places for b in places)
    assert 0.98 * true - 1e-6 <= extent(np.array(places)) <= true + 1e-6


def test_extent_ignores_what_is_not_known() -> None:
    assert extent(np.array([np.nan, 1, 4 + 4j])) == pytest.approx(5.0, rel=0.02)
    assert extent(np.array([np.nan], complex)) == 0.0


def pieces_of(places: list[complex], scale: list[float] | None = None, roll_deg: list[float] | None = None) -> list[tuple[int, int]]:
    return found(make_measures([0] * len(places), places, scale=scale, roll_deg=roll_deg))


def found(measures: Measures) -> list[tuple[int, int]]:
    (run,) = view_runs(measures)
    return [(piece.first_frame, piece.end_frame) for piece in still_pieces(measures, run, LIMITS, 30)]


def test_a_camera_that_stands_is_one_piece() -> None:
    assert pieces_of([0.1j, 0, 0.2, 0.1, 0]) == [(0, 50)]


def test_a_bump_ends_a_piece_and_begins_the_next() -> None:
    assert pieces_of([0, 0, 0, 0, 0, 2j, 2j, 2j, 2j]) == [(0, 50), (50, 90)]


def test_a_zoom_and_a_roll_are_motion_at_the_corners() -> None:
    corner = np.hypot(WIDTH, HEIGHT) / 2
    zoom = [1 + 3 * step / corner for step in range(6)]
    roll = [float(np.degrees(3 * step / corner)) for step in range(6)]
    assert pieces_of([0j] * 6, scale=zoom) == []
    assert pieces_of([0j] * 6, roll_deg=roll) == []


def test_a_bump_inside_a_window_is_placed_by_single_frames() -> None:
    measures = make_measures([0] * 9, [0, 0, 0, 0, 0, 3, 3, 3, 3])
    offsets = np.zeros(90, np.float32)
    offsets[50:54] = -3  # the window's median shows the place after the bump; its first frames lie before it
    assert found(replace(measures, offset_right_px=offsets)) == [(0, 54), (54, 90)]


def test_one_odd_frame_is_no_bump_and_three_are() -> None:
    for odd, expected in ((1, [(0, 90)]), (3, [(0, 44), (47, 90)])):
        offsets = np.zeros(90, np.float32)
        offsets[44 : 44 + odd] = 5
        assert found(replace(make_measures([0] * 9), offset_down_px=offsets)) == expected


def test_a_window_in_which_a_lorry_hides_the_scene_is_no_bump() -> None:
    places = [0j, 0, 0, 0, 9, 0, 0, 0]
    assert pieces_of(places) == [(0, 40), (50, 80)]
    measures = make_measures([0] * 8, places)
    agreeing = measures.agreeing.copy()
    agreeing[4] = 7
    assert found(replace(measures, agreeing=agreeing)) == [(0, 80)]


def test_a_view_that_could_never_be_placed_has_no_piece() -> None:
    measures = make_measures([0] * 5)
    unknown = np.full(5, np.nan, np.float32)
    assert found(replace(measures, right_px=unknown)) == []


PTS = np.arange(1000) / 25.0


def test_pauses_of_a_drifting_camera_do_not_count() -> None:
    pauses = [Piece(0, 60, 0.2), Piece(200, 260, 0.9), Piece(400, 470, 0.1)]
    assert settled_pieces(pauses, (0, 1000), PTS, 10.0) == []


def test_a_long_rest_counts_by_itself() -> None:
    rest = Piece(300, 560, 0.3)
    assert settled_pieces([Piece(0, 60, 0.2), rest], (0, 1000), PTS, 10.0) == [rest]


def test_a_few_photos_of_a_drifting_time_lapse_are_no_rest_however_long_they_last() -> None:
    assert settled_pieces([Piece(0, 40, 0.3), Piece(300, 390, 0.3)], (0, 1000), PTS * 750, 10.0) == [Piece(300, 390, 0.3)]


def test_pieces_that_fill_half_the_shot_all_count() -> None:
    pieces = [Piece(0, 100, 0.1), Piece(110, 200, 0.4)]
    assert settled_pieces(pieces, (0, 200), PTS, 10.0) == pieces


def test_a_slow_drift_is_no_rest_however_long_its_pieces() -> None:
    assert settled_pieces([Piece(0, 290, 0.9), Piece(300, 590, 0.8)], (0, 600), PTS, 10.0) == []


def test_a_piece_that_is_its_shot_may_drift_within_the_limit() -> None:
    whole = Piece(3, 100, 0.9)
    assert settled_pieces([whole], (0, 100), PTS, 10.0) == [whole]


def test_a_steady_drift_is_followed_beyond_the_windows_middles_and_chance_is_not() -> None:
    assert excursion(np.array([step * (0.3 + 0.4j) for step in range(6)])) == pytest.approx(6 * 0.5, rel=0.02)
    there_and_back = np.array([0, 1, 0, 1, 0, 1, 0]) + 0j
    assert excursion(there_and_back) == pytest.approx(1.0, rel=0.02)
    assert excursion(np.array([2.0, np.nan]) + 0j) == 0


def test_a_line_tells_an_even_change_and_nothing_where_there_is_none() -> None:
    even = 0.2 * np.arange(6) + np.array([0.05, -0.05, 0.03, -0.03, 0.02, 0.0])
    assert steady_change(even) == pytest.approx(6 * 0.2, rel=0.1)
    assert steady_change(np.array([0.5, -0.4, 0.6, -0.5, 0.4, -0.3])) == 0
    assert steady_change(np.array([0.0, 1.0, 2.0])) == 0
    assert steady_change(np.array([0.0, np.nan, 0.2, 0.4, 0.6])) == pytest.approx(0.8)


@given(arrays.arrays(float, st.integers(4, 40), elements=st.floats(-5, 5, width=32)), st.floats(-3, 3), st.floats(0.1, 10))
def test_a_line_does_not_mind_where_values_begin_and_grows_with_them(values: npt.NDArray[np.float64], start: float, times: float) -> None:
    assert steady_change(values + start) == pytest.approx(steady_change(values), rel=1e-6, abs=1e-6)
    assert steady_change(-times * values) == pytest.approx(times * steady_change(values), rel=1e-6, abs=1e-6)


def test_one_window_that_seems_to_zoom_is_chance_and_a_zoom_that_stays_is_none() -> None:
    corner = np.hypot(WIDTH, HEIGHT) / 2
    for scale, expected in (([0, 0, 0, 1.5, 0, 0], [(0, 60)]), ([0, 0, 0, 1.5, 1.5, 1.5], [(0, 30), (30, 60)])):
        assert pieces_of([0j] * 6, scale=[1 + step / corner for step in scale]) == expected
