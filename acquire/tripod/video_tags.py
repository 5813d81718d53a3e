"""What a camera says of a video that it recorded: Sony's XML (beside the clip or inside it), tags of QuickTime and MP4, AVCHD's, GoPro's.

All of it is a stranger's text: numbers are checked, words made printable, XML with declarations of its own refused.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import struct
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from acquire.shown import printable

_LARGEST_XML = 1 << 20  # bytes
_SEARCHED = 1 << 20  # bytes at either end of a clip in which Sony's XML may lie
_NOTES = re.compile(rb"<\?xml[^>]{0,200}>\s*<NonRealTimeMeta\b.*?</NonRealTimeMeta>", re.DOTALL)

_GOPRO_MODEL = re.compile(rb"MINFc\x01\x00([\x01-\x40])([ -~]{1,64})")

_AVCHD_SUFFIXES = (".mts", ".m2ts")
_AVCHD_MARK = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM"  # modified digital video pack metadata, in an SEI message
_AVCHD_MAKERS = {0x0103: "Panasonic", 0x0108: "Sony", 0x1011: "Canon", 0x1104: "JVC"}
_AVCHD_SEARCHED = 60  # packets


def read_video_tags(path: Path) -> dict[str, Any]:
    """The footage columns that a camera fills for a video: `captured_at`, `camera_model`, `lens_model`, exposure, `capture_fps`.

    Where several sources tell one, Sony's XML goes before tags, and tags with a time zone before those without.
    """
    import av

    columns: dict[str, Any] = {}
    for source in (_of_sony(path), _of_container(path), _of_gopro(path)):
        columns = source | columns
    if path.suffix.lower() in _AVCHD_SUFFIXES:
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):  # what cannot be read tells nothing; decoding names the damage
            columns = _of_avchd(path) | columns
    return columns


# --- Sony ---------------------------------------------------------------------------------------------------------------------------


def _of_sony(path: Path) -> dict[str, Any]:
    """NonRealTimeMeta: `C0001M01.XML` beside `C0001.MP4`, or the same text inside the clip."""
    text = _sidecar(path) or _embedded(path)
    if text is None or len(text) > _LARGEST_XML or b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        return {}
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return {}
    told: dict[str, Mapping[str, str]] = {}
    items: dict[str, str] = {}
    for element in root.iter():
        name = element.tag.rpartition("}")[2]  # the namespace tells the format's version
        if name == "Item":
            items.setdefault(element.get("name", ""), element.get("value", ""))
        else:
            told.setdefault(name, element.attrib)
    device, frame = told.get("Device", {}), told.get("VideoFrame", {})
    iso = _number(items.get("ISOSensitivity"))
    return _without_none(
        captured_at=_iso_time(told.get("CreationDate", {}).get("value")),
        camera_model=_camera(device.get("manufacturer"), device.get("modelName")),
        lens_model=_words(told.get("Lens", {}).get("modelName")),
        capture_fps=_number(frame.get("captureFps", "").rstrip("pi")),
        exposure_s=_number(items.get("ShutterSpeedTime")),
        iso=None if iso is None else round(iso),
        f_number=_number(items.get("IrisFNumber", "").lstrip("Ff")),
    )


def _sidecar(path: Path) -> bytes | None:
    """The XML beside a clip, whatever the case of its letters."""
    wanted = {f"{path.stem}M01.XML".upper(), f"{path.stem}.XML".upper()}
    try:
        with os.scandir(path.parent) as entries:
            names = sorted(entry.name for entry in entries if entry.name.upper() in wanted and entry.is_file())
        if not names:
            return None
        with (path.parent / names[-1]).open("rb") as file:
            return file.read(_LARGEST_XML + 1)
    except OSError:
        return None


def _embedded(path: Path) -> bytes | None:
    found = _searched(path, _NOTES)
    return None if found is None else found[0]


def _searched(path: Path, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
    """A pattern in the end of a file, where most cameras write what they say of a clip, or in its beginning."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            for start in (max(0, size - _SEARCHED), 0):
                file.seek(start)
                if (found := pattern.search(file.read(_SEARCHED))) is not None:
                    return found
    except OSError:
        pass
    return None


# --- GoPro --------------------------------------------------------------------------------------------------------------------------


def _of_gopro(path: Path) -> dict[str, Any]:
    """The model, from the settings (GPMF) that stand in the movie's own data: four letters, type, size, how many."""
    found = _searched(path, _GOPRO_MODEL)
    return {} if found is None else _without_none(camera_model=_camera("GoPro", found[2][: found[1][0]].decode("ascii")))


# --- QuickTime, MP4, Matroska, AVI --------------------------------------------------------------------------------------------------


def _of_container(path: Path) -> dict[str, Any]:
    import av

    from manifests.video import open_file

    try:
        with open_file(path) as container:
            tags = {name.lower(): value for each in (container, *container.streams) for name, value in each.metadata.items()}
    except (av.FFmpegError, OSError, ValueError):
        return {}
    apple = "com.apple.quicktime."
    return _without_none(
        captured_at=next((time for name in (f"{apple}creationdate", "creation_time", "date") if (time := _iso_time(tags.get(name)))), None),
        camera_model=_camera(tags.get(f"{apple}make") or tags.get("make"), tags.get(f"{apple}model") or tags.get("model")),
        lens_model=_words(tags.get(f"{apple}camera.lens_model")),
        capture_fps=_number(tags.get("com.android.capture.fps")),
    )


# --- AVCHD --------------------------------------------------------------------------------------------------------------------------


def _of_avchd(path: Path) -> dict[str, Any]:
    """The first message of the camera's in the stream: a count, and so often a tag with four bytes."""
    packs: dict[int, bytes] = {}
    for packet in _first_packets(path):
        at = packet.find(_AVCHD_MARK)
        if at >= 0:
            body = packet[at + len(_AVCHD_MARK) :].replace(b"\0\0\3", b"\0\0")  # H.264 breaks up runs that look like a start code
            packs = {body[1 + 5 * index]: body[2 + 5 * index : 6 + 5 * index] for index in range(body[0]) if len(body) >= 6 + 5 * index}
            break
    maker = _AVCHD_MAKERS.get(int.from_bytes(packs.get(0xE0, b"\0\0")[:2], "big"))
    model = b"".join(packs.get(tag, b"") for tag in (0xE4, 0xE5, 0xE6)).split(b"\0")[0] if maker == "Sony" else b""
    return _without_none(
        captured_at=_avchd_time(packs.get(0x18), packs.get(0x19)),
        camera_model=_camera(maker, model.decode("ascii", "replace")),
        exposure_s=_avchd_ratio(packs.get(0xA0)),
        f_number=_avchd_ratio(packs.get(0xA1)),
    )


def _first_packets(path: Path) -> Iterator[bytes]:
    from manifests.video import open_file

    with open_file(path) as container:
        for index, packet in enumerate(container.demux(container.streams.video[0])):
            if index >= _AVCHD_SEARCHED:
                return
            yield bytes(packet)


def _avchd_time(date: bytes | None, time: bytes | None) -> str | None:
    """Zone, century, year, month; day, hour, minute, second: digits in hexadecimal. Of the zone: 0x20 is west, 0x01 a half hour more."""
    if date is None or time is None or len(date) + len(time) < 8:
        return None
    zone, digits = date[0], [f"{byte:02x}" for byte in date[1:] + time]
    century, year, month, day, hour, minute, second = digits
    text = f"{century}{year}-{month}-{day}T{hour}:{minute}:{second}"
    offset = "" if zone == 0xFF else f"{'-' if zone & 0x20 else '+'}{zone >> 1 & 0xF:02d}:{'30' if zone & 1 else '00'}"
    return _iso_time(text + offset)


def _avchd_ratio(pack: bytes | None) -> float | None:
    numerator, denominator = struct.unpack(">HH", pack) if pack is not None and len(pack) == 4 else (0, 0)
    return _number(f"{numerator}/{denominator}")


# --- a stranger's words -------------------------------------------------------------------------------------------------------------


def _iso_time(told: str | None) -> str | None:
    """ISO 8601 to the second or finer, with the zone where it is told; None for what is no time, or one before cameras."""
    try:
        time = datetime.fromisoformat((told or "").strip())
    except ValueError:
        return None
    return time.isoformat() if time.year >= 1990 and "T" in (told or "").upper().replace(" ", "T") else None


def _number(told: str | None) -> float | None:
    """A positive number, or a ratio such as 1/50."""
    numerator, _, denominator = (told or "").partition("/")
    try:
        number = float(numerator) / float(denominator or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _camera(make: str | None, model: str | None) -> str | None:
    make, model = _words(make) or "", _words(model) or ""
    return (model if model.startswith(make) else f"{make} {model}").strip() or None


def _words(told: str | None) -> str | None:
    return printable((told or "").strip("\0 "), 200) or None


def _without_none(**columns: Any) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if value is not None}
