"""What moves in a scene although the camera stands: people and cars that cross it, and foliage in front that sways."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from acquire.simulator.procedural import clutter, thicket
from acquire.simulator.specification import ClipSpecification, Event, span_end

Picture = npt.NDArray[np.uint8]
SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class MovingObject:
    """A person or a car that crosses the picture in a straight line. Places and sizes in px of the canvas."""

    kind: str
    first_frame: int
    end_frame: int
    start_x: float
    foot_y: float
    speed: float  # px a frame, positive to the right
    size: float  # height of a person, length of a car
    colour: tuple[int, int, int]


def moving_objects(specification: ClipSpecification, event: Event, canvas: tuple[int, int]) -> list[MovingObject]:
    """The event's objects: each is in the picture at some time of the span, and at no other time."""
    generator = np.random.default_rng([specification.seed, 3 << 20, event.first_frame])
    width, height = canvas
    first, end = event.first_frame, span_end(event, specification.frames)
    count = max(1, round(3 if event.strength is None else event.strength))
    found = []
    for number in range(count):
        car = bool(generator.random() < 0.5)
        size = height * float(generator.uniform(0.3, 0.45) if car else generator.uniform(0.25, 0.4))
        speed = (
            float(generator.uniform(0.012, 0.03) if car else generator.uniform(0.004, 0.01))
            * width
            * (1 if generator.random() < 0.5 else -1)
        )
        middle = first + (number + 0.5) * (end - first) / count  # when it is in the middle of the picture
        found.append(
            MovingObject(
                "car" if car else "person",
                first,
                end,
                start_x=width * float(generator.uniform(0.35, 0.65)) - speed * (middle - first),
                foot_y=height * float(generator.uniform(0.72, 0.95)),
                speed=speed,
                size=size,
                colour=tuple(int(v) for v in generator.integers(20, 200, 3)),  # type: ignore[arg-type]
            )
        )
    return found


def draw_objects(picture: Picture, objects: list[MovingObject], index: int) -> Picture:
    """The picture, HWC RGB, with the objects where they are at frame `index`; the farthest first."""
    drawn = picture.copy()
    for thing in sorted(objects, key=lambda one: one.foot_y):
        x = thing.start_x + thing.speed * (index - thing.first_frame)
        if thing.kind == "car":
            _draw_car(drawn, x, thing)
        else:
            _draw_person(drawn, x, thing, index)
    return drawn


@dataclass(frozen=True, slots=True)
class Foliage:
    """A layer of leaves in front of the scene. All arrays are of the canvas's size."""

    leaves: Picture
    cover: npt.NDArray[np.float32]  # 0-1
    phase: npt.NDArray[np.float32]  # radians
    reach_px: float

    def sway(self, picture: Picture, time_s: float) -> Picture:
        """The picture behind the leaves as they hang at a time: gusts of several rhythms, unlike from place to place."""
        rows, columns = np.indices(self.cover.shape, np.float32)
        swing = np.sin(2 * math.pi * 0.9 * time_s + self.phase) + 0.5 * np.sin(2 * math.pi * 2.3 * time_s + 1.7 * self.phase)
        bob = np.sin(2 * math.pi * 1.4 * time_s + 1.3 * self.phase)
        map_x = columns + np.float32(self.reach_px) * swing.astype(np.float32)
        map_y = rows + np.float32(0.4 * self.reach_px) * bob.astype(np.float32)
        leaves = cv2.remap(self.leaves, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
        cover = cv2.remap(self.cover, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)[..., None]
        return np.asarray(np.rint(picture + cover * (leaves - picture)), np.uint8)


def foliage(specification: ClipSpecification, event: Event, canvas: tuple[int, int]) -> Foliage:
    """The event's foliage: it covers `strength` (usually a quarter) of the canvas, from above and the sides."""
    generator = np.random.default_rng([specification.seed, 4 << 20, event.first_frame])
    width, height = canvas
    share = 0.25 if event.strength is None else event.strength
    side = 1.0 if generator.random() < 0.5 else -1.0
    slope = side * np.linspace(-1.5, 1.5, width)[None, :] - np.linspace(-1.5, 1.5, height)[:, None]
    density = slope + 0.7 * clutter(generator, width, height, 1.2)
    cover = np.clip((density - np.quantile(density, 1 - share)) * 6 + 0.5, 0, 1).astype(np.float32)
    leaves = thicket(int(generator.integers(1 << 30)), width, height)
    phase = (2.5 * clutter(generator, width, height, 1.8)).astype(np.float32)
    return Foliage(leaves, cover, phase, reach_px=0.012 * height + 1.0)


def _draw_car(picture: Picture, x: float, car: MovingObject) -> None:
    long, tall = car.size, 0.36 * car.size
    foot = car.foot_y
    nose = 1 if car.speed > 0 else -1
    body = [(-0.5, -0.15), (0.5, -0.15), (0.5, -0.55), (0.28, -0.62), (-0.5, -0.62)]
    cabin = [(-0.42, -0.6), (0.24, -0.6), (0.08, -1.0), (-0.32, -1.0)]
    for outline, colour in ((body, car.colour), (cabin, tuple(int(0.4 * c + 25) for c in car.colour))):
        _fill(picture, [(x + nose * u * long, foot + v * tall) for u, v in outline], colour)
    _fill(
        picture,
        [(x + nose * u * long, foot + v * tall) for u, v in ((0.44, -0.5), (0.5, -0.5), (0.5, -0.36), (0.44, -0.36))],
        (250, 245, 220),
    )
    for wheel in (-0.3, 0.3):
        _circle(picture, x + wheel * long, foot - 0.14 * tall, 0.2 * tall, (24, 24, 26))


def _draw_person(picture: Picture, x: float, person: MovingObject, index: int) -> None:
    tall, foot = person.size, person.foot_y
    stride = 0.12 * tall * math.sin(index * abs(person.speed) / (0.08 * tall))
    dark = tuple(int(0.5 * c) for c in person.colour)
    for leg in (stride, -stride):
        _fill(
            picture,
            [
                (x - 0.05 * tall, foot - 0.45 * tall),
                (x + 0.05 * tall, foot - 0.45 * tall),
                (x + leg + 0.04 * tall, foot),
                (x + leg - 0.04 * tall, foot),
            ],
            dark,
        )
    _fill(
        picture,
        [
            (x - 0.1 * tall, foot - 0.84 * tall),
            (x + 0.1 * tall, foot - 0.84 * tall),
            (x + 0.08 * tall, foot - 0.42 * tall),
            (x - 0.08 * tall, foot - 0.42 * tall),
        ],
        person.colour,
    )
    _circle(picture, x, foot - 0.92 * tall, 0.075 * tall, (205, 165, 140))


def _fill(picture: Picture, corners: list[tuple[float, float]], colour: tuple[int, ...]) -> None:
    points = np.rint(np.array(corners) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(picture, [points], colour, cv2.LINE_AA, SUBPIXEL_BITS)


def _circle(picture: Picture, x: float, y: float, radius: float, colour: tuple[int, ...]) -> None:
    scaled = [round(v * (1 << SUBPIXEL_BITS)) for v in (x, y, radius)]
    cv2.circle(picture, (scaled[0], scaled[1]), scaled[2], colour, -1, cv2.LINE_AA, SUBPIXEL_BITS)
