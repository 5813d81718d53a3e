"""Pictures of a run: its loss curves, and what it makes of some frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from manifests.files import write_atomically
from manifests.media import write_png
from train.inference import remove_rain
from train.network import DerainingNetwork
from train.scenes import SceneFrames

SAMPLES = 4
SAMPLE_SIDE_PX = 512


def draw_curves(rows: Sequence[Mapping[str, float | None]], path: Path) -> None:
    """The log's columns against the step, one panel each."""
    names = [name for name in rows[0] if name not in ("step", "elapsed_s")] if rows else []
    figure = Figure(figsize=(14, 2.4 * max(1, -(-len(names) // 4))), layout="constrained")
    for place, name in enumerate(names):
        axes = figure.add_subplot(-(-len(names) // 4), 4, place + 1)
        shown = [row for row in rows if row.get(name) is not None]
        values = np.array([[row["step"], row[name]] for row in shown], dtype=float).reshape(-1, 2)
        axes.plot(*values.T, marker="." if len(values) < 30 else "", linewidth=1)
        axes.set_title(name.replace("_", " "), fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    with write_atomically(path) as file:
        figure.savefig(file, format="png", dpi=100)


def draw_samples(network: DerainingNetwork, scenes: Sequence[SceneFrames], device: torch.device, path: Path) -> None:
    """Of some scenes, side by side: a frame, its background, its streaks (three times as bright)."""
    strips = []
    for scene in scenes[:SAMPLES]:
        picture = scene.frames[:1, :, :SAMPLE_SIDE_PX, :SAMPLE_SIDE_PX].to(device).float() / 255
        background, streaks = remove_rain(network, picture)
        strips.append(torch.cat([picture, background, (3 * streaks).clamp(0, 1).expand_as(picture)], dim=3)[0])
    width = max(strip.shape[2] for strip in strips)
    padded = [torch.nn.functional.pad(strip, (0, width - strip.shape[2])) for strip in strips]
    sheet = torch.cat(padded, dim=1).expand(3, -1, -1).permute(1, 2, 0)
    write_png(path, np.ascontiguousarray((sheet * 255).round().byte().cpu().numpy()))
