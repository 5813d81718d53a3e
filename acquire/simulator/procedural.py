"""Procedural scenes, for when photos run out: a street with houses, a thicket of leaves and trunks, and all that is as thin and upright
as rain without being rain. Textured as 1/f clutter.

Each is a function (number, width, height) -> HWC uint8 RGB; the number is the seed, and another one is another place.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Colour = npt.NDArray[np.float32]


def clutter(generator: np.random.Generator, width: int, height: int, exponent: float = 1.0) -> npt.NDArray[np.float32]:
    """Noise whose amplitude falls with frequency as 1/f^exponent, as in photos; HW, mean 0, standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(generator.standard_normal((height, width))) / frequency**exponent
    noise = np.fft.irfft2(spectrum, (height, width))
    return np.asarray(noise / noise.std(), np.float32)


def street(number: int, width: int, height: int) -> Picture:
    """Sky, a row of houses with windows and roofs, trees before them, and wet ground."""
    generator = np.random.default_rng([number, 1])
    picture = _sky(generator, width, height)
    horizon = int(height * generator.uniform(0.55, 0.72))
    left = -int(generator.integers(0, width // 6))
    while left < width:
        house_width = int(width * generator.uniform(0.16, 0.34))
        _house(picture, generator, (left, horizon), house_width, int(height * generator.uniform(0.22, 0.5)))
        left += house_width + int(generator.integers(0, width // 12))
    _ground(picture, generator, horizon)
    for _ in range(int(generator.integers(2, 6))):
        _tree(picture, generator, int(generator.integers(0, width)), horizon + int(generator.integers(0, height // 8)), height)
    return _finish(picture, generator)


def thicket(number: int, width: int, height: int) -> Picture:
    """Leaves, trunks and gaps of light: dark, cluttered, no sky."""
    generator = np.random.default_rng([number, 2])
    green = _colour(generator, (30, 55, 20), (80, 110, 50))
    picture = np.maximum(green * (1.0 + 0.5 * clutter(generator, width, height)[..., None]), 4.0)
    for _ in range(int(generator.integers(4, 9))):
        x, thick = generator.uniform(0, width), width * generator.uniform(0.01, 0.045)
        lean = generator.normal(0, 0.06) * height
        corners = np.array([[x - thick, height], [x + thick, height], [x + thick * 0.6 + lean, 0], [x - thick * 0.6 + lean, 0]])
        bark = _colour(generator, (30, 24, 18), (120, 104, 90))
        _paint(picture, generator, corners, bark, 0.25)
    _leaves(picture, generator, (0, 0, width, height), int(width * height / 90), green * 1.6)
    return _finish(picture, generator)


def uprights(number: int, width: int, height: int) -> Picture:
    """Ridges of dark spruces in mist, with slits of light between them; before them palings, or blades of grass."""
    generator = np.random.default_rng([number, 3])
    picture = _sky(generator, width, height)
    mist = picture.mean(axis=(0, 1)) * generator.uniform(0.6, 1.1)
    dark = _colour(generator, (12, 16, 14), (50, 62, 48))
    ridges = int(generator.integers(2, 5))
    for ridge in range(ridges):
        near = (ridge + 1) / ridges
        colour = mist + (0.35 + 0.65 * near) * (dark - mist)
        foot = np.array([generator.uniform(0.25, 0.6), generator.uniform(0.25, 0.6)]) * height + 0.25 * near * height
        _spruces(picture, generator, foot, (0.1 + 0.3 * near) * height, colour)
        fog = generator.uniform(0, 0.5) * (1 - near) * np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
        picture += fog * (mist - picture)
    if generator.random() < 0.5:
        _palings(picture, generator)
    else:
        _blades(picture, generator)
    return _finish(picture, generator)


PROCEDURAL: dict[str, Callable[[int, int, int], Picture]] = {"street": street, "thicket": thicket, "uprights": uprights}


def _colour(generator: np.random.Generator, dark: tuple[int, int, int], light: tuple[int, int, int]) -> Colour:
    """A colour between two, with a slight cast of its own."""
    share, cast = generator.uniform(), generator.normal(0.0, 0.04, 3)
    return np.asarray((np.array(dark) + share * (np.array(light) - np.array(dark))) * (1.0 + cast), np.float32)


def _sky(generator: np.random.Generator, width: int, height: int) -> npt.NDArray[np.float32]:
    overcast = _colour(generator, (150, 155, 165), (215, 220, 228))
    fall = np.linspace(0.85, 1.1, height, dtype=np.float32)[:, None, None]
    clouds = cv2.resize(clutter(generator, width, height, 1.6), (width, height))
    return np.asarray(overcast * fall * (1.0 + 0.07 * clouds[..., None]), np.float32)


def _ground(picture: npt.NDArray[np.float32], generator: np.random.Generator, horizon: int) -> None:
    """Asphalt whose texture grows coarser towards the viewer, with a kerb line."""
    height, width = picture.shape[:2]
    grey = _colour(generator, (70, 70, 72), (125, 122, 118))
    depth = np.linspace(0.0, 1.0, height - horizon, dtype=np.float32)[:, None]
    texture = clutter(generator, width, height - horizon, 0.7)
    picture[horizon:] = grey * (0.8 + 0.3 * depth + (0.08 + 0.12 * depth) * texture)[..., None]
    kerb = np.array([[0, horizon + 0.25 * (height - horizon)], [width, horizon + 0.15 * (height - horizon)]])
    corners = np.vstack([kerb, kerb[::-1] + np.array([0, max(2.0, 0.015 * height)])])
    _paint(picture, generator, corners, grey * 1.5, 0.1)


def _house(picture: npt.NDArray[np.float32], generator: np.random.Generator, foot: tuple[int, int], width: int, height: int) -> None:
    left, bottom = foot
    wall = _colour(generator, (80, 60, 50), (205, 190, 170))
    _paint(picture, generator, _rectangle(left, bottom - height, width, height), wall, 0.12)
    roof = _colour(generator, (60, 35, 30), (120, 85, 75))
    eaves, ridge = bottom - height, bottom - height - int(0.3 * width)
    _paint(
        picture,
        generator,
        np.array([[left - 4, eaves], [left + width + 4, eaves], [left + 0.7 * width, ridge], [left + 0.3 * width, ridge]]),
        roof,
        0.2,
    )
    columns, rows = max(2, width // 24), max(2, height // 30)
    for row in range(rows):
        for column in range(columns):
            pane = generator.uniform(15, 90) * np.array([0.9, 1.0, 1.15], np.float32)
            x, y = left + (column + 0.25) * width / columns, bottom - height + (row + 0.22) * height / rows
            size = 0.5 * width / columns, 0.56 * height / rows
            _paint(picture, generator, _rectangle(x - 1.5, y - 1.5, size[0] + 3, size[1] + 3), wall * 1.2, 0.02)
            _paint(picture, generator, _rectangle(x, y, *size), pane, 0.2)


def _tree(picture: npt.NDArray[np.float32], generator: np.random.Generator, x: int, foot: int, height: int) -> None:
    tall = height * generator.uniform(0.3, 0.6)
    thick = max(2.0, 0.05 * tall)
    bark = _colour(generator, (35, 28, 20), (80, 66, 52))
    _paint(picture, generator, _rectangle(x - thick / 2, foot - tall, thick, tall), bark, 0.25)
    green = _colour(generator, (40, 70, 25), (90, 125, 60))
    box = int(x - 0.35 * tall), int(foot - 1.1 * tall), int(x + 0.35 * tall), int(foot - 0.35 * tall)
    _leaves(picture, generator, box, int(tall * tall * 0.05), green)


def _leaves(
    picture: npt.NDArray[np.float32], generator: np.random.Generator, box: tuple[int, int, int, int], count: int, green: Colour
) -> None:
    """Many small ellipses, denser towards the middle of the box (left, top, right, bottom)."""
    middle, spread = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), ((box[2] - box[0]) / 3.2, (box[3] - box[1]) / 3.2)
    for x, y, size, turn, light in zip(
        generator.normal(middle[0], spread[0], count),
        generator.normal(middle[1], spread[1], count),
        generator.uniform(1.2, 4.0, count),
        generator.uniform(0, 180, count),
        generator.uniform(0.35, 1.35, count),
        strict=True,
    ):
        colour = tuple(float(c) for c in green * light)
        cv2.ellipse(picture, (round(x), round(y)), (round(size + 1), max(1, round(0.5 * size))), turn, 0, 360, colour, -1)


def _spruces(
    picture: npt.NDArray[np.float32], generator: np.random.Generator, foot: npt.NDArray[np.float64], tall: float, colour: Colour
) -> None:
    """A row of pointed trees on ground that falls or rises from foot[0] at the left edge to foot[1] at the right one."""
    height, width = picture.shape[:2]
    _paint(picture, generator, np.array([[0, foot[0]], [width, foot[1]], [width, height], [0, height]]), colour, 0.15)
    x = 0.0
    while x < width:
        base = foot[0] + (foot[1] - foot[0]) * x / width
        top = base - tall * generator.uniform(0.3, 1.0)
        half = generator.uniform(0.06, 0.16) * (base - top)
        for level in np.linspace(0, 1, max(2, round((base - top) / 6)), endpoint=False):  # whorls, each wider than that above
            y, across = top + level * (base - top), half * (level + 0.15)
            branch = np.array([[x, y - 2], [x + across, y + 0.35 * half + 3], [x, y + 0.2 * half + 2], [x - across, y + 0.35 * half + 3]])
            _paint(picture, generator, branch, colour * generator.uniform(0.75, 1.25), 0.0)
        _paint(picture, generator, _rectangle(x - 0.6, top - 3, 1.2 + 0.05 * half, base - top + 6), colour, 0.0)
        x += generator.gamma(2.0, 0.6) * max(half, 2.0)


def _palings(picture: npt.NDArray[np.float32], generator: np.random.Generator) -> None:
    """Slats, railings, posts or poles at even distances, lighter or darker than what is behind them."""
    height, width = picture.shape[:2]
    top = height * generator.uniform(0.2, 0.75)
    tall, distance = height * generator.uniform(0.15, 0.6), generator.uniform(5, 30)
    colour = _colour(generator, (15, 15, 15), (235, 232, 225))
    lean = generator.normal(0, 0.05) * tall
    for x in np.arange(generator.uniform(0, distance), width, distance):
        thick = distance * generator.uniform(0.12, 0.18) * 2
        corners = np.array([[x, top], [x + thick, top], [x + thick + lean, top + tall], [x + lean, top + tall]])
        _paint(picture, generator, corners + generator.normal(0, 0.3, corners.shape), colour * generator.uniform(0.85, 1.15), 0.1)
    for share in (0.15, 0.85):
        _paint(picture, generator, _rectangle(0, top + share * tall, width, max(1.5, 0.12 * distance)), colour, 0.1)


def _blades(picture: npt.NDArray[np.float32], generator: np.random.Generator) -> None:
    """Grass, reeds and bare stems, light and dark ones."""
    height, width = picture.shape[:2]
    for _ in range(int(width * generator.uniform(0.3, 1.2))):
        x, foot = generator.uniform(0, width), height * generator.uniform(0.7, 1.1)
        tall, thick = height * generator.uniform(0.05, 0.35), generator.uniform(0.5, 2.2)
        lean = generator.normal(0, 0.15) * tall
        colour = _colour(generator, (20, 26, 12), (215, 205, 150))
        _paint(picture, generator, np.array([[x - thick / 2, foot], [x + thick / 2, foot], [x + lean, foot - tall]]), colour, 0.0)


def _rectangle(left: float, top: float, width: float, height: float) -> npt.NDArray[np.float64]:
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])


def _paint(
    picture: npt.NDArray[np.float32], generator: np.random.Generator, corners: npt.NDArray[np.float64], colour: Colour, texture: float
) -> None:
    """Fill a polygon with a textured colour, in place."""
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, [picture.shape[1], picture.shape[0]])
    if (high <= low).any():
        return
    width, height = (int(v) for v in high - low)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint((corners - low) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    share = mask[..., None].astype(np.float32) / 255.0
    grain = 1.0 + texture * clutter(generator, width, height, 0.6)[..., None] if min(width, height) > 1 else 1.0
    part = picture[low[1] : high[1], low[0] : high[0]]
    part += share * (colour * grain - part)


def _finish(picture: npt.NDArray[np.float32], generator: np.random.Generator) -> Picture:
    """Fine grain over everything and the softness of a lens."""
    grain = 1.0 + 0.03 * clutter(generator, picture.shape[1], picture.shape[0], 0.4)[..., None]
    return np.asarray(np.clip(np.rint(cv2.GaussianBlur(picture * grain, (0, 0), 0.6)), 0, 255), np.uint8)
