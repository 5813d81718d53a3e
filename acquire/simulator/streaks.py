"""Draw many straight soft streaks at once, exactly: each pixel takes each streak's value at its centre, none is rasterised or blurred."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Streaks:
    """N straight streaks: Gaussian across, soft ends along. All arrays have N values; pixel centres lie at whole numbers."""

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    angle: npt.NDArray[np.float64]
    length: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]
    peak: npt.NDArray[np.float64]


def draw_streaks(streaks: Streaks, width: int, height: int) -> npt.NDArray[np.float32]:
    """Light of the streaks, HW. Each is evaluated on the few pixels of each row that it crosses, all streaks at once."""
    if not len(streaks.x):
        return np.zeros((height, width), np.float32)
    if abs(math.cos(streaks.angle[0])) > abs(math.sin(streaks.angle[0])):
        turned = Streaks(streaks.y, streaks.x, -math.pi / 2 - streaks.angle, streaks.length, streaks.deviation, streaks.peak)
        return np.ascontiguousarray(_draw_steep(turned, height, width).T)
    return _draw_steep(streaks, width, height)


def _draw_steep(streaks: Streaks, width: int, height: int) -> npt.NDArray[np.float32]:
    """`draw_streaks` for streaks nearer to vertical than to horizontal."""
    cosine, sine = np.cos(streaks.angle)[:, None, None], np.sin(streaks.angle)[:, None, None]
    x, y, length, deviation, peak = (a[:, None, None] for a in (streaks.x, streaks.y, streaks.length, streaks.deviation, streaks.peak))
    reach_y = 0.75 * length * np.abs(sine) + 3 * deviation
    reach_x = 3 * deviation / np.abs(sine)
    rows = np.floor(y - reach_y) + np.arange(int(2 * reach_y.max()) + 2)[None, :, None]
    columns = np.floor(x - (rows - y) * cosine / sine - reach_x) + np.arange(int(2 * reach_x.max()) + 2)[None, None, :]
    along = np.abs((columns - x) * cosine - (rows - y) * sine)
    across = (columns - x) * sine + (rows - y) * cosine
    value = peak * np.exp(-0.5 * (across / deviation) ** 2) * _soft_end(along, length)
    inside = (value > 0.05) & (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    pixel = (rows * width + columns)[inside].astype(np.intp)
    return np.bincount(pixel, weights=value[inside], minlength=width * height).reshape(height, width).astype(np.float32)


def _soft_end(along: npt.NDArray[np.float64], length: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    """1 in the streak's middle, one half at half its length, 0 at three quarters: as blurred along the direction."""
    beyond = np.clip((along / length - 0.25) * 2.0, 0.0, 1.0)
    return np.asarray(0.5 + 0.5 * np.cos(math.pi * beyond), np.float64)
