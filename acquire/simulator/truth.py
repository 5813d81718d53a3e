"""What is known of a rendered clip: measured on the pictures that were rendered, not on what was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from acquire.simulator.backgrounds import split_name, stem
from acquire.simulator.camera import Pose
from acquire.simulator.rain import VISIBLE
from acquire.simulator.specification import CHANGES_PICTURE, CHANGES_PICTURE_IN_PART, ClipSpecification, describe, span_end
from manifests.tables import Truth

if TYPE_CHECKING:
    from acquire.simulator.render import RenderedFrame

STANDS_PX = 1e-6  # poses nearer than this are one stand


@dataclass(frozen=True, slots=True)
class FrameTruth:
    """What one frame's rain measured."""

    pts_s: float
    orientation_deg: float | None
    density: float
    brightness: float
    drops: int
    length_sum_px: float
    width_sum_px: float


def measure(frame: RenderedFrame) -> FrameTruth:
    """Density and brightness over the pixels that rain brightened visibly, and the sums over the drops drawn."""
    rainy = frame.rain[frame.rain > VISIBLE]
    return FrameTruth(
        pts_s=frame.pts_s,
        orientation_deg=frame.orientation_deg,
        density=rainy.size / frame.rain.size,
        brightness=float(rainy.mean()) if rainy.size else 0.0,
        drops=len(frame.lengths_px),
        length_sum_px=float(frame.lengths_px.sum()),
        width_sum_px=float(frame.widths_px.sum()),
    )


def clean_is_constant(specification: ClipSpecification) -> bool:
    """Whether one rain-free picture is true of every frame."""
    return specification.camera.kind == "static" and not any(
        event.kind in CHANGES_PICTURE
        or (
            event.kind in CHANGES_PICTURE_IN_PART
            and (event.first_frame, span_end(event, specification.frames)) != (0, specification.frames)
        )
        for event in specification.events
    )


def static_spans(specification: ClipSpecification, path: Sequence[Pose]) -> list[tuple[int, int]]:
    """Longest spans of at least two frames in which the camera stands and no cut, fade or black frame falls."""
    blocked = np.zeros(specification.frames, bool)
    starts = np.zeros(specification.frames, bool)
    starts[0] = True
    for event in specification.events:
        if event.kind in ("fade", "black"):
            blocked[event.first_frame : span_end(event, specification.frames)] = True
        if event.kind == "cut":
            starts[event.first_frame] = True
    for index in range(1, specification.frames):
        here, before = path[index], path[index - 1]
        far = math.hypot(here.shift_x_px - before.shift_x_px, here.shift_y_px - before.shift_y_px)
        starts[index] |= far + abs(here.scale - before.scale) + abs(here.roll_deg - before.roll_deg) > STANDS_PX
        starts[index] |= blocked[index] != blocked[index - 1]
    edges = [*np.flatnonzero(starts).tolist(), specification.frames]
    return [(first, end) for first, end in pairwise(edges) if end - first > 1 and not blocked[first]]


def gather(
    specification: ClipSpecification, path: Sequence[Pose], frames: Sequence[FrameTruth], *, footage_id: str, clean: str | None
) -> Truth:
    """The clip's row of the truth table."""
    rain = specification.rain
    spans = static_spans(specification, path)
    row = Truth(
        clip_id=specification.name,
        footage_id=footage_id,
        seed=specification.seed,
        background=f"{stem(specification.background)}:{split_name(specification.background)[1]}",
        camera=specification.camera.kind,
        frames=specification.frames,
        width=specification.width,
        height=specification.height,
        raining=rain is not None,
        events=tuple(describe(event, specification.frames) for event in specification.events),
        static_first=tuple(first for first, _ in spans),
        static_end=tuple(end for _, end in spans),
        shift_x_px=tuple(pose.shift_x_px for pose in path),
        shift_y_px=tuple(pose.shift_y_px for pose in path),
        scale=tuple(pose.scale for pose in path),
        roll_deg=tuple(pose.roll_deg for pose in path),
        pts_s=tuple(frame.pts_s for frame in frames),
        clean=clean,
    )
    if rain is None:
        return row
    return _with_rain(row, specification, frames)


def _with_rain(row: Truth, specification: ClipSpecification, frames: Sequence[FrameTruth]) -> Truth:
    assert specification.rain is not None
    orientations = [frame.orientation_deg for frame in frames if frame.orientation_deg is not None]
    rainy = sum(frame.density for frame in frames)
    drops = sum(frame.drops for frame in frames)
    return replace(
        row,
        orientation_deg=circular_mean_deg(orientations),
        length_px=sum(frame.length_sum_px for frame in frames) / drops if drops else None,
        width_px=sum(frame.width_sum_px for frame in frames) / drops if drops else None,
        density=rainy / len(frames),
        brightness=sum(frame.brightness * frame.density for frame in frames) / rainy if rainy else 0.0,
        layers=specification.rain.layers,
        defocus_px=specification.rain.defocus_px,
        frame_orientation_deg=tuple(orientations),
        frame_density=tuple(frame.density for frame in frames),
        frame_brightness=tuple(frame.brightness for frame in frames),
    )


def circular_mean_deg(orientations: Sequence[float]) -> float:
    """Mean of directions that are the same after half a turn, degrees modulo 180."""
    doubled = np.exp(2j * np.radians(orientations)).sum()
    return math.degrees(float(np.angle(doubled))) / 2 % 180.0
