"""`train study settings`: by what weights, rate and head the network trains well, badly or not at all.

Beside each network's PSNR stands the score that label-free validation gives it on the same held-out scenes, and beside the table how
well the one ranks as the other does: that score chooses checkpoints where nobody has a clean picture.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import get_args

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from train.presets import PAPER, Preset, Target, changed
from train.studies.comparison import COLLAPSED, NETWORK, by_variant, comparison_table, conditions, draw_comparison
from train.studies.results import Results, write_figure, write_markdown
from train.studies.study import Study
from train.studies.trials import Trial, Variant, run_trials

SHOWN_BELOW_DB = 5.0
TITLE = "Which settings train the network"
STEADY = ("gamma_start=1", "gamma_end=1")  # so that Ls weighs what is written, all through the run
# Beside the preset itself and the other things to hold backgrounds against.
CHANGES: dict[str, tuple[str, ...]] = {
    "Ls 0.1": ("structure_weight=0.1", *STEADY),
    "Ls 1": ("structure_weight=1", *STEADY),
    "Ls 10": ("structure_weight=10", *STEADY),
    "Ls 3 falling to 0.3": ("structure_weight=3", "gamma_start=1", "gamma_end=0.1"),
    "Lb 0": ("background_weight=0",),
    "Lb 0.3": ("background_weight=0.3",),
    "Lv 0": ("directional_weight=0",),
    "Lv 0.1": ("directional_weight=0.1",),
    "Lv 0.1, flat pixels counted": ("directional_weight=0.1", "flat_pixels=counted"),
    "head relu": ("head=relu",),
    "head softplus": ("head=softplus",),
    "rate 0.0005": ("learning_rate=5e-4",),
    "rate 0.0045": ("learning_rate=4.5e-3",),
    "no warm-up": ("warm_up=0",),
}


def changes(preset: Preset) -> dict[str, tuple[str, ...]]:
    """What is changed against the preset, by the name of the row."""
    targets = (target for target in get_args(Target) if target != preset.losses.target)
    return CHANGES | {f"target {target}": (f"target={target}",) for target in targets}


def settings(study: Study) -> Results[Trial]:
    """The preset, one setting of it changed a row, and the paper's loss weights. Raises InputError where nothing can be trained."""
    variants = [Variant(_told(study.preset), study.preset)]
    variants += [Variant(name, changed(study.preset, change)) for name, change in changes(study.preset).items()]
    paper = dataclasses.replace(study.preset, losses=PAPER.losses)
    trials = run_trials(
        study, [*variants, Variant("the paper's weights", paper), Variant("the same, head relu", changed(paper, ["head=relu"]))]
    )
    ranked = f"{rank_correlation(trials):.2f} over all {len(_scored(trials))} runs"
    text = (
        f"{TITLE}\n\n{conditions(study, trials)}\n\n{comparison_table(trials)}\n\n"
        f"Rank correlation (Spearman) of the label-free score with PSNR: {ranked}.\n"
    )
    write_markdown(study.folder, text)
    figure = Figure(figsize=(13, 1.6 + 0.3 * len(by_variant(trials))), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    draw_comparison(left, trials)
    draw_ranks(right, trials)
    figure.suptitle(TITLE, fontsize=11)
    write_figure(study.folder, figure)
    return Results(trials, text, study.folder)


def rank_correlation(trials: Sequence[Trial]) -> float:
    """Spearman's, of the label-free score with PSNR, over the networks that have both."""
    scored = _scored(trials)
    return float(spearmanr([score for score, _ in scored], [psnr for _, psnr in scored]).statistic) if len(scored) > 1 else float("nan")


def draw_ranks(axes: Axes, trials: Sequence[Trial]) -> None:
    """PSNR against the label-free score, a point a network; those far below doing nothing are counted in the title."""
    near = [row for row in trials if row.psnr is not None and row.psnr > row.psnr_input - SHOWN_BELOW_DB]
    for collapsed, marker, colour in ((False, "o", NETWORK), (True, "x", COLLAPSED)):
        found = _scored([row for row in near if (row.collapsed is not None) == collapsed])
        axes.plot([score for score, _ in found], [psnr for _, psnr in found], marker, color=colour, markersize=5, alpha=0.8)
    outside = len(_scored(trials)) - len(_scored(near))
    axes.set_xlabel("label-free score")
    axes.set_ylabel(f"PSNR, dB ({trials[0].protocol})")
    axes.set_title(f"rank correlation {rank_correlation(trials):.2f}" + (f" ({outside} further below)" if outside else ""), fontsize=10)
    axes.grid(alpha=0.3)


def _told(preset: Preset) -> str:
    """The preset by the settings that rows change."""
    losses = preset.losses
    structure = losses.structure_weight * losses.gamma_start
    falling = f" falling to {losses.structure_weight * losses.gamma_end:g}" if losses.gamma_end != losses.gamma_start else ""
    return (
        f"{preset.name}: Ls {structure:g}{falling}, Lb {losses.background_weight:g}, Lv {losses.directional_weight:g}, "
        f"{preset.network.head}, rate {preset.optimiser.learning_rate:g}, target {losses.target}"
    )


def _scored(trials: Sequence[Trial]) -> list[tuple[float, float]]:
    return [(row.label_free_score, row.psnr) for row in trials if row.label_free_score is not None and row.psnr is not None]
