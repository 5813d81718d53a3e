"""Is it rain: precision and recall on labelled clips, a third of them rain, the rest what could be taken for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from acquire.simulator.backgrounds import background
from acquire.simulator.encode import encode
from acquire.simulator.render import render_frames
from acquire.simulator.specification import ClipSpecification, Event, RainSpecification
from manifests.files import fingerprint, write_atomically
from tests.benchmarks.falling_drops import DropRain, drop_frames
from tests.benchmarks.figure import Figure
from tests.benchmarks.rain_accuracy import measured
from tests.benchmarks.rain_look_alikes import LOOK_ALIKES, Colours

VERSION = 2  # of how clips are rendered
CACHE = Path(".cache/rain_or_not")
TUNING_SEED, REPORTING_SEED = 5_000, 6_000
FRAMES = 40
BACKGROUNDS = ("coffee", "street:{}", "cat", "thicket:{}", "rocket", "street:{}")
WHOLE_CLIP = {  # events of the simulator, without rain
    "nothing": (),
    "snow (simulated)": (Event("snow"),),
    "dense snow (simulated)": (Event("snow", strength=500),),
    "glass": (Event("glass"),),
    "much glass": (Event("glass", strength=120),),
    "people and cars": (Event("objects", strength=3),),
    "leaves": (Event("leaves", strength=0.3),),
    "flash": (Event("flash", 12, 15),),
    "exposure": (Event("exposure", 5, 35, strength=0.6),),
    "haze": (Event("haze", strength=0.5),),
    "frozen rain": (Event("frozen"),),
}
RAIN_BESIDE = {  # what may happen in the rain
    "rain": (),
    "rain, people and cars": (Event("objects", strength=2),),
    "rain, leaves": (Event("leaves", strength=0.15),),
    "rain, exposure": (Event("exposure", 5, 35, strength=0.8),),
    "rain, overlay": (Event("overlay"),),
}


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A clip and whether it rains in it. `drops` or `look_alike` says what is drawn on the simulator's picture instead of its rain."""

    kind: str
    raining: bool
    clip: ClipSpecification
    drops: DropRain | None = None
    look_alike: str | None = None


def labelled_clips(seed: int) -> list[LabelledClip]:
    """Two clips of each kind, three of rain; looks and noise vary."""
    rng = np.random.default_rng(seed)
    found: list[LabelledClip] = []

    def clip(rain: RainSpecification | None = None, events: Sequence[Event] = (), **changes: float) -> ClipSpecification:
        number = len(found)
        name = BACKGROUNDS[number % len(BACKGROUNDS)].format(seed + number)
        plain = ClipSpecification(
            name=f"clip-{number}",
            seed=seed + number,
            width=(320, 480)[number % 2],
            height=(240, 270)[number % 2],
            frames=FRAMES,
            background=name,
            rain=rain,
            events=tuple(events),
            noise=float(rng.uniform(0.6, 2.0)),
            quality=int(rng.integers(50, 72)),
        )
        return replace(plain, **changes)  # type: ignore[arg-type]

    for _ in range(2):
        for kind, events in WHOLE_CLIP.items():
            found.append(LabelledClip(kind, False, clip(_rain(rng) if kind == "frozen rain" else None, events)))
        found.append(LabelledClip("sensor noise", False, clip(noise=6.0)))
        found.append(LabelledClip("strong sensor noise", False, clip(noise=12.0)))
        found.append(LabelledClip("codec flicker", False, clip(noise=3.0, quality=25, key_frame_interval=6)))
        found += [LabelledClip(kind, False, clip(), look_alike=kind) for kind in LOOK_ALIKES]
    for _ in range(3):
        for kind, events in RAIN_BESIDE.items():
            found.append(LabelledClip(kind, True, clip(_rain(rng), events)))
        for kind in ("drops", "light drops", "heavy drops"):
            found.append(LabelledClip(kind, True, clip(), drops=_drops(rng, kind)))
    return found


def run() -> list[Figure]:
    """Measure and decide on all clips of the reporting seed; print the kinds that went wrong."""
    outcomes = [(clip, measured(rendered(clip), clip.clip.width, clip.clip.height, FRAMES)) for clip in labelled_clips(REPORTING_SEED)]
    wrong = [(clip, row) for clip, row in outcomes if row.raining != clip.raining]
    for clip, row in wrong:
        print(f"  {clip.kind} ({clip.clip.background}): called {'rain' if row.raining else row.reason}")
    counts = Counter((clip.raining, bool(row.raining)) for clip, row in outcomes)
    called = counts[True, True] + counts[False, True]
    return [
        Figure(
            f"rain called rain, of {counts[True, True] + counts[True, False]} clips",
            _share(counts[True, True], counts[True, False]),
            "",
            0.95,
            "at least",
        ),
        Figure(f"rain among the {called} clips called rain", _share(counts[True, True], counts[False, True]), "", 0.95, "at least"),
    ]


def rendered(clip: LabelledClip) -> Path:
    """The clip, from the cache if it is there."""
    path = CACHE / f"{fingerprint('rain_or_not', VERSION, repr(clip))[:16]}.mp4"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as file:
            encode(clip.clip, _pictures(clip), file)
    return path


def _pictures(clip: LabelledClip) -> Iterator[Colours]:
    specification = clip.clip
    if clip.drops is None and clip.look_alike is None:
        yield from (frame.picture for frame in render_frames(specification))
        return
    size = specification.width, specification.height
    clean = background(specification.background, size, size)
    if clip.drops is not None:
        shown: Iterator[Colours] = (frame.picture for frame in drop_frames(clean, clip.drops, FRAMES, specification.seed))
    else:
        shown = LOOK_ALIKES[str(clip.look_alike)](clean, FRAMES, specification.seed)
    for index, picture in enumerate(shown):
        noise = np.random.default_rng([specification.seed, index, 3]).normal(0, specification.noise, picture.shape)
        yield np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def _rain(rng: np.random.Generator) -> RainSpecification:
    return RainSpecification(
        orientation_deg=float(rng.uniform(45, 135)),
        length_px=float(rng.uniform(9, 45)),
        width_px=float(rng.uniform(1.0, 2.6)),
        density=float(rng.uniform(0.02, 0.25)),
        brightness=float(rng.uniform(40, 120)),
    )


def _drops(rng: np.random.Generator, kind: str) -> DropRain:
    cover = {"drops": (0.03, 0.12), "light drops": (0.008, 0.02), "heavy drops": (0.15, 0.3)}[kind]
    return DropRain(
        orientation_deg=float(rng.uniform(45, 135)),
        length_px=float(rng.uniform(9, 60)),
        width_px=float(rng.uniform(1.0, 3.0)),
        cover=float(rng.uniform(*cover)),
        brightness=float(rng.uniform(35, 100)),
        shutter=float(rng.uniform(0.1, 1.0)),
    )


def _share(these: int, others: int) -> float:
    return these / (these + others) if these + others else 0.0
