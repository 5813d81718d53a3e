"""Video through PyAV: frames in the order in which they are shown, each with its time, deinterlaced where they are flagged so.

One thread decodes; parallelism belongs to whole files (`manifests.executors`).
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Generic, TypeVar

import av
import av.filter

from manifests.errors import InputError, first_line

Item = TypeVar("Item")

LOOK_AHEAD = 8  # frames among which times are sorted: more than H.264 in AVI shuffles them
_LOOK_AHEAD_BYTES = 150_000_000  # of large frames fewer are held, at least two
_SAME_TIME_S = 1e-6
_JUMP_S = 1.0  # times that fall back by more begin anew
# What files may be, whatever their names say. Playlists (HLS, DASH, concat) and descriptions of streams are none of them: a stranger's
# file would name others, on this machine or on the network, to be opened in its place.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,flv,ogg,mxf,dv,rm,nut,wtv,gif,apng,ivf,yuv4mpegpipe,"
    "m4v,mpegvideo,h264,hevc,vc1,av1,obu,mjpeg"
)


class MediaError(InputError):
    """A file that cannot be opened or decoded, with the decoder's own words."""


@dataclass(frozen=True, slots=True)
class Timed(Generic[Item]):
    """Something shown at a time; `own` says whether it is the time that its file gives."""

    time_s: float
    own: bool
    item: Item


def opened(path: Path) -> av.container.InputContainer:
    """The container, to be closed by the caller. Raises MediaError when it cannot be opened or holds no video."""
    if not path.exists():
        raise MediaError(f"{path}: no such file; has it been moved or deleted?")
    try:
        container = open_file(path)
    except av.ArgumentError as error:
        raise MediaError(f"{path}: cannot be opened as video (its content is of a kind that is not taken, such as a playlist)") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: cannot be opened as video ({_told_by(error)})") from error
    if not container.streams.video:
        container.close()
        raise MediaError(f"{path}: holds no video stream")
    container.streams.video[0].thread_type = "NONE"
    return container


def open_file(path: Path) -> av.container.InputContainer:
    """A file of one of CONTAINERS, read by itself alone. Raises av.FFmpegError, OSError or ValueError."""
    # As a URL, since FFmpeg takes what stands before a colon in a bare name for a protocol.
    return av.open(
        f"file:{path}", mode="r", metadata_errors="replace", options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    )


def _told_by(error: Exception) -> str:
    """The decoder's own words, without the number and the path that it adds."""
    return getattr(error, "strerror", None) or first_line(error)


def time_base(stream: av.VideoStream) -> float:
    """Seconds in one tick of the stream's times."""
    return float(stream.time_base or Fraction(1, 1000))


def decoded(container: av.container.InputContainer, path: Path) -> Iterator[av.VideoFrame]:
    """The frames as they are stored, in the order in which they are shown. Raises MediaError where one cannot be decoded."""
    try:
        yield from container.decode(container.streams.video[0])
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: decoding fails ({_told_by(error)})") from error


def timed(
    container: av.container.InputContainer, path: Path, origin: float | None = None, *, deinterlace: bool = True
) -> Iterator[Timed[av.VideoFrame]]:
    """Frames with their time since the clip's first frame, whose own time is `origin` (off the start it must be told)."""
    stream = container.streams.video[0]
    base = time_base(stream)
    interval = 1.0 / float(stream.average_rate or stream.guessed_rate or 25)
    stored = ((frame.pts * base if frame.pts is not None else None, frame) for frame in decoded(container, path))
    frames = _deinterlaced(stored) if deinterlace else stored
    size = 3 * stream.codec_context.width * stream.codec_context.height
    look_ahead = max(2, min(LOOK_AHEAD, _LOOK_AHEAD_BYTES // max(1, size)))
    for entry in in_order(frames, interval, look_ahead):
        origin = entry.time_s if origin is None else origin
        yield Timed(entry.time_s - origin, entry.own, entry.item)


def in_order(items: Iterable[tuple[float | None, Item]], interval_s: float, look_ahead: int) -> Iterator[Timed[Item]]:
    """The items as they come, with times that rise.

    Times out of order are sorted among the next `look_ahead` items. An item without a time stands one interval after its predecessor, or
    sooner where the next known time leaves less. Times that fall back by more than a second begin anew: they go on one interval after
    the latest, and so do all after them.
    """
    held: deque[tuple[float | None, bool, Item]] = deque()  # time, whether it is the item's own, item
    shift = 0.0
    latest: float | None = None
    previous: float | None = None

    def release() -> Timed[Item]:
        nonlocal previous
        _swap_earliest_to_front(held)
        time, own, item = held[0]
        known = [other for other, _, _ in held if other is not None]
        if time is None:
            time = _made_up(previous, known, next((place for place, entry in enumerate(held) if entry[0] is not None), None), interval_s)
        elif previous is not None and time <= previous:  # two items at one time, or later than any look-ahead
            gaps = [other - previous for other in known if other - previous > _SAME_TIME_S]
            time, own = previous + 0.5 * min([interval_s, *gaps]), False
        held.popleft()
        previous = time
        return Timed(time, own, item)

    for time, item in items:
        if time is not None:
            time += shift
            if latest is not None and time < latest - _JUMP_S - look_ahead * interval_s:
                shift += latest + interval_s - time
                time = latest + interval_s
            latest = time if latest is None else max(latest, time)
        held.append((time, time is not None and shift == 0.0, item))
        if len(held) > look_ahead:
            yield release()
    while held:
        yield release()


def _swap_earliest_to_front(held: deque[tuple[float | None, bool, Item]]) -> None:
    """Give the first item the earliest time of all, and its own to who held that; nothing where the first has none."""
    first = held[0][0]
    earliest = min(range(len(held)), key=lambda place: math.inf if held[place][0] is None else float(held[place][0] or 0))
    if first is not None and held[earliest][0] != first:
        time = held[earliest][0]
        held[earliest], held[0] = (first, False, held[earliest][2]), (time, False, held[0][2])


def _made_up(previous: float | None, known: list[float], without: int | None, interval_s: float) -> float:
    """The time of an item that has none, as have `without` from it on before one that has; None: all that is known of."""
    if previous is None:
        return min(known) - without * interval_s if without is not None else 0.0
    if without is None:
        return previous + interval_s
    gap = min(known) - previous
    return previous + (min(interval_s, gap / (without + 1)) if gap > _SAME_TIME_S else 0.5 * interval_s)


def declared_duration_s(container: av.container.InputContainer) -> float | None:
    """How long the video is by its header; None where it says nothing."""
    stream = container.streams.video[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # Matroska and WebM state a track's end in a tag.
    end = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if end is None:
        return None
    start_s = float((stream.start_time or 0) * (stream.time_base or 0))
    return 3600 * int(end[1]) + 60 * int(end[2]) + float(end[3]) - start_s


# --- deinterlacing ------------------------------------------------------------------------------------------------------------------


def _deinterlaced(frames: Iterable[tuple[float | None, av.VideoFrame]]) -> Iterator[tuple[float | None, av.VideoFrame]]:
    """One frame for each, those flagged as interlaced with both fields at one instant. Costs nothing where none is."""
    graph: av.filter.Graph | None = None
    made_for: tuple[int, int, str] | None = None
    times: deque[float | None] = deque()  # of the frames inside the filter, which counts time in its own ticks
    for time_s, frame in frames:
        kind = frame.width, frame.height, frame.format.name
        if graph is not None and kind != made_for:
            yield from zip(times, _drained(graph), strict=False)
            times.clear()
            graph = None
        if graph is None and frame.interlaced_frame:
            graph, made_for = _deinterlacer(frame), kind
        if graph is None:
            yield time_s, frame
            continue
        times.append(time_s)
        frame.pts = len(times) if frame.pts is None else frame.pts
        graph.vpush(frame)
        for filtered in _available(graph):
            yield times.popleft(), filtered
    if graph is not None:
        yield from zip(times, _drained(graph), strict=False)


def _deinterlacer(frame: av.VideoFrame) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000))
    graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"), graph.add("buffersink")).configure()
    return graph


def _available(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return


def _drained(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    graph.vpush(None)
    yield from _available(graph)


# --- key frames ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Timetable:
    """What a file's packets tell without decoding one: every frame's time, and which can be entered."""

    ticks: tuple[int, ...]  # presentation times of the frames in order, in ticks of the stream
    pts_s: tuple[float, ...]  # since the first frame, s
    key_frames: tuple[int, ...]  # numbers of the key frames


def timetable(container: av.container.InputContainer, path: Path) -> Timetable | None:
    """The timetable of an open video; None where its packets do not tell every frame's time. Raises MediaError where reading fails."""
    packets = [(packet.pts, packet.is_keyframe, packet.is_discard) for packet in _packets(container, path)]
    ticks = sorted(pts for pts, _, _ in packets if pts is not None)
    if not ticks or len(ticks) < len(packets) or len(set(ticks)) < len(ticks) or any(discard for _, _, discard in packets):
        return None
    places = {pts: place for place, pts in enumerate(ticks)}
    keys = sorted(places[pts] for pts, key, _ in packets if key and pts is not None)
    base = time_base(container.streams.video[0])
    return Timetable(tuple(ticks), tuple((pts - ticks[0]) * base for pts in ticks), tuple(keys))


def key_frame_pairs(
    container: av.container.InputContainer, path: Path, table: Timetable
) -> Iterator[tuple[int, av.VideoFrame, int, av.VideoFrame]]:
    """For each key frame of the table its number, itself, and number and picture of the next frame that its file stores.

    Ends at the first key frame that does not decode in this way. Raises MediaError where reading fails.
    """
    stream = container.streams.video[0]
    places = {pts: place for place, pts in enumerate(table.ticks)}
    wanted = set(table.key_frames)
    try:
        container.seek(table.ticks[0], stream=stream, backward=True)
    except (av.FFmpegError, OSError):
        return
    key: av.Packet[av.VideoStream] | None = None
    for packet in _packets(container, path):
        if packet.pts is None or packet.pts not in places:
            return
        if packet.is_keyframe and places[packet.pts] in wanted:
            key = packet
        elif (
            key is not None and key.pts is not None and places[packet.pts] > places[key.pts]
        ):  # what is shown before the key frame needs frames before it
            pair = _decoded_alone(stream.codec_context, key, packet)
            if pair is None:
                return
            yield places[key.pts], pair[0], places[packet.pts], pair[1]
            key = None


def _decoded_alone(
    context: av.VideoCodecContext, key: av.Packet[av.VideoStream], following: av.Packet[av.VideoStream]
) -> tuple[av.VideoFrame, av.VideoFrame] | None:
    try:
        context.flush_buffers()
        frames = [*context.decode(key), *context.decode(following), *context.decode(None)]
        context.flush_buffers()
    except (av.FFmpegError, OSError, ValueError):
        return None
    if [frame.pts for frame in frames] != [key.pts, following.pts]:
        return None
    return frames[0], frames[1]


def _packets(container: av.container.InputContainer, path: Path) -> Iterator[av.Packet[av.VideoStream]]:
    try:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:  # the last one is empty
                yield packet
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: reading fails ({_told_by(error)})") from error
