"""The figures of a release's card: in which directions it rains, how orientation and length are covered, samples where there are pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from curate.release.facts import Facts
from curate.release.pictures import decoded
from curate.report.roses import rain_rose
from curate.report.sheets import INK, PAPER, grid
from manifests.media import Picture, write_png

ORIENTATION_EDGES_DEG = (0, 60, 70, 80, 90, 100, 110, 120, 180)
LENGTH_EDGES_PX = (0, 8, 16, 32, 64, np.inf)
RAIN = (42, 111, 151)
CELL_PX = (72, 30)
SAMPLES = 10  # scenes shown, of which the middle frame is taken


def draw_figures(folder: Path, facts: Facts) -> list[str]:
    """Write `rain-rose.png`, `coverage.png` and, where the release holds pixels, `samples.png`; gives the names that were written."""
    drawn = {
        "rain-rose.png": rain_rose([orientation for orientation, _ in facts.streaks], title=f"{len(facts.streaks)} frames"),
        "coverage.png": coverage_map(facts.streaks),
    }
    if facts.selection.pixels:
        drawn["samples.png"] = _samples(facts)
    for name, picture in drawn.items():
        write_png(folder / name, picture)
    return sorted(drawn)


def coverage_map(streaks: Sequence[tuple[float, float]]) -> Picture:
    """Frames by the orientation (columns, degrees) and length (rows, px) of their streaks: numbers in cells shaded by them, HWC RGB."""
    found = np.array(streaks, dtype=float).reshape(-1, 2)
    counts, _, _ = np.histogram2d(found[:, 1], found[:, 0] % 180, bins=(LENGTH_EDGES_PX, ORIENTATION_EDGES_DEG))
    columns = [f"{low}-{high}°" for low, high in pairwise(ORIENTATION_EDGES_DEG)]
    rows = [*(f"{low}-{high} px" for low, high in pairwise(LENGTH_EDGES_PX[:-1])), f"{LENGTH_EDGES_PX[-2]} px and more"]
    left, top = 110, 28
    (wide, high), most = CELL_PX, max(1.0, float(counts.max()))
    sheet = Image.new("RGB", (left + wide * len(columns), top + high * len(rows)), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, name in enumerate(columns):
        pen.text((left + wide * (column + 0.5), top / 2), name, INK, font, anchor="mm")
    for row, name in enumerate(rows):
        pen.text((left - 8, top + high * (row + 0.5)), name, INK, font, anchor="rm")
        for column, count in enumerate(counts[row].astype(int).tolist()):
            x, y = left + wide * column, top + high * row
            shade = tuple(round(255 - (255 - full) * 0.6 * count / most) for full in RAIN)
            pen.rectangle((x, y, x + wide - 2, y + high - 2), fill=shade)
            pen.text((x + wide / 2, y + high / 2), str(count), INK, font, anchor="mm")
    return np.asarray(sheet)


def _samples(facts: Facts) -> Picture:
    """The middle frame of some scenes, spread over all that have pixels."""
    scenes = [scene for scene in facts.selection.scenes if scene.scene_id in facts.selection.pixels]
    shown = [scenes[place] for place in _spread(len(scenes), SAMPLES)]
    pictures = []
    for scene in shown:
        middle = len(scene.frames) // 2
        size = (scene.width or 0, scene.height or 0)
        pictures.append(decoded(facts.selection.pictures.frame(scene, middle), size, f"scene {scene.scene_id}"))
    return grid([f"{scene.scene_id}, {scene.split}" for scene in shown], pictures)


def _spread(length: int, most: int) -> Sequence[int]:
    return [int(place) for place in np.unique(np.round(np.linspace(0, length - 1, min(most, length))))]
