"""What a camera wrote beside its pictures (EXIF): exposure, which the length of rain streaks depends on, and when and with what it was."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquire.shown import printable

if TYPE_CHECKING:
    from PIL import Image

_EXIF_FOLDER = 0x8769
_MAKE, _MODEL = 0x010F, 0x0110
_EXPOSURE, _F_NUMBER, _ISO, _FOCAL_LENGTH = 0x829A, 0x829D, 0x8827, 0x920A
_TIME, _TIME_FRACTION, _ZONE = 0x9003, 0x9291, 0x9011


def read_exposure(pictures: Sequence[Path]) -> dict[str, Any]:
    """The footage columns that EXIF fills: medians, since a camera may meter anew for each picture; time and model of the first.

    What no picture tells, or cannot be read, is null.
    """
    from PIL import Image

    told: list[dict[int, Any]] = []
    for path in pictures:
        try:
            with Image.open(path) as picture:
                told.append(exif_tags(picture))
        except Exception:  # Pillow raises many classes for damaged files, which probing will name
            continue
    if not told:
        return {}
    iso = _median(told, _ISO)
    return {
        "captured_at": captured_at(told[0]),
        "camera_model": _camera(told[0]),
        "exposure_s": _median(told, _EXPOSURE),
        "iso": None if iso is None else round(iso),
        "f_number": _median(told, _F_NUMBER),
        "focal_length_mm": _median(told, _FOCAL_LENGTH),
    }


def exif_tags(picture: Image.Image) -> dict[int, Any]:
    """The tags of a picture and of its camera, by number. To be read while the picture is open."""
    exif = picture.getexif()
    return {**exif, **exif.get_ifd(_EXIF_FOLDER)}


def captured_at(tags: Mapping[int, Any], zone: bool = True) -> str | None:
    """When the shutter opened, ISO 8601, with the zone where the camera gave one (and `zone` asks for it)."""
    time = re.fullmatch(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)\0*\s*", str(tags.get(_TIME, "")))
    if time is None or time[1] == "0000":
        return None
    fraction = re.match(r"\d{1,6}", str(tags.get(_TIME_FRACTION, "")))
    offset = re.match(r"[+-]\d\d:\d\d", str(tags.get(_ZONE, "")))
    return (
        f"{time[1]}-{time[2]}-{time[3]}T{time[4]}"
        + (f".{fraction[0]}" if fraction else "")
        + (offset[0] if offset and zone else "")
    )  # fmt: skip


def _camera(tags: Mapping[int, Any]) -> str | None:
    make, model = (printable(str(tags.get(tag, "")).strip("\0 ")) for tag in (_MAKE, _MODEL))
    return (model if model.startswith(make) else f"{make} {model}").strip() or None  # many models repeat their maker


def _median(told: Sequence[Mapping[int, Any]], tag: int) -> float | None:
    values = [number for tags in told if (number := _number(tags.get(tag))) is not None]
    return statistics.median(values) if values else None


def _number(value: Any) -> float | None:
    """A positive number out of a rational, a number or a tuple of them; cameras write 0/0 for what they do not know."""
    try:
        number = float(value[0] if isinstance(value, tuple) else value)
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return None
    return number if math.isfinite(number) and number > 0 else None
