"""A second renderer of rain, to judge the rain measures by: they were tuned on `acquire.simulator`, which draws streaks as such.

Here drops fall in space and are photographed. Diameters follow Marshall and Palmer (1948), speeds Atlas et al. (1973), wind leans the
smaller drops more; a pinhole camera sees them in perspective, near ones longer, wider and blurred more (the lens is focused on the
background); the exposure smears each along its way, and between frames it falls on, so that one drop shows in several. A picture is the
integral of moving discs, splatted point by point, blended towards a bright sky (Garg and Nayar 2007, sec. 4: a drop shows a wide view);
then the sensor's noise and a real codec. The truth is measured on what was rendered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

VISIBLE_LEVELS = 3.0  # a pixel is rainy, and a streak visible, when it rises by more: as the measures have it
SKY = np.array([232.0, 238.0, 245.0], np.float32)  # what a drop shows
GROUND = 110.0  # grey level over which a streak's visibility is judged
DIAMETERS_MM = (0.8, 5.0)  # smaller drops are not seen
MARSHALL_PALMER_PER_MM = 2.3  # slope of the diameters' distribution at about 16 mm/h
USUAL_MM = 1.1  # about the median of what is seen
DEPTHS = (0.45, 1.25)  # nearest and farthest drop, in units of the scene's depth
FRAMES_SEEN = 3  # frames in which one drop shows, at most
STEP_PX = 0.4  # between two points of a drop's way
SIZES = 4  # classes of drops by width in the picture, each blurred with a kernel of its own
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class DropRain:
    """One scene's rain. Angles: 0 = image right, counter-clockwise, modulo 180."""

    orientation_deg: float = 90.0
    length_px: Annotated[float, "of a usual drop's streak"] = 24.0
    width_px: Annotated[float, "of a usual drop's streak, full width at half maximum"] = 1.6
    cover: Annotated[float, "share of pixels brightened by more than VISIBLE_LEVELS, about"] = 0.1
    brightness: Annotated[float, "peak of a usual drop over black ground, grey levels"] = 50.0
    shutter: Annotated[float, "share of the time between frames that is exposed"] = 0.5
    speed: Annotated[float, "1: rain; snowflakes fall at about 0.15 of it"] = 1.0
    flutter: Annotated[float, "standard deviation of a drop's own sideways speed, in units of its fall"] = 0.02


@dataclass(frozen=True, slots=True)
class FrameOfDrops:
    """One frame: `picture` HWC uint8 RGB with rain, before noise; and the truth of its visible streaks."""

    picture: npt.NDArray[np.uint8]
    cover: float
    orientation_deg: float | None  # mean over streaks, weighted by length
    lengths_px: Floats  # full extents at half of a streak's brightness
    widths_px: Floats


def drop_frames(clean: npt.NDArray[np.uint8], rain: DropRain, frames: int, seed: int) -> Iterator[FrameOfDrops]:
    """Rain before a still picture, HWC RGB."""
    camera = _Camera.of(rain, clean.shape[1], clean.shape[0])
    count = _calibrated(clean, rain, camera, seed)
    for index in range(frames):
        yield _frame(clean, rain, camera, count, seed, index)


@dataclass(frozen=True, slots=True)
class _Camera:
    """Where a pinhole camera stands in the rain; metres and seconds."""

    width: int
    height: int
    focal_px: float
    depth: float
    exposure: float
    wind: float  # to the right
    defocus_px: float  # standard deviation at the scene's depth

    @classmethod
    def of(cls, rain: DropRain, width: int, height: int) -> _Camera:
        fall = float(_speed(np.array([USUAL_MM]))[0]) * rain.speed
        wind = -fall / math.tan(math.radians(rain.orientation_deg))
        focal_px = 1.3 * width
        geometric_px = min(0.9 * rain.width_px, 0.35 + 0.4 * rain.width_px)
        depth = focal_px * USUAL_MM / 1000 / geometric_px
        exposure = rain.length_px * depth / focal_px / math.hypot(fall, wind)
        defocus_px = math.sqrt(max(0.0, rain.width_px**2 - max(1.0, geometric_px) ** 2) / (8 * math.log(2)))
        return cls(width, height, focal_px, depth, exposure, wind, defocus_px)


@dataclass(frozen=True, slots=True)
class _Streaks:
    """Drops in the picture: ends of their ways (px, rows downwards), discs' diameters, distances, and peaks over black ground."""

    ends: Floats  # N, 2 ends, (x, y)
    disc_px: Floats
    defocus_px: Floats
    peak: Floats


def _speed(diameter_mm: Floats) -> Floats:
    """Terminal speed of a drop, m/s (Atlas, Srivastava and Sekhon 1973, eq. 5)."""
    return np.maximum(9.65 - 10.3 * np.exp(-0.6 * diameter_mm), 0.5)


def _fallen(rain: DropRain, camera: _Camera, count: float, seed: int, index: int) -> _Streaks:
    """All drops of one frame: those that came with it, and those of the frames before, farther down."""
    gust = 1 + np.random.default_rng([seed, index, 7]).normal(0, 0.03)
    wind_away = np.random.default_rng([seed, 8]).normal(0, 0.1)  # towards the camera or away from it, in units of the fall
    parts = [_born(rain, camera, count / FRAMES_SEEN, seed, index - age, age, gust, wind_away) for age in range(FRAMES_SEEN)]
    return _Streaks(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("ends", "disc_px", "defocus_px", "peak")))


def _born(rain: DropRain, camera: _Camera, count: float, seed: int, birth: int, age: int, gust: float, wind_away: float) -> _Streaks:
    generator = np.random.default_rng([seed, birth + FRAMES_SEEN])
    number = int(generator.poisson(count * generator.lognormal(0.0, 0.15)))
    low, high = (math.exp(-MARSHALL_PALMER_PER_MM * edge) for edge in DIAMETERS_MM)
    diameter_mm = -np.log(generator.uniform(high, low, number)) / MARSHALL_PALMER_PER_MM
    z = camera.depth * generator.uniform(DEPTHS[0] ** 3, DEPTHS[1] ** 3, number) ** (1 / 3)
    fall = _speed(diameter_mm) * rain.speed
    velocity = np.stack([camera.wind * gust + fall * generator.normal(0, rain.flutter, number), -fall, fall * wind_away], axis=-1)
    reach = 1.3  # drops just outside fall into the picture
    x = generator.uniform(-reach, reach, number) * camera.width / 2 * z / camera.focal_px
    y = generator.uniform(-reach, reach, number) * camera.height / 2 * z / camera.focal_px
    start = np.stack([x, y, z], axis=-1) + velocity * age * camera.exposure / rain.shutter
    ends = np.stack([_seen_at(start, camera), _seen_at(start + velocity * camera.exposure, camera)], axis=1)
    disc_px = camera.focal_px * diameter_mm / 1000 / z
    defocus_px = camera.defocus_px * camera.depth / z
    length = np.maximum(np.hypot(*(ends[:, 1] - ends[:, 0]).T), 0.5)
    usual = camera.focal_px * USUAL_MM / 1000 / camera.depth
    dwell = (disc_px / length) / (usual / rain.length_px)  # how long the drop covers a pixel of its way
    blur = (disc_px / np.hypot(disc_px, 2.35 * defocus_px)) / (usual / math.hypot(usual, 2.35 * camera.defocus_px))
    return _Streaks(ends, disc_px, defocus_px, np.minimum(rain.brightness * dwell * blur, 230.0))


def _seen_at(points: Floats, camera: _Camera) -> Floats:
    """Points in space as (x, y) in the picture, px."""
    scale = camera.focal_px / points[:, 2]
    return np.stack([camera.width / 2 + points[:, 0] * scale, camera.height / 2 - points[:, 1] * scale], axis=-1)


def _light(streaks: _Streaks, shape: tuple[int, int]) -> tuple[Plane, Floats]:
    """Light over black ground, HW, and each streak's width, px. Drops of like width in the picture share a kernel."""
    light = np.zeros(shape, np.float32)
    widths = np.zeros(streaks.peak.size)
    total = np.hypot(streaks.disc_px, 2.35 * streaks.defocus_px)
    edges = np.quantile(total, np.linspace(0, 1, SIZES + 1)[1:-1]) if total.size else np.zeros(SIZES - 1)
    classes = np.searchsorted(edges, total)
    for size in range(SIZES):
        chosen = np.flatnonzero(classes == size)
        if not chosen.size:
            continue
        kernel, across, width_px = _kernel(float(np.median(streaks.disc_px[chosen])), float(np.median(streaks.defocus_px[chosen])))
        widths[chosen] = width_px
        points = _splat(streaks.ends[chosen], streaks.peak[chosen] / across, shape)
        light += cv2.filter2D(points, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    return light, widths


def _kernel(disc_px: float, defocus_px: float) -> tuple[Plane, float, float]:
    """A disc seen out of focus, the peak of a line drawn with it by weight 1 a px, and that line's width."""
    fine = 8
    half = math.ceil(disc_px / 2 + 3 * defocus_px) + 1
    place = (np.arange((2 * half + 1) * fine) + 0.5) / fine - half - 0.5
    disc = (np.hypot(place[:, None], place[None]) <= max(disc_px, 0.3) / 2).astype(np.float32)
    blurred = cv2.GaussianBlur(disc, (0, 0), max(defocus_px * fine, 0.3), borderType=cv2.BORDER_CONSTANT)
    kernel = blurred.reshape(2 * half + 1, fine, 2 * half + 1, fine).sum((1, 3))
    kernel /= kernel.sum()
    triangle = np.maximum(0, 1 - np.abs(place))  # of the splat
    profile = np.convolve(blurred.sum(0), triangle, mode="same")
    profile /= profile.sum() / fine
    above = np.flatnonzero(profile >= profile.max() / 2)
    return kernel.astype(np.float32), float(profile.max()), float((above[-1] - above[0] + 1) / fine)


def _splat(ends: Floats, weight: Floats, shape: tuple[int, int]) -> Plane:
    """Points along each way, HW, shared among the four pixels round each; `weight` is a way's, for each px of it."""
    vector = ends[:, 1] - ends[:, 0]
    length = np.maximum(np.hypot(*vector.T), STEP_PX)
    steps = np.ceil(length / STEP_PX).astype(int)
    owner = np.repeat(np.arange(len(steps)), steps)
    part = (np.arange(len(owner)) - np.repeat(np.cumsum(steps) - steps, steps) + 0.5) / steps[owner]
    x, y = (ends[owner, 0] + vector[owner] * part[:, None]).T
    share = (weight * length / steps)[owner]
    left, top = np.floor(x), np.floor(y)
    flat = np.zeros(shape[0] * shape[1])
    for right, down in ((0, 0), (0, 1), (1, 0), (1, 1)):
        column, row = left + right, top + down
        part_here = share * (1 - np.abs(x - column)) * (1 - np.abs(y - row))
        inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
        flat += np.bincount((row * shape[1] + column)[inside].astype(np.intp), part_here[inside], flat.size)
    return flat.reshape(shape).astype(np.float32)


def _frame(clean: npt.NDArray[np.uint8], rain: DropRain, camera: _Camera, count: float, seed: int, index: int) -> FrameOfDrops:
    streaks = _fallen(rain, camera, count, seed, index)
    light, widths = _light(streaks, (camera.height, camera.width))
    share = np.clip(light / 240.0, 0, 0.95)[..., None]
    rainy = clean + share * np.maximum(SKY - clean, 0)
    rise = (rainy - clean) @ LUMA
    vector = streaks.ends[:, 1] - streaks.ends[:, 0]
    middle = streaks.ends.mean(axis=1)
    inside = (middle >= 0).all(axis=1) & (middle[:, 0] < camera.width) & (middle[:, 1] < camera.height)
    visible = inside & (streaks.peak * (1 - GROUND / 240.0) > VISIBLE_LEVELS)
    doubled = np.sum(np.hypot(*vector[visible].T) * np.exp(2j * np.arctan2(-vector[visible, 1], vector[visible, 0])))
    return FrameOfDrops(
        picture=np.rint(rainy).astype(np.uint8),
        cover=float(np.mean(rise > VISIBLE_LEVELS)),
        orientation_deg=math.degrees(float(np.angle(doubled))) / 2 % 180 if visible.any() else None,
        lengths_px=np.hypot(*vector[visible].T),
        widths_px=widths[visible],
    )


def _calibrated(clean: npt.NDArray[np.uint8], rain: DropRain, camera: _Camera, seed: int) -> float:
    """How many drops a frame cover as much as was asked for; streaks overlap, so that cover saturates."""
    count = 1.69 * rain.cover * camera.width * camera.height / (rain.length_px * rain.width_px * 1.5)
    for trial in range(4):
        covered = float(np.mean([_frame(clean, rain, camera, count, seed, 1_000_000 + 100 * trial + 10 * part).cover for part in range(3)]))
        step = math.log1p(-rain.cover) / math.log1p(-min(max(covered, 1e-4), 0.9))
        count = max(2.0, count * min(max(step, 0.3), 3.0))  # few drops vary much from frame to frame
    return count
