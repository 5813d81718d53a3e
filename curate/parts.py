"""The parts of a segment within which light and rain are alike: each may give a scene of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def light_bands(light: Sequence[float], most_range: float) -> list[list[int]]:
    """Frames in bands of like light: again and again the band at most `most_range` wide that holds most of what is left.

    Gives places in `light`, in order; every place is in one band. Of equally full bands the darkest is taken.
    """
    left = sorted(range(len(light)), key=lambda place: (light[place], place))
    bands: list[list[int]] = []
    while left:
        best, end = range(0), 0
        for start in range(len(left)):
            while end < len(left) and light[left[end]] - light[left[start]] <= most_range:
                end += 1
            if end - start > len(best):
                best = range(start, end)
        bands.append(sorted(left[best.start : best.stop]))
        left = left[: best.start] + left[best.stop :]
    return bands


def rain_parts(points: Floats, enough: Callable[[range], bool], least_change: float) -> list[range]:
    """Frames, in order of time, in parts between which the rain changes (binary segmentation).

    `points`: one row a frame (`farthest_point.rain_points`). `enough(part)`: whether a part holds enough frames for a scene, which more
    frames never undo. A part is cut where the means on both sides differ most for their numbers of frames, if their medians are at least
    `least_change` apart and both sides hold enough.
    """

    def cut(part: range) -> list[range]:
        first = _first(lambda at: enough(range(part.start, at)), part)
        last = _first(lambda at: not enough(range(at, part.stop)), part) - 1
        if first > last:
            return [part]
        at = _sharpest(points[part.start : part.stop], first - part.start, last - part.start) + part.start
        change = np.median(points[part.start : at], axis=0) - np.median(points[at : part.stop], axis=0)
        if float(np.sqrt((change**2).sum())) < least_change:
            return [part]
        return [*cut(range(part.start, at)), *cut(range(at, part.stop))]

    return cut(range(len(points)))


def _first(holds: Callable[[int], bool], part: range) -> int:
    """The first edge of the part, from its start to its stop, for which something holds that keeps holding; one past the stop if none."""
    low, high = part.start, part.stop + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _sharpest(points: Floats, first: int, last: int) -> int:
    """The cut in [first, last] that explains most of the points' variance."""
    sums = np.cumsum(points, axis=0)
    at = np.arange(first, last + 1)[:, None]
    before, after = sums[at[:, 0] - 1] / at, (sums[-1] - sums[at[:, 0] - 1]) / (len(points) - at)
    gain = ((before - after) ** 2).sum(axis=1) * (at * (len(points) - at))[:, 0]
    return int(at[int(gain.argmax()), 0])
