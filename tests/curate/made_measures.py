"""Measures made by hand, for tests of what is decided on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curate.measures import NO_VIEW, WINDOW, Measures

WIDTH, HEIGHT = 640, 360
CELLS = (18, 32)


def scene_cells(seed: int) -> npt.NDArray[np.uint8]:
    """A coarse picture of its own."""
    return np.random.default_rng(seed).integers(20, 220, CELLS).astype(np.uint8)


def make_measures(
    views: Sequence[int],
    places: Sequence[complex] | None = None,
    *,
    scale: Sequence[float] | None = None,
    roll_deg: Sequence[float] | None = None,
    lengths: Sequence[int] | None = None,
    cut_at: Sequence[int] = (),
    fps: float = 25.0,
) -> Measures:
    """Windows of one view each, at the given places (right + down·j, full-resolution px); `cut_at` names windows that begin abruptly."""
    count = len(views)
    lengths = [WINDOW] * count if lengths is None else list(lengths)
    places = [0j] * count if places is None else list(places)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    frames = int(sum(lengths))
    blind = np.array([view == NO_VIEW for view in views])
    resemblance = np.full(frames, 0.95, np.float32)
    resemblance[first[list(cut_at)]] = 0.05
    cells = np.stack([scene_cells(100 + view) if view != NO_VIEW else np.zeros(CELLS, np.uint8) for view in views])
    contrast = np.repeat(cells.std(axis=(1, 2)), lengths)

    def series(values: object) -> npt.NDArray[np.float32]:
        return np.where(blind, np.nan, np.asarray(values, float)).astype(np.float32)

    return Measures(
        width=WIDTH,
        height=HEIGHT,
        full_px=2.0,
        blocks=16,
        mean_picture=np.full((180, 320), 90, np.uint8),
        challenged=np.zeros((180, 320), np.uint16),
        withstood=np.zeros((180, 320), np.uint16),
        pts_s=np.arange(frames) / fps,
        brightness=np.repeat(cells.mean(axis=(1, 2)), lengths).astype(np.float32),
        contrast=contrast.astype(np.float32),
        change=np.full(frames, 1.0, np.float32),
        resemblance=resemblance,
        earlier_resemblance=np.full(frames, 0.95, np.float32),
        offset_right_px=np.zeros(frames, np.float32),
        offset_down_px=np.zeros(frames, np.float32),
        window_first=first,
        view=np.asarray(views, np.int64),
        right_px=series([place.real for place in places]),
        down_px=series([place.imag for place in places]),
        scale=series([1.0] * count if scale is None else scale),
        roll_deg=series([0.0] * count if roll_deg is None else roll_deg),
        textured=np.where(blind, 0, 16).astype(np.int64),
        agreeing=np.where(blind, 0, 16).astype(np.int64),
        cells=cells,
        unrest=np.zeros((count, *CELLS), np.uint8),
        row_peak=np.full((count, 180), 200, np.uint8),
        column_peak=np.full((count, 320), 200, np.uint8),
    )
