"""A video file for frames whose light alone has changed: their times and tags, and what else was in the file, go along."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange

from manifests.errors import InputError, first_line
from manifests.video import open_file
from train.derain.luma_planes import luma_range

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
LEAST_HEVC_PX = 64  # below the side of its largest blocks, x265 (4.1) writes beyond its memory
OPTIONS = {  # visually lossless
    "libx264": {"crf": "12", "preset": "medium"},
    "libx265": {"crf": "12", "preset": "fast", "x265-params": "log-level=error"},
}
ABOUT_THE_FILE = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})  # of its container, which is written anew
_DAMAGE = (av.FFmpegError, OSError, ValueError)


class VideoWriter:
    """Encodes frames, each at its own time, and copies sound, subtitles and chapters between them."""

    def __init__(self, output: av.container.OutputContainer, source: av.container.InputContainer, first: av.VideoFrame) -> None:
        """A video like `source`, whose frames are like `first`."""
        stream_in = source.streams.video[0]
        self._output = output
        self._start_s = (source.start_time or 0) / av.time_base
        self._tick = stream_in.time_base or Fraction(1, 90_000)
        self._latest: int | None = None
        encoder = _encoder(first)
        stream = cast(av.VideoStream, output.add_stream(encoder, rate=stream_in.average_rate, options=OPTIONS[encoder]))
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format.name
        stream.time_base = stream.codec_context.time_base = self._tick
        context = stream.codec_context
        context.color_range = ColorRange.JPEG if luma_range(first)[0] == 0 else first.color_range
        context.colorspace = first.colorspace
        context.color_primaries, context.color_trc = first.color_primaries, first.color_trc
        if stream_in.sample_aspect_ratio:
            context.sample_aspect_ratio = stream_in.sample_aspect_ratio
        if encoder == "libx265" and output.format.name != "matroska":
            context.codec_tag = "hvc1"  # without it some players take the file for damaged
        matrix = cast(Any, first.side_data).get(Type.DISPLAYMATRIX)
        if matrix is not None:
            stream.set_display_matrix(struct.unpack("<9i", bytes(matrix)[:36]))
        self._stream = stream
        output.metadata.update({name: value for name, value in source.metadata.items() if name not in ABOUT_THE_FILE})
        output.set_chapters(source.chapters())

    def write(self, frame: av.VideoFrame, time_s: float) -> None:
        """The next frame, shown at `time_s` by its file's clock."""
        ticks = round((time_s - self._start_s) / self._tick)
        frame.pts = ticks if self._latest is None else max(ticks, self._latest + 1)
        frame.time_base, self._latest = self._tick, frame.pts
        frame.pict_type = 0  # the encoder chooses its key frames anew
        self._output.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._output.mux(self._stream.encode())


class CopiedStreams:
    """Sound and subtitles of a video, packet by packet as they are."""

    def __init__(self, output: av.container.OutputContainer, source: av.container.InputContainer) -> None:
        """Announces them in `output`. Raises InputError for sound that its container cannot hold."""
        self.left_out: list[str] = []  # what could not be copied, in words
        self._output = output
        self._start_s = (source.start_time or 0) / av.time_base
        self._targets: dict[int, Any] = {}
        for stream in source.streams:
            if stream.type in ("audio", "subtitle"):
                self._announce(stream)
            elif stream.type == "data" and source.chapters():
                continue  # which MP4 keeps in such a stream, written anew
            elif stream.index != source.streams.video[0].index:
                self.left_out.append(f"a stream of {stream.type}")
        self._packets = self._read(source)
        self._next = next(self._packets, None)

    @classmethod
    @contextmanager
    def of(cls, output: av.container.OutputContainer, path: Path) -> Iterator[CopiedStreams]:
        """Those of a file, which is read beside its pictures."""
        with open_file(path) as source:
            yield cls(output, source)

    def up_to(self, time_s: float) -> None:
        """Copy what lies before a time by the file's clock. Raises InputError where the file breaks off."""
        while self._next is not None and self._next[0] <= time_s:
            self._output.mux(self._next[1])
            self._next = next(self._packets, None)

    def _announce(self, stream: Any) -> None:
        try:
            target = self._output.add_stream_from_template(stream)
        except ValueError as error:
            if stream.type == "subtitle":
                self.left_out.append(f"subtitles ({stream.codec_context.name})")
                return
            raise InputError(
                f"its sound ({stream.codec_context.name}) cannot be copied to {self._output.format.name}; name an output that ends in .mkv"
            ) from error
        target.metadata.update(stream.metadata)
        target.disposition = stream.disposition
        self._targets[stream.index] = target

    def _read(self, source: av.container.InputContainer) -> Iterator[tuple[float, av.Packet[Any]]]:
        if not self._targets:
            return
        try:
            for packet in source.demux([source.streams[index] for index in self._targets]):
                if packet.size == 0:
                    continue  # the last one
                base = packet.time_base
                time = packet.dts if packet.dts is not None else packet.pts
                seconds = float(time * base) if time is not None else 0.0
                shift = round(self._start_s / base)
                packet.dts = packet.dts - shift if packet.dts is not None else None
                packet.pts = packet.pts - shift if packet.pts is not None else None
                packet.stream = self._targets[packet.stream_index]
                yield seconds, packet
        except _DAMAGE as error:
            raise InputError(f"its sound breaks off ({first_line(error)})") from error


@contextmanager
def output_container(file: BinaryIO, suffix: str) -> Iterator[av.container.OutputContainer]:
    """A video file to write, of the kind that a suffix names. Where the body fails, its error is not hidden by that of closing."""
    container = av.open(file, "w", format=FORMATS[suffix.lower()])
    try:
        yield container
    except BaseException:
        with contextlib.suppress(av.FFmpegError, OSError):
            container.close()
        raise
    container.close()


def _encoder(frame: av.VideoFrame) -> str:
    """Players know 10 bits in HEVC, and hardly any in H.264."""
    deep = frame.format.components[0].bits > 8
    return "libx265" if deep and min(frame.width, frame.height) >= LEAST_HEVC_PX else "libx264"
