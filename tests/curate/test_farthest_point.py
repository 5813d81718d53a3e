"""Farthest-point choice against a slow literal version, and its promises for any frames."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.farthest_point import Choice, choose, most_that_fit, rain_points

GAP_FRAMES, GAP_S = 2, 0.1


def far_enough(one: tuple[int, float], other: tuple[int, float]) -> bool:
    return abs(one[0] - other[0]) >= GAP_FRAMES and abs(one[1] - other[1]) >= GAP_S - 1e-6


def all_fit(frames: list[tuple[int, float]]) -> bool:
    return all(far_enough(one, other) for one, other in itertools.combinations(frames, 2))


def most_literally(frames: list[tuple[int, float]], fixed: list[int]) -> int:
    """The largest set that holds the fixed places and fits, by trying every set."""
    others = [place for place in range(len(frames)) if place not in fixed]
    if not all_fit([frames[place] for place in fixed]):
        return 0
    for size in range(len(others), -1, -1):
        if any(all_fit([frames[place] for place in [*fixed, *more]]) for more in itertools.combinations(others, size)):
            return size + len(fixed)
    return 0


def choose_literally(points: list[list[float]], frames: list[tuple[int, float]], number: int) -> Choice | None:
    """The same rule, from its words alone."""
    if most_literally(frames, []) < number:
        return None
    places = range(len(points))
    order = sorted(places, key=lambda place: (sum(math.dist(points[place], other) for other in points), place))
    chosen: list[int] = []
    while len(chosen) < number:
        pick = next(place for place in order if place not in chosen and most_literally(frames, [*chosen, place]) >= number)
        chosen.append(pick)
        nearest = {place: min(math.dist(points[place], points[other]) for other in chosen) for place in places}
        order = sorted(places, key=lambda place: (-nearest[place], place))
    return Choice(tuple(sorted(chosen)), max(nearest.values()))


# Times on a grid of 1/30 s with jumps: frames of a real clip with some left out. Coordinates are small integers: ties are common.
spans = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=9)


def unpacked(span: list[tuple[int, int, int]]) -> tuple[list[list[float]], list[tuple[int, float]]]:
    indices = list(itertools.accumulate(step for step, _, _ in span))
    return [[float(x), float(y)] for _, x, y in span], [(index, index / 30) for index in indices]


@given(spans, st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_the_choice_is_the_literal_one(span: list[tuple[int, int, int]], number: int) -> None:
    points, frames = unpacked(span)
    found = choose(np.array(points), [index for index, _ in frames], [time for _, time in frames], number, GAP_FRAMES, GAP_S)
    expected = choose_literally(points, frames, number)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.chosen == expected.chosen
        assert found.coverage_radius == pytest.approx(expected.coverage_radius)


@given(spans)
@settings(max_examples=100, deadline=None)
def test_most_that_fit_is_the_most(span: list[tuple[int, int, int]]) -> None:
    _, frames = unpacked(span)
    indices, times = [index for index, _ in frames], [time for _, time in frames]
    assert most_that_fit(indices, times, GAP_FRAMES, GAP_S) == most_literally(frames, [])


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.floats(0, 0.3), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_exactly_the_number_comes_out_and_keeps_the_gap(seed: int, number: int, gap_s: float, gap_frames: int) -> None:
    rng = np.random.default_rng(seed)
    frames = np.flatnonzero(rng.random(120) < 0.8)
    times = np.cumsum(rng.uniform(0.01, 0.08, 120))[frames]
    points = rng.normal(size=(len(frames), 6))
    found = choose(points, frames.tolist(), times.tolist(), number, gap_frames, gap_s)
    if most_that_fit(frames.tolist(), times.tolist(), gap_frames, gap_s) < number:
        assert found is None
        return
    assert found is not None
    chosen = list(found.chosen)
    assert len(chosen) == number
    assert chosen == sorted(chosen)
    assert np.all(np.diff(frames[chosen]) >= gap_frames)
    assert np.all(np.diff(times[chosen]) >= gap_s - 1e-5)
    distances = np.linalg.norm(points[:, None] - points[chosen][None], axis=2).min(axis=1)
    assert found.coverage_radius == pytest.approx(distances.max())
    assert found == choose(points, frames.tolist(), times.tolist(), number, gap_frames, gap_s)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_reversed_time_gives_the_same_frames(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(80, 6))  # continuous: no ties, which time's direction would break
    times = np.cumsum(rng.uniform(0.02, 0.06, 80))
    there = choose(points, list(range(80)), times.tolist(), 12, 2, 0.1)
    back = choose(points[::-1], list(range(80)), (times[-1] - times[::-1]).tolist(), 12, 2, 0.1)
    assert there is not None
    assert back is not None
    # The gap's feasibility check may tell the directions apart only where room is tight, which it is not here.
    assert sorted(79 - place for place in back.chosen) == list(there.chosen)


def test_extremes_are_chosen_before_the_common() -> None:
    points = np.zeros((50, 6))
    points[10, 0], points[40, 1] = 5, 4
    found = choose(points, list(range(50)), [index / 10 for index in range(50)], 3, 2, 0.1)
    assert found is not None
    assert {10, 40} <= set(found.chosen)
    assert found.coverage_radius == 0


def test_a_rain_point_turns_with_twice_the_angle_and_counts_in_octaves() -> None:
    points = rain_points([0.0, 180.0, 90.0, 15.0], [0.5] * 4, [0.1, 0.1, 0.1, 0.2], [10.0] * 4, [20.0] * 4)
    assert np.allclose(points[0], points[1])
    turned = points[3] - points[0]
    assert math.hypot(*turned[:2]) == pytest.approx(1)
    assert turned[3] == pytest.approx(1)
    assert points.shape == (4, 6)
