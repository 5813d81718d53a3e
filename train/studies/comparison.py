"""Variants side by side: the table and the figure that most studies end in."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from train.devices import chosen_device
from train.studies.results import Results, markdown_table, write_figure, write_markdown
from train.studies.study import Study
from train.studies.trials import Trial, Variant, mean_and_spread, run_trials

FAR_BELOW_DB, MARGIN_DB = 3.0, 0.2
NETWORK, COLLAPSED, REFERENCE = "#0072b2", "#d55e00", "#555555"  # Okabe and Ito's: apart for colour-blind eyes too


def compare(study: Study, variants: Sequence[Variant], title: str) -> Results[Trial]:
    """Train and score the variants, and write their table and figure. Raises InputError as `run_trials`."""
    trials = run_trials(study, variants)
    text = f"{title}\n\n{conditions(study, trials)}\n\n{comparison_table(trials)}\n"
    write_markdown(study.folder, text)
    height = 1.6 + 0.32 * len(by_variant(trials))
    figure = Figure(figsize=(8, height), layout="constrained")
    draw_comparison(figure.add_subplot(), trials)
    figure.suptitle(title, fontsize=11)
    write_figure(study.folder, figure)
    return Results(trials, text, study.folder)


def by_variant(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """Trials by their variant's name, in order of first appearance."""
    found: dict[str, list[Trial]] = {}
    for row in trials:
        found.setdefault(row.variant, []).append(row)
    return found


def comparison_table(trials: Sequence[Trial]) -> str:
    """A line a variant: mean and standard deviation over seeds, and how many runs collapsed or failed."""
    lines: list[list[object]] = [["do nothing", "", f"{trials[0].psnr_input:.2f}", "", f"{trials[0].ssim_input:.4f}", ""]]
    for name, rows in by_variant(trials).items():
        gain = mean_and_spread(row.psnr - row.psnr_input for row in rows if row.psnr is not None)
        psnr, ssim = mean_and_spread(row.psnr for row in rows), mean_and_spread((row.ssim for row in rows), 4)
        lines.append([name, len(rows), psnr, gain, ssim, ends_told(rows)])
    return markdown_table(["variant", "runs", "PSNR, dB", "gain, dB", "SSIM", "collapsed"], lines)


def ends_told(rows: Sequence[Trial]) -> str:
    """`1 of 3: no streaks at all`: how many of a variant's runs collapsed or failed, and how; empty where none did."""
    ends = [row.collapsed or f"failed: {row.error}" for row in rows if row.collapsed or row.error]
    return "; ".join(f"{ends.count(end)} of {len(rows)}: {end}" for end in dict.fromkeys(ends))


def conditions(study: Study, trials: Sequence[Trial]) -> str:
    """Under which conditions the figures hold, in a sentence or two."""
    preset = study.preset
    length = f"{study.minutes:g} minutes" if study.minutes is not None else f"{study.steps or preset.optimiser.steps:,} steps"
    kernels = ", ".join(map(str, preset.network.kernels))
    seeds = f"{study.seeds} seeds (mean ± standard deviation)" if study.seeds > 1 else "one seed"
    chosen = chosen_device(study.device)
    device = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else "CPU"
    return (
        f"Preset `{preset.name}` at width {preset.network.width}, kernels {kernels}, crops of {preset.pairs.crop_px} px, "
        f"{preset.pairs.pairs} pairs a step, {length}, {seeds}, {device}. Protocol "
        f"`{trials[0].protocol}`, {trials[0].pictures} pictures of {'pairs' if study.pairs is not None else 'held-out scenes'}."
    )


def draw_comparison(axes: Axes, trials: Sequence[Trial]) -> None:
    """A line of dots a variant, one dot a seed, a tick at their mean; collapsed runs as crosses; doing nothing as a dashed line.

    What lies far below doing nothing is drawn at the left edge, beside its value.
    """
    groups = by_variant(trials)
    nothing = trials[0].psnr_input
    edge = max(nothing - FAR_BELOW_DB, min((row.psnr for row in trials if row.psnr is not None), default=nothing) - MARGIN_DB)
    for place, rows in enumerate(groups.values()):
        scored = [(row.psnr, row.collapsed is not None) for row in rows if row.psnr is not None]
        for collapsed, marker, colour in ((False, "o", NETWORK), (True, "x", COLLAPSED)):
            values = [max(psnr, edge) for psnr, ended_so in scored if ended_so == collapsed]
            axes.plot(values, [place] * len(values), marker, color=colour, markersize=6, alpha=0.8, clip_on=False)
        mean = statistics.mean(psnr for psnr, _ in scored) if scored else nothing
        if mean <= edge:
            axes.annotate(f"{mean:.1f} dB", (edge, place), (8, 0), textcoords="offset points", va="center", fontsize=8, color=COLLAPSED)
        elif scored:
            axes.plot([mean], [place], "|", color="black", markersize=14)
    axes.axvline(nothing, linestyle="--", color=REFERENCE, linewidth=1)
    axes.annotate(
        "do nothing",
        (nothing, 1),
        (0, 2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8,
        color=REFERENCE,
    )
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_xlim(left=edge)
    axes.set_xlabel(f"PSNR, dB ({trials[0].protocol}); dots: seeds, bars: means, crosses: collapsed")
    axes.grid(axis="x", alpha=0.3)
