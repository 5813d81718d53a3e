"""Scenes of rain whose look is known, for the accuracy of the rain measures: encoded clips under .cache/, rendered once.

Two families: `drops` of the renderer that the measures were not tuned on (`falling_drops`), and `simulated` of the one that they were. The
seeds for tuning and for reporting are disjoint. Looks are stratified over their ranges, so that few scenes fill them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquire.simulator.backgrounds import background
from acquire.simulator.encode import encode
from acquire.simulator.render import render_frames
from acquire.simulator.specification import ClipSpecification, RainSpecification
from manifests.files import fingerprint, write_atomically
from tests.benchmarks.falling_drops import DropRain, drop_frames

VERSION = 2  # of how scenes are rendered
CACHE = Path(".cache/rain_scenes")
TUNING_SEED, REPORTING_SEED = 1_000, 5_000  # 2_000 and 3_000: drops that were looked at while the measures were mended
FRAMES = 24
VISIBLE_LEVELS = 3  # as the measures have it: a pixel is rainy when it rises by more
SIZES = ((320, 240), (320, 240), (480, 270), (320, 240), (640, 360), (480, 270), (320, 240), (640, 360), (320, 240), (480, 270), (640, 480))
LARGE = {15: (1280, 720), 31: (1920, 1080), 47: (1280, 720), 63: (1920, 1080)}  # scenes by number
BACKGROUNDS = ("coffee", "street:{}", "cat", "thicket:{}", "astronaut", "street:{}", "rocket", "brick", "street:{}", "camera")

Family = Literal["drops", "simulated"]


@dataclass(frozen=True, slots=True)
class RainScene:
    """What one scene is rendered from. Lengths and widths are px of the full picture."""

    family: Family
    number: int
    seed: int
    width: int
    height: int
    background: str
    rain: DropRain
    noise: float
    quality: int
    frames: int = FRAMES

    @property
    def name(self) -> str:
        """As files and tables have it."""
        return f"{self.family}-{self.seed}"


@dataclass(frozen=True, slots=True)
class RainTruth:
    """What was rendered: one value a frame, and medians over all visible streaks of the scene."""

    frame_orientation_deg: tuple[float | None, ...]
    frame_cover: tuple[float, ...]
    length_px: float
    width_px: float


def rain_scenes(family: Family, seed: int, number: int = 64) -> list[RainScene]:
    """`number` scenes whose looks fill their ranges: each range is cut into as many parts, and each part is taken once."""
    generator = np.random.default_rng(seed)
    share = {name: (generator.permutation(number) + generator.random(number)) / number for name in (*RANGES, "noise", "quality", "shutter")}
    scenes = []
    for index in range(number):
        look = {name: _within(RANGES[name], float(share[name][index])) for name in RANGES}
        width, height = LARGE.get(index, SIZES[index % len(SIZES)])
        scenes.append(
            RainScene(
                family=family,
                number=index,
                seed=seed + index,
                width=width,
                height=height,
                background=BACKGROUNDS[index % len(BACKGROUNDS)].format(seed + index),
                rain=DropRain(**look, shutter=0.1 + 0.9 * float(share["shutter"][index])),
                noise=0.5 + 1.5 * float(share["noise"][index]),
                quality=round(50 + 25 * float(share["quality"][index])),
            )
        )
    return scenes


RANGES = {  # (lowest, highest, whether on a logarithmic scale)
    "orientation_deg": (40.0, 140.0, False),
    "length_px": (8.0, 90.0, True),
    "width_px": (1.0, 4.0, True),
    "cover": (0.005, 0.35, True),
    "brightness": (25.0, 110.0, True),
}


def rendered(scene: RainScene) -> tuple[Path, RainTruth]:
    """The scene's clip and its truth, from the cache if it is there."""
    stem = CACHE / f"{scene.name}-{fingerprint('rain_scenes', VERSION, asdict(scene))[:12]}"
    clip, told = stem.with_suffix(".mp4"), stem.with_suffix(".json")
    if not told.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        truth = _render(scene, clip)
        with write_atomically(told) as file:
            file.write(json.dumps(asdict(truth)).encode())
    found = json.loads(told.read_text())
    return clip, RainTruth(tuple(found["frame_orientation_deg"]), tuple(found["frame_cover"]), found["length_px"], found["width_px"])


def _within(span: tuple[float, float, bool], share: float) -> float:
    low, high, logarithmic = span
    return low * (high / low) ** share if logarithmic else low + (high - low) * share


def _render(scene: RainScene, clip: Path) -> RainTruth:
    orientations: list[float | None] = []
    covers: list[float] = []
    lengths: list[npt.NDArray[np.float64]] = []
    widths: list[npt.NDArray[np.float64]] = []
    pictures = _drops if scene.family == "drops" else _simulated

    def noted() -> Iterator[npt.NDArray[np.uint8]]:
        for picture, orientation_deg, cover, of_lengths, of_widths in pictures(scene):
            orientations.append(orientation_deg)
            covers.append(cover)
            lengths.append(of_lengths)
            widths.append(of_widths)
            yield picture

    with write_atomically(clip) as file:
        encode(_file(scene), noted(), file)
    return RainTruth(
        tuple(orientations), tuple(covers), float(np.median(np.concatenate(lengths))), float(np.median(np.concatenate(widths)))
    )


_Seen = tuple[npt.NDArray[np.uint8], float | None, float, npt.NDArray[np.float64], npt.NDArray[np.float64]]


def _drops(scene: RainScene) -> Iterator[_Seen]:
    size = scene.width, scene.height
    clean = background(scene.background, size, size)
    for index, frame in enumerate(drop_frames(clean, scene.rain, scene.frames, scene.seed)):
        noise = np.random.default_rng([scene.seed, index, 9]).normal(0, scene.noise, frame.picture.shape)
        picture = np.clip(np.rint(frame.picture + noise), 0, 255).astype(np.uint8)
        yield picture, frame.orientation_deg, frame.cover, frame.lengths_px, frame.widths_px


def _simulated(scene: RainScene) -> Iterator[_Seen]:
    for frame in render_frames(_file(scene)):
        rise = frame.rain.astype(np.float32)  # the largest channel's, near enough to luma's
        yield frame.picture, frame.orientation_deg, float(np.mean(rise > VISIBLE_LEVELS)), frame.lengths_px, frame.widths_px


def _file(scene: RainScene) -> ClipSpecification:
    """As the simulator and the encoder have it."""
    look = scene.rain
    return ClipSpecification(
        name=scene.name,
        seed=scene.seed,
        width=scene.width,
        height=scene.height,
        frames=scene.frames,
        background=scene.background,
        rain=RainSpecification(
            orientation_deg=look.orientation_deg,
            length_px=look.length_px,
            width_px=look.width_px,
            density=look.cover,
            brightness=look.brightness,
            layers=1 + scene.number % 3,
            smeared=(0.0, 0.25, 0.5)[scene.number % 3],
        ),
        noise=scene.noise,
        quality=scene.quality,
    )
