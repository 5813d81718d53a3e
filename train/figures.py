"""Pictures of a run: its curves, and what it makes of some frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from manifests.files import write_atomically
from train.inference import remove_rain
from train.network import DerainingNetwork
from train.pictures import before_after
from train.runlog import LogRow
from train.validation import HeldOutScene

SAMPLES = 4
SAMPLE_SIDE_PX = 320
STREAKS_TIMES = 3  # how much brighter streaks are shown
# Okabe and Ito's colours, told apart by colour-blind eyes too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
PANELS: tuple[tuple[str, str, tuple[str, ...], bool], ...] = (
    ("total loss", "", ("total",), False),
    ("consistency and structure", "intensity", ("background", "structure"), False),
    ("reconstruction", "intensity", ("reconstruction",), False),
    ("directional gradient", "rad", ("directional",), False),
    ("learning rate and γ", "", ("learning_rate", "gamma"), True),
    ("contrast of B", "share of std(I)", ("contrast_kept", "contrast_shared"), False),
    ("mean S", "intensity", ("mean_streaks",), False),
    ("dead streak pixels", "share", ("dead_fraction",), False),
    ("held out: PSNR", "dB", ("held_out_score", "held_out_psnr", "held_out_psnr_input"), False),
    ("held out: distances", "intensity", ("held_out_pair_gap", "held_out_median_distance", "held_out_mean_streaks"), False),
    ("held out: contrast of B", "share of the median's", ("held_out_contrast_kept",), False),
    ("speed", "images/s", ("images_per_s",), False),
)
NAMES = {
    "background": "background consistency",
    "structure": "structure similarity",
    "learning_rate": "learning rate",
    "gamma": "γ",
    "contrast_kept": "kept",
    "contrast_shared": "shared by both frames",
    "held_out_score": "against the median (score)",
    "held_out_psnr": "against the truth",
    "held_out_psnr_input": "doing nothing",
    "held_out_pair_gap": "between two B",
    "held_out_median_distance": "to the median",
    "held_out_mean_streaks": "mean S",
}


def draw_curves(rows: Sequence[LogRow], path: Path) -> None:
    """The log against the step, one panel a kind of measure."""
    figure = Figure(figsize=(16, 9), layout="constrained")
    for place, (title, unit, names, logarithmic) in enumerate(PANELS):
        axes = figure.add_subplot(3, 4, place + 1)
        drawn = [_draw_curve(axes, rows, name, color) for name, color in zip(names, COLORS, strict=False)]
        axes.set_title(title, fontsize=10)
        axes.set_ylabel(unit, fontsize=8)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        if logarithmic and any(drawn):
            axes.set_yscale("log")
        if len(names) > 1 and any(drawn):
            axes.legend(fontsize=7)
    with write_atomically(path) as file:
        figure.savefig(file, format="png", dpi=100)


def _draw_curve(axes: Axes, rows: Sequence[LogRow], name: str, color: str) -> bool:
    """Draw one column; whether there was anything to draw."""
    points = [(row.step, getattr(row, name)) for row in rows if getattr(row, name) is not None]
    if points:
        marker = "." if len(points) < 30 else ""
        axes.plot(*zip(*points, strict=True), color=color, linewidth=1.2, marker=marker, label=NAMES.get(name, name))
    return bool(points)


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
