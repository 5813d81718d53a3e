"""The longest spans of a footage in which the camera stands, told from its stored series.

The camera's place is known window by window, on medians that rain has vanished from, and frame by frame more coarsely. A span stands
when its windows' places lie within the limits of each other: the longest such span is taken first, then what is left on both sides of
it. Its ends are then sought among single frames, since a bump may lie inside a window.

A slow drift also has spans within the limits, and a drifting camera pauses when it turns. So a span that is only a part of its shot counts
when its own drift is at most half the limit, and when it lasts `settled_s` or such spans together fill half the shot.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from curate.measures import WINDOW, Measures
from curate.shots import Run, faded, trim_transitions

Places = npt.NDArray[np.complex128]

POOR_AGREEMENT = 0.6  # of a window's voting blocks: below it, a window between two that stand may be hidden rather than moved
SETTLED_FRAMES = 80  # of a time-lapse, in which a few photos last for long, a rest must have as many too
_DIRECTIONS = np.exp(1j * np.pi * np.arange(8) / 8)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far the camera may move in a span; px at full resolution."""

    shift_px: float  # of the picture's middle
    edge_px: float  # of its corners, by zoom and roll


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames [first_frame, end_frame) in which the camera stands."""

    first_frame: int
    end_frame: int
    drift: float  # its own slow drift, as a share of the limit
    jitter: float = 0.0  # 95th percentile of how far single frames lie from the windows round them, as a share of the limit


def camera_places(measures: Measures, limits: Limits) -> tuple[Places, Places]:
    """Each window's place as complex px over the limits: of the picture's middle, and of its corners by zoom and roll (w,).

    Zoom and roll are the least certain of what is measured, and a camera does not zoom in and out again within a second: a window that
    differs in them from those before and after it is given the middle of the three. The middle's place is NaN where something hid it.
    """
    middle = ((measures.right_px + 1j * measures.down_px) / limits.shift_px).astype(np.complex128)
    middle[_hidden(measures, middle)] = np.nan
    to_corner = np.hypot(measures.width, measures.height) / 2
    corner = to_corner * ((measures.scale - 1) + 1j * np.radians(measures.roll_deg)) / limits.edge_px
    corner = corner.astype(np.complex128)
    for view in np.unique(measures.view):
        known = np.flatnonzero((measures.view == view) & ~np.isnan(corner))
        corner[known] = _without_outliers(corner[known].real) + 1j * _without_outliers(corner[known].imag)
    return middle, corner


def excursion(places: Places) -> float:
    """How far the camera went, of whose places there is one a window: their extent, and what a steady drift adds before the first
    window's middle and after the last one's."""
    known = places[~np.isnan(places)]
    if len(known) < 3:
        return extent(known)
    return extent(known) + float(min(abs(_middle_of(np.diff(known))), abs(known[-1] - known[0]) / (len(known) - 1)))


def steady_change(values: npt.NDArray[np.float64]) -> float:
    """How much values, of which there is one a window, change from the first window's start to the last one's end, by a line through them.

    Surer than the extent where single values are uncertain and the change is even, as of a slow zoom. 0 where the line's slope is not
    three times its standard error, or of fewer than four values.
    """
    known = values[~np.isnan(values)].astype(np.float64)
    if len(known) < 4:
        return 0.0
    along = np.arange(len(known)) - (len(known) - 1) / 2
    slope = float(along @ known / (along @ along))
    off = known - known.mean() - slope * along
    error = float(np.sqrt((off @ off) / (len(known) - 2) / (along @ along)))
    return abs(slope) * len(known) if abs(slope) >= 3 * error else 0.0


def extent(places: Places) -> float:
    """The largest distance between two of some complex places (to 2 %); 0 of none."""
    known = places[~np.isnan(places)]
    if not len(known):
        return 0.0
    return float(np.ptp((known[:, None] * _DIRECTIONS.conj()).real, axis=0).max())


def longest_within(series: npt.NDArray[np.float64], limit: float) -> tuple[int, int]:
    """The longest [first, end) of (n, d) series in which no series spans more than `limit`; the earliest of equals."""
    count, kinds = series.shape
    highs: list[deque[int]] = [deque() for _ in range(kinds)]
    lows: list[deque[int]] = [deque() for _ in range(kinds)]
    best, first = (0, 0), 0
    for now in range(count):
        for kind in range(kinds):
            values, high, low = series[:, kind], highs[kind], lows[kind]
            while high and values[high[-1]] <= values[now]:
                high.pop()
            while low and values[low[-1]] >= values[now]:
                low.pop()
            high.append(now)
            low.append(now)
            while values[high[0]] - values[low[0]] > limit:
                first += 1
                for queue in (*highs, *lows):
                    if queue and queue[0] < first:
                        queue.popleft()
        if now + 1 - first > best[1] - best[0]:
            best = first, now + 1
    return best


def still_pieces(measures: Measures, run: Run, limits: Limits, least_frames: int) -> list[Piece]:
    """The spans of at least `least_frames` frames of one view in which the camera stands, in order of time."""
    path = _known_path(measures, run, limits)
    if not len(path.middle):
        return []
    directed = np.concatenate([(places[:, None] * _DIRECTIONS.conj()).real for places in (path.middle, path.corner)], axis=1)
    pieces: list[Piece] = []
    remaining = [(0, len(directed))]
    while remaining:
        low, high = remaining.pop()
        first, end = (low + edge for edge in longest_within(directed[low:high], 1.0))
        # A piece may gain most of a window on either side.
        if end == first or path.edges[end] - path.edges[first] < least_frames - 2 * WINDOW:
            continue
        away = _away(path, first, end)
        for begins, ends in _standing_frames(measures, path, away, (first, end)):
            begins, ends = trim_transitions(measures, begins, ends)
            if ends - begins >= least_frames:
                known = away[begins - path.edges[0] : ends - path.edges[0]]
                known = known[~np.isnan(known)]
                jitter = float(np.percentile(known, 95)) if len(known) else 0.0
                pieces.append(Piece(begins, ends, _drift(path, begins, ends), jitter))
        remaining += [(low, first), (end, high)]
    return _without_overlap(pieces)


def settled_pieces(pieces: list[Piece], shot: tuple[int, int], pts_s: npt.NDArray[np.float64], settled_s: float) -> list[Piece]:
    """Of the pieces of one shot, those that are more than pauses of a drifting camera; see the module's docstring."""
    length = shot[1] - shot[0]
    whole = [piece for piece in pieces if piece.end_frame - piece.first_frame >= 0.9 * length]
    if whole:
        return whole
    calm = [piece for piece in pieces if piece.drift <= 0.5]
    if sum(piece.end_frame - piece.first_frame for piece in calm) >= 0.5 * length:
        return calm
    long = [piece for piece in calm if piece.end_frame - piece.first_frame >= SETTLED_FRAMES]
    return [piece for piece in long if pts_s[piece.end_frame - 1] - pts_s[piece.first_frame] >= settled_s]


def frame_path(measures: Measures, limits: Limits) -> Places:
    """Each frame's place in its view, as complex px over the limit: its window's place and its own offset."""
    middle, _ = camera_places(measures, limits)
    offsets = (measures.offset_right_px + 1j * measures.offset_down_px) / limits.shift_px
    return np.asarray(np.repeat(middle, measures.window_end - measures.window_first) + offsets, np.complex128)


@dataclass(frozen=True)
class _Path:
    """The camera's path through one run: windows (w,), and their frames from edges[0] on."""

    middle: Places  # (w,)
    corner: Places  # (w,)
    frames: Places  # one a frame; NaN where a frame could not be matched or something hid the scene
    edges: npt.NDArray[np.int64]  # (w + 1,) first frame of each window, and one past the last


def _known_path(measures: Measures, run: Run, limits: Limits) -> _Path:
    """The run's path; places that are not known are those of the window before. Without windows where none is known."""
    windows = slice(run.first_window, run.end_window)
    edges = np.append(measures.window_first[windows], measures.window_end[run.end_window - 1])
    middle, corner = camera_places(measures, limits)
    frames = frame_path(measures, limits)
    unknown = np.isnan(middle[windows])
    if unknown.all():
        return _Path(np.zeros(0, complex), np.zeros(0, complex), np.zeros(0, complex), edges[:1])
    filled = [_filled(np.where(unknown, np.nan, places[windows])) for places in (middle, corner)]
    return _Path(filled[0], filled[1], frames[edges[0] : edges[-1]], edges)


def _away(path: _Path, first: int, end: int) -> npt.NDArray[np.float64]:
    """How far each frame of the path lies from the windows [first, end) next to its own, or from those at the near end; NaN: not known."""
    held = np.array([_middle_of(path.middle[max(first, w - 1) : min(end, w + 2)]) for w in range(first, end)])
    window = np.repeat(np.arange(len(path.middle)), np.diff(path.edges))
    return np.asarray(np.abs(path.frames - held[np.clip(window, first, end - 1) - first]))


def _standing_frames(measures: Measures, path: _Path, away: npt.NDArray[np.float64], still: tuple[int, int]) -> list[tuple[int, int]]:
    """Frames round the windows [first, end) of a path that lie where those windows do, as spans."""
    first, end = still
    low, high = max(0, first - 1), min(len(path.middle), end + 1)
    frames = np.arange(path.edges[low], path.edges[high])
    off = away[frames - path.edges[0]]
    stands = ~(_median_of_three(np.nan_to_num(off, nan=0.0)) > 1.0)
    for outside, nearest in ((first - 1, first), (end, end - 1)):
        if low <= outside < high:
            # Of a window that moved, the frames before (or after) the move belong here; single frames do not tell of zoom and roll.
            step = abs(path.middle[outside] - _middle_of(path.middle[max(first, nearest - 1) : min(end, nearest + 2)]))
            turned = abs(path.corner[outside] - path.corner[nearest]) > 0.5
            here = (frames >= path.edges[outside]) & (frames < path.edges[outside + 1])
            stands[here] = False if turned else (_median_of_three(off)[here] <= min(1.0, 0.5 * step))
    stands &= ~faded(measures, int(frames[0]), int(frames[-1]) + 1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], stands, [False]]).astype(np.int8)))
    return [(int(frames[a]), int(frames[b - 1]) + 1) for a, b in edges.reshape(-1, 2)]


def _hidden(measures: Measures, middle: Places) -> npt.NDArray[np.bool_]:
    """Windows in which something hid most of the picture for a moment: only there was the camera elsewhere, and few blocks say so."""
    hidden = np.zeros(len(middle), bool)
    poor = measures.agreeing < POOR_AGREEMENT * measures.textured
    for window in np.flatnonzero(poor[1:-1]) + 1:
        same = measures.view[window - 1] == measures.view[window + 1]
        hidden[window] = same and abs(middle[window - 1] - middle[window + 1]) < 0.5 < abs(middle[window] - middle[window - 1])
    return hidden


def _filled(places: Places) -> Places:
    """Places with unknown ones replaced by the last known before them, or the first known."""
    known = np.flatnonzero(~np.isnan(places))
    return places[known[np.maximum(0, np.searchsorted(known, np.arange(len(places)), side="right") - 1)]]


def _middle_of(places: Places) -> complex:
    return complex(np.median(places.real), np.median(places.imag))


def _drift(path: _Path, first_frame: int, end_frame: int) -> float:
    """Distance between the medians of the first and the last third of the windows that lie wholly in the span, by shift or at the corners.

    A window in which the camera came to rest is a mixture of before and after.
    """
    inside = np.flatnonzero((path.edges[:-1] >= first_frame) & (path.edges[1:] <= end_frame))
    if not len(inside):
        return 0.0
    third = max(1, len(inside) // 3)
    return max(abs(_middle_of(places[inside[:third]]) - _middle_of(places[inside[-third:]])) for places in (path.middle, path.corner))


def _without_outliers(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Running median of three; ends by Tukey's rule, which leaves a straight line as it is."""
    if len(values) < 3:
        return values
    smooth = values.copy()
    smooth[1:-1] = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    for end, next_, after in ((0, 1, 2), (-1, -2, -3)):
        if len(values) > 3:
            smooth[end] = np.median([values[end], smooth[next_], 3 * smooth[next_] - 2 * smooth[after]])
    return smooth


def _median_of_three(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if len(values) < 3:
        return values
    padded = np.pad(values, 1, mode="reflect")  # so that one odd frame right behind a cut does not count twice
    return np.asarray(np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0))


def _without_overlap(pieces: list[Piece]) -> list[Piece]:
    """Pieces in order of time; where two share frames, the later begins where the earlier ends."""
    apart: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: piece.first_frame):
        begins = max(piece.first_frame, apart[-1].end_frame if apart else 0)
        if begins < piece.end_frame:
            apart.append(replace(piece, first_frame=begins))
    return apart
