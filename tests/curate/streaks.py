"""Rain drawn bar by bar, by other means than the simulator's: what the rain measures were not tuned on."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float64]


def ground(height: int, width: int, rng: np.random.Generator) -> Plane:
    """A still background (HW, grey levels): a few dozen overlapping grey boxes."""
    picture = np.full((height, width), 90.0)
    for _ in range(40):
        top, left = int(rng.integers(height)), int(rng.integers(width))
        picture[top : top + int(rng.integers(4, height // 2)), left : left + int(rng.integers(4, width // 2))] = rng.uniform(30, 170)
    return picture


def bars(
    height: int,
    width: int,
    rng: np.random.Generator,
    *,
    orientation_deg: float = 90.0,
    length_px: float = 20.0,
    width_px: float = 1.5,
    number: int = 30,
    brightness: float = 60.0,
    spread_deg: float = 1.0,
) -> Plane:
    """The light of `number` straight bars (HW, grey levels): by each pixel's distance to each bar's axis."""
    light = np.zeros((height, width))
    down, right = np.mgrid[:height, :width]
    for _ in range(number):
        angle = np.radians(orientation_deg + rng.normal(0, spread_deg))
        x, y = right - rng.uniform(-5, width + 5), down - rng.uniform(-5, height + 5)
        along, across = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
        shape = np.clip(length_px / 2 - np.abs(along) + 0.5, 0, 1) * np.clip(width_px / 2 - np.abs(across) + 0.5, 0, 1)
        light = np.maximum(light, brightness * rng.uniform(0.7, 1.3) * shape)
    return light


def seen(picture: Plane, rng: np.random.Generator, noise: float = 0.7) -> Grey:
    """As a camera gives it: with noise, 8 bits."""
    return np.clip(np.rint(picture + rng.normal(0, noise, picture.shape)), 0, 255).astype(np.uint8)


def write_clip(path: Path, pictures: list[Grey], fps: int = 25) -> None:
    """Grey pictures as an H.264 file, nearly without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "12", "preset": "ultrafast"})
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.repeat(picture[..., None], 3, axis=2), format="rgb24")))
        container.mux(stream.encode())
