"""A sky whose clouds race: what moves in much of a picture although the camera stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.simulator.procedural import clutter
from acquire.simulator.specification import ClipSpecification, Event

Picture = npt.NDArray[np.uint8]
WIDTHS_A_SECOND = 0.05  # how far the clouds move
SKY, CLOUD = np.array([96, 128, 176], np.float32), np.array([214, 218, 224], np.float32)  # RGB
SOFT = 0.04  # of the height: how soon the sky gives way to what is below


@dataclass(frozen=True, slots=True)
class Clouds:
    """A sky before the scene. Arrays are of the canvas's size; `light` HWC RGB wraps round from right to left."""

    light: Picture
    cover: npt.NDArray[np.float32]  # HW1, 0-1

    def over(self, picture: Picture, time_s: float) -> Picture:
        """The picture, HWC, with the sky as it is at a time."""
        width = picture.shape[1]
        whole, part = divmod(WIDTHS_A_SECOND * time_s * width, 1.0)
        near, far = (np.roll(self.light, int(whole + step) % width, axis=1).astype(np.float32) for step in (0, 1))
        light = near + np.float32(part) * (far - near)
        return np.asarray(np.rint(picture + self.cover * (light - picture)), np.uint8)


def clouds(specification: ClipSpecification, event: Event, canvas: tuple[int, int]) -> Clouds:
    """The event's sky: the upper `strength` (usually two fifths) of the canvas."""
    generator = np.random.default_rng([specification.seed, 7 << 20, event.first_frame])
    width, height = canvas
    share = 0.4 if event.strength is None else event.strength
    thickness = np.clip(0.5 + 0.6 * clutter(generator, width, height, 1.6), 0, 1)[..., None]
    cover = np.clip((share - np.linspace(0, 1, height, dtype=np.float32)) / SOFT + 0.5, 0, 1)[:, None, None]
    light = np.asarray(np.rint(SKY + thickness * (CLOUD - SKY)), np.uint8)
    return Clouds(light, np.broadcast_to(cover, (height, width, 1)).astype(np.float32))
