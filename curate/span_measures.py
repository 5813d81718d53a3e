"""What a span of a footage measures: the columns of its row, and the mask of what stands still in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from curate import appearance, shots, spans
from curate.crop import without_overlays
from curate.measures import NO_VIEW, Measures
from manifests.tables import Segment

if TYPE_CHECKING:
    from curate.static_segments import StaticSegmentsSettings

Mask = npt.NDArray[np.uint8]  # HW, 255 where camera and scene are static


def measured_span(measures: Measures, first: int, end: int) -> Segment:
    """The measures of frames [first, end), without key and verdict."""
    windows = _windows(measures, first, end)
    frames = slice(first, end)
    shift, zoom, roll = excursions(measures, first, end)
    offsets = np.hypot(measures.offset_right_px[frames], measures.offset_down_px[frames])
    known = offsets[~np.isnan(offsets)]
    textured = int(np.median(measures.textured[windows]))
    voted = measures.textured[windows] > 0
    agreeing = float(np.median(measures.agreeing[windows][voted] / measures.textured[windows][voted])) if voted.any() else None
    starts, ends = np.maximum(measures.window_first[windows], first), np.minimum(measures.window_end[windows], end)
    summed = np.concatenate([[0.0], np.cumsum(measures.brightness, dtype=np.float64)])
    light = (summed[ends] - summed[starts]) / (ends - starts)
    left, top, right, bottom = _crop(measures, windows)
    return Segment(
        segment_id="",
        footage_id="",
        first_frame=first,
        end_frame=end,
        start_s=float(measures.pts_s[first]),
        end_s=end_s(measures, end),
        shift_px=round(shift, 3),
        scale_percent=round(100 * zoom, 4),
        roll_deg=round(roll, 4),
        jitter_px=round(float(np.percentile(known, 95)), 3) if len(known) else 0.0,
        textured_blocks=textured,
        agreeing_fraction=agreeing,
        brightness=float(measures.brightness[frames].mean()),
        illumination_drift=float(np.ptp(light)),
        frozen_fraction=float(shots.frozen_frames(measures)[frames].mean()),
        flashes=shots.count_flashes(measures.brightness[frames]),
        overlay_fraction=float(_overlay(measures).mean()),
        crop_left=left,
        crop_top=top,
        crop_width=right - left,
        crop_height=bottom - top,
    )


def excursions(measures: Measures, first: int, end: int) -> tuple[float, float, float]:
    """How far the camera went in [first, end): px of the picture's middle, relative zoom, degrees of roll; worst of the views.

    A steady drift is followed to the span's first and last frames, where windows only tell of their middles. A window in which the span
    begins or ends may be a mixture of two places, and counts only where hardly any other is there.
    """
    windows = np.flatnonzero((measures.window_first >= first) & (measures.window_end <= end))
    if len(windows) < 3:
        windows = _windows(measures, first, end)
    plain = spans.Limits(1.0, 1.0)
    path = spans.frame_path(measures, plain)
    middle, corner = spans.camera_places(measures, plain)
    to_corner = np.hypot(measures.width, measures.height) / 2
    shift = zoom = roll = 0.0
    for view in np.unique(measures.view[windows]):
        if view == NO_VIEW:
            continue
        chosen = windows[measures.view[windows] == view]
        shift = max(shift, spans.excursion(middle[chosen]))
        if len(chosen) < 3:  # windows that reach beyond the span, or a span shorter than a window: only single frames tell
            frames = np.arange(max(first, measures.window_first[chosen[0]]), min(end, measures.window_end[chosen[-1]]))
            of_view = np.isin(np.searchsorted(measures.window_first, frames, side="right") - 1, chosen)
            shift = max(shift, spans.extent(path[frames[of_view]]))
        zooms, rolls = measures.scale[chosen].astype(np.float64), measures.roll_deg[chosen].astype(np.float64)
        zoom = max(zoom, spans.excursion(corner[chosen].real.astype(complex)) / to_corner, spans.steady_change(zooms))
        rolled = float(np.degrees(spans.excursion(corner[chosen].imag.astype(complex)) / to_corner))
        roll = max(roll, rolled, spans.steady_change(rolls))
    return shift, zoom, roll


def moving_share_and_mask(measures: Measures, first: int, end: int, settings: StaticSegmentsSettings) -> tuple[float, Mask]:
    """The share of the picture inside black bars that moves, and the mask of what does not, nor lies under bars or an overlay."""
    windows = _windows(measures, first, end)
    share = appearance.moving_share(measures.cells[windows], measures.unrest[windows], settings.slow_levels, settings.fast_levels)
    size = measures.width, measures.height
    often = (share > max(settings.masked_share, 1.5 / len(windows))).astype(np.uint8)  # in one window alone it may be chance
    moves = np.asarray(cv2.resize(cv2.dilate(often, np.ones((3, 3), np.uint8)), size, interpolation=cv2.INTER_NEAREST), bool)
    left, top, right, bottom = _crop(measures, windows)
    full_share = cv2.resize(share.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
    overlay = np.asarray(cv2.resize(_overlay(measures).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST), bool)
    mask = np.zeros((measures.height, measures.width), np.uint8)
    mask[top:bottom, left:right] = np.where(moves | overlay, 0, 255)[top:bottom, left:right]
    return float(full_share[top:bottom, left:right].mean()), mask


def without_overlays_at_its_rim(row: Segment, measures: Measures, most_share: float) -> Segment:
    """The row with a crop that leaves out overlays too, where that costs at most `most_share` of the picture inside the black bars."""
    assert row.crop_left is not None
    assert row.crop_top is not None
    assert row.crop_width is not None
    assert row.crop_height is not None
    box = row.crop_left, row.crop_top, row.crop_left + row.crop_width, row.crop_top + row.crop_height
    size = measures.width, measures.height
    overlay = np.asarray(cv2.resize(_overlay(measures).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST), bool)
    left, top, right, bottom = without_overlays(box, overlay, most_share)
    return replace(row, crop_left=left, crop_top=top, crop_width=right - left, crop_height=bottom - top)


def duration_s(measures: Measures, first: int, end: int) -> float:
    """From the first frame to one interval past the last, s."""
    return end_s(measures, end) - float(measures.pts_s[first])


def end_s(measures: Measures, end: int) -> float:
    """The time of the last frame plus one interval."""
    if end < measures.frames:
        return float(measures.pts_s[end])
    interval = float(measures.pts_s[-1] / (measures.frames - 1)) if measures.frames > 1 else 0.0
    return float(measures.pts_s[-1]) + interval


def _windows(measures: Measures, first: int, end: int) -> npt.NDArray[np.int64]:
    """Windows of which at least half lies in [first, end); the one that holds most of it where there is none such."""
    inside = np.minimum(measures.window_end, end) - np.maximum(measures.window_first, first)
    half = np.flatnonzero(2 * inside >= measures.window_end - measures.window_first)
    half = half[inside[half] > 0]
    return half if len(half) else np.array([int(inside.argmax())])


def _crop(measures: Measures, windows: npt.NDArray[np.int64]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) inside black bars, full-resolution px, even, rounded inwards."""
    left, top, right, bottom = appearance.bars(measures.row_peak[windows], measures.column_peak[windows])
    low_height, low_width = measures.row_peak.shape[1], measures.column_peak.shape[1]

    def inwards(low: int, high: int, low_size: int, size: int) -> tuple[int, int]:
        begin = 0 if low == 0 else 2 * int(np.ceil(low * size / low_size / 2))
        end = size if high == low_size else 2 * int(high * size / low_size / 2)
        return begin, end

    left, right = inwards(left, right, low_width, measures.width)
    top, bottom = inwards(top, bottom, low_height, measures.height)
    return left, top, right, bottom


def _overlay(measures: Measures) -> npt.NDArray[np.bool_]:
    return appearance.overlay_pixels(measures.mean_picture, measures.challenged, measures.withstood)
