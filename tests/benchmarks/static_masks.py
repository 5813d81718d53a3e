"""How well validity masks leave out what moves and what lies over the picture, against the simulator's own drawing of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from acquire.simulator.camera import canvas_size, look, poses
from acquire.simulator.editing import edited
from acquire.simulator.shots import Scene
from acquire.simulator.specification import ClipSpecification
from curate.static_segments import StaticSegmentsSettings
from tests.benchmarks.figure import Figure
from tests.benchmarks.static_accuracy import Outcome

VISIBLE_LEVELS = 20  # grey levels off the empty scene: an object of the scene's own colour does no harm
MOVING = ("objects", "leaves", "clouds", "clock")
Bits = npt.NDArray[np.bool_]


def figures(found: Sequence[Outcome]) -> list[Figure]:
    """Shares of pixels over the kept segments of clips that stand as a whole."""
    counts: dict[str, list[tuple[int, int]]] = {}
    for one in found:
        if one.case.clip.camera.kind != "static" or one.case.expected.spans != ((0, one.case.clip.frames),) or len(one.masks) != 1:
            continue
        masked = one.masks[0] == 0
        share, drawn_over = moving_share(one.case.clip), overlaid(one.case.clip)
        often = share > StaticSegmentsSettings().masked_share
        counts.setdefault(f"moving pixels masked ({one.case.things})", []).append(((often & masked).sum(), often.sum()))
        counts.setdefault("pixels under a logo or text masked", []).append(((drawn_over & masked).sum(), drawn_over.sum()))
        good = ~(share > 0) & ~drawn_over
        counts.setdefault(f"good pixels masked ({_weather(one)})", []).append(((good & masked).sum(), good.sum()))
    told = {name: np.sum(pairs, axis=0) for name, pairs in sorted(counts.items())}
    return [Figure(name, float(part / whole), "", None) for name, (part, whole) in told.items() if whole]


def moving_share(clip: ClipSpecification) -> npt.NDArray[np.float64]:
    """For which share of the frames each pixel (H, W) shows something that moves, told from the scene with and without it."""
    empty = replace(clip, events=tuple(event for event in clip.events if event.kind not in MOVING))
    path, size = poses(clip), (clip.width, clip.height)
    scenes = [Scene(one, canvas_size(one, path)) for one in (clip, empty)]
    shown = np.zeros((clip.height, clip.width))
    frames = range(0, clip.frames, 3)
    for index in frames:
        with_, without = (look(scene.at(index), path[index], size).astype(np.int16) for scene in scenes)
        with_, without = (edited(one.astype(np.uint8), spec, index).astype(np.int16) for one, spec in ((with_, clip), (without, empty)))
        shown += np.abs(with_ - without).max(axis=2) > VISIBLE_LEVELS
    return shown / len(frames)


def overlaid(clip: ClipSpecification) -> Bits:
    """Which pixels (H, W) lie under a logo or text: black and white pictures come out alike there. Bars are no overlay."""
    plain = replace(clip, events=tuple(event for event in clip.events if event.kind == "overlay"))
    black, white = (edited(np.full((clip.height, clip.width, 3), level, np.uint8), plain, 0) for level in (0, 255))
    return np.asarray((black == white).all(axis=2))


def _weather(one: Outcome) -> str:
    return one.case.rain if one.case.things == "none" else "beside things that move or lie over the picture"
