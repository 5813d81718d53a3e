"""Simulated clips as the static pass sees them: small grey frames, without a codec between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2

from acquire.simulator.render import render_frames
from acquire.simulator.specification import CameraMove, ClipSpecification, Event, RainSpecification
from curate.measures import Measures
from curate.measuring import measure
from curate.static_segments import MEASURED_PX
from manifests.media import Frame

HEAVY = RainSpecification(orientation_deg=80, length_px=25, width_px=2.0, density=0.3, brightness=85)
LIGHT = RainSpecification(density=0.06)
BASE = ClipSpecification(name="clip", seed=5, width=240, height=160, frames=60, fps=25, background="coffee", rain=LIGHT)


def clip(
    camera: CameraMove | None = None,
    *events: Event,
    rain: RainSpecification | None = LIGHT,
    background: str = "coffee",
    frames: int = 60,
    seed: int = 5,
) -> ClipSpecification:
    """A small clip of 60 frames, 2.4 s."""
    return replace(BASE, camera=camera or CameraMove(), events=events, rain=rain, background=background, frames=frames, seed=seed)


def grey_frames(specification: ClipSpecification) -> Iterator[Frame]:
    """The clip's frames as the decoder would hand them over."""
    factor = min(1.0, MEASURED_PX / max(specification.width, specification.height))
    size = round(specification.width * factor), round(specification.height * factor)
    for frame in render_frames(specification):
        grey = cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY)
        yield Frame(frame.index, frame.pts_s, cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype("uint8"))


def measured(specification: ClipSpecification) -> Measures:
    """What measuring the clip gives."""
    return measure(grey_frames(specification), specification.width, specification.height)
