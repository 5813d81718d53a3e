"""From a clip's specification to its pictures, file and truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquire.simulator.backgrounds import background
from acquire.simulator.camera import canvas_size, look, poses
from acquire.simulator.encode import encode, presentation_times
from acquire.simulator.rain import add_rain, frame_rain
from acquire.simulator.specification import ClipSpecification
from acquire.simulator.truth import FrameTruth, clean_is_constant, gather, measure
from manifests.files import file_sha256, write_atomically
from manifests.media import write_png
from manifests.tables import Truth


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
    size = specification.width, specification.height
    path = poses(specification)
    canvas = background(specification.background, size, canvas_size(specification, path))
    for index, pts_s in enumerate(presentation_times(specification)):
        clean = look(canvas, path[index], size)
        generator = np.random.default_rng([specification.seed, index])
        if specification.rain is not None:
            rain = frame_rain(specification.rain, *size, generator)
            rainy = np.rint(add_rain(clean.astype(np.float32), rain.light))
            yield RenderedFrame(
                index,
                pts_s,
                _with_noise(rainy, specification.noise, generator),
                clean,
                (rainy - clean).max(axis=2).astype(np.uint8),
                rain.orientation_deg,
                rain.lengths_px,
                rain.widths_px,
            )
        else:
            none = np.zeros(0)
            picture = _with_noise(clean.astype(np.float32), specification.noise, generator)
            yield RenderedFrame(index, pts_s, picture, clean, np.zeros(clean.shape[:2], np.uint8), None, none, none)


def render_clip(specification: ClipSpecification, path: Path, clean_path: Path | None = None) -> Truth:
    """Render the clip into a file (a folder of stills for the codec `jpeg`) and return what is known of it.

    `clean_path`: where to write the rain-free picture as PNG; not written when it changes from frame to frame. Nothing half-written is
    left behind. The truth's `footage_id` is that of the file.
    """
    path_of_camera = poses(specification)
    measured: list[FrameTruth] = []
    clean: npt.NDArray[np.uint8] | None = None

    def pictures() -> Iterator[npt.NDArray[np.uint8]]:
        nonlocal clean
        for frame in render_frames(specification):
            measured.append(measure(frame))
            clean = frame.clean
            yield frame.picture

    with write_atomically(path) as file:
        encode(specification, pictures(), file)
    stored_clean = clean_path if clean_path is not None and clean_is_constant(specification) else None
    if stored_clean is not None and clean is not None:
        write_png(stored_clean, clean)
    return gather(
        specification, path_of_camera, measured, footage_id=file_sha256(path)[:16], clean=str(stored_clean) if stored_clean else None
    )


def _with_noise(picture: npt.NDArray[np.float32], deviation: float, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Sensor noise: partly constant, partly growing with the light that fell."""
    spread = deviation * np.sqrt(0.4 + 0.6 / 128.0 * picture)
    noisy = picture + spread * generator.standard_normal(picture.shape, np.float32)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)
