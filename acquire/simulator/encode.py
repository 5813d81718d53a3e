"""Write pictures as a video file with a real codec. One thread and bit-exact flags: the same pictures give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
import numpy.typing as npt

from acquire.simulator.specification import ClipSpecification

TICK_S = Fraction(1, 1000)  # of variable frame rates: the coarsest time base of the containers


def presentation_times(specification: ClipSpecification) -> list[float]:
    """Each frame's time in seconds; with a variable frame rate, irregular intervals on a grid of milliseconds."""
    if not specification.variable_frame_rate:
        return [index / specification.fps for index in range(specification.frames)]
    return [tick * float(TICK_S) for tick in _irregular_ticks(specification)]


def encode(specification: ClipSpecification, pictures: Iterable[npt.NDArray[np.uint8]], file: BinaryIO) -> None:
    """Encode upright HWC RGB pictures into an open, seekable file as the specification says."""
    ticks = _irregular_ticks(specification) if specification.variable_frame_rate else list(range(specification.frames))
    rate = Fraction(specification.fps).limit_denominator(1001)
    time_base = TICK_S if specification.variable_frame_rate else 1 / rate
    turns = specification.rotation_deg // 90
    with av.open(file, "w", format=_FORMATS[specification.container], container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(specification.codec, rate=rate, options=_codec_options(specification))
        assert isinstance(stream, av.VideoStream)
        stored = (specification.width, specification.height)[:: -1 if turns % 2 else 1]
        stream.width, stream.height = stored
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = time_base
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = specification.key_frame_interval
        if turns:
            stream.set_display_rotation(specification.rotation_deg)
        for tick, picture in zip(ticks, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(picture, -turns)), format="rgb24")
            frame.pts, frame.time_base = tick, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


_FORMATS = {"mp4": "mp4", "mkv": "matroska", "webm": "webm", "avi": "avi"}


def _codec_options(specification: ClipSpecification) -> dict[str, str]:
    """The codec's own names for quality and for reproducible output."""
    loss = 1.0 - specification.quality / 100.0
    exact = {"flags": "+bitexact"}
    if specification.codec == "libx264":
        # x264's macroblock tree with B-frames reads memory that was never set (wide vector code), so that bytes differ from run to run.
        return exact | {"crf": f"{51 * loss:.1f}", "preset": "veryfast", "x264-params": "threads=1:mbtree=0"}
    if specification.codec == "libx265":
        return exact | {"crf": f"{51 * loss:.1f}", "preset": "veryfast", "x265-params": "pools=none:frame-threads=1:log-level=error"}
    if specification.codec == "libvpx-vp9":
        return exact | {"crf": f"{63 * loss:.0f}", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "0"}
    return {"flags": "+bitexact+qscale", "global_quality": f"{round(118 * (1 + 30 * loss**2))}"}


def _irregular_ticks(specification: ClipSpecification) -> list[int]:
    """Presentation times in `TICK_S`: intervals from three quarters to twice the usual one."""
    generator = np.random.default_rng([specification.seed, 1 << 20])
    usual = 1.0 / specification.fps / float(TICK_S)
    intervals = usual * generator.choice([0.75, 0.9, 1.0, 1.0, 1.1, 2.0], specification.frames - 1)
    return [0, *np.cumsum(np.maximum(np.rint(intervals), 1)).astype(int).tolist()]
