"""From a clip's specification to its pictures, file and truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquire.simulator.camera import canvas_size, look, poses
from acquire.simulator.editing import edited
from acquire.simulator.encode import encode, presentation_times
from acquire.simulator.glass import Drop, add_snow, drops_on_glass, through_glass
from acquire.simulator.light import gain, haze
from acquire.simulator.rain import add_rain, frame_rain
from acquire.simulator.shots import Scene
from acquire.simulator.specification import ClipSpecification, Event, shown_frames, span_end
from acquire.simulator.stills import write_stills
from acquire.simulator.truth import FrameTruth, clean_is_constant, gather, measure
from manifests.files import write_atomically
from manifests.media import content_sha256, write_png
from manifests.tables import Truth

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class RenderedFrame:
    """One frame before the codec: `picture` and `clean` HWC uint8 RGB, upright; `rain` HW uint8, grey levels that rain added.

    `picture` carries rain and sensor noise, `clean` neither. `orientation_deg` is None where no rain fell.
    """

    index: int
    pts_s: float
    picture: npt.NDArray[np.uint8]
    clean: npt.NDArray[np.uint8]
    rain: npt.NDArray[np.uint8]
    orientation_deg: float | None
    lengths_px: npt.NDArray[np.float64]
    widths_px: npt.NDArray[np.float64]


def render_frames(specification: ClipSpecification) -> Iterator[RenderedFrame]:
    """The clip's frames in order, before any codec. Raises InputError for an unknown background."""
    path = poses(specification)
    scene = Scene(specification, canvas_size(specification, path))
    panes = [(event, drops_on_glass(specification, event)) for event in specification.events if event.kind == "glass"]
    shown = shown_frames(specification)
    frame: RenderedFrame | None = None
    for index, pts_s in enumerate(presentation_times(specification)):
        if frame is not None and shown[index] < index:
            frame = replace(frame, index=index, pts_s=pts_s)
        else:
            seen = look(scene.at(index), path[index], (specification.width, specification.height))
            frame = _render(specification, index, pts_s, seen, panes)
        yield frame


def _render(
    specification: ClipSpecification, index: int, pts_s: float, seen: Picture, panes: Sequence[tuple[Event, list[Drop]]]
) -> RenderedFrame:
    """One frame of what the camera sees: haze and rain in the air, a pane before the lens, the sensor's noise, the editing."""
    generator = np.random.default_rng([specification.seed, index])
    bright = gain(specification, index)
    clean = np.rint(np.minimum(haze(seen.astype(np.float32), specification, index) * np.float32(bright), 255.0))
    fallen = None
    rainy = clean
    if specification.rain is not None:
        fallen = frame_rain(specification.rain, specification.width, specification.height, generator)
        rainy = np.rint(add_rain(clean, fallen.light * np.float32(bright), specification.rain.bright_ground))
    taken = rainy
    for event in specification.events:
        if event.kind == "snow" and event.first_frame <= index < span_end(event, specification.frames):
            taken = add_snow(taken, specification, event, index)
    for event, drops in panes:
        if event.first_frame <= index < span_end(event, specification.frames):
            taken = through_glass(taken, drops, index - event.first_frame)
    clean_picture = edited(clean.astype(np.uint8), specification, index)
    rainy_picture = edited(rainy.astype(np.uint8), specification, index)
    return RenderedFrame(
        index=index,
        pts_s=pts_s,
        picture=edited(_with_noise(taken, specification.noise, generator), specification, index),
        clean=clean_picture,
        rain=_largest_channel(rainy_picture - clean_picture),
        orientation_deg=fallen.orientation_deg if fallen else None,
        lengths_px=fallen.lengths_px if fallen else np.zeros(0),
        widths_px=fallen.widths_px if fallen else np.zeros(0),
    )


def render_clip(specification: ClipSpecification, path: Path, clean_path: Path | None = None) -> Truth:
    """Render the clip into a file (a folder of stills for the codec `jpeg`) and return what is known of it.

    `clean_path`: where to write the rain-free picture as PNG; not written when it changes from frame to frame. Nothing half-written is
    left behind. The truth's `footage_id` is that of the file.
    """
    path_of_camera = poses(specification)
    measured: list[FrameTruth] = []
    clean: Picture | None = None

    def pictures() -> Iterator[Picture]:
        nonlocal clean
        for frame in render_frames(specification):
            measured.append(measure(frame))
            clean = frame.clean
            yield frame.picture

    if specification.codec == "jpeg":
        write_stills(specification, pictures(), presentation_times(specification), path)
    else:
        with write_atomically(path) as file:
            encode(specification, pictures(), file)
    stored_clean = clean_path if clean_path is not None and clean_is_constant(specification) else None
    if stored_clean is not None and clean is not None:
        write_png(stored_clean, clean)
    return gather(
        specification, path_of_camera, measured, footage_id=content_sha256(path)[:16], clean=str(stored_clean) if stored_clean else None
    )


def _largest_channel(added: Picture) -> Picture:
    return np.maximum(np.maximum(added[..., 0], added[..., 1]), added[..., 2])


def _with_noise(picture: npt.NDArray[np.float32], deviation: float, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Sensor noise: partly constant, partly growing with the light that fell."""
    spread = deviation * np.sqrt(0.4 + 0.6 / 128.0 * picture)
    noisy = picture + spread * generator.standard_normal(picture.shape, np.float32)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)
