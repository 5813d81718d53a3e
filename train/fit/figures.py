"""Pictures of a run: its curves, and what it makes of some frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from manifests.files import write_atomically
from train.fit.runlog import LogRow
from train.fit.validation import HeldOutScene
from train.inference import remove_rain
from train.network import DerainingNetwork
from train.pictures import before_after

SAMPLES = 4
SAMPLE_SIDE_PX = 320
STREAKS_TIMES = 3  # how much brighter streaks are shown
# Okabe and Ito's colours, told apart by colour-blind eyes too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")


class Panel(NamedTuple):
    """One panel of the curves."""

    title: str
    unit: str
    columns: tuple[str, ...]  # of the log
    scale: Literal["free", "from zero", "logarithmic"] = "free"


PANELS = (
    Panel("total loss", "", ("total",)),
    Panel("consistency and structure", "intensity", ("background", "structure"), "from zero"),
    Panel("reconstruction", "intensity", ("reconstruction",), "from zero"),
    Panel("directional gradient", "rad", ("directional",), "from zero"),
    Panel("learning rate and γ", "", ("learning_rate", "gamma"), "logarithmic"),
    Panel("contrast of B", "share of std(I)", ("contrast_kept", "contrast_shared"), "from zero"),
    Panel("mean S", "intensity", ("mean_streaks",)),
    Panel("dead streak pixels", "share", ("dead_fraction",), "from zero"),
    Panel("held out: PSNR", "dB", ("held_out_score", "held_out_score_input", "held_out_psnr", "held_out_psnr_input")),
    Panel("held out: distances", "intensity", ("held_out_pair_gap", "held_out_median_distance", "held_out_mean_streaks")),
    Panel("held out: contrast of B", "share of the median's", ("held_out_contrast_kept",), "from zero"),
    Panel("speed", "images/s", ("images_per_s",), "from zero"),
)
NAMES = {
    "background": "background consistency",
    "structure": "structure similarity",
    "learning_rate": "learning rate",
    "gamma": "γ",
    "contrast_kept": "kept",
    "contrast_shared": "shared by both frames",
    "held_out_score": "against the frames' quantile (score)",
    "held_out_score_input": "the same, doing nothing",
    "held_out_psnr": "against the truth",
    "held_out_psnr_input": "the same, doing nothing",
    "held_out_pair_gap": "between two B",
    "held_out_median_distance": "to the median",
    "held_out_mean_streaks": "mean S",
}


def draw_curves(rows: Sequence[LogRow], path: Path) -> None:
    """The log against the step, one panel a kind of measure."""
    figure = Figure(figsize=(16, 9), layout="constrained")
    for place, panel in enumerate(PANELS):
        _draw_panel(figure.add_subplot(3, 4, place + 1), rows, panel)
    with write_atomically(path) as file:
        figure.savefig(file, format="png", dpi=100)


def _draw_panel(axes: Axes, rows: Sequence[LogRow], panel: Panel) -> None:
    for name, color in zip(panel.columns, COLORS, strict=False):
        points = [(row.step, getattr(row, name)) for row in rows if getattr(row, name) is not None]
        if points:
            marker = "." if len(points) < 30 else ""
            axes.plot(*zip(*points, strict=True), color=color, linewidth=1.2, marker=marker, label=NAMES.get(name, name))
    if not axes.lines:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", fontsize=9, transform=axes.transAxes)
    axes.set_title(panel.title, fontsize=10)
    axes.set_ylabel(panel.unit, fontsize=8)
    axes.set_xlabel("step", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    if panel.scale == "from zero":
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
    if panel.scale == "logarithmic" and axes.lines:
        axes.set_yscale("log")
    if len(axes.lines) > 1:
        axes.legend(fontsize=7)


def draw_samples(
    network: DerainingNetwork, scenes: Sequence[HeldOutScene], device: torch.device, precision: torch.dtype, path: Path
) -> None:
    """Of some scenes, side by side: a frame, its background, its streaks, and what is wanted: the temporal median."""
    panels, captions = [], []
    for scene in scenes[:SAMPLES]:
        rows, columns = (_central(side) for side in scene.median.shape[1:])
        picture = scene.frames[:1, :, rows, columns].to(device).float() / 255
        background, streaks = remove_rain(network, picture, precision)
        shown = [picture, background, STREAKS_TIMES * streaks, scene.median[None, :, rows, columns]]
        panels.append([panel[0].cpu().clamp(0, 1).expand(3, -1, -1).permute(1, 2, 0).numpy() for panel in shown])
        captions.append(f"scene {scene.scene_id}: mean S {255 * float(streaks.mean()):.1f} of 255 levels")
    before_after(panels, ["rainy", "derained, B", f"streaks, S x {STREAKS_TIMES}", "temporal median"], captions, path)


def _central(length: int) -> slice:
    start = max(0, (length - SAMPLE_SIDE_PX) // 2)
    return slice(start, min(length, start + SAMPLE_SIDE_PX))
