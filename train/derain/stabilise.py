"""A static camera's video, steadied: what stands still takes the median of the frames around it.

A network sees one frame at a time, so what it misses of the rain differs from frame to frame and flickers. Where the camera stands, a
pixel's median over a window of derained frames is nearer to the scene than any of them. Rain that was left is thin and gone in the next
frame; what differs from the median over more than a streak's width moves and is kept as the network left it. The window goes along with
the video, so slow changes of light are followed and length costs no memory.

A frame is left as it is when the camera moves in its window: when the picture shifts by `STILL_PX`, or most of its texture differs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Item = TypeVar("Item")
Luma = npt.NDArray[Any]  # (H, W), uint8 or uint16
Floats = npt.NDArray[np.float32]

WINDOW = 15  # frames: a pixel may be covered by what was missed of the rain in 7 of them
THIN_PX = 7  # side of the window most of which must differ: what is at most 3 px wide is rain
MOVING_LEVELS = 8.0  # of 8 bits: more than noise and what is left of wide streaks
MARGIN_PX = 9  # round what moves: its soft edges
STILL_PX = 0.5
MOST_MOVING = 0.5  # of the textured pixels
TEXTURE_LEVELS = 6.0
MEASURED_WIDTH = 640  # px to which a picture is shrunk before its shift is measured
MEASURED_PIXELS = 30_000  # of these
STRIP_ROWS = 64  # of pictures whose median is taken: what a processor's cache holds


@dataclass(frozen=True, slots=True)
class Steadied(Generic[Item]):
    """A frame after its window was seen."""

    item: Item
    luma: Luma
    stands: bool  # whether the camera stands in its window; else `luma` is as it came


@dataclass(frozen=True, slots=True)
class _Held(Generic[Item]):
    item: Item
    luma: Luma
    small: Floats
    shift_px: float  # since the frame half a window earlier


def steadied(frames: Iterator[tuple[Item, Luma]], bits: int = 8) -> Iterator[Steadied[Item]]:
    """Frames with their derained luma of `bits` bits, in order, to the same frames steadied; a window of them is held."""
    window: deque[_Held[Item]] = deque()
    half = WINDOW // 2
    done = 0  # of the frames in the window
    for item, luma in frames:
        small = _small(luma, bits)
        shift = shift_px(window[-half].small, small) * luma.shape[1] / small.shape[1] if len(window) >= half else 0.0
        window.append(_Held(item, luma, small, shift))
        if len(window) == WINDOW:
            for place in range(done, half + 1):
                yield _steady(window, place, bits)
            window.popleft()
            done = half
    for place in range(done, len(window)):
        yield _steady(window, place, bits)


def median(planes: Sequence[Luma]) -> Luma:
    """The median over an odd number of planes, pixel by pixel."""
    height = planes[0].shape[0]
    strips = [[plane[top : top + STRIP_ROWS] for plane in planes] for top in range(0, height, STRIP_ROWS)]
    return np.concatenate([_median_of_strips(strip) for strip in strips])


def moves(luma: Luma, still: Luma, bits: int = 8) -> npt.NDArray[np.uint8]:
    """1 where a picture differs from another over more than a streak's width, and round there; else 0."""
    differs = cv2.threshold(cv2.absdiff(luma, still), MOVING_LEVELS * 2 ** (bits - 8), 1, cv2.THRESH_BINARY)[1].astype(np.uint8)
    around = cv2.boxFilter(differs, -1, (THIN_PX, THIN_PX), normalize=False, borderType=cv2.BORDER_REPLICATE)
    mostly = cv2.threshold(around, THIN_PX**2 // 2, 1, cv2.THRESH_BINARY)[1]
    return np.asarray(cv2.dilate(mostly, np.ones((MARGIN_PX, MARGIN_PX), np.uint8)), np.uint8)


def shift_px(before: Floats, after: Floats) -> float:
    """How far the picture's corners went, in px: by least squares for shift, zoom and roll (Lucas, Kanade 1981), blind to outliers.

    True for shifts up to a pixel or two; larger ones read too small, but not as standing still.
    """
    height, width = before.shape
    mean = 0.5 * (before + after)
    every = max(1, round((height * width / MEASURED_PIXELS) ** 0.5))
    inside = np.s_[1:-1:every, 1:-1:every]
    slope_x, slope_y = (cv2.Sobel(mean, cv2.CV_32F, *axes, scale=0.125)[inside].ravel() for axes in ((1, 0), (0, 1)))
    aspect = width / height
    rows, columns = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-aspect, aspect, width, dtype=np.float32)
    y, x = (axis.ravel() for axis in np.meshgrid(rows[inside[0]], columns[inside[1]], indexing="ij"))
    terms = np.stack([slope_x, slope_y, slope_x * x + slope_y * y, slope_y * x - slope_x * y, np.ones_like(x)])
    change = (before[inside] - after[inside]).ravel()
    trusted = np.ones_like(change)
    for _ in range(3):
        weighted = terms * trusted
        solution = np.linalg.solve(weighted @ terms.T + 1e-3 * np.eye(5), weighted @ change).astype(np.float32)
        left = np.abs(change - solution @ terms)
        trusted = 1 / np.maximum(left, np.float32(max(1.0, 2 * float(np.median(left)))))
    shift_x, shift_y, zoom, roll, _ = map(float, solution)
    corners = [(shift_x + zoom * x - roll * y, shift_y + zoom * y + roll * x) for x in (-aspect, aspect) for y in (-1, 1)]
    return max(float(np.hypot(*corner)) for corner in corners)


def _steady(window: deque[_Held[Item]], place: int, bits: int) -> Steadied[Item]:
    entries = list(window)
    held = entries[place]
    as_it_is = Steadied(held.item, held.luma, stands=False)
    if len(entries) < 3 or max(entry.shift_px for entry in entries[place : place + WINDOW // 2 + 1]) > STILL_PX:
        return as_it_is
    still = median([entry.luma for entry in entries[1 - len(entries) % 2 :]])
    moving = moves(held.luma, still, bits)
    textured = cv2.morphologyEx(still, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > TEXTURE_LEVELS * 2 ** (bits - 8)
    if textured.any() and float(moving[textured].mean()) > MOST_MOVING:
        return as_it_is
    share = cv2.blur(moving.astype(np.float32), (5, 5))
    mixed = still + share * (held.luma.astype(np.float32) - still)
    return Steadied(held.item, np.rint(mixed).astype(held.luma.dtype), stands=True)


def _median_of_strips(strips: Sequence[Luma]) -> Luma:
    """Smallest and largest of what is held are dropped, and the next one joins, until one is left."""
    middle = len(strips) // 2 + 2
    held, waiting = list(strips[:middle]), list(strips[middle:])
    while len(held) > 1:
        for place in range(1, len(held)):
            held[0], held[place] = np.minimum(held[0], held[place]), np.maximum(held[0], held[place])
        for place in range(1, len(held) - 1):
            held[place], held[-1] = np.minimum(held[place], held[-1]), np.maximum(held[place], held[-1])
        held = held[1:-1] + ([waiting.pop(0)] if waiting else [])
    return held[0]


def _small(luma: Luma, bits: int) -> Floats:
    height, width = luma.shape
    factor = max(1, round(width / MEASURED_WIDTH))
    shrunk = cv2.resize(luma, (max(3, width // factor), max(3, height // factor)), interpolation=cv2.INTER_AREA) if factor > 1 else luma
    return np.multiply(shrunk, 0.5 ** (bits - 8), dtype=np.float32)
