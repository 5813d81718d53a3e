"""The exposure that cameras record frame by frame in a track of its own: Sony's real-time metadata (`rtmd`), GoPro's GPMF.

Read at moments spread over the recording, from their place in the file: nothing is decoded.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from acquire.tripod.exif import Shot, median_exposure, varying

MOMENTS = 20  # as many as are read of a recording
_LARGEST_SAMPLE = 1 << 20  # bytes
_DEEPEST = 4  # sets within sets: a device holds streams, which hold samples
_SONY_HEADER = b"\x00\x1c"  # of 28 bytes
_GOPRO_DEVICE = b"DEVC"


def read_telemetry(path: Path) -> dict[str, Any]:
    """The footage columns that a recording's own track fills: medians of exposure, sensitivity, aperture and focal length, what varies.

    Empty where there is no such track.
    """
    moments = [moment for sample in _samples(path) if (moment := _moment(path, sample)) != Shot(path)]
    if not moments:
        return {}
    return {**median_exposure(moments), "varying": varying(moments)}


def _samples(path: Path) -> Iterator[bytes]:
    """What the tracks of data hold at moments spread over the recording."""
    import av

    from manifests.video import open_file

    try:
        with open_file(path) as container, path.open("rb") as file:
            for stream in container.streams.data:
                entries = stream.index_entries
                number = min(MOMENTS, len(entries))
                for entry in [entries[index * (len(entries) - 1) // max(1, number - 1)] for index in range(number)]:
                    file.seek(entry.pos)
                    yield file.read(min(entry.size, _LARGEST_SAMPLE))
    except (av.FFmpegError, OSError, ValueError):
        return


def _moment(path: Path, sample: bytes) -> Shot:
    if sample.startswith(_SONY_HEADER):
        told = {tag: content for tag, content in _sony_items(sample[len(_SONY_HEADER) + 26 :]) if tag in _SONY}
        return _shot(path, told, _SONY)
    if sample.startswith(_GOPRO_DEVICE):
        return _shot(path, dict(_gopro_items(sample)), _GOPRO)
    return Shot(path)


def _shot(path: Path, told: Mapping[Any, bytes], readers: Mapping[Any, tuple[str, Callable[[bytes], float]]]) -> Shot:
    values: dict[str, float] = {}
    for tag, (name, read) in readers.items():
        try:
            value = read(told[tag])
        except (KeyError, struct.error, ZeroDivisionError, OverflowError):
            continue
        if math.isfinite(value) and value > 0:
            values.setdefault(name, value)
    return replace(Shot(path), **values)  # type: ignore[arg-type]  # the names are those of numbers


# --- Sony: tags and lengths of two bytes each, in sets that a universal label of 16 bytes begins -------------------------------------


def _sony_items(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(content):
        tag, length = struct.unpack_from(">HH", content, at)
        if tag == 0x060E:  # a label, and behind it the set's length, which reads as the tag 0x8300
            at += 16
        elif tag == 0x8300:
            at += 4
        elif tag in (0, 0xFFFF):
            return
        else:
            yield tag, content[at + 4 : at + 4 + length]
            at += 4 + length


def _sony_aperture(content: bytes) -> float:
    return float(2 ** (8 * (1 - struct.unpack(">H", content)[0] / 65536)))


def _sony_exposure(content: bytes) -> float:
    numerator, denominator = struct.unpack(">II", content)
    return float(numerator / denominator)


def _sony_focal_length(content: bytes) -> float:
    """Metres as a decimal exponent of 4 bits, signed, and 12 bits of digits; told in mm."""
    (number,) = struct.unpack(">H", content)
    exponent = (number >> 12) - (16 if number >> 15 else 0)
    return float((number & 0xFFF) * 10.0 ** (exponent + 3))


_SONY: Mapping[int, tuple[str, Callable[[bytes], float]]] = {
    0x8000: ("f_number", _sony_aperture),
    0x8005: ("focal_length_mm", _sony_focal_length),
    0x8109: ("exposure_s", _sony_exposure),
    0x810B: ("iso", lambda content: float(struct.unpack(">H", content)[0])),
    0x8115: ("iso", lambda content: float(struct.unpack(">H", content)[0])),
}


# --- GoPro: four letters, a type, the size of an element and how many; nested where the type is zero -----------------------------------


def _gopro_items(content: bytes, depth: int = 0) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        key, kind, size, repeat = struct.unpack_from(">4sBBH", content, at)
        body = content[at + 8 : at + 8 + size * repeat]
        if kind == 0:
            yield from _gopro_items(body, depth + 1) if depth < _DEEPEST else ()
        else:
            yield key, body
        at += 8 + (size * repeat + 3) // 4 * 4


_GOPRO: Mapping[bytes, tuple[str, Callable[[bytes], float]]] = {
    b"SHUT": ("exposure_s", lambda content: float(struct.unpack_from(">f", content)[0])),
    b"ISOE": ("iso", lambda content: float(struct.unpack_from(">H", content)[0])),
}
