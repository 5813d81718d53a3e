"""Choosing frames that differ most: greedy k-center (farthest point), deterministic, under a minimum gap.

Each frame's rain is a point; the first chosen is the medoid, each next one the point farthest from all chosen (Gonzalez 1985, at most
twice the best possible covering radius without the gap). A frame is taken only if enough others can still follow under the gap, so
exactly the asked number comes out whenever that many fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# One unit is a difference worth having: 15 degrees, a quarter of full coherence, a factor of two in cover, length or amplitude.
ORIENTATION_UNIT_DEG = 15.0
COHERENCE_UNIT = 0.25
MOST_REFERENCES = 2000  # frames that the medoid is taken against; of longer spans every second, third, ... one
TIME_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Choice:
    """Which points were chosen, in order of time, and how far the farthest point lies from its nearest chosen one."""

    chosen: tuple[int, ...]
    coverage_radius: float


def rain_points(
    orientation_deg: Sequence[float],
    coherence: Sequence[float],
    cover: Sequence[float],
    length_px: Sequence[float],
    amplitude: Sequence[float],
) -> Floats:
    """Frames' rain as points on fixed scales: (cos 2θ, sin 2θ, coherence, log cover, log length, log amplitude), one row a frame."""
    doubled = np.radians(2 * np.asarray(orientation_deg, dtype=np.float64))
    unit = 2 * np.sin(np.radians(ORIENTATION_UNIT_DEG))
    logarithms = [np.log2(np.maximum(np.asarray(values, dtype=np.float64), 1e-6)) for values in (cover, length_px, amplitude)]
    return np.stack([np.cos(doubled) / unit, np.sin(doubled) / unit, np.asarray(coherence) / COHERENCE_UNIT, *logarithms], axis=1)


def most_that_fit(frames: Sequence[int], times_s: Sequence[float], gap_frames: int, gap_s: float) -> int:
    """How many of the frames fit with at least `gap_frames` frames and `gap_s` seconds from one to the next."""
    return _fitting(_next_allowed(frames, times_s, gap_frames, gap_s), [], len(frames))


def choose(points: Floats, frames: Sequence[int], times_s: Sequence[float], number: int, gap_frames: int, gap_s: float) -> Choice | None:
    """Choose `number` of the points (one row a frame, frames in rising order) by farthest point; null when they do not fit the gap.

    Ties go to the earlier frame.
    """
    allowed = _next_allowed(frames, times_s, gap_frames, gap_s)
    if number < 1 or _fitting(allowed, [], number) < number:
        return None
    references = points[:: max(1, -(-len(points) // MOST_REFERENCES))]
    cost = np.array([np.sqrt(((references - point) ** 2).sum(axis=1)).sum() for point in points])  # the medoid's is least
    nearest = np.full(len(points), np.inf)
    chosen: list[int] = []
    free = np.ones(len(points), dtype=bool)
    while len(chosen) < number:
        pick = next(int(index) for index in np.argsort(cost, kind="stable") if free[index] and _leaves_room(allowed, chosen, index, number))
        chosen = sorted([*chosen, pick])
        free &= ~_too_near(allowed, pick)
        nearest = np.minimum(nearest, np.sqrt(((points - points[pick]) ** 2).sum(axis=1)))
        cost = -nearest
    return Choice(tuple(chosen), float(nearest.max()))


def _next_allowed(frames: Sequence[int], times_s: Sequence[float], gap_frames: int, gap_s: float) -> npt.NDArray[np.int64]:
    """For each frame the first later one that is far enough away by both measures; the number of frames where there is none."""
    by_frame = np.searchsorted(frames, np.asarray(frames) + gap_frames)
    by_time = np.searchsorted(times_s, np.asarray(times_s, dtype=np.float64) + gap_s - TIME_ROUNDING_S)
    return np.asarray(np.maximum(np.maximum(by_frame, by_time), np.arange(1, len(frames) + 1)), dtype=np.int64)


def _too_near(allowed: npt.NDArray[np.int64], pick: int) -> npt.NDArray[np.bool_]:
    """Points that cannot be chosen beside `pick`, itself among them."""
    places = np.arange(len(allowed))
    return np.asarray((places < allowed[pick]) & (allowed > pick))


def _leaves_room(allowed: npt.NDArray[np.int64], chosen: list[int], candidate: int, number: int) -> bool:
    return _fitting(allowed, sorted([*chosen, candidate]), number) >= number


def _fitting(allowed: npt.NDArray[np.int64], fixed: list[int], enough: int) -> int:
    """The most points, at least those `fixed` (in order), that fit the gap; counted from the left, and no further than `enough`."""
    count, place = 0, 0
    for stop in [*fixed, None]:
        while count < enough and place < len(allowed) and (stop is None or allowed[place] <= stop):
            count, place = count + 1, int(allowed[place])
        if stop is not None:
            count, place = count + 1, int(allowed[stop])
    return count
