"""Rain roses: how often the rain of a set of frames falls in which direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from manifests.media import Picture

BIN_DEG = 7.5
PAPER, INK, RAIN = "#fafaf8", "#282828", "#2a6f97"


def rain_rose(orientations_deg: Sequence[float], *, size_px: int = 360, title: str = "") -> Picture:
    """Polar histogram of streak orientations, HWC RGB: 0° to the right, counter-clockwise; share of the frames outwards.

    An orientation has no sense of direction, so each is drawn at its angle and at the opposite one.
    """
    figure = Figure(figsize=(size_px / 100, size_px / 100), dpi=100, layout="constrained", facecolor=PAPER)
    axes: Any = figure.add_subplot(projection="polar", facecolor=PAPER)
    shares, edges_deg = _histogram(orientations_deg)
    centres = np.deg2rad((edges_deg[:-1] + edges_deg[1:]) / 2)
    for turn in (0.0, np.pi):
        axes.bar(centres + turn, shares, width=np.deg2rad(BIN_DEG), color=RAIN, edgecolor=PAPER, linewidth=0.5)
    axes.set_xticks(np.deg2rad([0, 45, 90, 135]), ["0°", "45°", "90°", "135°"], fontsize=9, color=INK)
    top = float(shares.max()) or 1.0
    axes.set_rlim(0, top)
    axes.set_rticks([top], [f"{top:.0%}"] if len(orientations_deg) else [""], fontsize=8, color=INK)
    axes.set_rlabel_position(22.5)
    axes.grid(alpha=0.35)
    if title:
        axes.set_title(title, fontsize=10, color=INK)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _histogram(orientations_deg: Sequence[float]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Shares of the frames by bin, and the bins' edges. Bins are centred on 0°, so that rain close to horizontal is not torn apart."""
    edges = np.arange(-BIN_DEG / 2, 180, BIN_DEG)
    folded = (np.asarray(orientations_deg, dtype=float) + BIN_DEG / 2) % 180 - BIN_DEG / 2
    counts, _ = np.histogram(folded, edges)
    return counts / max(1, len(orientations_deg)), edges
