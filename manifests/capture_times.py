"""When stills were taken, by the clocks of their cameras (EXIF)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

_EXIF_FOLDER = 0x8769
_TIME, _TIME_DIGITISED, _TIME_FRACTION, _ZONE = 0x9003, 0x9004, 0x9291, 0x9011


def exif_tags(picture: Any) -> dict[int, Any]:
    """The tags of an open picture of Pillow's and of its camera, by number. Only headers are read."""
    if picture.format == "PNG" and "exif" not in picture.info:
        return {}  # asked for EXIF, Pillow would decode a PNG whole to look behind its pixels
    exif = picture.getexif()
    return {**exif, **exif.get_ifd(_EXIF_FOLDER)}


def captured_at(tags: Mapping[int, Any]) -> str | None:
    """When the shutter opened, ISO 8601, with fraction and zone where the camera gave them; None where it did not tell."""
    told = str(tags.get(_TIME) or tags.get(_TIME_DIGITISED) or "")
    time = re.fullmatch(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)[\0\s]*", told)
    if time is None:
        return None
    fraction = re.match(r"\d{1,6}", str(tags.get(_TIME_FRACTION, "")))
    offset = re.match(r"[+-]\d\d:\d\d", str(tags.get(_ZONE, "")))
    text = f"{time[1]}-{time[2]}-{time[3]}T{time[4]}" + (f".{fraction[0]}" if fraction else "") + (offset[0] if offset else "")
    try:
        datetime.fromisoformat(text)
    except ValueError:  # a clock that was never set: 0000:00:00
        return None
    return text


def clock_s(told: str) -> float:
    """A time as `captured_at` tells it, in seconds since 1970; of the camera's own zone where it gave none."""
    time = datetime.fromisoformat(told)
    return (time.replace(tzinfo=None) - datetime(1970, 1, 1) - (time.utcoffset() or timedelta())).total_seconds()


def still_times(pictures: Sequence[Path]) -> tuple[float, ...] | None:
    """Seconds since the first picture of a series, one a picture; None where not all tell their time, or one goes back.

    Pictures of one moment are spread evenly up to a second, or up to the next: clocks often tell whole seconds only.
    """
    clock: list[float] = []
    for picture in pictures:
        told = _told_by(picture)
        if told is None or (clock and clock_s(told) < clock[-1]):
            return None
        clock.append(clock_s(told))
    moments = [(moment, len(list(same))) for moment, same in groupby(clock)]
    times: list[float] = []
    for (moment, number), (after, _) in zip(moments, [*moments[1:], (float("inf"), 0)], strict=True):
        room_s = min(1.0, after - moment)
        times += [moment - clock[0] + room_s * place / number for place in range(number)]
    return tuple(times)


def _told_by(picture: Path) -> str | None:
    from PIL import Image

    try:
        with Image.open(picture) as opened:
            return captured_at(exif_tags(opened))
    except Exception:  # Pillow raises many classes for damaged files, which decoding will name
        return None
