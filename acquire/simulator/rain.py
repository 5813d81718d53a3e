"""Rain of one frame: drawn streaks in depth layers mixed with sparse noise smeared along the direction, or dense noise smeared and cut.

The first two work on exact analytic streaks or kernels, so that orientation, length and width are known to a fraction of a pixel. Rain is
grey levels of light to be added over black ground; `add_rain` adds less of it over bright ground. No drop lives for two frames, as rain
in a video with a short exposure and the usual frame rates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from acquire.simulator.specification import RainSpecification
from acquire.simulator.streaks import Streaks, draw_streaks

VISIBLE = 5.0  # grey levels: a pixel counts as rainy when it is brightened by more
MOST_COVERED = 0.95  # share of a picture that the heaviest rain covers
MID_GREY = 0.45  # of white: the ground over which density is meant
LAYER_SHRINKS = 0.62  # a layer's streaks are this much shorter than those of the next nearer one
CLUMP_COVERS = 1.4  # a clump of smeared noise covers so many times the pixels of one streak, measured
PIXEL_VARIANCE = 1.0 / 12.0  # a pixel integrates over its square
WIDTH_PER_DEVIATION = 2.0 * math.sqrt(2.0 * math.log(2.0))  # full width at half maximum of a Gaussian


@dataclass(frozen=True, slots=True)
class FrameRain:
    """One frame's rain. `light` is HW float32, grey levels over black ground; the rest describes what was rendered."""

    light: npt.NDArray[np.float32]
    orientation_deg: float
    lengths_px: npt.NDArray[np.float64]
    widths_px: npt.NDArray[np.float64]


def frame_rain(rain: RainSpecification, width: int, height: int, generator: np.random.Generator) -> FrameRain:
    """The rain of one frame; another state of the generator gives an entirely different one."""
    orientation = (rain.orientation_deg + generator.normal(0.0, rain.frame_jitter_deg)) % 180.0
    density = rain.density * math.exp(generator.normal(0.0, rain.frame_variation) - rain.frame_variation**2 / 2)
    brightness = rain.brightness * math.exp(generator.normal(0.0, 0.5 * rain.frame_variation))
    if rain.maker == "noise":
        return FrameRain(
            _cut_noise(rain, orientation, density, brightness, (width, height), generator), orientation, np.zeros(0), np.zeros(0)
        )
    optical_depth = -math.log1p(-min(density, MOST_COVERED))  # streaks overlap, so that cover saturates
    light = np.zeros((height, width), np.float32)
    lengths, widths = [np.zeros(0)], [np.zeros(0)]
    for length, across, bright, share in _layers(rain):
        streaks = _scatter(
            rain, orientation, length, across, bright * brightness, optical_depth * (1 - rain.smeared) * share, (width, height), generator
        )
        light += draw_streaks(streaks, width, height)
        lengths.append(streaks.length)
        widths.append(streaks.deviation * WIDTH_PER_DEVIATION)
    if rain.smeared > 0:
        light += _smear(rain, orientation, brightness, optical_depth * rain.smeared, (width, height), generator)
    return FrameRain(light, orientation, np.concatenate(lengths), np.concatenate(widths))


def add_rain(clean: npt.NDArray[np.float32], light: npt.NDArray[np.float32], bright_ground: float) -> npt.NDArray[np.float32]:
    """HWC picture with the rain's light added, the same in each channel; never darker than before.

    `bright_ground` is the share of it that is lost over white ground.
    """
    luma = clean @ np.array([0.299, 0.587, 0.114], np.float32)
    added = np.maximum(light * (1.0 - bright_ground / 255.0 * luma), 0.0)
    return np.minimum(clean + added[..., None], 255.0)


def _layers(rain: RainSpecification) -> list[tuple[float, float, float, float]]:
    """(length, width, relative brightness, share of the cover) of each layer, nearest first; means over drops are the scene's."""
    shrink = LAYER_SHRINKS ** np.arange(max(rain.layers, 1))
    thin = shrink**0.7
    counts = 1.0 / (shrink * thin)  # layers cover equal areas, so that the far ones hold more drops
    counts /= counts.sum()
    lengths = rain.length_px * shrink / (counts @ shrink)
    widths = rain.width_px * thin / (counts @ thin)
    dim = np.sqrt(shrink) / np.sqrt(shrink).mean()
    return [(float(a), float(b), float(c), 1.0 / len(shrink)) for a, b, c in zip(lengths, widths, dim, strict=True)]


def _deviation(width_px: float, defocus_px: float) -> float:
    """Standard deviation across a streak: its own width, the lens's blur and the pixel's extent."""
    return math.sqrt((width_px / WIDTH_PER_DEVIATION) ** 2 + defocus_px**2 + PIXEL_VARIANCE)


def _visible_area(peak: float, length: float, deviation: float, bright_ground: float) -> float:
    """How many pixels of mid-grey ground a streak of this peak brightens by more than `VISIBLE`: nearly an ellipse in a box."""
    seen = max(peak * (1 - bright_ground * MID_GREY), 1.2 * VISIBLE)
    across = 2 * deviation * math.sqrt(2 * math.log(seen / VISIBLE))
    along = length * (0.5 + math.acos(2 * VISIBLE / seen - 1) / math.pi)
    return 0.85 * across * along


def _scatter(
    rain: RainSpecification,
    orientation: float,
    length: float,
    width: float,
    brightness: float,
    optical_depth: float,
    size: tuple[int, int],
    generator: np.random.Generator,
) -> Streaks:
    """Drops of one layer at random places, as many as cover the wanted share of the picture."""
    deviation = _deviation(width, rain.defocus_px)
    dimmed = brightness * _deviation(width, 0.0) / deviation  # blur spreads the same light
    margin = length
    area = (size[0] + 2 * margin) * (size[1] + 2 * margin)
    count = generator.poisson(optical_depth * area / _visible_area(dimmed, length, deviation, rain.bright_ground))
    return Streaks(
        x=generator.uniform(-margin, size[0] + margin, count),
        y=generator.uniform(-margin, size[1] + margin, count),
        angle=np.radians(orientation + generator.normal(0.0, rain.drop_jitter_deg, count)),
        length=length * np.exp(generator.normal(0.0, 0.2, count) - 0.02),
        deviation=deviation * np.exp(generator.normal(0.0, 0.1, count)),
        peak=dimmed * generator.uniform(1 / 3, 5 / 3, count),
    )


def _smear(
    rain: RainSpecification,
    orientation: float,
    brightness: float,
    optical_depth: float,
    size: tuple[int, int],
    generator: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Light of sparse noise smeared along the direction, HW: clumped, uneven streaks as of rain far away."""
    deviation = _deviation(rain.width_px, rain.defocus_px)
    peak = brightness * _deviation(rain.width_px, 0.0) / deviation
    margin = math.ceil(0.75 * rain.length_px)
    shape = (size[1] + 2 * margin, size[0] + 2 * margin)
    points = np.zeros(shape, np.float32)
    clump_area = CLUMP_COVERS * _visible_area(peak, rain.length_px, deviation, rain.bright_ground)
    count = generator.poisson(optical_depth * points.size / clump_area)
    clump = generator.integers(1, 4, count)  # neighbouring drops run into one uneven streak
    along = generator.normal(0.0, 0.4 * rain.length_px, int(clump.sum()))
    across = generator.normal(0.0, rain.width_px, int(clump.sum()))
    cosine, sine = math.cos(math.radians(orientation)), math.sin(math.radians(orientation))
    columns = np.repeat(generator.uniform(0, shape[1], count), clump) + along * cosine + across * sine
    rows = np.repeat(generator.uniform(0, shape[0], count), clump) - along * sine + across * cosine
    weight = np.repeat(peak * generator.uniform(1 / 3, 5 / 3, count) / clump**0.5, clump)
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    np.add.at(points, (rows[inside].astype(np.intp), columns[inside].astype(np.intp)), weight[inside])
    smeared = cv2.filter2D(points, -1, _streak_kernel(orientation, rain.length_px, deviation)[::-1, ::-1], borderType=cv2.BORDER_CONSTANT)
    return np.maximum(smeared[margin:-margin, margin:-margin], 0.0)


def _cut_noise(
    rain: RainSpecification, orientation: float, density: float, brightness: float, size: tuple[int, int], generator: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Dense noise smeared along the direction; what lies above a level is light, HW.

    The level and the gain are such that the wanted share of pixels is visible over mid-grey ground and one pixel in a hundred as bright as
    wanted.
    """
    kernel = _streak_kernel(orientation, rain.length_px, _deviation(rain.width_px, rain.defocus_px))
    margin = len(kernel) // 2
    noise = generator.standard_normal((size[1] + 2 * margin, size[0] + 2 * margin), np.float32)
    smeared = cv2.filter2D(noise, -1, kernel, borderType=cv2.BORDER_CONSTANT)[margin:-margin, margin:-margin]
    visible, bright = np.quantile(smeared, [1 - min(density, MOST_COVERED), 0.99])
    seen = VISIBLE / (1 - rain.bright_ground * MID_GREY)
    steepness = max(brightness - seen, seen) / max(bright - visible, 1e-6)
    return np.asarray(np.maximum(seen + steepness * (smeared - visible), 0.0), np.float32)


def _streak_kernel(orientation_deg: float, length: float, deviation: float) -> npt.NDArray[np.float32]:
    """One streak of peak 1 in the middle of an odd square."""
    half = math.ceil(0.75 * length + 3 * deviation)
    middle = np.array([float(half)])
    one = Streaks(middle, middle, np.radians([orientation_deg]), np.array([length]), np.array([deviation]), np.array([1.0]))
    return draw_streaks(one, 2 * half + 1, 2 * half + 1)
