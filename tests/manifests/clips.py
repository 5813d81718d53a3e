"""Small encoded clips whose every frame tells its own number: what media access is checked against."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 96, 64


def numbered_picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.uint8]:
    """Grey 40 with a bright mark at the top left, and a bar of 8 cells along the top that spells the number in binary."""
    picture = np.full((height, width, 3), 40, dtype=np.uint8)
    for bit in range(8):
        if number >> bit & 1:
            picture[16:32, bit * 8 + 8 : bit * 8 + 16] = 220
    picture[:12, :12] = 255
    return picture


def number_of(picture: npt.NDArray[np.uint8]) -> int:
    """The number that an upright picture spells."""
    return sum(1 << bit for bit in range(8) if picture[18:30, bit * 8 + 10 : bit * 8 + 14].mean() > 130)


def encode(path: Path, times_s: Sequence[float], codec: str = "libx264", key_frames_every: int = 12) -> Path:
    """Encode one numbered picture a time, in steps of 1/1000 s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        assert isinstance(stream, av.VideoStream)
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.gop_size = key_frames_every
        for number, time_s in enumerate(times_s):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            frame.pts = round(time_s * 1000)
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def tag_rotation(path: Path, degrees: int) -> Path:
    """A copy whose container says that stored frames are to be turned; no frame is touched."""
    turned = path.with_name(f"turned-{path.name}")
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-y",
        "-display_rotation",
        str(degrees),
        "-i",
        str(path),
        "-c",
        "copy",
        str(turned),
    ]
    subprocess.run(command, check=True, timeout=60)
    return turned
