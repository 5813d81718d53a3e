"""Whether scenes are known again by their rain: simulated clips encoded anew, and impostors that show other rain at the same place."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from acquire.simulator.specification import ClipSpecification, Event, RainSpecification
from curate.release.fingerprints import luma_cells
from curate.release.likeness import Cells, Match, find
from manifests.media import Picture, frames
from tests.benchmarks.figure import Figure
from tests.benchmarks.rendered import rendered

FPS, FRAMES = 20, 60
CHOSEN = np.arange(6, 54, 2)
TIMES_S = (CHOSEN / FPS).tolist()
CLIPS = [
    ClipSpecification(name=name, seed=seed, width=320, height=240, frames=FRAMES, fps=FPS, background=place, rain=rain, events=events)
    for seed, (name, place, rain, events) in enumerate(
        [
            ("rain", "coffee", RainSpecification(), ()),
            ("street", "street:3", RainSpecification(), ()),
            ("light", "coffee:1", RainSpecification(density=0.02), ()),
            ("exposure", "street:7", RainSpecification(), (Event("exposure", 0, None, 0.3),)),
        ]
    )
]
QUALITIES = (20, 28, 34)  # rate factors of x264; the clips have 19
SIZES = (0.67, 1.5)
SHIFTS = (3, 6)  # frames that are cut off at the beginning
IMPOSTORS = 200


def run() -> list[Figure]:
    """Shares of the true that are close, and of the impostors."""
    known = {clip.name: _pictures(rendered(clip)) for clip in CLIPS}
    found: list[bool] = []
    for pictures in known.values():
        scene = _cells(pictures)[CHOSEN]
        found += [_close(scene, _encoded(pictures, crf=crf)) for crf in QUALITIES]
        found += [_close(scene, _encoded(pictures, scale=scale)) for scale in SIZES]
        found += [_close(scene, _encoded(pictures[shift:])) for shift in SHIFTS]
    fooled = [close for clip in CLIPS for close in _impostors(clip, known[clip.name], IMPOSTORS // len(CLIPS))]
    assert len(fooled) == IMPOSTORS
    return [
        Figure(f"scenes known again after another encoding, of {len(found)}", float(np.mean(found)), "of 1", 0.95, "at least"),
        Figure(f"impostors taken for a scene, of {IMPOSTORS}", float(sum(fooled)), "", 0.0),
    ]


def _impostors(clip: ClipSpecification, pictures: list[Picture], number: int) -> list[bool]:
    """Neighbouring frames alone, and the same place at another time, at several qualities."""
    scene = _cells(pictures)[CHOSEN]
    rng = np.random.default_rng(clip.seed)
    again = {crf: _cells(_encoded(pictures, crf=crf)) for crf in QUALITIES}
    later = _pictures(rendered(replace(clip, name=f"{clip.name}-later", seed=100 + clip.seed)))
    others = {crf: _cells(_encoded(later, crf=crf)) for crf in QUALITIES}
    told = []
    for count in range(number):
        crf = QUALITIES[count % len(QUALITIES)]
        if count % 2:
            match = find(scene, TIMES_S, again[crf][CHOSEN + rng.choice([-1, 1], len(CHOSEN))], TIMES_S)
        else:
            match = _match(scene, others[crf][rng.integers(0, 6) :])
        told.append(match is not None and match.close)
    return told


def _close(scene: Cells, pictures: list[Picture]) -> bool:
    match = _match(scene, _cells(pictures))
    return match is not None and match.close


def _match(scene: Cells, decoded: Cells) -> Match | None:
    return find(scene, TIMES_S, decoded, (np.arange(len(decoded)) / FPS).tolist())


def _cells(pictures: list[Picture]) -> Cells:
    return np.stack([luma_cells(picture).ravel() for picture in pictures]).astype(float)


def _pictures(path: Path) -> list[Picture]:
    return [frame.picture for frame in frames(path)]


def _encoded(pictures: list[Picture], *, crf: int = 28, scale: float = 1.0) -> list[Picture]:
    """The pictures after another encoding, in memory."""
    height, width = (round(side * scale / 2) * 2 for side in pictures[0].shape[:2])
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt, codec.framerate = width, height, "yuv420p", Fraction(FPS)
    codec.options = {"crf": str(crf), "preset": "veryfast"}
    resized = (np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)) for picture in pictures)
    packets = [packet for picture in resized for packet in codec.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))]
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoded = [frame for packet in [*packets, *codec.encode(None)] for frame in decoder.decode(packet)]
    return [frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False) for frame in [*decoded, *decoder.decode(None)]]
