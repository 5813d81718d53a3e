"""Which copies of a scene are found to show its place, and how many unrelated scenes are merged.

Each place is rendered with its rain; the scene and its copies take different frames of it, copies go through a transformation and a video
codec, and what is compared are the temporal medians, as in `curate sequences`. The backgrounds of the 300 unrelated scenes are streets and
thickets drawn by one procedure each, so that they are as alike as one family of pictures can be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

import av
import cv2
import numpy as np

from acquire.simulator.procedural import street, thicket
from acquire.simulator.render import render_frames
from acquire.simulator.specification import ClipSpecification
from curate.places import links, place_hash
from curate.scene_files import temporal_median
from curate.sequences import SequencesSettings
from manifests.media import Picture
from tests.benchmarks.figure import Figure

LEAST_FOUND = 95.0  # per cent
UNRELATED = 300
RESEMBLANCE = SequencesSettings().place_resemblance
PHOTOS = ("astronaut", "cat", "coffee", "coffee:1", "camera", "coins", "rocket", "motorcycle", "motorcycle:1", "grass", "gravel", "brick")
BACKGROUNDS = (*PHOTOS, *(f"street:{number}" for number in range(2500, 2514)), *(f"thicket:{number}" for number in range(2500, 2514)))
CLIP = ClipSpecification(width=480, height=320, frames=36)

Pictures = Sequence[Picture]
Copy = Callable[[Picture, np.random.Generator], Picture]


def run() -> list[Figure]:
    """Copies found, by kind; pairs merged that should not be, by kind; and what 300 scenes cost."""
    places = [_rainy(background, seed) for seed, background in enumerate(BACKGROUNDS)]
    figures = [_found(kind, copy, bound, places) for kind, (copy, bound) in COPIES.items()]
    hashes = [place_hash(_unrelated(2000 + number)) for number in range(UNRELATED)]
    start = time.process_time()
    merged = len(links([stored for stored in hashes if stored is not None], RESEMBLANCE))
    seconds = time.process_time() - start
    pairs = UNRELATED * (UNRELATED - 1) // 2
    figures.append(Figure(f"places: merged of {pairs} pairs of unrelated streets and thickets", merged, "pairs", 0))
    figures.append(Figure(f"places: telling {UNRELATED} such scenes apart", seconds, "s of CPU", None))
    for kind, shown in HARD.items():
        hard = [stored for stored in map(place_hash, shown()) if stored is not None]
        figures.append(
            Figure(f"places: merged of {len(hard) * (len(hard) - 1) // 2} pairs, {kind}", len(links(hard, RESEMBLANCE)), "pairs", 0)
        )
    return figures


def _rainy(background: str, seed: int) -> tuple[Picture, Pictures]:
    """A place's own median, and other frames of it for copies."""
    pictures = [frame.picture for frame in render_frames(replace(CLIP, name=background, background=background, seed=seed))]
    return temporal_median(pictures[::2]), pictures[1::2]


def _found(kind: str, copy: Copy, bound: float | None, places: Sequence[tuple[Picture, Pictures]]) -> Figure:
    found = 0
    for number, (median, pictures) in enumerate(places):
        copies = [copy(picture, np.random.default_rng(number)) for picture in pictures]  # one generator each: all frames alike
        hashes = place_hash(median), place_hash(temporal_median(_encoded(copies)))
        found += None not in hashes and bool(links([stored for stored in hashes if stored], RESEMBLANCE))
    return Figure(f"places: found of {len(places)} copies, {kind}", 100 * found / len(places), "%", bound, "at least")


def _encoded(pictures: Pictures, crf: int = 30) -> list[Picture]:
    """Through H.264 at a low quality and back."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = pictures[0].shape[0] // 2 * 2, pictures[0].shape[1] // 2 * 2
    encoder.pix_fmt, encoder.options, encoder.framerate = "yuv420p", {"crf": str(crf), "preset": "veryfast"}, 25  # type: ignore[assignment]
    encoder.time_base = 1 / encoder.framerate
    frames = [av.VideoFrame.from_ndarray(np.ascontiguousarray(shown[: encoder.height, : encoder.width])) for shown in pictures]
    packets = list(chain.from_iterable(encoder.encode(frame) for frame in [*frames, None]))
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoded = chain.from_iterable(decoder.decode(packet) for packet in [*packets, None])
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in decoded]


# --- copies -------------------------------------------------------------------------------------------------------------------------------


def _scaled(right: float, down: float | None = None) -> Copy:
    def copy(shown: Picture, _: np.random.Generator) -> Picture:
        size = round(shown.shape[1] * right), round(shown.shape[0] * (down or right))
        return np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA if right < 1 else cv2.INTER_CUBIC), np.uint8)

    return copy


def _cropped(share: float, size: float = 0.8) -> Copy:
    """`share` of width and height is gone, on sides drawn at random, and the rest is resized."""

    def copy(shown: Picture, generator: np.random.Generator) -> Picture:
        height, width = shown.shape[:2]
        top, left = (round(side * share * generator.uniform()) for side in (height, width))
        kept = shown[top : top + round(height * (1 - share)), left : left + round(width * (1 - share))]
        return _scaled(size)(kept, generator)

    return copy


def _in_other_light(shown: Picture, generator: np.random.Generator) -> Picture:
    """Another exposure and gamma, and light from one side."""
    ramp = np.linspace(generator.uniform(0.5, 1.0), generator.uniform(0.5, 1.0), shown.shape[1])[None, :, None]
    return np.clip(255 * (shown / 255.0) ** generator.uniform(0.6, 1.7) * ramp, 0, 255).astype(np.uint8)


def _with_a_logo(shown: Picture, _: np.random.Generator) -> Picture:
    marked = shown.copy()
    height, width = shown.shape[:2]
    cv2.rectangle(marked, (int(0.8 * width), int(0.05 * height)), (int(0.95 * width), int(0.15 * height)), (235, 235, 235), -1)
    cv2.putText(marked, "NEWS", (int(0.81 * width), int(0.13 * height)), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (10, 10, 10), 2)
    return marked


def _with_a_ticker(shown: Picture, generator: np.random.Generator) -> Picture:
    marked = _with_a_logo(shown, generator)
    height = shown.shape[0]
    marked[int(0.88 * height) :] = 30
    cv2.putText(marked, "weather at nine", (10, int(0.96 * height)), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (240, 240, 240), 2)
    return marked


def _same(shown: Picture, _: np.random.Generator) -> Picture:
    return shown


def _mirrored(shown: Picture, _: np.random.Generator) -> Picture:
    return np.ascontiguousarray(shown[:, ::-1])


COPIES: dict[str, tuple[Copy, float | None]] = {
    "re-encoded": (_same, LEAST_FOUND),
    "0.25 times the size": (_scaled(0.25), LEAST_FOUND),
    "0.5 times the size": (_scaled(0.5), LEAST_FOUND),
    "twice the size": (_scaled(2.0), LEAST_FOUND),
    "3:2 made 4:3": (_scaled(0.8, 0.9), LEAST_FOUND),
    "cropped by 10 %": (_cropped(0.1), LEAST_FOUND),
    "cropped by 20 %": (_cropped(0.2), None),
    "cropped by 30 %": (_cropped(0.3), None),
    "mirrored": (_mirrored, LEAST_FOUND),
    "in another light": (_in_other_light, None),
    "with a logo": (_with_a_logo, None),
    "with a logo and a ticker": (_with_a_ticker, None),
}


# --- unrelated ----------------------------------------------------------------------------------------------------------------------------


def _unrelated(number: int) -> Picture:
    return (street if number % 3 else thicket)(number, 320, 240)


def _panned() -> list[Picture]:
    """Three spots each, side by side, that one camera turns to."""
    wide = [street(number, 960, 240) for number in range(2600, 2615)]
    return [shown[:, left : left + 320] for shown in wide for left in (0, 320, 640)]


def _dim(contrast: float, level: float) -> list[Picture]:
    noise = np.random.default_rng(0).normal(0, 0.5, (240, 320, 3))
    return [np.clip(_unrelated(number) * contrast + level + noise, 0, 255).astype(np.uint8) for number in range(2700, 2745)]


HARD: dict[str, Callable[[], list[Picture]]] = {
    "a camera panned to other spots": _panned,
    "foggy": lambda: _dim(0.08, 190.0),
    "dark": lambda: _dim(0.05, 4.0),
}
