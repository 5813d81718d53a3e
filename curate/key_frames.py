"""Key frames first: which stretches of a footage move so much throughout that no still span can hide in them, told without decoding them.

Of each key frame, and of the frame that its file stores next (usually shown a tenth of a second later), two things are asked:

- whether half of the blocks agree on a motion between the two, of `MOVING_PX` and of twice the limit, and
- whether next to no block lies where it lay in the next frame of the key frame before, within three times the limit.

Single frames carry rain, which temporal medians would remove. But rain makes no blocks agree on a motion; and before a camera that stands,
blocks lie where they lay, and their correlations peak there. So within a stretch in which all key frames answer yes, a still span can
only lie from behind a key frame's next frame to before the key frame after the next. Where that is too short for a segment, the stretch
is not decoded, but for one interval at either end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from curate import motion
from curate.appearance import to_cells
from curate.measures import CELLS, StillSpan
from manifests.media import upright
from manifests.video import Timetable, key_frame_pairs, opened, timetable

Picture = npt.NDArray[np.uint8]  # HW grey
Pair = tuple[int, av.VideoFrame, int, av.VideoFrame]  # number and picture of a key frame and of the frame stored next

BLOCKS_A_SIDE = 4
MOVING_PX = 2.0  # full-resolution px
MOVING_LOW_PX = 0.5  # px of the measured pictures: less cannot be told surely on single frames
LIMITS_APART = 3.0
LEAST_APART_LOW_PX = 2.0
LEAST_SCORE = 5.0  # standard deviations of a block's correlation over all shifts: chance reaches 4, what stands in heavy rain 10
LEAST_RESPONSE = 0.1
LEAST_AGREEING_SHARE = 0.5  # of all blocks
RESTING_SHARE = 0.125  # of the blocks that agree on the motion: so many may seem to rest, by chance or under a logo
TOLERANCE_PX = 0.5
_ROUNDING_S = 1e-6
MOST_AHEAD = 8  # frames from a key frame to the one stored next, at most
LEAST_INTERVAL_S = 0.3  # between key frames that are asked
FIRST_TRIED = 3  # key frames that must all answer yes before the rest are asked


@dataclass(frozen=True)
class Glimpse:
    """What is kept of a frame's picture."""

    cells: npt.NDArray[np.float32]  # (H, W) the picture, shrunk
    row_peak: npt.NDArray[np.uint8]  # brightest value of each row
    column_peak: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class MovingInterval:
    """The frames [first_frame, end_frame) from one key frame to the next, none of them decoded but the first and `second_frame`."""

    first_frame: int
    second_frame: int
    end_frame: int
    pts_s: tuple[float, ...]
    end_s: float  # the time of the frame after the last
    glimpses: tuple[Glimpse, Glimpse]
    motion: motion.Similarity  # from the one to the other, px of the pictures


@dataclass(frozen=True)
class _KeyFrame:
    first_frame: int
    second_frame: int
    glimpses: tuple[Glimpse, Glimpse]
    motion: motion.Similarity | None  # None where it is not told for certain that the picture moves, and moved since the last key frame


def moving_intervals(path: Path, frames: int, width: int, full_px: float, still: StillSpan) -> list[MovingInterval]:
    """The intervals between key frames that need not be decoded, in order; none where the packets do not tell all frames' times.

    `frames`: how many there are; `width`: of the grey pictures that are measured, px, of which one spans `full_px` at full resolution.
    Raises MediaError when the file cannot be opened.
    """
    if path.is_dir():
        return []
    with opened(path) as container:
        table = timetable(container, path)
        if table is None or len(table.ticks) != frames:
            return []
        table = replace(table, key_frames=_spaced(table))
        if len(table.key_frames) < FIRST_TRIED:
            return []
        edges = (*table.key_frames, frames)
        hopeful = (_too_short(table, edges[place] + MOST_AHEAD, edges[place + 2], still) for place in range(len(edges) - 2))
        if edges[0] != 0 or not any(hopeful):
            return []
        keys = _asked(key_frame_pairs(container, path, table), table, width, full_px, still)
    sure = [_is_sure(table, keys, edges, place, still) for place in range(len(keys))]
    moving = [sure[place] and (place + 1 == len(sure) or sure[place + 1]) for place in range(len(sure))]
    found = []
    for place, key in enumerate(keys):
        inside = all(moving[near] for near in (place - 1, place, place + 1) if 0 <= near < len(moving))
        if inside and key is not None and key.motion is not None:
            end = edges[place + 1]
            times, end_s = table.pts_s[key.first_frame : end], _end_s(table, end)
            found.append(MovingInterval(key.first_frame, key.second_frame, end, times, end_s, key.glimpses, key.motion))
    return found


def _spaced(table: Timetable) -> tuple[int, ...]:
    """The key frames without those so soon after another that little can have moved since: encoders add some where much changes."""
    spaced: list[int] = []
    for frame in table.key_frames:
        if not spaced or table.pts_s[frame] - table.pts_s[spaced[-1]] >= LEAST_INTERVAL_S:
            spaced.append(frame)
    return tuple(spaced)


def _is_sure(table: Timetable, keys: list[_KeyFrame | None], edges: tuple[int, ...], place: int, still: StillSpan) -> bool:
    """Whether a key frame moves for certain, and no still span lies from behind its predecessor's second frame to before its successor."""
    key, before = keys[place], keys[place - 1] if place else None
    if key is None or key.motion is None:
        return False
    first = 0 if place == 0 else before.second_frame + 1 if before is not None else edges[place - 1] + 1
    return _too_short(table, first, edges[place + 1], still)


def _too_short(table: Timetable, first: int, end: int, still: StillSpan) -> bool:
    """Whether frames [first, end) are too few, or last too short, to be a still span."""
    if end - first < still.least_frames:
        return True
    return (_end_s(table, end) - table.pts_s[first]) * (end - first + 1) / (end - first) < still.least_s - _ROUNDING_S


def _end_s(table: Timetable, end: int) -> float:
    """When the frames before `end` are over."""
    if end < len(table.pts_s):
        return table.pts_s[end]
    return table.pts_s[-1] * len(table.pts_s) / max(1, len(table.pts_s) - 1)


def _asked(pairs: Iterable[Pair], table: Timetable, width: int, full_px: float, still: StillSpan) -> list[_KeyFrame | None]:
    """The footage's key frames in order, None for one that cannot be asked; none at all unless the first few move for certain."""
    radius_px = max(LEAST_APART_LOW_PX, LIMITS_APART * still.limit_px / full_px)
    places = {frame: place for place, frame in enumerate(table.key_frames)}
    found: list[_KeyFrame | None] = [None] * len(places)
    grid: motion.Grid | None = None
    before: tuple[int, motion.Spectra] | None = None  # place of the last key frame, and the spectra of its second frame
    for first_frame, first, second_frame, second in pairs:
        place = places[first_frame]
        pictures = upright(first, width, grey=True), upright(second, width, grey=True)
        if grid is None:
            if min(pictures[0].shape) < 2 * motion.LEAST_SIDE_PX:
                return []
            grid = motion.make_grid(pictures[0].shape[0], pictures[0].shape[1], BLOCKS_A_SIDE)
        spectra = motion.spectra(pictures[0], grid), motion.spectra(pictures[1], grid)
        moves = _motion(spectra, grid, full_px, still)
        if place > 0 and moves is not None:
            follows = before is not None and before[0] == place - 1
            moves = moves if follows and before is not None and _apart(before[1], spectra[0], moves, grid, radius_px) else None
        if place < FIRST_TRIED and moves is None:
            return []
        before = place, spectra[1]
        found[place] = _KeyFrame(first_frame, second_frame, (_glimpse(pictures[0]), _glimpse(pictures[1])), moves)
    return found


def _glimpse(picture: Picture) -> Glimpse:
    return Glimpse(to_cells(picture, CELLS), picture.max(axis=1), picture.max(axis=0))


def _motion(
    spectra: tuple[motion.Spectra, motion.Spectra], grid: motion.Grid, full_px: float, still: StillSpan
) -> motion.Similarity | None:
    """How the picture moves between the two, where blocks agree on it and it is far enough."""
    shifts, responses = motion.block_shifts(*spectra, grid)
    clear = responses > LEAST_RESPONSE
    fitted = motion.fit_similarity(grid.centres[clear], shifts[clear], TOLERANCE_PX, round(LEAST_AGREEING_SHARE * grid.blocks))
    least = max(MOVING_LOW_PX, MOVING_PX / full_px, 2 * still.limit_px / full_px)
    return fitted if np.hypot(fitted.right_px, fitted.down_px) >= least else None


def _apart(before: motion.Spectra, spectra: motion.Spectra, moves: motion.Similarity, grid: motion.Grid, radius_px: float) -> bool:
    """Whether next to no block lies where it lay in the second frame of the key frame before."""
    resting = motion.blocks_at_rest(before, spectra, grid, radius_px, LEAST_SCORE)
    return bool(resting <= RESTING_SHARE * moves.agreeing.sum())
