"""How well rain's orientation, cover, length and width are measured, against the truth of a renderer that they were not tuned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from curate.rain_diversity import RainDiversitySettings, rain_diversity
from manifests.tables import Footage, Rain, Segment
from manifests.workspace import Workspace
from tests.benchmarks.figure import Figure
from tests.benchmarks.rain_scenes import REPORTING_SEED, Family, RainScene, RainTruth, rain_scenes, rendered

Floats = npt.NDArray[np.float64]
WORST = 5  # scenes told


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scene, what is true of it, and what was measured."""

    scene: RainScene
    truth: RainTruth
    row: Rain

    @property
    def errors_deg(self) -> Floats:
        """Of the orientation, one for each frame whose orientation was told: of one or two streaks none is."""
        pairs = zip(self.row.frame_orientation_deg, self.truth.frame_orientation_deg, strict=True)
        return np.array([abs((told - true + 90) % 180 - 90) for told, true in pairs if told is not None and true is not None])

    @property
    def tilt_deg(self) -> float:
        """How far the rain leans."""
        return abs(self.scene.rain.orientation_deg - 90)


def run() -> list[Figure]:
    """Measure 64 scenes of each family; the second renderer's are held to bounds, the simulator's are told beside them."""
    return [*_figures("drops", held=True), *_figures("simulated", held=False)]


def outcomes(family: Family, seed: int) -> list[Outcome]:
    """Measure a family's scenes."""
    found = []
    for scene in rain_scenes(family, seed):
        clip, truth = rendered(scene)
        found.append(Outcome(scene, truth, measured(clip, scene.width, scene.height, scene.frames)))
    return found


def measured(clip: Path, width: int, height: int, frames: int) -> Rain:
    """The rain row of a whole clip."""
    footage = Footage(
        footage_id="clip",
        source="simulated",
        source_id=clip.name,
        origin=clip.name,
        status="ok",
        acquired_at=datetime(2026, 1, 1, tzinfo=UTC),
        path=str(clip.resolve()),
        media="video",
        width=width,
        height=height,
        frames=frames,
    )
    segment = Segment("clip-000000", "clip", 0, frames, start_s=0.0, end_s=frames / 25, verdict="static")
    (row,) = rain_diversity(segment, footage, RainDiversitySettings(), Workspace(Path("/")))
    return row


def _figures(family: Family, *, held: bool) -> list[Figure]:
    found = outcomes(family, REPORTING_SEED)
    _print_by_category(family, found)
    errors = np.concatenate([outcome.errors_deg for outcome in found])
    frames = sum(one.scene.frames for one in found)
    true = [(float(np.median(one.truth.frame_cover)), one.truth.length_px, one.truth.width_px) for one in found]
    told = [(one.row.cover or 0.0, one.row.length_px or 0.0, one.row.width_px or 0.0) for one in found]
    figures = [
        Figure(f"{family}: orientation's error, median of {errors.size} frames", float(np.median(errors)), "°", 1.0 if held else None),
        Figure(f"{family}: orientation's error, 95 % of frames", float(np.quantile(errors, 0.95)), "°", 4.0 if held else None),
        Figure(f"{family}: frames whose orientation was told, of {frames}", errors.size / frames, "", None),
    ]
    for place, (measure, bound) in enumerate({"cover": 0.95, "length": 0.9, "width": 0.9}.items()):
        rank = float(spearmanr([values[place] for values in true], [values[place] for values in told]).statistic)
        figures.append(
            Figure(f"{family}: {measure}'s rank correlation, {len(found)} scenes", rank, "", bound if held else None, "at least")
        )
    return figures


def _print_by_category(family: Family, found: Sequence[Outcome]) -> None:
    """Orientation by what it may depend on, ratios of measured to true, and the worst scenes."""
    categories = {
        "leaning 0-15°": [one for one in found if one.tilt_deg < 15],
        "leaning 15-30°": [one for one in found if 15 <= one.tilt_deg < 30],
        "leaning 30-50°": [one for one in found if one.tilt_deg >= 30],
        "cover under 0.02": [one for one in found if one.scene.rain.cover < 0.02],
        "cover 0.02-0.1": [one for one in found if 0.02 <= one.scene.rain.cover < 0.1],
        "cover over 0.1": [one for one in found if one.scene.rain.cover >= 0.1],
        "length under 16 px": [one for one in found if one.scene.rain.length_px < 16],
        "length 16-40 px": [one for one in found if 16 <= one.scene.rain.length_px < 40],
        "length over 40 px": [one for one in found if one.scene.rain.length_px >= 40],
        "width under 1.5 px": [one for one in found if one.scene.rain.width_px < 1.5],
        "720p and 1080p": [one for one in found if one.scene.width > 640],
        "quality under 58": [one for one in found if one.scene.quality < 58],
        "quality over 66": [one for one in found if one.scene.quality > 66],
    }
    print(f"\n{family}: scenes; orientation's error median and 95 %; measured to true cover, length, width (medians)")
    for name, members in categories.items():
        if members:
            errors = np.concatenate([one.errors_deg for one in members])
            ratios = np.median([_ratios(one) for one in members], axis=0)
            told = " ".join(f"{ratio:5.2f}" for ratio in ratios)
            print(f"  {name:20} {len(members):3}  {np.median(errors):5.2f} {np.quantile(errors, 0.95):6.2f}   {told}")
    print("  worst:")
    for one in sorted(found, key=lambda one: -float(np.median([0.0, *one.errors_deg])))[:WORST]:
        look = one.scene.rain
        shape = f"{look.length_px:.0f}x{look.width_px:.1f} px at {look.orientation_deg:.0f}°, cover {look.cover:.3f}"
        print(f"    {one.scene.name} {one.scene.width} px, {one.scene.background}: {shape}: {np.median([0.0, *one.errors_deg]):.1f}° off")


def _ratios(one: Outcome) -> tuple[float, float, float]:
    cover = float(np.median(one.truth.frame_cover))
    return (
        (one.row.cover or 0.0) / max(cover, 1e-4),
        (one.row.length_px or 0.0) / one.truth.length_px,
        (one.row.width_px or 0.0) / one.truth.width_px,
    )
