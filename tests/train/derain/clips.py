"""Tiny video files with all that real ones carry, written by PyAV."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[Any]
LOSSLESS = {"libx264": {"qp": "0"}, "libx265": {"x265-params": "lossless=1:log-level=error"}, "ffv1": {}, "png": {}}


def write_clip(
    path: Path,
    pictures: Sequence[Picture],
    times: Sequence[int],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    tick: Fraction = Fraction(1, 1000),
    rotation_deg: int = 0,
    tags: dict[str, int] | None = None,
    sound: str | None = None,
    options: dict[str, str] | None = None,
) -> None:
    """Lossless video of RGB pictures at `times` (in ticks), with a tone as `sound` (a codec)."""
    with av.open(str(path), "w") as container:
        stream = cast(av.VideoStream, container.add_stream(codec, options={**LOSSLESS[codec], **(options or {})}))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.time_base = stream.codec_context.time_base = tick
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        tone = _tone(container, sound, times[-1] * tick) if sound else []
        container.metadata["title"] = "rain"
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = time, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        container.mux(tone)


def sound_packets(path: Path) -> list[tuple[float, float | None, bytes]]:
    """Of each packet of sound its time since the first frame of the video, its duration, and its bytes."""
    with av.open(str(path)) as container:
        first = next(frame for frame in container.decode(video=0))
        start_s = float((first.pts or 0) * (first.time_base or 0))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        return [
            (round(float((packet.pts or 0) * packet.time_base) - start_s, 4), packet.duration, bytes(cast(Any, packet)))
            for packet in packets
        ]


def stored_planes(path: Path) -> list[tuple[float, list[npt.NDArray[Any]]]]:
    """Of each frame its time and its planes as stored."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = []
            for number, plane in enumerate(frame.planes):
                depth = np.dtype(np.uint8 if frame.format.components[number].bits == 8 else "<u2")
                rows = np.frombuffer(memoryview(plane), depth).reshape(-1, plane.line_size // depth.itemsize)
                planes.append(rows[: plane.height, : plane.width].copy())
            found.append((float((frame.pts or 0) * (frame.time_base or 0)), planes))
    return found


def boxes(path: Path) -> list[str]:
    """The names of an MP4's outermost boxes."""
    content, place, names = path.read_bytes(), 0, []
    while place + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, place)
        names.append(name.decode("latin1"))
        place += size if size > 1 else struct.unpack_from(">Q", content, place + 8)[0]
    return names


def _tone(container: av.container.OutputContainer, codec: str, duration_s: Fraction) -> list[Any]:
    stream = cast(Any, container.add_stream(codec, rate=48_000))
    count = int(48_000 * (duration_s + Fraction(1, 10)))
    wave = (8000 * np.sin(np.arange(count) / 20)).astype(np.int16)
    sound = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
    sound.sample_rate, sound.pts, sound.time_base = 48_000, 0, Fraction(1, 48_000)
    return [*stream.encode(sound), *stream.encode()]
