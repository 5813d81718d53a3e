"""What moves before a still camera and is no rain, drawn by hand: the traps that the simulator's events do not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tests.benchmarks.falling_drops import DropRain, drop_frames

Colours = npt.NDArray[np.uint8]  # HWC RGB
Plane = npt.NDArray[np.float32]


def snow(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """Large flakes that fall slowly and flutter."""
    look = DropRain(length_px=2.5, width_px=3.0, cover=0.05, brightness=110, speed=0.15, flutter=0.5, shutter=0.3)
    yield from (frame.picture for frame in drop_frames(clean, look, frames, seed))


def steep_snow(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """Flakes that fall straight down, half as long again as wide."""
    look = DropRain(orientation_deg=88, length_px=6.0, width_px=4.0, cover=0.06, brightness=100, speed=0.15, flutter=0.06, shutter=0.4)
    yield from (frame.picture for frame in drop_frames(clean, look, frames, seed))


def driven_snow(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """Flakes in a gale, each on its own way."""
    look = DropRain(orientation_deg=125, length_px=8.0, width_px=3.5, cover=0.08, brightness=100, speed=0.15, flutter=0.5, shutter=0.5)
    yield from (frame.picture for frame in drop_frames(clean, look, frames, seed))


def spray(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """Drops thrown up from a line near the ground, all round."""
    height, width = clean.shape[:2]
    rng = np.random.default_rng(seed)
    for _ in range(frames):
        light = np.zeros((height, width), np.float32)
        for _ in range(260):
            x, y, angle = rng.uniform(0, width), height * (0.95 - abs(rng.normal(0, 0.25))), rng.uniform(0, np.pi)
            _bar(light, x, y, angle, rng.uniform(4, 14), rng.uniform(20, 90))
        yield _lit(clean, cv2.GaussianBlur(light, (0, 0), 0.8))


def insects(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """Bright dots that dart about."""
    height, width = clean.shape[:2]
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, 1, (120, 2)) * (width, height)
    for _ in range(frames):
        step = rng.normal(0, 5, place.shape)
        light = np.zeros((height, width), np.float32)
        for (x, y), (right, down) in zip(place, step, strict=True):
            _bar(light, x, y, np.arctan2(-down, right), max(2.0, float(np.hypot(right, down))), 120)
        place = (place + step) % (width, height)
        yield _lit(clean, cv2.GaussianBlur(light, (0, 0), 0.8))


def grass(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """Upright blades that sway, over the whole picture."""
    height, width = clean.shape[:2]
    rng = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(rng.normal(0, 1, (height, width + 40)).astype(np.float32), (0, 0), sigmaX=1.2, sigmaY=14)
    ground *= 45 / ground.std()
    rows, columns = np.indices((height, width), np.float32)
    phase = 6.3 * cv2.resize(rng.random((4, 6)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    for index in range(frames):
        sway = 3.0 * np.sin(phase + 0.9 * index).astype(np.float32)
        blades = cv2.remap(ground, columns + sway + 20, rows, cv2.INTER_LINEAR)
        yield np.clip(blades[..., None] + np.array([80, 120, 60], np.float32), 0, 255).astype(np.uint8)


def reflections(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """Upright reflections of lamps on a wet street, which flicker where they stand."""
    height, width = clean.shape[:2]
    rng = np.random.default_rng(seed)
    columns, rows = np.arange(width), np.arange(height)[:, None]
    lamps = [(rng.uniform(0, width), rng.uniform(2, 6), rng.uniform(60, 160)) for _ in range(14)]
    below = np.clip((rows / height - 0.4) * 4, 0, 1)
    for _ in range(frames):
        light = np.zeros((height, width), np.float32)
        for x, across, bright in lamps:
            ripple = np.clip(np.interp(np.arange(height), np.arange(0, height, 9), rng.normal(0.6, 0.5, -(-height // 9))), 0, None)
            light += (bright * np.exp(-0.5 * ((columns - x) / across) ** 2)[None] * ripple[:, None] * below).astype(np.float32)
        yield _lit(clean // 2, light)


def ripples(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """Glitter on water: short level strokes that come and go."""
    height, width = clean.shape[:2]
    rng = np.random.default_rng(seed)
    for _ in range(frames):
        light = np.zeros((height, width), np.float32)
        for _ in range(250):
            _bar(light, rng.uniform(0, width), height * rng.uniform(0.2, 1), rng.normal(0, 0.08), rng.uniform(5, 20), rng.uniform(30, 110))
        yield _lit(clean, cv2.GaussianBlur(light, (0, 0), 0.8))


def fountain(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """Falling water in a sixth of the picture."""
    shown = drop_frames(clean, DropRain(length_px=20, width_px=2, cover=0.3, brightness=110), frames, seed)
    width = clean.shape[1]
    for frame in shown:
        picture = clean.copy()
        picture[:, width // 2 : width // 2 + width // 6] = frame.picture[:, width // 2 : width // 2 + width // 6]
        yield picture


def smoke(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """Veils that drift."""
    height, width = clean.shape[:2]
    rng = np.random.default_rng(seed)
    veil = cv2.GaussianBlur(rng.normal(0, 1, (height, width + 4 * frames)).astype(np.float32), (0, 0), 12)
    veil = np.clip(veil / veil.std(), 0, None) * 40
    for index in range(frames):
        yield _lit(clean, veil[:, 4 * index : 4 * index + width])


def trembling(clean: Colours, frames: int, seed: int) -> Iterator[Colours]:
    """A camera that trembles by a quarter of a pixel before upright detail."""
    rng = np.random.default_rng(seed)
    upright = cv2.resize(clean, (clean.shape[1], max(4, clean.shape[0] // 10)), interpolation=cv2.INTER_AREA)
    upright = cv2.resize(upright, clean.shape[1::-1])
    for _ in range(frames):
        shift = np.array([[1, 0, rng.normal(0, 0.25)], [0, 1, rng.normal(0, 0.25)]])
        yield np.asarray(cv2.warpAffine(upright, shift, clean.shape[1::-1], borderMode=cv2.BORDER_REFLECT), np.uint8)


LOOK_ALIKES: dict[str, Callable[[Colours, int, int], Iterator[Colours]]] = {
    "snow": snow,
    "steep snow": steep_snow,
    "driven snow": driven_snow,
    "spray": spray,
    "insects": insects,
    "swaying grass": grass,
    "reflections": reflections,
    "ripples": ripples,
    "fountain": fountain,
    "smoke": smoke,
    "trembling camera": trembling,
}


def _bar(light: Plane, x: float, y: float, angle_rad: float, length: float, brightness: float) -> None:
    right, down = np.cos(angle_rad) * length / 2, -np.sin(angle_rad) * length / 2
    ends = [(round(8 * (x - right)), round(8 * (y - down))), (round(8 * (x + right)), round(8 * (y + down)))]
    cv2.line(light, ends[0], ends[1], float(brightness), 1, cv2.LINE_8, 3)


def _lit(clean: Colours, light: npt.NDArray[Any]) -> Colours:
    return np.clip(clean + light[..., None] * (1 - clean / 300.0), 0, 255).astype(np.uint8)
