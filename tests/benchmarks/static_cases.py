"""Labelled clips for the static verdict, drawn by a seed: cameras crossed with rain, codecs, light and things that move.

About a third is marginal: drifts of 1.4 to 3 px in all, zooms round 0.5 %, rolls round 0.2 degrees, jumps of 1.4 to 3 px, tremor of half a
pixel to one, and rain that covers 0.3 of the picture. Two seeds are for setting thresholds, each with photos of its own, and a third is for
reporting: it shares neither generated scenes nor any parameter with them. Photos are too few for a third share, so it shows those of both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from acquire.simulator.backgrounds import background, places
from acquire.simulator.specification import CameraMove, ClipSpecification, Event, RainSpecification
from tests.benchmarks.static_truth import Expected, expected

TUNING_SEEDS, REPORTING_SEED = (1, 2), 3
TUNING_PHOTOS = {1: ("astronaut", "cat", "brick", "camera", "coins"), 2: ("motorcycle", "rocket", "coffee", "grass", "gravel")}
PHOTOS: dict[int, tuple[str, ...]] = {**TUNING_PHOTOS, REPORTING_SEED: TUNING_PHOTOS[1] + TUNING_PHOTOS[2]}
DARK_FOLDER = Path(__file__).parents[2] / ".cache" / "dark-backgrounds"
FRAMES = 60
SIZES = {(426, 240): 0.655, (640, 360): 0.17, (854, 480): 0.1, (1280, 720): 0.05, (1920, 1080): 0.025}

Generator = np.random.Generator


@dataclass(frozen=True)
class Case:
    """A clip, what should come of it, and the categories it is counted under."""

    clip: ClipSpecification
    expected: Expected
    camera: str
    rain: str
    light: str
    things: str
    marginal: bool


@dataclass(frozen=True)
class _Kind:
    """So many cases of one kind of camera or of editing."""

    name: str
    count: int
    change: Callable[[ClipSpecification, Generator], ClipSpecification]
    marginal: bool = False
    rain: str | None = None  # null: drawn


def cases(seed: int, count: int | None = None) -> list[Case]:
    """The cases of a seed; with a count, as many of them, spread over the kinds."""
    found = []
    for number, kind in enumerate(KINDS):
        generator = np.random.default_rng([seed, number])
        for index in range(kind.count):
            found.append(_case(kind, index, seed, generator))
    return found if count is None else found[:: max(1, len(found) // count)][:count]


def _case(kind: _Kind, index: int, seed: int, generator: Generator) -> Case:
    """Draws until the truth is not a matter of a few per cent."""
    while True:
        rain, things = kind.rain or _drawn(generator, RAINS), _drawn(generator, THINGS)
        light = _drawn(generator, LIGHTS) if kind.name not in ("flash", "exposure step", "time-lapse") else "constant"
        clip = _plain(f"{kind.name.replace(' ', '-')}-{index:03d}", generator, seed, dark=light == "dark")
        clip = kind.change(clip, generator)
        clip = replace(clip, rain=_rain(rain, clip, generator))
        events = _weather(rain, generator) + _things(things, clip, generator) + _light(light, clip, generator)
        clip = replace(clip, events=clip.events + events)
        truth = expected(clip)
        if truth is not None:
            return Case(clip, truth, kind.name, rain, light, things, kind.marginal)


def _drawn(generator: Generator, shares: dict[str, float]) -> str:
    names = list(shares)
    weights = np.array(list(shares.values()))
    return names[int(generator.choice(len(names), p=weights / weights.sum()))]


def _plain(name: str, generator: Generator, seed: int, *, dark: bool) -> ClipSpecification:
    """Size, scene, rate and codec."""
    sizes = list(SIZES)
    width, height = sizes[int(generator.choice(len(sizes), p=np.array(list(SIZES.values()))))]
    photos = PHOTOS[seed]
    if generator.random() < 0.5 and height <= 360:
        photo = photos[int(generator.integers(len(photos)))]
        scene = f"{photo}:{int(generator.integers(2 * places(photo, (width, height))))}"
    else:
        scene = f"{'street' if generator.random() < 0.65 else 'thicket'}:{1_000_000 * seed + int(generator.integers(100_000))}"
    codec, container = CODECS[int(generator.choice(len(CODECS), p=[0.68, 0.14, 0.12, 0.06]))]
    return ClipSpecification(
        name=name,
        seed=int(generator.integers(1 << 31)),
        width=width,
        height=height,
        frames=FRAMES,
        fps=float(generator.choice([15, 20, 24, 25])),
        background=_darkened(scene, (width, height), float(generator.uniform(0.1, 0.3))) if dark else scene,
        noise=float(generator.uniform(0.7, 3.0)),
        codec=codec,  # type: ignore[arg-type]
        container=container,  # type: ignore[arg-type]
        quality=int(generator.choice([35, 45, 55, 62, 75])),
        key_frame_interval=int(generator.choice([12, 30, 60, 250])),
        variable_frame_rate=bool(generator.random() < 0.2),
        rotation_deg=90 if generator.random() < 0.1 and codec in ("libx264", "libx265") else 0,
    )


CODECS = [("libx264", "mp4"), ("libx265", "mp4"), ("libvpx-vp9", "webm"), ("mpeg4", "mkv")]


def _darkened(scene: str, size: tuple[int, int], gain: float) -> str:
    """The path of the scene by night, a picture of its own, so that the sensor's noise stays what it is."""
    name, _, place = scene.partition(":")
    return str(DARK_FOLDER / f"{name}-{place}-{size[0]}x{size[1]}-{gain:.3f}.png")


def make_dark_background(clip: ClipSpecification) -> None:
    """Writes the clip's scene by night, if it shows one and that is not there yet."""
    path = Path(clip.background)
    if path.parent != DARK_FOLDER or path.exists():
        return
    name, place, size, gain = path.stem.split("-")
    width, height = (int(side) for side in size.split("x"))
    picture = background(f"{name}:{place}", (width, height), (round(width * 1.1), round(height * 1.1)))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.rint(picture[..., ::-1] * float(gain)).astype(np.uint8))


# --- rain, light, things ------------------------------------------------------------------------------------------------------------

RAINS = {"none": 0.22, "light": 0.2, "medium": 0.22, "heavy": 0.2, "snow": 0.08, "drops on glass": 0.08}
DENSITIES = {"light": (0.02, 0.07), "medium": (0.08, 0.18), "heavy": (0.18, 0.28), "cover 0.3": (0.29, 0.34)}
LIGHTS = {"constant": 0.6, "drift": 0.15, "flicker": 0.12, "dark": 0.13}
THINGS = {"none": 0.5, "objects": 0.15, "leaves": 0.1, "clouds": 0.1, "overlay": 0.07, "clock": 0.04, "bars": 0.04}


def _rain(kind: str, clip: ClipSpecification, generator: Generator) -> RainSpecification | None:
    """Rain whose streaks grow with the picture."""
    if kind not in DENSITIES:
        return None
    size = (clip.height / 360) ** 0.5
    return RainSpecification(
        orientation_deg=float(generator.uniform(50, 130)),
        length_px=float(np.exp(generator.uniform(np.log(10), np.log(50)))) * size,
        width_px=float(generator.uniform(1.0, 2.6)) * size,
        density=float(generator.uniform(*DENSITIES[kind])),
        brightness=float(generator.uniform(45, 130)),
        layers=int(generator.integers(1, 4)),
        smeared=float(generator.uniform(0, 0.5)),
    )


def _weather(kind: str, generator: Generator) -> tuple[Event, ...]:
    if kind == "snow":
        return (Event("snow", strength=float(generator.integers(60, 250))),)
    return (Event("glass", strength=float(generator.integers(10, 40))),) if kind == "drops on glass" else ()


def _things(kind: str, clip: ClipSpecification, generator: Generator) -> tuple[Event, ...]:
    if kind == "none":
        return ()
    if kind == "objects" and clip.codec == "jpeg":  # from photo to photo, objects are never in the same place
        return tuple(Event("objects", frame, frame + 1, float(generator.integers(1, 3))) for frame in range(clip.frames))
    strength = {
        "objects": float(generator.integers(1, 4)),
        "leaves": float(generator.uniform(0.1, 0.35)),
        "clouds": float(generator.uniform(0.2, 0.45)),
        "bars": float(generator.uniform(0.1, 0.25)),
    }
    return (Event(kind, strength=strength.get(kind)),)  # type: ignore[arg-type]


def _light(kind: str, clip: ClipSpecification, generator: Generator) -> tuple[Event, ...]:
    if kind == "drift":
        return (Event("exposure", strength=float(generator.choice([generator.uniform(0.65, 0.9), generator.uniform(1.1, 1.35)]))),)
    if kind == "flicker":
        strengths = generator.uniform(0.02, 0.1, clip.frames)
        return tuple(Event("flash", frame, frame + 1, float(strengths[frame])) for frame in range(0, clip.frames, 2))
    return ()


# --- cameras and editing ------------------------------------------------------------------------------------------------------------


def _moved(kind: str, low: float, high: float) -> Callable[[ClipSpecification, Generator], ClipSpecification]:
    """A move of an amount between low and high, either way where that differs."""

    def change(clip: ClipSpecification, generator: Generator) -> ClipSpecification:
        amount = float(np.exp(generator.uniform(np.log(low), np.log(high))))
        if kind in ("zoom", "roll") and generator.random() < 0.5:
            amount = -amount
        # Of 60 frames only one part can be long enough.
        frame = int(generator.choice([generator.integers(10, 18), generator.integers(42, 50)]))
        if kind == "settle":
            frame = int(generator.integers(8, 20))
        slow = float(generator.choice([12, 12.5, 15])) if kind in ("bump", "settle") else clip.fps
        return replace(clip, fps=slow, camera=CameraMove(kind, amount, float(generator.uniform(0, 360)), frame))  # type: ignore[arg-type]

    return change


def _stands(clip: ClipSpecification, generator: Generator) -> ClipSpecification:
    return clip


def _other_scene(clip: ClipSpecification, generator: Generator) -> str:
    return f"{'street' if generator.random() < 0.6 else 'thicket'}:{clip.seed % 1_000_000}"


def _cut(clip: ClipSpecification, generator: Generator) -> ClipSpecification:
    frame = int(generator.choice([generator.integers(8, 19), generator.integers(41, 52)]))
    return replace(clip, fps=15.0, events=(Event("cut", frame, background=_other_scene(clip, generator)),))


def _fade(clip: ClipSpecification, generator: Generator) -> ClipSpecification:
    long = int(generator.integers(6, 13))
    first = int(generator.choice([generator.integers(2, 8), generator.integers(41, 47)]))
    return replace(clip, fps=15.0, events=(Event("fade", first, first + long, background=_other_scene(clip, generator)),))


def _flash(clip: ClipSpecification, generator: Generator) -> ClipSpecification:
    first = int(generator.integers(5, 50))
    return replace(clip, events=(Event("flash", first, first + int(generator.integers(1, 5)), float(generator.uniform(0.3, 2.0))),))


def _exposure_step(clip: ClipSpecification, generator: Generator) -> ClipSpecification:
    first, gain = int(generator.integers(8, 50)), float(generator.choice([generator.uniform(0.4, 0.75), generator.uniform(1.3, 1.8)]))
    return replace(clip, events=(Event("exposure", first, first + int(generator.integers(2, 4)), gain),))


def _black(clip: ClipSpecification, generator: Generator) -> ClipSpecification:
    return replace(clip, fps=15.0, events=(Event("black", 0, int(generator.integers(5, 15))),))


def _frozen(clip: ClipSpecification, generator: Generator) -> ClipSpecification:
    whole = generator.random() < 0.6
    return replace(clip, events=(Event("frozen", 0 if whole else int(generator.integers(5, 28))),))


def _photos(clip: ClipSpecification, generator: Generator) -> ClipSpecification:
    """A time-lapse of photos, 1 to 60 s apart."""
    return replace(
        clip,
        codec="jpeg",
        frames=int(generator.integers(36, 49)),
        fps=1.0 / float(np.exp(generator.uniform(0, np.log(60)))),
        variable_frame_rate=False,
    )


def _drifting_photos(clip: ClipSpecification, generator: Generator) -> ClipSpecification:
    return _moved("drift", 2, 12)(_photos(clip, generator), generator)


KINDS = (
    _Kind("tripod", 60, _stands),
    _Kind("tripod", 24, _stands, marginal=True, rain="cover 0.3"),
    _Kind("wind vibration", 18, _moved("shake", 0.05, 0.3)),
    _Kind("slight drift", 14, _moved("drift", 0.25, 0.84), marginal=True),
    _Kind("drift", 32, _moved("drift", 1.3, 3.0), marginal=True),
    _Kind("drift", 10, _moved("drift", 3.0, 20.0)),
    _Kind("zoom", 18, _moved("zoom", 0.3, 0.8), marginal=True),
    _Kind("zoom", 8, _moved("zoom", 2.0, 10.0)),
    _Kind("roll", 18, _moved("roll", 0.12, 0.35), marginal=True),
    _Kind("roll", 8, _moved("roll", 1.0, 5.0)),
    _Kind("tremor", 8, _moved("shake", 0.55, 1.2), marginal=True),
    _Kind("shake", 10, _moved("shake", 1.5, 4.0)),
    _Kind("handheld", 10, _moved("shake", 5.0, 14.0)),
    _Kind("pan", 12, _moved("pan", 0.3, 6.0)),
    _Kind("bump", 12, _moved("bump", 1.3, 3.0), marginal=True),
    _Kind("bump", 10, _moved("bump", 3.0, 12.0)),
    _Kind("slight bump", 4, _moved("bump", 0.3, 0.84), marginal=True),
    _Kind("settle", 14, _moved("settle", 0.6, 4.0)),
    _Kind("cut", 14, _cut),
    _Kind("fade", 10, _fade),
    _Kind("flash", 10, _flash),
    _Kind("exposure step", 10, _exposure_step),
    _Kind("black lead-in", 4, _black),
    _Kind("frozen", 10, _frozen),
    _Kind("time-lapse", 18, _photos),
    _Kind("time-lapse", 6, _drifting_photos),
)
