"""The default world: which clips there are, each by its specification.

Four families. `rain-…`: static cameras in rain, to train on. `sparse-…`: the same in hardly any rain. `holdout-…`: rain to be kept for
evaluation, over photos that no other clip shows. Everything else: what a curator meets besides (`pan-…`, `frozen-…`, `dry-…`), named by
what is the matter with it.

No two clips share their rain: every parameter follows a Kronecker sequence with a quadratic irrational of its own, whose points stay
apart in each dimension by at least about 0.2 / n of the range. So clips can be added without changing those that are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist

from acquire.simulator.backgrounds import BUNDLED, places, smaller_places, stem
from acquire.simulator.simulate import SimulateSettings
from acquire.simulator.specification import CameraMove, ClipSpecification, Event, RainMaker, RainSpecification
from manifests.errors import InputError
from manifests.media import PICTURE_SUFFIXES

HELD_OUT_PHOTOS = ("coffee", "cat", "camera")  # of the bundled ones, kept for held-out clips
HELD_OUT_SHARE = 8  # of a user's pictures, about one in so many is kept for held-out clips
RAIN_RANGES = {  # (lowest, highest) over clips; lengths, widths and brightness on a logarithmic scale
    "orientation_deg": (50.0, 130.0),
    "length_px": (9.0, 48.0),
    "width_px": (1.0, 2.6),
    "density": (0.07, 0.22),
    "brightness": (60.0, 140.0),
    "smeared": (0.0, 0.5),
    "defocus_px": (0.2, 0.8),
}
WIDE_RAIN_RANGES = {
    "orientation_deg": (42.0, 138.0),
    "length_px": (10.0, 100.0),
    "width_px": (0.9, 3.2),
    "density": (0.06, 0.38),
    "brightness": (30.0, 150.0),
    "smeared": (0.0, 0.6),
    "defocus_px": (0.1, 1.0),
    "bright_ground": (0.0, 0.55),
    "frame_variation": (0.1, 0.4),
}
DOWNPOUR_RANGES = WIDE_RAIN_RANGES | {  # soft, dense, in gusts: the light that it lays over the whole picture comes and goes
    "orientation_deg": (60.0, 120.0),
    "length_px": (25.0, 150.0),
    "width_px": (1.5, 12.0),
    "density": (0.5, 0.95),
    "brightness": (30.0, 120.0),
    "defocus_px": (0.3, 2.0),
    "frame_variation": (0.5, 1.2),
}
DRIZZLE_RANGES = WIDE_RAIN_RANGES | {  # few, short, faint streaks: most of what looks like one belongs to the scene
    "length_px": (6.0, 40.0),
    "width_px": (0.8, 1.8),
    "density": (0.01, 0.08),
    "brightness": (20.0, 80.0),
}
FLECK_RANGES = WIDE_RAIN_RANGES | {  # what a short exposure makes of dense rain: no lines, but flecks side by side
    "length_px": (5.0, 25.0),
    "width_px": (1.5, 5.0),
    "density": (0.35, 0.95),
    "brightness": (30.0, 120.0),
    "defocus_px": (0.3, 1.5),
    "frame_variation": (0.3, 1.0),
}
SPARSE_RANGES = WIDE_RAIN_RANGES | {  # a few streaks in a picture: nearly all that looks like one belongs to the scene
    "length_px": (5.0, 50.0),
    "width_px": (0.8, 2.2),
    "density": (0.002, 0.03),
    "brightness": (20.0, 90.0),
}
IN_TURN = 8  # of so many clips of `wide` rain two are downpours, one a drizzle and one of flecks
TILT = NormalDist(90.0, 16.0)  # directions of `wide` rain, degrees: rain falls straight more often than not
_IRRATIONALS = (5**0.5, 2**0.5, 13**0.5 / 2, 3**0.5, 7**0.5, 11**0.5, 10**0.5, 14**0.5, 6**0.5)
# Procedural scenes that follow when photos run out. What is as thin and upright as rain is what networks mistake for it.
PROCEDURAL_IN_TURN = {"filmed": ("street", "thicket"), "wide": ("uprights", "street", "uprights", "thicket")}
ON_A_STREET = frozenset({"traffic"})  # kinds that need no photo but a procedural street
_LOGARITHMIC = ("length_px", "width_px", "density", "brightness")


@dataclass(frozen=True, slots=True)
class _Sources:
    """Backgrounds by family: what the n-th clip of each shows."""

    photos: list[str]
    held_out: list[str]

    @classmethod
    def of(cls, settings: SimulateSettings) -> _Sources:
        if settings.backgrounds is None:
            return cls([photo for photo in BUNDLED if photo not in HELD_OUT_PHOTOS], list(HELD_OUT_PHOTOS))
        folder = Path(settings.backgrounds)
        pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES) if folder.is_dir() else []
        if not pictures:
            raise InputError(f"{folder}: holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}); name a folder with some")
        kept = [str(path) for path in pictures if _number(path.name) % HELD_OUT_SHARE == 0]
        return cls([str(path) for path in pictures if str(path) not in kept], kept)


def world(settings: SimulateSettings) -> list[ClipSpecification]:
    """The clips' specifications. Raises InputError for an unknown kind in the mix or a folder without pictures."""
    unknown = [kind for kind in settings.mix if kind not in OTHERS]
    if unknown:
        raise InputError(f"mix: {', '.join(unknown)}: no such kind of clip; choose from {', '.join(OTHERS)}")
    sources = _Sources.of(settings)
    rain = _backgrounds(sources.photos, settings, settings.clips)
    sparse = _backgrounds(sources.photos, settings, settings.sparse, procedural_from=5_000, mirrored=True)
    held_out = _backgrounds(sources.held_out, settings, settings.held_out, procedural_from=10_000)
    others = _backgrounds(sources.photos, settings, settings.others if settings.mix else 0, procedural_from=15_000, mirrored=True)
    wide = settings.rain == "wide"
    clips = [_clip(settings, "rain", number, rain_parameters(3 * number, wide), name) for number, name in enumerate(rain)]
    clips += [_clip(settings, "sparse", number, sparse_rain(number), name) for number, name in enumerate(sparse)]
    clips += [_clip(settings, "holdout", number, rain_parameters(3 * number + 1, wide), name) for number, name in enumerate(held_out)]
    for number, photo in enumerate(others):
        kind = settings.mix[number % len(settings.mix)]
        name = f"street:{20_000 + number}" if kind in ON_A_STREET else photo
        clips.append(OTHERS[kind](_clip(settings, kind, number, rain_parameters(3 * number + 2, wide), name)))
    return clips


def rain_parameters(index: int, wide: bool = False) -> RainSpecification:
    """The rain of the clip with this index: no other of its kind has any of its parameters."""
    number, family = divmod(index, 3)
    if not wide:
        return RainSpecification(maker="drops", layers=1 + number % 3, **_values(RAIN_RANGES, index))
    turn = number % IN_TURN
    # Clips of a kind count one after another, so that they spread evenly.
    if turn in (3, 7):
        return RainSpecification(
            maker="noise", layers=1, **_values(DOWNPOUR_RANGES, 3 * (2 * number // IN_TURN) + family, TILT, first=0.59)
        )
    of_kind = 3 * (number // IN_TURN) + family
    if turn == 2:
        return RainSpecification(maker="noise", layers=1, **_values(FLECK_RANGES, of_kind, TILT, first=0.11))
    values = _values(DRIZZLE_RANGES, of_kind, TILT, first=0.83) if turn == 4 else _values(WIDE_RAIN_RANGES, index, TILT)
    return _mixed(number, values)


def sparse_rain(number: int) -> RainSpecification:
    """The rain of the `sparse` clip of this number: no other has any of its parameters."""
    return _mixed(number, _values(SPARSE_RANGES, number, TILT, first=0.47))


def _mixed(number: int, values: dict[str, float]) -> RainSpecification:
    """By both makers, in one to three layers."""
    maker: RainMaker = "noise" if number % 5 < 3 else "drops"
    return RainSpecification(maker=maker, layers=1 + number % 3, **values)


def _values(ranges: dict[str, tuple[float, float]], index: int, tilt: NormalDist | None = None, first: float = 0.37) -> dict[str, float]:
    """A value in each range, evenly spread over clips from the share `first` on; directions as `tilt` has them, where it is given."""
    values = {}
    for (name, (low, high)), irrational in zip(ranges.items(), _IRRATIONALS, strict=False):
        share = (first + index * irrational) % 1.0
        if name == "orientation_deg" and tilt is not None:
            values[name] = tilt.inv_cdf(tilt.cdf(low) + share * (tilt.cdf(high) - tilt.cdf(low)))
        else:
            values[name] = low * (high / low) ** share if name in _LOGARITHMIC else low + (high - low) * share
    return values


def _backgrounds(photos: list[str], settings: SimulateSettings, count: int, procedural_from: int = 0, mirrored: bool = False) -> list[str]:
    """`count` backgrounds: each photo's first place, then their second ones, and so on, then procedural scenes in turn.

    `wide` rain falls on photos made smaller, too.
    """
    size = settings.width, settings.height
    offered: dict[str, list[int]] = {}
    for photo in photos if count else ():
        number = places(photo, size)
        offered[photo] = list(range(number, 2 * number) if mirrored else range(number))
        if settings.rain == "wide" and not mirrored:
            offered[photo] += smaller_places(photo, size)
    found = []
    for turn in range(max(map(len, offered.values()), default=0)):
        found += [f"{photo}:{numbers[turn]}" for photo, numbers in offered.items() if turn < len(numbers)]
    scenes = PROCEDURAL_IN_TURN[settings.rain]
    missing = max(0, count - len(found))  # no kind follows itself, so that half of their number tells places of one kind apart
    return found[:count] + [f"{scenes[n % len(scenes)]}:{procedural_from + n // 2}" for n in range(missing)]


def _clip(settings: SimulateSettings, kind: str, number: int, rain: RainSpecification, background: str) -> ClipSpecification:
    """A static camera in rain, in a file as they come: some with a variable frame rate, some with a rotation tag, some by another codec."""
    name = f"{kind}-{number:03d}-{stem(background)}"
    return ClipSpecification(
        name=name,
        seed=_number(f"{settings.seed}:{name}"),
        width=settings.width,
        height=settings.height,
        frames=settings.frames,
        fps=settings.fps,
        background=background,
        rain=rain,
        quality=settings.quality,
        codec="jpeg" if settings.stills else "libx265" if number % 6 == 5 else "libx264",
        variable_frame_rate=number % 4 == 3,
        rotation_deg=90 if number % 5 == 2 else 0,
    )


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])


# --- the other clips ----------------------------------------------------------------------------------------------------------------


def _moved(kind: str, amount_per_width: float = 0.0, amount: float = 0.0) -> Callable[[ClipSpecification], ClipSpecification]:
    """A camera move; directions differ from clip to clip."""

    def change(clip: ClipSpecification) -> ClipSpecification:
        distance = amount + amount_per_width * clip.width
        move = CameraMove(kind, round(distance, 2), direction_deg=clip.seed % 360, frame=round(0.6 * clip.frames))  # type: ignore[arg-type]
        return replace(clip, camera=move)

    return change


def _with(*events: Event, dry: bool = False) -> Callable[[ClipSpecification], ClipSpecification]:
    return lambda clip: replace(clip, events=events, rain=None if dry else clip.rain)


def _cut(clip: ClipSpecification) -> ClipSpecification:
    return replace(clip, events=(Event("cut", clip.frames // 2, background=f"street:{30_000 + clip.seed % 10_000}"),))


def _fade(clip: ClipSpecification) -> ClipSpecification:
    span = clip.frames // 2, clip.frames // 2 + max(1, clip.frames // 6)
    return replace(clip, events=(Event("fade", *span, background=f"thicket:{30_000 + clip.seed % 10_000}"),))


def _flash(clip: ClipSpecification) -> ClipSpecification:
    first = clip.frames // 3
    return replace(clip, events=(Event("flash", first, min(clip.frames, first + 3)),))


def _traffic(clip: ClipSpecification) -> ClipSpecification:
    return replace(clip, rain=None, events=(Event("objects", strength=5),))


OTHERS: dict[str, Callable[[ClipSpecification], ClipSpecification]] = {
    "pan": _moved("pan", amount_per_width=0.006),
    "shake": _moved("shake", amount_per_width=0.015),
    "cut": _cut,
    "frozen": _with(Event("frozen")),
    "dry": _with(dry=True),
    "bump": _moved("bump", amount_per_width=0.015),
    "objects": _with(Event("objects")),
    "zoom": _moved("zoom", amount=12.0),
    "roll": _moved("roll", amount=6.0),
    "overlay": _with(Event("overlay")),
    "exposure": _with(Event("exposure", strength=0.6)),
    "traffic": _traffic,
    "drift": _moved("drift", amount_per_width=0.05),
    "glass": _with(Event("glass"), dry=True),
    "leaves": _with(Event("leaves", strength=0.4)),
    "fade": _fade,
    "flash": _flash,
    "haze": _with(Event("haze")),
    "bars": _with(Event("bars")),
    "snow": _with(Event("snow"), dry=True),
}
