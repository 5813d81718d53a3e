"""The rain of a span's frames, one after another: each frame decoded once, a bounded number held at a time.

Frames come in windows; a window's temporal median stands for what the camera sees without rain. Neighbours for the one-frame impulse are
the nearest frames that differ: footage whose rate was raised by repeating frames shows no impulse against its own copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from curate.rain import CANDIDATE_LEVEL, Grey, Seen, Streaks, differing_share, impulse_residual, measure, median_residual, spread
from manifests.media import Frame

REPEATED_SHARE = 2e-4  # a frame with fewer pixels than this off its predecessor's by CANDIDATE_LEVEL repeats it

IMPRINT = 32  # a frame's rain is known again by its light in so many by so many cells
COMPARED_AT_ONCE = 512  # frames

LIGHT_STEP = 3  # the light is taken from every third pixel of every third row

Imprint = npt.NDArray[np.float16]  # IMPRINT x IMPRINT values
ResidualName = Literal["median", "impulse"]


@dataclass(slots=True)
class RainSeries:
    """What was measured over a span; lists hold one value a frame, but those of windows one a window."""

    pts_s: list[float] = field(default_factory=list)
    light: list[float] = field(default_factory=list)  # how bright the frame is without its rain, grey levels
    above_median: list[float] = field(default_factory=list)  # share of the seen pixels that are brighter than the median
    difference: list[float] = field(default_factory=list)  # of the frame and the one that follows it after the gap
    novelty: list[float] = field(default_factory=list)  # 1: rain as in no frame before; 0: that of an earlier frame again
    streaks: dict[ResidualName, list[Streaks]] = field(default_factory=lambda: {"median": [], "impulse": []})
    window_cells: dict[ResidualName, list[float]] = field(default_factory=lambda: {"median": [], "impulse": []})

    def spoken(self) -> ResidualName:
        """The residual in which streaks agree more, over more of the picture."""
        return max(("impulse", "median"), key=self._agreement)

    def _agreement(self, name: ResidualName) -> float:
        concentration = float(np.median([streaks.concentration for streaks in self.streaks[name]]))
        return concentration * float(np.sqrt(np.median(self.window_cells[name])))


@dataclass(frozen=True, slots=True)
class _Window:
    """Consecutive frames with the pictures next to them; null at the span's ends."""

    frames: Sequence[Frame]
    before: Grey | None
    after: Grey | None


def measure_series(
    frames: Iterable[Frame], window_frames: int, gap_s: float, prepare: Callable[[Grey], Grey], seen: Grey | None
) -> RainSeries:
    """Measure a span's grey frames.

    `window_frames`: least frames of a window (a window holds up to twice as many); `gap_s`: how far apart frames are compared;
    `prepare` crops a picture; `seen`: HW like the prepared pictures, 0 where nothing may count (null: everything counts).
    """
    series = RainSeries()
    imprints: list[Imprint] = []
    where: Seen | None = None
    for window in _windows(frames, window_frames, prepare):
        where = where or Seen.of(np.ones_like(window.frames[0].picture) if seen is None else seen)
        imprints += _measure_window(series, window, gap_s, where)
    series.novelty = novelty(imprints, series.pts_s, gap_s)
    return series


def novelty(imprints: Sequence[Imprint], pts_s: Sequence[float], gap_s: float) -> list[float]:
    """For each frame 1 less the highest correlation of its rain with that of a frame at least `gap_s` before, 0-1.

    Rain that is looped, or shown again after a while, differs from frame to frame as real rain does; only this tells.
    """
    if not imprints:
        return []
    known = np.stack(imprints)
    latest = np.searchsorted(pts_s, np.asarray(pts_s) - gap_s + 1e-6)  # frames before this one are early enough
    found: list[float] = []
    for first in range(0, len(known), COMPARED_AT_ONCE):
        here = latest[first : first + COMPARED_AT_ONCE]
        alike = known[first : first + COMPARED_AT_ONCE].astype(np.float32) @ known[: max(1, here.max())].astype(np.float32).T
        early = np.arange(alike.shape[1]) < here[:, None]
        found += np.clip(1 - np.where(early, alike, 0).max(axis=1), 0, 1).tolist()
    return found


def _windows(frames: Iterable[Frame], least: int, prepare: Callable[[Grey], Grey]) -> Iterator[_Window]:
    """Windows of `least` frames; the last one of up to 2 `least`, so that no window is short beside others."""
    held: list[Frame] = []
    before: Grey | None = None
    for frame in frames:
        held.append(Frame(frame.index, frame.pts_s, prepare(frame.picture)))
        if len(held) >= 2 * least:
            yield _Window(held[:least], before, held[least].picture)
            before = held[least - 1].picture
            held = held[least:]
    if held:
        yield _Window(held, before, None)


def _measure_window(series: RainSeries, window: _Window, gap_s: float, seen: Seen) -> list[Imprint]:
    """Add the window's measures to the series; gives its frames' imprints."""
    pictures = [frame.picture for frame in window.frames]
    times = [frame.pts_s for frame in window.frames]
    median = np.median(np.stack(pictures), axis=0).astype(np.uint8)
    neighbours = _neighbours(window)
    rises: list[Grey] = []
    first, light = len(series.pts_s), float(median.mean())
    for picture, (before, after) in zip(pictures, neighbours, strict=True):
        against_median = seen.only(median_residual(picture, median))
        rises.append(against_median.bright)
        shift = rain_free_shift(picture, median)
        risen = np.clip(picture.astype(np.int16) - median - round(shift), 0, 255).astype(np.uint8)
        series.light.append(light + shift)
        series.above_median.append(seen.share(against_median.bright > CANDIDATE_LEVEL))
        series.streaks["median"].append(measure(against_median, seen))
        series.streaks["impulse"].append(measure(impulse_residual(picture, before, after), seen, risen))
    series.pts_s.extend(times)
    for early, late in enumerate(np.searchsorted(times, np.asarray(times) + gap_s - 1e-6)):
        if late < len(times):
            series.difference.append(differing_share(rises[early], rises[late]))
    for name, streaks in series.streaks.items():
        series.window_cells[name].append(spread(np.sum([entry.cells for entry in streaks[first:]], axis=0), seen))
    return _imprints(rises)


def _imprints(rises: Sequence[Grey]) -> list[Imprint]:
    """Where each frame's rain lies: its light by cells, less what all frames share, of length 1; 0 without rain."""
    light = np.stack([cv2.resize(rise.astype(np.float32), (IMPRINT, IMPRINT), interpolation=cv2.INTER_AREA).ravel() for rise in rises])
    light -= light.mean(axis=0)
    light -= light.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(light, axis=1, keepdims=True)
    return list((light / np.maximum(norms, 1e-6)).astype(np.float16))


def rain_free_shift(picture: Grey, median: Grey) -> float:
    """How much brighter a frame is than the median, grey levels: the middle of all pixels' differences, which rain on fewer than half of
    them leaves where it is."""
    return float(np.median(picture[::LIGHT_STEP, ::LIGHT_STEP].astype(np.int16) - median[::LIGHT_STEP, ::LIGHT_STEP]))


def _neighbours(window: _Window) -> list[tuple[Grey, Grey]]:
    """For each frame the nearest pictures before and after that differ from it; at an end the one there is stands for both."""
    pictures = [frame.picture for frame in window.frames]
    around = [*([window.before] if window.before is not None else []), *pictures, *([window.after] if window.after is not None else [])]
    offset = int(window.before is not None)
    run_starts = [0, *(place for place in range(1, len(around)) if not _repeats(around[place], around[place - 1])), len(around)]
    run_of = np.searchsorted(run_starts, np.arange(len(around)), side="right") - 1
    found = []
    for place in range(offset, offset + len(pictures)):
        run = int(run_of[place])
        before = around[run_starts[run] - 1] if run_starts[run] > 0 else None
        after = around[run_starts[run + 1]] if run_starts[run + 1] < len(around) else None
        here = around[place]
        found.append((_first(before, after, here), _first(after, before, here)))
    return found


def _first(*pictures: Grey | None) -> Grey:
    return next(picture for picture in pictures if picture is not None)


def _repeats(picture: Grey, before: Grey) -> bool:
    return bool(np.count_nonzero(cv2.absdiff(picture, before) > CANDIDATE_LEVEL) < REPEATED_SHARE * picture.size)
