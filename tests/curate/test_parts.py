"""Parts of a segment: like light, and rain that changes from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.farthest_point import Floats, rain_points
from curate.parts import light_bands, rain_parts


@given(st.lists(st.integers(0, 40), max_size=40), st.integers(0, 12))
def test_light_bands_are_the_fullest_of_what_is_left(light: list[int], most: int) -> None:
    bands = light_bands(light, most)
    assert sorted(place for band in bands for place in band) == list(range(len(light)))
    left = set(range(len(light)))
    for band in bands:
        fullest = max(sum(low <= light[place] <= low + most for place in left) for low in range(41))
        assert len(band) == fullest
        assert band == sorted(band)
        assert max(light[place] for place in band) - min(light[place] for place in band) <= most
        left -= set(band)


def test_a_flash_costs_its_own_frames_alone() -> None:
    assert light_bands([50.0, 51.0, 90.0, 50.5, 52.0], 4.0) == [[0, 1, 3, 4], [2]]


# --- rain ---------------------------------------------------------------------------------------------------------------------------------


def at_least(number: int) -> Callable[[range], bool]:
    return lambda part: len(part) >= number


def rain(cover: list[float], seed: int = 0) -> Floats:
    """Frames of that cover, which flickers by a tenth as rain does, all else alike."""
    flicker = np.exp(np.random.default_rng(seed).normal(0, 0.1, len(cover)))
    count = len(cover)
    return rain_points([80.0] * count, [0.6] * count, list(np.array(cover) * flicker), [20.0] * count, [30.0] * count)


def test_rain_that_grows_is_cut_where_it_has_become_another() -> None:
    parts = rain_parts(rain([0.02] * 70 + [0.08] * 50), at_least(30), 1.0)
    assert parts == [range(70), range(70, 120)]
    ramp = list(0.01 * 2 ** np.linspace(0, 5, 400))
    parts = rain_parts(rain(ramp), at_least(30), 1.0)
    assert len(parts) == 4  # halves of a part would lie 0.6 octaves apart
    assert all(80 <= len(part) <= 120 for part in parts)


def test_steady_rain_and_short_spans_stay_whole() -> None:
    assert rain_parts(rain([0.05] * 300), at_least(30), 1.0) == [range(300)]
    assert rain_parts(rain([0.02] * 25 + [0.3] * 34), at_least(30), 1.0) == [range(59)]
    assert rain_parts(rain([]), at_least(1), 1.0) == [range(0)]


def test_turning_wind_cuts_too() -> None:
    count = 100
    angles = [70.0] * 50 + [110.0] * 50
    points = rain_points(angles, [0.6] * count, [0.05] * count, [20.0] * count, [30.0] * count)
    assert rain_parts(points, at_least(30), 1.0) == [range(50), range(50, 100)]


@given(st.lists(st.floats(0.001, 0.4), max_size=60), st.integers(1, 20), st.floats(0.1, 3))
@settings(deadline=None, max_examples=60)
def test_parts_cover_all_frames_in_order_and_hold_enough(cover: list[float], number: int, change: float) -> None:
    parts = rain_parts(rain(cover), at_least(number), change)
    assert [place for part in parts for place in part] == list(range(len(cover)))
    assert len(parts) == 1 or all(len(part) >= number for part in parts)
    points = rain(cover)
    for before, after in pairwise(parts):
        assert not np.array_equal(points[list(before)], points[list(after)])
