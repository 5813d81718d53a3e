"""The figures of a release's card: in which directions it rains, how orientation and length are covered, samples where there are pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from curate.release.facts import Facts
from curate.release.pictures import decoded
from curate.report.counts import Coverage, coverage
from curate.report.roses import rain_rose
from curate.report.sheets import INK, PAPER, grid
from manifests.media import Picture, write_png

RAIN = (42, 111, 151)
CELL_PX = (72, 30)
SAMPLES = 10  # scenes shown, of which the middle frame is taken


def draw_figures(folder: Path, facts: Facts) -> list[str]:
    """Write `rain-rose.png`, `coverage.png` and, where the release holds pixels, `samples.png`; gives the names that were written."""
    drawn = {
        "rain-rose.png": rain_rose([orientation for orientation, _ in facts.streaks], title=f"{len(facts.streaks)} frames"),
        "coverage.png": coverage_map(coverage(facts.streaks)),
    }
    if facts.selection.pixels:
        drawn["samples.png"] = _samples(facts)
    for name, picture in drawn.items():
        write_png(folder / name, picture)
    return sorted(drawn)


def coverage_map(found: Coverage) -> Picture:
    """Frames by streak length (rows) and orientation (columns), as numbers in cells shaded by them, HWC RGB."""
    left, top = 110, 28
    most = max(1, *(count for row in found.counts for count in row))
    sheet = Image.new("RGB", (left + CELL_PX[0] * len(found.columns), top + CELL_PX[1] * len(found.rows)), PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    for column, name in enumerate(found.columns):
        pen.text((left + CELL_PX[0] * (column + 0.5), top / 2), name, INK, font, anchor="mm")
    for row, (name, counts) in enumerate(zip(found.rows, found.counts, strict=True)):
        middle = top + CELL_PX[1] * (row + 0.5)
        pen.text((left - 8, middle), name, INK, font, anchor="rm")
        for column, count in enumerate(counts):
            corner = (left + CELL_PX[0] * column, top + CELL_PX[1] * row)
            shade = tuple(round(255 - (255 - full) * 0.6 * count / most) for full in RAIN)
            pen.rectangle((*corner, corner[0] + CELL_PX[0] - 2, corner[1] + CELL_PX[1] - 2), fill=shade)
            pen.text((corner[0] + CELL_PX[0] / 2, middle), str(count), INK, font, anchor="mm")
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
