"""The scene before the camera: which background is shown, and what moves in it, on a canvas that holds all that the camera will see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquire.simulator.backgrounds import background
from acquire.simulator.clouds import Clouds, clouds
from acquire.simulator.scenery import Foliage, draw_objects, foliage, moving_objects
from acquire.simulator.specification import ClipSpecification, Event, span_end

Picture = npt.NDArray[np.uint8]


class Scene:
    """The scene of one clip, as a canvas for each frame index. Holds the backgrounds so that each is made once."""

    def __init__(self, specification: ClipSpecification, canvas: tuple[int, int]) -> None:
        self._specification = specification
        self._canvas = canvas
        self._backgrounds: dict[str, Picture] = {}
        self._objects = [moving_objects(specification, event, canvas) for event in specification.events if event.kind == "objects"]
        self._skies: list[tuple[Event, Clouds]] = [
            (event, clouds(specification, event, canvas)) for event in specification.events if event.kind == "clouds"
        ]
        self._foliage: list[tuple[Event, Foliage]] = [
            (event, foliage(specification, event, canvas)) for event in specification.events if event.kind == "leaves"
        ]

    def at(self, index: int) -> Picture:
        """The canvas, HWC RGB, of frame `index`; not to be written to."""
        picture = self._shot(index)
        for event, sky in self._skies:
            if event.first_frame <= index < span_end(event, self._specification.frames):
                picture = sky.over(picture, index / self._specification.fps)
        crossing = [thing for objects in self._objects for thing in objects if thing.first_frame <= index < thing.end_frame]
        if crossing:
            picture = draw_objects(picture, crossing, index)
        for event, leaves in self._foliage:
            if event.first_frame <= index < span_end(event, self._specification.frames):
                picture = leaves.sway(picture, index / self._specification.fps)
        return picture

    def _shot(self, index: int) -> Picture:
        """The background, or the dissolve of two."""
        name = self._specification.background
        changes = [(at, event) for at, event in enumerate(self._specification.events) if event.kind in ("cut", "fade")]
        for at, event in sorted(changes, key=lambda change: change[1].first_frame):
            following = event.background or f"street:{self._specification.seed % 1000 + at}"
            end = span_end(event, self._specification.frames)
            if event.kind == "fade" and event.first_frame <= index < end:
                share = (index - event.first_frame + 1) / (end - event.first_frame + 1)
                mixed = (1 - share) * self._background(name).astype(np.float32) + share * self._background(following).astype(np.float32)
                return np.asarray(np.rint(mixed), np.uint8)
            if index >= event.first_frame:
                name = following
        return self._background(name)

    def _background(self, name: str) -> Picture:
        if name not in self._backgrounds:
            frame = self._specification.width, self._specification.height
            self._backgrounds[name] = background(name, frame, self._canvas)
        return self._backgrounds[name]
