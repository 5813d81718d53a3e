"""What a picture shows, coarsely: its locally normalised detail, how alike two pictures are, what moves while the camera stands.

All on grey pictures shrunk by area to a few dozen cells a side, where rain has thinned to a veil. Two pictures are compared by detail
that is divided by its own local strength, so that exposure, flashes and one car of high contrast count little, and a cut counts wholly:
measured on real clips, neighbouring frames resemble each other by 0.5-1.0 and frames across a cut by -0.02 to 0.16.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from curate.motion import sorted_through_time

Picture = npt.NDArray[np.uint8]  # HW grey
Cells = npt.NDArray[np.float32]  # HW grey, one value a cell

NEIGHBOURHOOD = 9  # cells; detail is what a box of this side cannot follow
SHARP_LEVELS = 30  # grey levels from one pixel to the next
LEAST_CHANGES = 4  # of the surroundings, before an overlay is believed
OVERLAY_SHARE = 0.9  # of the changes round an overlay's pixel leave it as it is
BAR_LEVEL = 28  # grey levels: video black is 16 in some full-range files, and codecs ring round an edge
FAINT = 2.0  # grey levels; detail weaker than this is not blown up to full strength


def to_cells(picture: Picture, longest_side: int) -> Cells:
    """The picture shrunk by area to `longest_side` cells along its longer side."""
    height, width = picture.shape
    factor = min(1.0, longest_side / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def local_detail(cells: Cells) -> Cells:
    """Deviation from the neighbourhood's mean over the neighbourhood's strength of deviation."""
    box = (NEIGHBOURHOOD, NEIGHBOURHOOD)
    detail = cells - cv2.blur(cells, box)
    # A running sum can leave a tiny negative where all is flat.
    strength = np.sqrt(np.maximum(cv2.blur(detail * detail, box), 0.0))
    return np.asarray(detail / (strength + FAINT), np.float32)


def resemblance(detail: Cells, other: Cells) -> float:
    """Correlation of two pictures' local detail: 1 alike, 0 unrelated; 1 where both are blank, 0 where one is."""
    own, others = float(np.vdot(detail, detail)), float(np.vdot(other, other))
    blank = 1e-3 * detail.size  # detail of 0.03 on average: black or featureless
    if own < blank or others < blank:
        return 1.0 if own < blank and others < blank else 0.0
    return float(np.vdot(detail, other)) / float(np.sqrt(own * others))


def unrest(cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Per cell, how far (frames, H, W) stray from their median for several frames, after each frame's own change of brightness.

    Passing objects and fluttering leaves last several frames of a window; a drop lasts one, but where rain is dense a cell is hit again and
    again. Rain only brightens: so darkening counts where three frames show it, brightening where five do.
    """
    count = len(cells)
    ordered = sorted_through_time(cells)
    deviations = cells - (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    deviations -= np.median(deviations.reshape(count, -1), axis=1)[:, None, None]
    ordered = sorted_through_time(deviations)
    darkened, brightened = -ordered[min(2, count - 1)], ordered[max(0, count - 5)]
    return np.asarray(np.maximum(0.0, np.maximum(darkened, brightened)), np.float32)


def moving_share(
    medians: npt.NDArray[np.uint8], unrests: npt.NDArray[np.uint8], slow_levels: float, fast_levels: float
) -> npt.NDArray[np.float64]:
    """For which share of the windows each cell shows something that moves, in a span in which the camera stands; (H, W), 0-1.

    A cell (windows, H, W) moves in a window that differs from the span's median picture by more than `slow_levels` grey levels (after each
    window's own gain and offset, so that clouds before the sun do not count), or that is restless within itself by more than
    `fast_levels`. Cells that do so alone are dropped.
    """
    typical = np.median(medians, axis=0)
    off = np.stack([np.abs(_matched_brightness(window, typical) - typical) for window in medians.astype(np.float32)])
    # Heavy rain stirs all cells alike; an object stands out of them.
    general = np.median(unrests, axis=(1, 2), keepdims=True)
    moving = ((off > slow_levels) | (unrests > np.maximum(fast_levels, 3.0 * general))).astype(np.uint8)
    together = [cv2.morphologyEx(window, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) for window in moving]
    return np.asarray(np.mean(together, axis=0))


def _matched_brightness(window: npt.NDArray[np.float32], typical: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """The window with the gain and offset that fit it to the typical picture, by its quartiles (moving things are few)."""
    low, middle, high = np.percentile(window, (25, 50, 75))
    typical_low, typical_middle, typical_high = np.percentile(typical, (25, 50, 75))
    gain = np.clip((typical_high - typical_low + 1.0) / (high - low + 1.0), 0.5, 2.0)
    return np.asarray((window - middle) * gain + typical_middle, np.float32)


def overlay_pixels(mean_picture: Picture, challenged: npt.NDArray[np.uint16], withstood: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    """Which pixels lie under a logo or text: sharp, and unchanged whenever the picture round them changed (at a cut, or by motion).

    `challenged` counts how often the surroundings changed, `withstood` how often the pixel kept its value then. Over a picture that never
    changes, an overlay cannot be told from the scene, and does no harm.
    """
    slope = cv2.morphologyEx(mean_picture, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    steady = (slope > SHARP_LEVELS) & (challenged >= LEAST_CHANGES) & (withstood >= OVERLAY_SHARE * challenged)
    # Letters and logos are dense; a single steady pixel is chance.
    dense = cv2.boxFilter(steady.astype(np.float32), -1, (7, 7)) > 0.1
    return np.asarray(cv2.dilate((steady & dense).astype(np.uint8), np.ones((5, 5), np.uint8)), bool)


def bars(row_peak: npt.NDArray[np.uint8], column_peak: npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what lies inside black bars, from the brightest values of rows and columns, (windows, rows or columns).

    A bar is at least a fiftieth of the side wide; where less than a third of a side is lit, the picture is dark rather than barred.
    """
    spans = []
    for peak in (column_peak, row_peak):
        size = peak.shape[1]
        lit = np.flatnonzero(peak.max(axis=0) > BAR_LEVEL)
        if not len(lit) or lit[-1] + 1 - lit[0] < size / 3:
            return 0, 0, column_peak.shape[1], row_peak.shape[1]
        first, end = int(lit[0]), int(lit[-1]) + 1
        spans.append((first if first >= size / 50 else 0, end if size - end >= size / 50 else size))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom
