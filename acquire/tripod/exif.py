"""What a camera wrote into its pictures (EXIF): when each was taken, with what, and its exposure, which rain streaks' length depends on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquire.shown import printable
from acquire.tripod.raw import RAW_SUFFIXES, raw_tags
from manifests.capture_times import captured_at, clock_s, exif_tags

EXPOSURE_COLUMNS = ("exposure_s", "iso", "f_number", "focal_length_mm")

MAKE, MODEL, ORIENTATION = 0x010F, 0x0110, 0x0112
EXPOSURE, F_NUMBER, ISO, FOCAL_LENGTH = 0x829A, 0x829D, 0x8827, 0x920A
LENS_MODEL, BODY_SERIAL = 0xA434, 0xA431
_DNG_SERIAL, _EXPOSURE_INDEX, _ISO_SPEED = 0xC62F, 0x8832, 0x8833
_LARGEST_ISO = 65535  # the tag's type holds no more; above it, cameras write the true value elsewhere


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture and what its camera says of it; None where it says nothing."""

    path: Path
    size: tuple[int, int] | None = None  # width and height as stored, px; None where not even the header can be read
    captured_at: str | None = None  # ISO 8601, with the zone where the camera gave one
    camera: str | None = None  # maker and model
    serial: str | None = None  # the body's own number
    lens: str | None = None
    orientation: int = 1  # EXIF's: 1 upright, 3 turned by 180°, 6 and 8 by 90°
    exposure_s: float | None = None
    iso: float | None = None
    f_number: float | None = None
    focal_length_mm: float | None = None

    @property
    def taken_s(self) -> float | None:
        """By the camera's clock, seconds since 1970; of its zone where it gave none."""
        return None if self.captured_at is None else clock_s(self.captured_at)


def read_shot(path: Path) -> Shot:
    """What a picture's header says. A header that cannot be read gives a shot without size: decoding will name the damage."""
    from PIL import Image

    try:
        if path.suffix.lower() in RAW_SUFFIXES:
            tags, size = raw_tags(path)
        else:
            with Image.open(path) as picture:
                size, tags = picture.size, exif_tags(picture)
    except Exception:  # Pillow raises many classes for damaged files
        return Shot(path)
    return Shot(
        path=path,
        size=size,
        captured_at=captured_at(tags),
        camera=_camera(tags),
        serial=_text(tags, BODY_SERIAL) or _text(tags, _DNG_SERIAL),
        lens=_text(tags, LENS_MODEL),
        orientation=tags[ORIENTATION] if tags.get(ORIENTATION) in range(1, 9) else 1,
        exposure_s=_number(tags.get(EXPOSURE)),
        iso=_iso(tags),
        f_number=_number(tags.get(F_NUMBER)),
        focal_length_mm=_number(tags.get(FOCAL_LENGTH)),
    )


def exposure_of(shots: Sequence[Shot]) -> dict[str, Any]:
    """The footage columns that a series of stills fills: medians of what a camera sets anew for each, the first one's time and camera."""
    times = [time for shot in shots if (time := shot.taken_s) is not None]
    return {
        "captured_at": shots[0].captured_at,
        "camera_model": shots[0].camera,
        "lens_model": shots[0].lens,
        **median_exposure(shots),
        "interval_s": (times[-1] - times[0]) / (len(times) - 1) if len(times) == len(shots) > 1 else None,
        "varying": varying(shots),
    }


def median_exposure(shots: Sequence[Shot]) -> dict[str, float | int | None]:
    """The exposure's columns over shots; null where none tells one."""
    medians = {name: _median(shots, name) for name in EXPOSURE_COLUMNS}
    iso = medians["iso"]
    return {**medians, "iso": None if iso is None else round(iso)}


def varying(shots: Sequence[Shot]) -> tuple[str, ...]:
    """Which of the exposure's columns hold more than one value over the shots that tell them."""
    return tuple(name for name in EXPOSURE_COLUMNS if len({value for shot in shots if (value := getattr(shot, name)) is not None}) > 1)


def bracket(shots: Sequence[Shot]) -> int | None:
    """How many pictures a camera took of each moment at exposures that alternate (for HDR); None where it did not.

    A period of 2 to 9 pictures at which exposure values (log2 of exposure time times sensitivity over aperture squared) repeat for at
    least nine pictures in ten, differing by at least half a stop within it, over two periods or more.
    """
    values = [_exposure_value(shot) for shot in shots]
    for period in range(2, 10):
        pairs = list(zip(values, values[period:], strict=False))
        if len(pairs) < period or max(values[:period]) - min(values[:period]) < 0.5:
            continue
        if sum(abs(earlier - later) < 0.1 for earlier, later in pairs) >= 0.9 * len(pairs):
            return period
    return None


def _exposure_value(shot: Shot) -> float:
    return math.log2((shot.exposure_s or 1.0) * (shot.iso or 100.0) / (shot.f_number or 1.0) ** 2)


def _camera(tags: Mapping[int, Any]) -> str | None:
    make, model = _text(tags, MAKE) or "", _text(tags, MODEL) or ""
    return (model if model.startswith(make) else f"{make} {model}").strip() or None  # many models repeat their maker


def _text(tags: Mapping[int, Any], tag: int) -> str | None:
    return printable(str(tags.get(tag, "")).strip("\0 ")) or None


def _iso(tags: Mapping[int, Any]) -> float | None:
    iso = _number(tags.get(ISO))
    if iso != _LARGEST_ISO:
        return iso
    return _number(tags.get(_EXPOSURE_INDEX)) or _number(tags.get(_ISO_SPEED)) or iso


def _median(shots: Sequence[Shot], name: str) -> float | None:
    values = [value for shot in shots if (value := getattr(shot, name)) is not None]
    return statistics.median(values) if values else None


def _number(value: Any) -> float | None:
    """A positive number out of a rational, a number or a tuple of them; cameras write 0/0 for what they do not know."""
    try:
        number = float(value[0] if isinstance(value, tuple) else value)
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return None
    return number if math.isfinite(number) and number > 0 else None
