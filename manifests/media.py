"""What a row points at: probe it, iterate its frames upright with their times, read and write single pictures.

Video goes through `manifests.video`: frames come with presentation times (never index/fps) and deinterlaced; here they are turned upright
by the rotation tag and scaled by area straight from the stored luma, so that a small grey picture never exists at full size. A folder of
pictures is a series of stills, in order of name, at the times of their camera's clock, or one a second. Header frame counts lie, so a
probe decodes everything.

A hostile file can abort or hang the decoder: call these inside a child process (`manifests.executors`), which a time-out can kill.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Interpolation
from PIL import Image, ImageOps, UnidentifiedImageError

from manifests.capture_times import still_times
from manifests.errors import first_line
from manifests.files import file_sha256, write_atomically
from manifests.video import MediaError as MediaError
from manifests.video import Timed, declared_duration_s, decoded, opened, time_base, timed

Picture = npt.NDArray[np.uint8]  # HWC RGB, or HW grey

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
_ENTRY_MARGIN_S = 0.5  # a jump aims so much earlier: key frames' decoding times may lie before their presentation times
_SAME_TIME_S = 1e-4
_CLOCK_ROUNDING_S = 2.1  # between two intervals of stills by a clock of whole seconds
# Pixel formats whose first plane is luma of 8 bits.
_WITH_LUMA = frozenset(
    ["gray", "nv12", "nv21", "nv16", "yuva420p"]
    + [f"{kind}{chroma}p" for kind in ("yuv", "yuvj") for chroma in ("410", "411", "420", "422", "440", "444")]
)
_FULL_RANGE = np.clip(np.rint((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)  # of luma stored as 16-235


@dataclass(frozen=True, slots=True)
class Frame:
    """One upright picture of a clip."""

    index: int  # counted from 0
    pts_s: float  # since the clip's first frame, s
    picture: Picture


@dataclass(frozen=True, slots=True)
class Probe:
    """What decoding a whole clip told."""

    media: str  # "video" or "stills"
    codec: str
    width: int  # px, upright
    height: int  # px, upright
    rotation_deg: int  # counter-clockwise turn that makes stored frames upright
    frames: int
    duration_s: float  # last frame's time minus the first's, plus one mean interval
    mean_fps: float
    variable_frame_rate: bool
    interlaced: bool  # whether frames are flagged so; `frames` deinterlaces those
    pts_s: tuple[float, ...]


def probe(path: Path) -> Probe:
    """Decode a clip whole and say what it holds.

    Raises MediaError when it cannot be opened, holds no picture, breaks off before its end, or changes its size half-way.
    """
    if path.is_dir():
        return _probe_stills(path)
    times: list[float] = []
    size: tuple[int, int] | None = None
    rotation, interlaced = 0, False
    with opened(path) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context.name
        rounding_s = time_base(stream)
        for entry in timed(container, path, deinterlace=False):
            frame = entry.item
            size = size or (frame.width, frame.height)
            if (frame.width, frame.height) != size:
                raise MediaError(f"{path}: the picture changes its size at frame {len(times)}; cut the file there")
            times.append(entry.time_s)
            rotation = round(frame.rotation) % 360
            interlaced = interlaced or frame.interlaced_frame
        declared_s = declared_duration_s(container)
    if size is None:
        raise MediaError(f"{path}: no frame decodes; the file is empty or damaged")
    duration_s = _duration(times)
    if declared_s is not None and declared_s - duration_s > max(1.0, 0.1 * declared_s):
        raise MediaError(f"{path}: breaks off: {duration_s:.2f} s decode of the {declared_s:.2f} s that its header states")
    width, height = size
    if rotation % 180 == 90:
        width, height = height, width
    intervals = np.diff(times)
    varies = bool(intervals.size and intervals.max() - intervals.min() > max(2.1 * rounding_s, 0.002))
    fps = len(times) / duration_s if duration_s > 0 else 0.0
    return Probe("video", codec, width, height, rotation, len(times), duration_s, fps, varies, interlaced, tuple(times))


def frames(
    path: Path,
    first_frame: int = 0,
    end_frame: int | None = None,
    *,
    start_s: float | None = None,
    width: int | None = None,
    grey: bool = False,
) -> Iterator[Frame]:
    """The upright frames of a span [first_frame, end_frame) of a clip, one at a time.

    `start_s`, the time of `first_frame` where it is known, lets a long file be entered at the key frame before it instead of at its start,
    where its container allows that for certain.
    `width` scales down by area to that many px (a picture already narrower stays as it is); `grey` gives HW instead of HWC RGB.
    Raises MediaError when the file cannot be opened, a frame cannot be decoded, or the span ends before `end_frame`.
    """
    if path.is_dir():
        yield from _frames_of_stills(path, first_frame, end_frame, width, grey)
        return
    reached = 0
    for index, time_s, frame in _indexed(path, first_frame, start_s):
        if end_frame is not None and index >= end_frame:
            return
        reached = index + 1
        if index >= first_frame:
            yield Frame(index, time_s, upright(frame, width, grey))
    if end_frame is not None and reached < end_frame:
        raise MediaError(f"{path}: ends after {reached} frames, and frame {end_frame - 1} is asked for; has the file changed?")


def still_paths(folder: Path) -> list[Path]:
    """The pictures of a folder in order of name, numbers in a name counting as numbers."""
    return sorted((path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES), key=_natural_order)


def content_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; of a folder of stills, over their names and SHA-256 in order."""
    if path.is_file():
        return file_sha256(path)
    return stills_sha256(still_paths(path))


def stills_sha256(pictures: Sequence[Path]) -> str:
    """SHA-256 over the names and SHA-256 of a series of stills, in order."""
    lines = [f"{picture.name}\0{file_sha256(picture)}\n" for picture in pictures]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_picture(path: Path, grey: bool = False) -> Picture:
    """One picture file as 8-bit HWC RGB (or HW grey), upright by its EXIF tag. Raises MediaError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise MediaError(f"{path}: no such picture; has it been moved or deleted?") from None
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    return decode_picture(content, str(path), grey)


def decode_picture(content: bytes, name: str, grey: bool = False) -> Picture:
    """A picture file's bytes as `read_picture` gives them; `name` is what messages call it. Raises MediaError."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.mode.startswith(("I", "F")):  # Pillow would clip it to white
                raise MediaError(f"{name}: more than 8 bits a pixel; convert it to 8 bits")
            return np.asarray(ImageOps.exif_transpose(picture).convert("L" if grey else "RGB"), dtype=np.uint8)
    except MediaError:
        raise
    except UnidentifiedImageError:  # its text names an address in memory
        raise MediaError(f"{name}: cannot be read as a picture ({'no known file format' if content else 'the file is empty'})") from None
    except Exception as error:  # Pillow raises many classes for damaged files
        raise MediaError(f"{name}: cannot be read as a picture ({first_line(error)})") from error


def write_png(path: Path, picture: Picture) -> str:
    """Write HWC RGB or HW grey as a lossless PNG, atomically; gives the file's SHA-256, hex."""
    encoded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(encoded, format="PNG", compress_level=4)
    with write_atomically(path) as file:
        file.write(encoded.getbuffer())
    return hashlib.sha256(encoded.getbuffer()).hexdigest()


# --- video --------------------------------------------------------------------------------------------------------------------------


def _indexed(path: Path, first_frame: int, start_s: float | None) -> Iterator[tuple[int, float, av.VideoFrame]]:
    """Frames with number and time: from `first_frame` where the file can be entered there for certain, else from the start."""
    if start_s is not None and first_frame > 0 and start_s > _ENTRY_MARGIN_S:
        with opened(path) as container:
            entered = _entered(container, path, start_s)
            if entered is not None:
                for index, entry in enumerate(entered, first_frame):
                    yield index, entry.time_s, entry.item
                return
    with opened(path) as container:
        for index, entry in enumerate(timed(container, path)):
            yield index, entry.time_s, entry.item


def _entered(container: av.container.InputContainer, path: Path, start_s: float) -> Iterator[Timed[av.VideoFrame]] | None:
    """The frames from the one at `start_s` on, reached over a key frame before it. None where that frame is not met for certain.

    MPEG streams have no index, and the first frame that decodes after a jump may lie beyond; AVI keeps no presentation times.
    """
    stream = container.streams.video[0]
    base = time_base(stream)
    first = next(decoded(container, path), None)
    if first is None or first.pts is None:
        return None
    origin = first.pts * base
    try:
        container.seek(math.floor((origin + start_s - _ENTRY_MARGIN_S) / base), stream=stream, backward=True, any_frame=False)
    except (av.FFmpegError, OSError):
        return None
    entries = timed(container, path, origin)
    for entry in entries:
        if not entry.own or entry.time_s > start_s + _SAME_TIME_S:
            return None
        if entry.time_s >= start_s - _SAME_TIME_S:
            return itertools.chain([entry], entries)
    return None


def upright(frame: av.VideoFrame, width: int | None, grey: bool) -> Picture:
    """A stored frame turned upright, as `frames` gives it."""
    turn = round(frame.rotation) % 360
    stored_width, stored_height = frame.width, frame.height
    if width is not None:
        upright_width = stored_height if turn % 180 == 90 else stored_width
        if upright_width > width:
            factor = width / upright_width
            stored_width, stored_height = max(1, round(stored_width * factor)), max(1, round(stored_height * factor))
    luma = _luma(frame) if grey else None
    if luma is not None:
        picture = _shrunk(luma, stored_width, stored_height)
        picture = picture.copy() if _is_full_range(frame) else np.asarray(cv2.LUT(picture, _FULL_RANGE), np.uint8)
    else:
        # In colour, libswscale's short cuts for chroma and rounding come out up to 1.5 levels too dark: exact arithmetic there.
        how = Interpolation.AREA if grey else Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
        layout = "gray" if grey else "rgb24"
        converted = frame.to_ndarray(width=stored_width, height=stored_height, format=layout, interpolation=how)
        picture = converted.astype(np.uint8, copy=False)
    return np.ascontiguousarray(np.rot90(picture, turn // 90)) if turn else picture


def _luma(frame: av.VideoFrame) -> Picture | None:
    """The frame's own plane of luma, not copied; None where it has none of 8 bits. Shrinking that is cheaper than libswscale."""
    if frame.format.name not in _WITH_LUMA:
        return None
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]


def _is_full_range(frame: av.VideoFrame) -> bool:
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith(("yuvj", "gray"))


def _shrunk(picture: Picture, width: int, height: int) -> Picture:
    """By area. Halving first is several times as fast in OpenCV; exact where the sides divide, and close to it elsewhere."""
    while _may_be_halved(picture, width, height):
        picture = np.asarray(cv2.resize(picture, (picture.shape[1] // 2, picture.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _may_be_halved(picture: Picture, width: int, height: int) -> bool:
    high, wide = picture.shape
    if high % height == 0 and wide % width == 0:  # a third of an odd multiple is exact; a half would not be
        return bool(high % (2 * height) == 0 and wide % (2 * width) == 0)
    return bool(high % 2 == 0 and wide % 2 == 0 and high >= 2 * height and wide >= 2 * width)


def _duration(times: list[float]) -> float:
    if len(times) < 2:
        return 0.0
    return (times[-1] - times[0]) * len(times) / (len(times) - 1)


# --- stills -------------------------------------------------------------------------------------------------------------------------


def _probe_stills(folder: Path) -> Probe:
    paths = _stills(folder)
    sizes = set()
    for path in paths:
        height, width = read_picture(path).shape[:2]
        sizes.add((width, height))
        if len(sizes) > 1:
            raise MediaError(f"{path}: {width}x{height} px, unlike the pictures before it; one folder holds one size")
    width, height = sizes.pop()
    times = _times_of_stills(folder, paths)
    duration_s = _duration(list(times)) or 1.0
    varies = len(times) > 2 and float(np.ptp(np.diff(times))) > _CLOCK_ROUNDING_S
    codec = paths[0].suffix.lower().lstrip(".")
    return Probe("stills", codec, width, height, 0, len(paths), duration_s, len(paths) / duration_s, varies, False, times)


def _frames_of_stills(folder: Path, first_frame: int, end_frame: int | None, width: int | None, grey: bool) -> Iterator[Frame]:
    paths = _stills(folder)
    if end_frame is not None and end_frame > len(paths):
        raise MediaError(f"{folder}: holds {len(paths)} pictures, and number {end_frame} is asked for; has the folder changed?")
    times = _times_of_stills(folder, paths)
    for index in range(first_frame, len(paths) if end_frame is None else end_frame):
        picture = read_picture(paths[index], grey)
        if width is not None and picture.shape[1] > width:
            size = (width, max(1, round(picture.shape[0] * width / picture.shape[1])))
            picture = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
        yield Frame(index, times[index], picture)


def _times_of_stills(folder: Path, paths: Sequence[Path]) -> tuple[float, ...]:
    """By their camera's clock; one a second where that does not tell."""
    return _clock_times(tuple(paths), folder.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)  # of thousands of pictures a span may be one, asked for after another
def _clock_times(paths: tuple[Path, ...], _changed_ns: int) -> tuple[float, ...]:
    return still_times(paths) or tuple(float(second) for second in range(len(paths)))


def _stills(folder: Path) -> list[Path]:
    paths = still_paths(folder)
    if not paths:
        raise MediaError(f"{folder}: holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")
    return paths


def _natural_order(path: Path) -> tuple[tuple[int, int, str], ...]:
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", path.name) if part)
