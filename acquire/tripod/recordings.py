"""Recordings that a camera split over several files because its card's file system (FAT32) or format (AVCHD) holds no larger one.

Names and sizes alone make candidates. That files belong together is then proven by what they hold: the same codec parameters, and a
timecode, clock of the stream or time of creation at which the later file continues the earlier. GoPro's names tell it by themselves. Parts
are joined without encoding anew: transport streams whose clock runs on by their bytes, as the camera cut them; others packet by packet.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

SPLIT_SIZES = (1 << 31, 1 << 32)  # bytes: AVCHD's 2 GB and FAT32's 4 GB
JOINED_SUFFIXES = frozenset([".mp4", ".mov", ".m4v", ".mts", ".m2ts"])

_TRANSPORT_SUFFIXES = (".mts", ".m2ts")
_FULL = 0.85  # of a size: cameras stop well before the limit, at the next key frame or chapter
_GOPRO = re.compile(r"G([HXP])(\d\d)(\d{4})|GOPR(\d{4})", re.IGNORECASE)
_LAST_NUMBER = re.compile(r"(.*?)(\d+)(\D*)")
_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")
_STREAM_CLOCK_S = (1 << 33) / 90_000  # a transport stream's clock begins anew after this
_CLOCK_TOLERANCE_S = 0.5
_CREATION_TOLERANCE_S = 2.0  # times of creation are whole seconds, some of them even ones


def candidates(videos: Sequence[Path], split_sizes: Sequence[int] = SPLIT_SIZES) -> Iterator[list[Path]]:
    """Each video alone, or with those that may continue it by name and size, in order.

    A GoPro's chapters of one number (GH010123, GH020123); else consecutive numbers in one folder, all but the last just under one of
    `split_sizes`, in bytes.
    """
    there = {(video.parent, video.name.upper()): video for video in videos}
    followed = {video: after for video in videos if (after := _next(video, there, split_sizes)) is not None}
    later = set(followed.values())
    for video in videos:
        if video not in later:
            parts = [video]
            while parts[-1] in followed:
                parts.append(followed[parts[-1]])
            yield parts


def confirmed(parts: Sequence[Path]) -> Iterator[list[Path]]:
    """Candidates cut where nothing proves that the later file continues the earlier: each list is one recording.

    A file that cannot be opened stands alone, for decoding to name what is wrong with it.
    """
    heads = [_read_head(part) for part in parts]
    recording = [parts[0]]
    for (earlier, later), part in zip(pairwise(heads), parts[1:], strict=True):
        if earlier is not None and later is not None and continues(earlier, later):
            recording.append(part)
        else:
            yield recording
            recording = [part]
    yield recording


def join(parts: Sequence[Path], target: Path) -> None:
    """Join the video of a recording's parts into one file, packets untouched, the later parts' times continuing the first's.

    Raises av.FFmpegError or OSError where a part cannot be read.
    """
    heads = [_read_head(part) for part in parts]
    target.parent.mkdir(parents=True, exist_ok=True)
    if all(earlier is not None and later is not None and _clock_runs_on(earlier, later) for earlier, later in pairwise(heads)):
        with target.open("wb") as joined:
            for part in parts:
                with part.open("rb") as file:
                    shutil.copyfileobj(file, joined, 1 << 20)
        return
    _join_packets(parts, target)


@dataclass(frozen=True, slots=True)
class Head:
    """What a video file's header says of it."""

    path: Path
    parameters: tuple[object, ...]  # all of which parts of one recording share
    start_s: float | None  # of the stream's own clock
    duration_s: float
    fps: float
    timecode: str | None  # of its first frame, HH:MM:SS:FF
    created: datetime | None


def continues(earlier: Head, later: Head) -> bool:
    """Whether one file continues the other: the same parameters, and a clock that says so."""
    if earlier.parameters != later.parameters:
        return False
    if _gopro_chapter(earlier.path) is not None and _gopro_chapter(later.path) is not None:
        return True
    return _clock_runs_on(earlier, later) or _timecode_runs_on(earlier, later) or _creation_runs_on(earlier, later)


# --- names and sizes ----------------------------------------------------------------------------------------------------------------


def _next(video: Path, there: dict[tuple[Path, str], Path], split_sizes: Sequence[int]) -> Path | None:
    """The file that may continue a video."""
    chapter = _gopro_chapter(video)
    if chapter is not None:
        kind, number, index = chapter
        return there.get((video.parent, f"G{kind}{index + 1:02d}{number}{video.suffix}".upper()))
    told = _LAST_NUMBER.fullmatch(video.stem)
    if video.suffix.lower() not in JOINED_SUFFIXES or told is None:
        return None
    after = there.get((video.parent, f"{told[1]}{int(told[2]) + 1:0{len(told[2])}d}{told[3]}{video.suffix}".upper()))
    if after is None:
        return None
    size = video.stat().st_size
    return after if any(_FULL * limit <= size <= limit for limit in split_sizes) else None


def _gopro_chapter(video: Path) -> tuple[str, str, int] | None:
    """A GoPro file's letter, number and chapter, counted from 0 in the old scheme (GOPR0123, GP010123) and from 1 in the new."""
    told = _GOPRO.fullmatch(video.stem)
    if told is None or video.suffix.lower() != ".mp4":
        return None
    if told[4] is not None:
        return "P", told[4], 0
    return told[1].upper(), told[3], int(told[2])


# --- evidence -----------------------------------------------------------------------------------------------------------------------


def _read_head(path: Path) -> Head | None:
    """None where the file cannot be opened or holds no video."""
    import av

    from manifests.video import open_file

    try:
        with open_file(path) as container:
            if not container.streams.video:
                return None
            stream = container.streams.video[0]
            base = float(stream.time_base or 0)
            duration = stream.duration * base if stream.duration is not None else (container.duration or 0) / av.time_base
            told = [container.metadata, *(each.metadata for each in container.streams)]
            return Head(
                path=path,
                parameters=_parameters(container, stream, path),
                start_s=None if stream.start_time is None else stream.start_time * base,
                duration_s=duration,
                fps=float(stream.average_rate or 0),
                timecode=next((tags["timecode"] for tags in told if "timecode" in tags), None),
                created=_time(container.metadata.get("creation_time")),
            )
    except (av.FFmpegError, OSError, ValueError):
        return None


def _parameters(container: av.container.InputContainer, stream: av.VideoStream, path: Path) -> tuple[object, ...]:
    context = stream.codec_context
    picture = (context.name, context.profile, context.width, context.height, context.pix_fmt)
    pace = (round(float(stream.average_rate or 0), 1), stream.time_base)  # the mean over a part's frames: not quite the same in each
    own_header = None if path.suffix.lower() in _TRANSPORT_SUFFIXES else context.extradata
    return (container.format.name, *picture, *pace, own_header)


def _clock_runs_on(earlier: Head, later: Head) -> bool:
    """Of transport streams: the clock of the later file begins where the earlier's ends."""
    if later.path.suffix.lower() not in _TRANSPORT_SUFFIXES or earlier.start_s is None or later.start_s is None:
        return False
    return _meet(earlier.start_s + earlier.duration_s, later.start_s, _STREAM_CLOCK_S)


def _timecode_runs_on(earlier: Head, later: Head) -> bool:
    """A timecode counts frames; at the end of the day it begins anew."""
    begin, end = _timecode_frames(earlier), _timecode_frames(later)
    if begin is None or end is None:
        return False
    return _meet(begin[0] / earlier.fps + earlier.duration_s, end[0] / earlier.fps, begin[1] / earlier.fps)


def _meet(one_s: float, other_s: float, around_s: float) -> bool:
    """Whether two readings of a clock that begins anew after `around_s` tell the same time."""
    apart_s = (one_s - other_s) % around_s
    return min(apart_s, around_s - apart_s) <= _CLOCK_TOLERANCE_S


def _creation_runs_on(earlier: Head, later: Head) -> bool:
    """Files are dated by their beginning or, by some cameras, by their end."""
    if earlier.created is None or later.created is None:
        return False
    between_s = (later.created - earlier.created).total_seconds()
    return any(abs(between_s - head.duration_s) <= _CREATION_TOLERANCE_S for head in (earlier, later) if between_s > 0)


def _timecode_frames(head: Head) -> tuple[int, int] | None:
    """A timecode as a count of frames, and how many make a day. Drop-frame ones (written with `;`) skip two numbers of thirty each
    minute but the tenth."""
    told = _TIMECODE.fullmatch(head.timecode or "")
    if told is None or not head.fps:
        return None
    hours, minutes, seconds, frames = (int(told[index]) for index in (1, 2, 3, 5))
    nominal = round(head.fps)
    dropped = 0 if told[4] == ":" else round(nominal / 15)

    def count(minute: int) -> int:
        return 60 * nominal * minute - dropped * (minute - minute // 10)

    return count(60 * hours + minutes) + seconds * nominal + frames, count(24 * 60)


def _time(told: str | None) -> datetime | None:
    try:
        return None if told is None else datetime.fromisoformat(told)
    except ValueError:
        return None


# --- joining ------------------------------------------------------------------------------------------------------------------------


def _join_packets(parts: Sequence[Path], target: Path) -> None:
    import av

    from manifests.video import open_file

    container_format = "mpegts" if target.suffix.lower() in _TRANSPORT_SUFFIXES else target.suffix.lower().lstrip(".").replace("m4v", "mp4")
    with av.open(str(target), "w", format=container_format, container_options={"fflags": "+bitexact"}) as joined:
        stream: av.VideoStream | None = None
        offset = 0  # of the part's times, in the stream's time base
        for part in parts:
            with open_file(part) as container:
                source = container.streams.video[0]
                stream = stream or joined.add_stream_from_template(source)
                start = source.start_time or 0
                end = 0
                interval = round(1 / ((source.average_rate or 25) * (source.time_base or Fraction(1, 25))))
                for packet in container.demux(source):
                    if packet.size == 0 or packet.dts is None:  # the demuxer's word that it has ended
                        continue
                    time = packet.dts if packet.pts is None else packet.pts
                    end = max(end, time - start + (packet.duration or interval))
                    packet.dts, packet.pts = packet.dts - start + offset, time - start + offset
                    packet.stream = stream
                    joined.mux(packet)
                offset += end
