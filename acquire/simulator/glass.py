"""What is between scene and camera and is no rain streak: drops on a pane, and snow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from acquire.simulator.rain import add_rain
from acquire.simulator.specification import ClipSpecification, Event
from acquire.simulator.streaks import Streaks, draw_streaks

Colours = npt.NDArray[np.float32]
FLAKES_BRIGHT_GROUND = 0.55  # share of a flake's light that is lost over white ground
RUNNING = 0.4  # share of the drops on a pane that run down


@dataclass(frozen=True, slots=True)
class Drop:
    """One drop on the pane; px of the frame."""

    x: float
    y: float
    radius: float
    speed: float  # px a frame downwards; 0: it hangs
    start: float  # phase of its stick and slip, 0-1


def drops_on_glass(specification: ClipSpecification, event: Event) -> list[Drop]:
    """The event's drops."""
    generator = np.random.default_rng([specification.seed, 5 << 20, event.first_frame])
    width, height = specification.width, specification.height
    count = round(40 if event.strength is None else event.strength)
    return [
        Drop(
            x=float(generator.uniform(0, width)),
            y=float(generator.uniform(0, height)),
            radius=height * float(generator.uniform(0.01, 0.035)),
            speed=height * float(generator.uniform(0.002, 0.008)) if generator.random() < RUNNING else 0.0,
            start=float(generator.random()),
        )
        for _ in range(count)
    ]


def through_glass(picture: Colours, drops: list[Drop], elapsed: int) -> Colours:
    """The picture, HWC, as seen through the drops `elapsed` frames after the event's first."""
    height, width = picture.shape[:2]
    rows, columns = np.indices((height, width), np.float32)
    light = np.ones((height, width), np.float32)
    for drop in drops:
        y = _run_down(drop, elapsed, height)
        reach = math.ceil(drop.radius * 1.3) + 1
        box = slice(max(0, int(y) - reach), max(0, int(y) + reach + 1)), slice(max(0, int(drop.x) - reach), max(0, int(drop.x) + reach + 1))
        down, right = np.indices(light[box].shape, np.float32)
        right += box[1].start - np.float32(drop.x)
        down += box[0].start - np.float32(y)
        distance = np.hypot(right, down / 1.25) / drop.radius
        inside = np.clip((1.0 - distance) * drop.radius, 0, 1).astype(np.float32)
        # A drop is a strong lens: it shows a wide view of the scene upside down, darker at its rim and with a glint.
        columns[box] -= inside * right * 5.0
        rows[box] -= inside * down * 5.0
        glint = np.exp(-(((right + 0.3 * drop.radius) ** 2 + (down + 0.4 * drop.radius) ** 2) / (0.3 * drop.radius) ** 2))
        light[box] *= 1.0 + inside * (0.15 - 0.45 * distance**4 + 0.9 * glint)
    seen = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(np.clip(seen * light[..., None], 0, 255), np.float32)


def add_snow(clean: Colours, specification: ClipSpecification, event: Event, index: int) -> Colours:
    """The picture with the event's flakes: soft, round, floating down from frame to frame on winding ways."""
    generator = np.random.default_rng([specification.seed, 6 << 20, event.first_frame])
    width, height = specification.width, specification.height
    count = round(150 if event.strength is None else event.strength)
    elapsed = index - event.first_frame
    near = generator.uniform(0.4, 1.0, count)
    way = generator.uniform(0, 2 * math.pi, count) + 0.15 * elapsed
    margin = 8.0
    x = generator.uniform(0, width, count) + elapsed * generator.normal(0, 0.3, count) + 2 * np.sin(way)
    y = generator.uniform(0, height, count) + elapsed * near * height * 0.012
    deviation = near * height / 200.0 + 0.4
    flakes = Streaks(
        x=x % (width + 2 * margin) - margin,
        y=y % (height + 2 * margin) - margin,
        angle=np.full(count, math.pi / 2),
        length=3.0 * deviation,
        deviation=deviation,
        peak=near * 150.0,
    )
    return add_rain(clean, draw_streaks(flakes, width, height), FLAKES_BRIGHT_GROUND)


def _run_down(drop: Drop, elapsed: int, height: int) -> float:
    """Where a drop hangs: it runs for a while, sticks for a while, and enters again at the top."""
    phase = elapsed / 24.0 + drop.start
    ran = (math.floor(phase) + min(1.0, (phase % 1.0) / 0.6)) - min(1.0, drop.start / 0.6)
    return (drop.y + drop.speed * 24.0 * ran + drop.radius * 2) % (height + 4 * drop.radius) - drop.radius * 2
