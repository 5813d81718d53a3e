"""The measured curves behind the thresholds, as a picture: for each, where clips that stand and clips that move lie, and what other
limits would have given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from curate.span_measures import excursions
from curate.static_segments import StaticSegmentsSettings
from tests.benchmarks.static_accuracy import Outcome, decided

STANDS = ("tripod", "wind vibration", "slight drift", "flash", "exposure step")
MOVES = {"shift_px": ("drift", "pan", "handheld"), "edge_px": ("zoom", "roll"), "jitter_px": ("tremor", "shake", "handheld")}
LEAST = 1e-3  # px; smaller measures are drawn here


def draw(found: Sequence[Outcome], path: Path) -> None:
    """Writes a PNG: above, the measures of clips that stand and of clips that move; below, precision and recall over the limit."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    defaults = StaticSegmentsSettings()
    names = {"shift_px": "middle, px", "edge_px": "corners, px", "jitter_px": "single frames, px"}
    figure, axes = plt.subplots(2, 3, figsize=(10, 5.2), layout="constrained")
    measured = [(one, _measures(one)) for one in found]
    for column, (name, label) in enumerate(names.items()):
        limit = getattr(defaults, name)
        above, below = axes[0, column], axes[1, column]
        bins = np.geomspace(LEAST, 300, 45)
        for told, cameras, colour in (("stands", STANDS, "tab:blue"), ("moves", MOVES[name], "tab:red")):
            chosen = [
                measures for one, measures in measured if one.case.camera in cameras and bool(one.case.expected.spans) == (told == "stands")
            ]
            values = [max(LEAST, measures[name]) for measures in chosen]
            above.hist(values, bins=bins, color=colour, alpha=0.6, label=told)
        above.axvline(limit, color="black", linewidth=1)
        above.set(xscale="log", title=f"{name} = {limit:g}", xlabel=label, ylabel="clips" if not column else "")
        limits = limit * np.geomspace(0.2, 5, 9)
        curves = np.array(
            [_precision_and_recall([decided(one.case, one.measures, replace(defaults, **{name: at})) for one in found]) for at in limits]
        )
        for curve, told, style in zip(curves.T, ("precision", "recall"), ("-", "--"), strict=True):
            below.plot(limits, curve, style, color="black", label=told)
        below.axvline(limit, color="black", linewidth=1)
        below.set(xscale="log", ylim=(0.7, 1.005), xlabel=f"{name}; labels as at {limit:g}")
        ticks = [round(limit * share, 2) for share in (0.2, 0.5, 1, 2, 5)]
        below.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        below.set_xticks([], minor=True)
    axes[0, 0].legend()
    axes[1, 0].legend(loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _measures(one: Outcome) -> dict[str, float]:
    """What the thresholds are applied to, of the whole clip."""
    measures = one.measures
    shift, zoom, roll = excursions(measures, 0, measures.frames)
    to_corner = np.hypot(measures.width, measures.height) / 2
    offsets = np.hypot(measures.offset_right_px, measures.offset_down_px)
    known = offsets[~np.isnan(offsets)]
    jitter = float(np.percentile(known, 95)) if len(known) else 0.0
    return {"shift_px": shift, "edge_px": max(zoom, float(np.radians(roll))) * float(to_corner), "jitter_px": jitter}


def _precision_and_recall(found: Sequence[Outcome]) -> tuple[float, float]:
    right, wrong, missed = (sum(len(of) for of in counts) for counts in zip(*((o.right, o.wrong, o.missed) for o in found), strict=True))
    return right / max(1, right + wrong), right / max(1, right + missed)
