"""Cuts, fades, flashes and frozen stretches, told from a footage's stored series.

A cut is abrupt and for good; a flash is abrupt and the picture before it comes back; a fade or dissolve is a change of contrast or detail
over many frames at a shot's end. Exposure steps, key-frame pulses and rain change neither the view nor its detail.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from curate.appearance import local_detail, resemblance
from curate.measures import NO_VIEW, WINDOW, Measures

CUT_RESEMBLANCE = 0.35  # frames across a cut resemble each other less; see curate.appearance
REPEAT_LEVELS = 0.005  # mean absolute difference, grey levels
LIVELY_LEVELS = 1.0  # a tenth of the frames change by as much: rain, wind, noise; measured on rain: at least 1.1 at the median
QUIET_SHARE, QUIET_LEVELS = 0.2, 0.45  # of what is lively, and at most: an encoder at work on a picture that stands
REPEATED_SHARE = 0.25  # of a stall's frames
FLASH_S, FLASH_FRAMES = 0.5, 3  # longest flash: of video, and of photos that are seconds apart
FLASH_LEVELS = 5.0  # grey levels by which a flash is brighter than what is before and after it
UNLIKE = 0.5  # two views resemble each other less
MIXED = 0.97  # of a picture's variance that two others must explain for it to be their mixture
FADED = 0.35  # of a run's usual contrast: fainter frames are part of a fade
STEADY_CONTRAST = 0.1  # logarithm of the contrast's change over one window's length
STEADY_RESEMBLANCE = 0.05  # below a span's usual one
SPREADS = 4.0  # median deviations that a frame's resemblance may lie below the usual one
PLAIN = 3.0  # so many times as much is no rain
LATE = 2  # frames


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive windows [first_window, end_window) that show one view; NO_VIEW where nothing could be matched."""

    view: int
    first_window: int
    end_window: int


def cuts(measures: Measures) -> list[int]:
    """Frames that begin a new shot, frame 0 and flashes excepted.

    Both the frames and the windows' medians must change, since in heavy rain before a blank sky no two frames are alike.
    """
    views = unflashed_views(measures)
    starts = measures.window_first[1:]
    details = [local_detail(cells.astype(np.float32)) for cells in measures.cells]
    medians = np.array([resemblance(*pair) for pair in pairwise(details)])
    abrupt = (measures.resemblance[starts] < CUT_RESEMBLANCE) & (medians < CUT_RESEMBLANCE)
    return [int(frame) for frame in starts[abrupt & (views[1:] != views[:-1])]]


def dissolves(measures: Measures) -> list[int]:
    """Frames at which one view has given way to another, or to black, by fading: the windows between are mixtures of the two."""
    views = unflashed_views(measures)
    found = []
    for window in (np.flatnonzero(np.diff(views)) + 1).tolist():
        before, after = max(0, window - 3), min(len(views) - 1, window + 2)
        ends = [measures.cells[end].astype(np.float64).ravel() for end in (before, after)]
        if resemblance(*(local_detail(measures.cells[end].astype(np.float32)) for end in (before, after))) > UNLIKE:
            continue  # one picture that has moved a little is nearly a mixture too
        between = measures.cells[max(before + 1, window - 1) : min(after, window + 1)].astype(np.float64)
        if len(between) and all(_is_mixture(picture.ravel(), *ends) for picture in between):
            found.append(int(measures.window_first[window]))
    return found


def _is_mixture(picture: npt.NDArray[np.float64], one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    basis = np.column_stack([one, other, np.ones_like(one)])
    shares, *_ = np.linalg.lstsq(basis, picture, rcond=None)
    left = picture - basis @ shares
    return bool(left.var() < (1 - MIXED) * picture.var() + 1.0 and (shares[:2] > -0.05).all() and (shares[:2] < 1.05).all())


def view_runs(measures: Measures) -> list[Run]:
    """The footage's windows as runs of one view each; a flash belongs to the view that it interrupts."""
    views = unflashed_views(measures)
    edges = [0, *(np.flatnonzero(np.diff(views)) + 1).tolist(), len(views)]
    return [Run(int(views[first]), first, end) for first, end in pairwise(edges) if end > first]


def unflashed_views(measures: Measures) -> npt.NDArray[np.int64]:
    """Each window's view, with brief bright interruptions given the view that they interrupt."""
    views = measures.view.copy()
    levels = _window_brightness(measures)
    start_s = measures.pts_s[measures.window_first]
    interval_s = float(measures.pts_s[-1]) / max(1, measures.frames - 1)
    longest_s = max(FLASH_S, FLASH_FRAMES * interval_s)
    for window in range(1, len(views)):
        interrupted = views[window - 1]
        if interrupted in (NO_VIEW, views[window]):
            continue
        soon = np.flatnonzero(start_s[window:] - start_s[window] <= longest_s) + window
        returns = soon[views[soon] == interrupted]
        if len(returns):
            back = int(returns[0])
            if levels[window:back].min() > max(levels[window - 1], levels[back]) + FLASH_LEVELS:
                views[window:back] = interrupted
    return views


def frozen_frames(measures: Measures) -> npt.NDArray[np.bool_]:
    """Which frames repeat their predecessor within a stretch of at least a window's length, one value a frame.

    Exactly, but for one grey level in one of two hundred pixels: codecs go on refining a frozen picture for a second or so and pulse at key
    frames, but a camera that films never repeats itself for ten frames. Pictures doubled to reach a frame rate are no such stretch.
    """
    repeats = np.concatenate([[False], measures.change[1:] < REPEAT_LEVELS, [False]])
    edges = np.flatnonzero(np.diff(repeats.astype(np.int8))) + 1
    frozen = np.zeros(measures.frames, bool)
    for first, end in edges.reshape(-1, 2):
        if end - first >= WINDOW:
            frozen[first:end] = True
    return frozen


def stalls(measures: Measures, first: int, end: int, least_frames: int) -> list[int]:
    """Frames of [first, end) at which a lively picture freezes for `least_frames` or more, or comes to life again.

    A stream that stalls repeats its picture while it is encoded on. Where nothing is lively, a scene without rain and wind that an encoder
    has smoothed looks the same; there are no stalls then. Pictures doubled to reach a frame rate are none either, nor is a dry road
    between two cars: some frames of a stall are repeated exactly.
    """
    change = measures.change[first:end]
    if len(change) < 2 * WINDOW or (lively := float(np.percentile(change[1:], 90))) < LIVELY_LEVELS:
        return []
    level = min(QUIET_LEVELS, QUIET_SHARE * lively)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(change, WINDOW // 2, mode="edge"), WINDOW + 1)
    quiet = np.percentile(around, 75, axis=1) < level
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8))).reshape(-1, 2)
    found = []
    for begins, ends in edges:
        still = np.flatnonzero(change < level)
        near = still[(still >= begins - WINDOW // 2) & (still < ends + WINDOW // 2)]
        if len(near) >= least_frames and np.mean(change[near[0] : near[-1] + 1] < 2 * REPEAT_LEVELS) >= REPEATED_SHARE:
            found += [first + int(near[0]) - 1, first + int(near[-1]) + 1]
    return [frame for frame in found if first < frame < end]


def count_flashes(brightness: npt.NDArray[np.floating], least_levels: float = 12.0) -> int:
    """Brief excursions of the mean grey level (at most a window long) above the median of two windows round them."""
    if len(brightness) < 3:
        return 0
    padded = np.pad(brightness.astype(np.float64), WINDOW, mode="edge")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * WINDOW + 1), axis=1)
    above = np.concatenate([[False], brightness > around + least_levels, [False]])
    return int((np.diff(above.astype(int)) == 1).sum())


def trim_transitions(measures: Measures, first: int, end: int) -> tuple[int, int]:
    """The span [first, end) without the fade or dissolve that it begins or ends with.

    A dissolve changes the picture's detail, a fade to black its contrast down to little; an exposure step does neither. Single frames
    tell where the change lies, each against the one a window before it; rain must not be taken for it, so a slight change must show in
    the windows' medians too.
    """
    whole = np.flatnonzero((measures.window_first >= first) & (measures.window_end <= end))
    if end - first < 2 * WINDOW or len(whole) < 2:
        return first, end
    later = np.arange(first + WINDOW, end)  # the first frames cannot be compared within the span
    resemblances = measures.earlier_resemblance[later]
    usual = float(np.median(resemblances))
    slight = max(STEADY_RESEMBLANCE, SPREADS * float(np.median(np.abs(resemblances - usual))))
    changed = (resemblances < usual - slight) | _contrast_goes(measures, later, end)
    steady = np.flatnonzero(~changed)
    if not len(steady):
        return first, first
    details = [local_detail(measures.cells[window].astype(np.float32)) for window in whole]
    between = np.array([resemblance(*pair) for pair in pairwise(details)])
    alike = float(np.median(between) - 3 * np.median(np.abs(between - np.median(between))))
    begins, ends = first, end
    before, after = int(steady[0]), int(steady[-1]) + 1

    def is_plain(region: npt.NDArray[np.float32]) -> bool:
        return bool(region.min() < usual - PLAIN * slight)

    # A frame is unsteady until the change lies a whole window behind it; and it takes some frames until a change amounts to anything.
    if before > 1 and (is_plain(resemblances[:before]) or _changes(measures, int(whole[0]), alike)):
        begins = max(first, int(later[before]) - WINDOW + LATE)
    if after < len(later) - 1 and (is_plain(resemblances[after:]) or _changes(measures, int(whole[-2]), alike)):
        ends = int(later[after]) - LATE
    return begins, max(begins, ends)


def _contrast_goes(measures: Measures, later: npt.NDArray[np.int64], end: int) -> npt.NDArray[np.bool_]:
    """Which of the later frames have gained or lost contrast since a window before, on the way from or to little contrast."""
    contrast = np.log(measures.contrast + 0.5)
    little = float(np.median(contrast[later])) + np.log(FADED)
    going = np.abs(contrast[later] - contrast[later - WINDOW]) > STEADY_CONTRAST
    steady = np.flatnonzero(~going)
    first_steady, last_steady = (int(later[steady[0]]), int(later[steady[-1]])) if len(steady) else (end, int(later[0]))
    from_little = contrast[later[0] - WINDOW : first_steady].min(initial=np.inf) < little
    to_little = contrast[last_steady:end].min(initial=np.inf) < little
    return np.asarray(going & ((from_little & (later < first_steady)) | (to_little & (later > last_steady))))


def _changes(measures: Measures, window: int, usual: float) -> bool:
    """Whether the picture's contrast or detail changes from this window to the next more than it usually does at most."""
    now, then = (cells.astype(np.float32) for cells in measures.cells[window : window + 2])
    if abs(np.log((now.std() + 0.5) / (then.std() + 0.5))) > STEADY_CONTRAST / 2:
        return True
    return resemblance(local_detail(now), local_detail(then)) < usual - 2 * STEADY_RESEMBLANCE


def faded(measures: Measures, first: int, end: int) -> npt.NDArray[np.bool_]:
    """Which frames of [first, end) have lost most of the span's usual contrast, one value a frame."""
    contrast = measures.contrast[first:end]
    return np.asarray(contrast < FADED * np.median(contrast))


def _window_brightness(measures: Measures) -> npt.NDArray[np.float64]:
    sums = np.add.reduceat(measures.brightness.astype(np.float64), measures.window_first)
    return np.asarray(sums / (measures.window_end - measures.window_first))
