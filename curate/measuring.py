"""Measure one footage in one pass over its low-scale grey frames; no threshold of a verdict is applied here.

Frames are gathered into windows of about ten; only one window is held at a time. A window ends early where the picture changes abruptly,
so that none straddles a cut. Each window's median is matched block by block with the first window of its view; where they cannot be
matched, with the first windows of the last few views (the picture after a flash or a passing lorry is the one before), and else a new
view begins. Single frames are then matched with their window's median, on the blocks that follow the camera.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from curate import appearance, motion
from curate.key_frames import MovingInterval
from curate.measures import CELLS, NO_VIEW, WINDOW, Measures, StillSpan
from manifests.errors import InputError
from manifests.media import Frame

BLOCKS_A_SIDE = 4
LEAST_RESPONSE = 0.1  # of a block's correlation peak
SURE_SHARE = 0.5  # of the blocks with texture: where fewer agree, their peaks are looked for near where all together point
LEAST_TOGETHER = 0.15  # of the response of all blocks together; unrelated pictures answer with less than 0.1, leaves leave 0.2
LEAST_CONTRAST = 1.0  # grey levels of fine detail that a block needs to vote
LEAST_AGREEING = 3  # blocks
LEAST_AGREEING_SHARE = 0.3  # of the blocks with texture; what heavy rain leaves in a median looks like texture before a blank sky
TOLERANCE_PX = 0.25  # of the measured pictures, within which blocks agree
RESTING_PX = 1.5  # of the measured pictures, from one window to the next: a faster camera blurs the median
TOLERANCE_NEAR_PX = 0.5  # the same of blocks whose peaks were looked for
BREAK = 0.5  # a window ends where a frame resembles its predecessor less than half as well as frames did before
TELLING = 0.25  # in heavy rain before a blank sky no two frames are alike, and a break cannot be told from their resemblance
LEAST_KNOWN = 3  # frames whose resemblance to their predecessors tells what is usual
FRAME_BLOCKS = 8  # blocks that a single frame is matched on
KEPT_LEVELS = 4  # grey levels within which a pixel keeps its value from window to window
CHANGED_LEVELS = 8  # grey levels by which a pixel changes
SURROUNDINGS_PX = 31
CHANGED_SHARE = 0.6  # of the surroundings: more than rain leaves behind in a median
VIEWS_REMEMBERED = 4


@dataclass
class _View:
    """A picture that later windows are matched with."""

    number: int
    spectra: motion.Spectra
    textured: npt.NDArray[np.bool_]
    place: motion.Similarity  # of the window that later ones are matched with, against the view's first
    settled: bool = False  # whether the next window lay where that one does
    replaced: bool = False


@dataclass
class _Window:
    """The frames gathered so far."""

    pictures: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    cells: list[npt.NDArray[np.float32]] = field(default_factory=list)


class _Series:
    """Values gathered under their names."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}

    def add(self, **values: Any) -> None:
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)

    def arrays(self, kinds: dict[str, type]) -> dict[str, Any]:
        return {name: np.asarray(self.values[name], kinds.get(name, np.float32)) for name in self.values}


def measure(frames: Iterable[Frame | MovingInterval], width: int, height: int, still: StillSpan | None = None) -> Measures:
    """Measure grey frames, all of one size, of a footage whose upright full-resolution size is `width` x `height` px.

    In place of some frames may stand what key frames told of them, and that no `still` span is among them.
    Raises InputError where there is no frame or the pictures are too small to be compared (16 px).
    """
    return _Pass(width, height).run(frames, still or StillSpan(0.0, 0.0, 0))


class _Pass:
    """One pass over a footage, and what it holds on the way: one window, a few views, the series."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.per_frame, self.per_window = _Series(), _Series()
        self.window = _Window()
        self.recent_details: deque[npt.NDArray[np.float32]] = deque(maxlen=WINDOW)
        self.recent_resemblances: deque[float] = deque(maxlen=WINDOW)
        self.views: deque[_View] = deque(maxlen=VIEWS_REMEMBERED)  # the present one last
        self.views_begun = 0
        self.frames_done = 0
        self.previous: npt.NDArray[np.uint8] | None = None
        self.grid: motion.Grid | None = None
        self.full_px = 1.0
        self.last_median: npt.NDArray[np.uint8] | None = None
        self.medians = 0
        self.undecoded: list[tuple[int, int]] = []

    def run(self, frames: Iterable[Frame | MovingInterval], still: StillSpan) -> Measures:
        for frame in frames:
            if isinstance(frame, MovingInterval):
                self._take_interval(frame)
            else:
                self._take(frame)
        if self.window.pictures:
            self._close_window()
        if self.grid is None:
            raise InputError("no frame decodes; the file is empty or damaged")
        whole: dict[str, type] = {"window_first": np.int64, "view": np.int64, "textured": np.int64, "agreeing": np.int64}
        bytes_: dict[str, type] = dict.fromkeys(("cells", "unrest", "row_peak", "column_peak"), np.uint8)
        return Measures(
            width=self.width,
            height=self.height,
            full_px=self.full_px,
            blocks=self.grid.blocks,
            mean_picture=np.asarray(self.sum_of_medians // max(1, self.medians), np.uint8),
            challenged=self.challenged,
            withstood=self.withstood,
            **self.per_frame.arrays({"pts_s": np.float64}),
            **self.per_window.arrays(whole | bytes_),
            undecoded=np.array(self.undecoded, np.int64).reshape(-1, 2),
            undecoded_limit_px=still.limit_px,
            undecoded_least_s=still.least_s,
            undecoded_least_frames=still.least_frames,
        )

    def _begin(self, low_height: int, low_width: int) -> None:
        if min(low_height, low_width) < 2 * motion.LEAST_SIDE_PX:
            raise InputError(
                f"{self.width}x{self.height} px are too small to tell whether the camera moves; at least 16 px a side are needed"
            )
        self.grid = motion.make_grid(low_height, low_width, BLOCKS_A_SIDE)
        self.full_px = max(self.width, self.height) / max(low_width, low_height)
        size = low_height, low_width
        self.sum_of_medians = np.zeros(size, np.int64)
        self.challenged, self.withstood = np.zeros(size, np.uint16), np.zeros(size, np.uint16)

    def _take_interval(self, interval: MovingInterval) -> None:
        """Two windows of one view of their own, a motion apart: from the key frame on, and from the frame stored next."""
        if self.grid is None:
            self._begin(*(len(peak) for peak in (interval.glimpses[0].row_peak, interval.glimpses[0].column_peak)))
        if self.window.pictures:
            self._close_window()
        if self.undecoded and self.undecoded[-1][1] == interval.first_frame:
            self.undecoded[-1] = self.undecoded[-1][0], interval.end_frame
        else:
            self.undecoded.append((interval.first_frame, interval.end_frame))
        agreeing = interval.motion.agreeing
        unmoved = motion.Similarity(0.0, 0.0, 1.0, 0.0, agreeing)
        edges = interval.first_frame, interval.second_frame, interval.end_frame
        for glimpse, place, (first, end) in zip(interval.glimpses, (unmoved, interval.motion), pairwise(edges), strict=True):
            brightness, contrast = (float(value[0, 0]) for value in cv2.meanStdDev(glimpse.cells))
            for pts_s in interval.pts_s[first - edges[0] : end - edges[0]]:
                self.per_frame.add(pts_s=pts_s, brightness=brightness, contrast=contrast, change=np.nan)
                self.per_frame.add(resemblance=1.0, earlier_resemblance=1.0, offset_right_px=np.nan, offset_down_px=np.nan)
            unrest = np.zeros_like(glimpse.cells)
            self._add_window(self.views_begun, place, len(agreeing), glimpse.cells, unrest, glimpse.row_peak, glimpse.column_peak)
            self.frames_done += end - first
        self.views_begun += 1
        self.previous = self.last_median = None
        self.recent_details.clear()
        self.recent_resemblances.clear()

    def _take(self, frame: Frame) -> None:
        if self.grid is None:
            self._begin(*frame.picture.shape)
        cells = appearance.to_cells(frame.picture, CELLS)
        detail = appearance.local_detail(cells)
        first = self.previous is None
        before = 1.0 if first else appearance.resemblance(detail, self.recent_details[-1])
        usual = statistics.median(self.recent_resemblances) if len(self.recent_resemblances) >= LEAST_KNOWN else 0.0
        abrupt = usual >= TELLING and before < BREAK * usual
        if self.window.pictures and (abrupt or len(self.window.pictures) == WINDOW):
            self._close_window()
        if abrupt:  # what is usual has to be learnt anew
            self.recent_resemblances.clear()
        brightness, contrast = (float(value[0, 0]) for value in cv2.meanStdDev(cells))
        self.per_frame.add(
            pts_s=frame.pts_s,
            brightness=brightness,
            contrast=contrast,
            change=0.0 if self.previous is None else cv2.norm(frame.picture, self.previous, cv2.NORM_L1) / frame.picture.size,
            resemblance=before,
            earlier_resemblance=1.0 if first else appearance.resemblance(detail, self.recent_details[0]),
        )
        self.window.pictures.append(frame.picture)
        self.window.cells.append(cells)
        self.recent_details.append(detail)
        self.recent_resemblances.append(before)
        self.previous = frame.picture

    def _close_window(self) -> None:
        assert self.grid is not None
        pictures = np.stack(self.window.pictures)
        median = motion.temporal_median(pictures)
        spectra = motion.spectra(median, self.grid)
        contrasts = motion.block_contrasts(median, self.grid)
        view, similarity, textured = self._match(spectra, contrasts >= LEAST_CONTRAST)
        voters = np.flatnonzero(similarity.agreeing) if similarity.agreeing.any() else np.flatnonzero(textured)
        strongest = voters[np.argsort(-contrasts[voters], kind="stable")][:FRAME_BLOCKS]
        for right, down in self._frame_offsets(pictures, spectra, strongest) * self.full_px:
            self.per_frame.add(offset_right_px=right, offset_down_px=down)
        brightest = pictures.max(axis=0)
        self._look_for_overlay(median)
        cells, unrest = appearance.to_cells(median, CELLS), appearance.unrest(np.stack(self.window.cells))
        self._add_window(view, similarity, int(textured.sum()), cells, unrest, brightest.max(axis=1), brightest.max(axis=0))
        self.frames_done += len(pictures)
        self.window = _Window()

    def _add_window(
        self,
        view: int,
        place: motion.Similarity,
        textured: int,
        cells: appearance.Cells,
        unrest: appearance.Cells,
        row_peak: npt.NDArray[np.uint8],
        column_peak: npt.NDArray[np.uint8],
    ) -> None:
        self.per_window.add(
            window_first=self.frames_done,
            view=view,
            right_px=place.right_px * self.full_px,
            down_px=place.down_px * self.full_px,
            scale=place.scale,
            roll_deg=place.roll_deg,
            textured=textured,
            agreeing=int(place.agreeing.sum()),
            cells=np.rint(cells).astype(np.uint8),  # at once: hours of windows are gathered
            unrest=np.minimum(255, np.rint(unrest)).astype(np.uint8),
            row_peak=row_peak,
            column_peak=column_peak,
        )

    def _look_for_overlay(self, median: npt.NDArray[np.uint8]) -> None:
        if self.last_median is not None:
            difference = cv2.absdiff(median, self.last_median)
            changes = (difference > CHANGED_LEVELS).astype(np.float32)
            changed = cv2.blur(changes, (SURROUNDINGS_PX, SURROUNDINGS_PX)) >= CHANGED_SHARE
            self.challenged += changed
            self.withstood += changed & (difference <= KEPT_LEVELS)
        self.sum_of_medians += median
        self.medians += 1
        self.last_median = median

    def _match(self, spectra: motion.Spectra, has_contrast: npt.NDArray[np.bool_]) -> tuple[int, motion.Similarity, npt.NDArray[np.bool_]]:
        """The view that a window's median shows, how it lies there, and which blocks have enough texture to say so."""
        assert self.grid is not None
        for view in reversed(self.views):
            # Of either: a watermark in an else dark picture must not speak for the bright one that follows.
            textured = has_contrast | view.textured
            chosen = np.flatnonzero(textured)
            if len(chosen) < LEAST_AGREEING:
                continue
            reference, moved = view.spectra[chosen], spectra[chosen]
            fitted = self._fitted(chosen, *motion.block_shifts(reference, moved, self.grid), TOLERANCE_PX)
            if fitted.agreeing.sum() < SURE_SHARE * len(chosen):
                fitted = self._fitted_together(chosen, reference, moved, fitted)
            if fitted.agreeing.any():
                place = fitted.after(view.place)
                self._settle(view, fitted, place, spectra, has_contrast)
                self.views.remove(view)
                self.views.append(view)
                return view.number, place, textured
        return self._new_view(spectra, has_contrast)

    def _settle(
        self,
        view: _View,
        fitted: motion.Similarity,
        place: motion.Similarity,
        spectra: motion.Spectra,
        has_contrast: npt.NDArray[np.bool_],
    ) -> None:
        """Lets a view's second window take the place of its first as the one to match with, if that was taken in motion or in a fade.

        A camera may come to rest in its third window or later; a scene of leaves never agrees well and gets no third reference.
        """
        if view.settled:
            return
        moving = np.hypot(fitted.right_px, fitted.down_px) > RESTING_PX
        unlike = fitted.agreeing.sum() < SURE_SHARE * (has_contrast | view.textured).sum() and not view.replaced
        view.settled = not (moving or unlike)
        if not view.settled:
            view.spectra, view.textured, view.place, view.replaced = spectra, has_contrast, place, True

    def _fitted(
        self, chosen: npt.NDArray[np.int64], shifts: motion.Shifts, responses: npt.NDArray[np.float64], tolerance_px: float
    ) -> motion.Similarity:
        """The similarity that the chosen blocks follow; `agreeing` is told of all blocks."""
        assert self.grid is not None
        clear = responses > LEAST_RESPONSE
        least = max(LEAST_AGREEING, round(LEAST_AGREEING_SHARE * len(chosen)))
        fitted = motion.fit_similarity(self.grid.centres[chosen][clear], shifts[clear], tolerance_px, least)
        agreeing = np.zeros(self.grid.blocks, bool)
        agreeing[chosen[clear][fitted.agreeing]] = True
        return motion.Similarity(fitted.right_px, fitted.down_px, fitted.scale, fitted.roll_deg, agreeing)

    def _fitted_together(
        self, chosen: npt.NDArray[np.int64], reference: motion.Spectra, moved: motion.Spectra, alone: motion.Similarity
    ) -> motion.Similarity:
        """What the blocks follow that peak near where all of them together point, if those are more than agree `alone`."""
        assert self.grid is not None
        together, responses = motion.common_shifts(reference[None], moved[None], self.grid)
        if responses[0] < LEAST_TOGETHER:
            return alone
        expected = np.repeat(together, len(chosen), axis=0)
        near = self._fitted(chosen, *motion.block_shifts_near(reference, moved, self.grid, expected), TOLERANCE_NEAR_PX)
        if near.agreeing.sum() <= alone.agreeing.sum():
            return alone
        follow = near.agreeing[chosen]
        ((right, down),), _ = motion.common_shifts(reference[None, follow], moved[None, follow], self.grid)
        return motion.Similarity(float(right), float(down), near.scale, near.roll_deg, near.agreeing)

    def _new_view(self, spectra: motion.Spectra, textured: npt.NDArray[np.bool_]) -> tuple[int, motion.Similarity, npt.NDArray[np.bool_]]:
        if textured.sum() < LEAST_AGREEING:  # nothing to match with
            return NO_VIEW, motion.Similarity(np.nan, np.nan, np.nan, np.nan, np.zeros_like(textured)), textured
        number = self.views_begun
        self.views_begun += 1
        place = motion.Similarity(0.0, 0.0, 1.0, 0.0, textured.copy())
        self.views.append(_View(number, spectra, textured, place))
        return number, place, textured

    def _frame_offsets(
        self, pictures: npt.NDArray[np.uint8], of_median: motion.Spectra, chosen: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Where a window's pictures lie against its median, (frames, 2); NaN where that cannot be told."""
        assert self.grid is not None
        if len(pictures) == 1:
            return np.zeros((1, 2))
        if not len(chosen):
            return np.full((len(pictures), 2), np.nan)
        shifts, responses = motion.common_shifts(of_median[chosen], motion.spectra(pictures, self.grid, chosen), self.grid)
        shifts[responses <= LEAST_RESPONSE] = np.nan
        return shifts
