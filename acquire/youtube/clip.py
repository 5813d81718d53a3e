"""A time range of a video, cut by presentation times, with nothing encoded again.

Video can be entered at key frames alone, and frames of the range may be predicted from frames outside of it. So the packets from the key
frame at or before the start up to the last one in the range are copied, and an MP4 edit list hides what lies outside: what decodes is the
range, frame by frame and bit by bit, from time 0. A codec that MP4 cannot hold goes into Matroska, which cannot hide frames: there
the clip begins at that key frame, and says so by its times.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av

from acquire.failures import Refused
from manifests.errors import first_line
from manifests.video import open_file


@dataclass(frozen=True, slots=True)
class Clip:
    """A range that was cut out. Times are seconds since the source's first frame."""

    file: Path
    start_s: float
    end_s: float | None  # None: at the source's end


@dataclass(frozen=True, slots=True)
class _Packets:
    """A video stream's packets in decoding order, without their data."""

    pts: tuple[int, ...]
    keys: tuple[int, ...]  # which of them are key frames
    tick_s: float


@dataclass(frozen=True, slots=True)
class _Range:
    """Which packets a range needs."""

    first: int
    end: int  # one past the last
    shown: tuple[int, ...]  # presentation times of the range's frames, in ticks, rising


def cut(source: Path, start_s: float | None, end_s: float | None) -> Clip:
    """Copy the frames with start_s <= t < end_s of a file's video into a file beside it, proven by decoding that.

    Times are in seconds since the first frame; None is the file's own start or end. Raises Refused when there is no frame in the range, or
    the file cannot be cut.
    """
    try:
        packets = _packets(source)
        chosen = _chosen(packets, start_s, end_s)
        for container, suffix in (("mp4", ".mp4"), ("matroska", ".mkv")):
            target = source.with_name(f"clip-{'' if start_s is None else f'{start_s:g}'}-{'' if end_s is None else f'{end_s:g}'}{suffix}")
            unfinished = target.with_name(target.name + ".part")
            if container == "matroska":
                chosen = _without_hidden(packets, chosen)
            if _copied(source, unfinished, container, packets, chosen):
                break
        expected = [(pts - chosen.shown[0]) * packets.tick_s for pts in chosen.shown]
        found = _times(unfinished)
        if len(found) != len(expected) or any(abs(one - other) > 0.001 for one, other in zip(found, expected, strict=True)):
            raise Refused("decode", f"{source.name}: the range cannot be cut out of this {target.suffix[1:]} exactly")
    except (av.FFmpegError, ValueError) as error:
        raise Refused("decode", f"{source.name}: the range cannot be cut out ({first_line(error)})") from error
    unfinished.replace(target)
    origin = min(packets.pts)
    after = min((pts for pts in packets.pts if pts > chosen.shown[-1]), default=None)
    return Clip(target, (chosen.shown[0] - origin) * packets.tick_s, None if after is None else (after - origin) * packets.tick_s)


def _packets(source: Path) -> _Packets:
    with open_file(source) as container:
        if not container.streams.video:
            raise Refused("decode", f"{source.name}: holds no video stream")
        found = list(_of_video(container))
        tick_s = float(container.streams.video[0].time_base or 0)
    pts = tuple(packet.pts for packet in found if packet.pts is not None)
    if not pts or len(pts) < len(found) or len(set(pts)) < len(pts) or tick_s <= 0:
        raise Refused("unsupported", f"{source.name}: its frames bear no presentation times of their own; ask for the whole of it")
    return _Packets(pts, tuple(number for number, packet in enumerate(found) if packet.is_keyframe), tick_s)


def _of_video(container: av.container.InputContainer) -> Iterator[av.Packet[Any]]:
    return (packet for packet in container.demux(container.streams.video[0]) if packet.size)  # the last one only flushes


def _chosen(packets: _Packets, start_s: float | None, end_s: float | None) -> _Range:
    origin = min(packets.pts)

    def inside(pts: int) -> bool:
        time_s = (pts - origin) * packets.tick_s
        half = packets.tick_s / 2  # times are rounded to ticks
        return time_s > (start_s or 0.0) - half and (end_s is None or time_s < end_s - half)

    needed = [number for number, pts in enumerate(packets.pts) if inside(pts)]
    if not needed:
        length = (max(packets.pts) - origin) * packets.tick_s
        raise Refused(
            "unsupported", f"no frame between {start_s or 0:g} s and {end_s or length:g} s: the video's last is at {length:.2f} s"
        )
    shown = tuple(sorted(packets.pts[number] for number in needed))
    entries = [key for key in packets.keys if key <= needed[0] and packets.pts[key] <= shown[0]]
    if not entries:
        raise Refused("decode", f"{shown[0]}: no key frame before it; ask for a range that begins later")
    return _Range(entries[-1], needed[-1] + 1, shown)


def _without_hidden(packets: _Packets, chosen: _Range) -> _Range:
    """The range widened until it holds every frame that its packets decode to."""
    first = packets.pts[chosen.first]
    shown = tuple(sorted(pts for pts in packets.pts[chosen.first : chosen.end] if pts >= first))
    return _Range(chosen.first, chosen.end, shown)


def _copied(source: Path, target: Path, container: str, packets: _Packets, chosen: _Range) -> bool:
    """Write the chosen packets, the first frame shown at time 0; False where the container cannot hold the codec."""
    pts = packets.pts[chosen.first : chosen.end]
    rising = sorted(pts)
    delay = max(early - late for early, late in zip(rising, pts, strict=True))  # so that nothing is shown before it is decoded
    ticks = round(1 / packets.tick_s)
    options = {"avoid_negative_ts": "disabled", **({"movie_timescale": str(ticks)} if container == "mp4" else {})}
    with open_file(source) as read, av.open(str(target), "w", format=container, options=options) as written:
        try:
            stream = written.add_stream_from_template(read.streams.video[0], opaque=True)
        except ValueError:
            return False
        for number, packet in enumerate(itertools.islice(_of_video(read), chosen.first, chosen.end)):
            packet.pts, packet.dts = pts[number] - chosen.shown[0], rising[number] - delay - chosen.shown[0]
            packet.stream = stream
            written.mux(packet)
    if container == "mp4" and rising[-1] > chosen.shown[-1]:
        after = min(time for time in pts if time > chosen.shown[-1])
        _end_at(target, (after - chosen.shown[0]) * packets.tick_s)
    return True


def _times(clip: Path) -> list[float]:
    with open_file(clip) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        return [frame.time for frame in container.decode(stream) if frame.time is not None]


# --- the edit list ------------------------------------------------------------------------------------------------------------------


def _end_at(clip: Path, duration_s: float) -> None:
    """Let an MP4's one edit last so long: the muxer states how frames before it are hidden, and has no word for those after.

    ISO/IEC 14496-12: boxes are length, name and content; an edit list's entry begins with its duration in ticks of the movie.
    """
    with clip.open("r+b") as file:
        movie = _box(file, [b"moov", b"mvhd"])
        edits = _box(file, [b"moov", b"trak", b"edts", b"elst"])
        if movie is None or edits is None:
            raise ValueError("no edit list")
        file.seek(movie)
        wide = file.read(1) == b"\1"
        file.seek(movie + (20 if wide else 12))
        (ticks,) = struct.unpack(">I", file.read(4))
        file.seek(edits)
        wide = file.read(1) == b"\1"
        file.seek(edits + 4)
        (number,) = struct.unpack(">I", file.read(4))
        if number != 1:
            raise ValueError(f"{number} edits, where one is expected")
        file.write(struct.pack(">Q" if wide else ">I", round(duration_s * ticks)))


def _box(file: BinaryIO, names: list[bytes]) -> int | None:
    """Where the content of a box begins, found along the names of the boxes that hold it."""
    start, end = 0, file.seek(0, 2)
    for name in names:
        while True:
            if start + 8 > end:
                return None
            file.seek(start)
            size, found = struct.unpack(">I4s", file.read(8))
            content = start + 8
            if size == 1:
                (size,) = struct.unpack(">Q", file.read(8))
                content += 8
            size = size or end - start
            if found == name:
                start, end = content, start + size
                break
            start += max(size, 8)
    return start
