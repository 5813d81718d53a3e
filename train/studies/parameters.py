"""`train study parameters`: PSNR against the number of parameters (Cho et al. 2020, Fig. 17)."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator

from train.presets import NetworkSettings
from train.studies.comparison import REFERENCE, by_variant, conditions, ends_told
from train.studies.results import Results, markdown_table, write_figure, write_markdown
from train.studies.study import Study
from train.studies.trials import Trial, Variant, mean_and_spread, run_trials

KERNELS = ((3,), (3, 5), (1, 3, 5), (3, 5, 7))  # the paper's smaller and full network are the last two
MARKERS = ("o", "s", "^", "D", "v", "P")
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")  # Okabe and Ito's: apart for colour-blind eyes too
TITLE = "PSNR against parameters (Cho et al. 2020, Fig. 17)"


def parameters(study: Study) -> Results[Trial]:
    """Other kernels at the preset's width, then half and twice the width. Raises InputError where nothing can be trained."""
    network = study.preset.network
    sizes = [dataclasses.replace(network, kernels=kernels) for kernels in KERNELS]
    sizes += [dataclasses.replace(network, width=width) for width in (2 * max(1, network.width // 4), 2 * network.width)]
    trials = run_trials(study, [Variant(_name(size), dataclasses.replace(study.preset, network=size)) for size in dict.fromkeys(sizes)])
    text = f"{TITLE}\n\n{conditions(study, trials)} Width and kernels as the rows say.\n\n{_table(trials)}\n"
    write_markdown(study.folder, text)
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    draw_sizes(figure.add_subplot(), trials)
    figure.suptitle(TITLE, fontsize=11)
    write_figure(study.folder, figure)
    return Results(trials, text, study.folder)


def draw_sizes(axes: Axes, trials: Sequence[Trial]) -> None:
    """Each variant's runs and their mean over its number of parameters; collapsed runs as crosses."""
    for (name, rows), marker, colour in zip(by_variant(trials).items(), MARKERS, COLOURS, strict=False):
        found = [(row.psnr, row.collapsed is not None) for row in rows if row.psnr is not None]
        size = next((row.parameters for row in rows if row.parameters is not None), None)
        if not found or size is None:
            continue
        for collapsed, shape, label in ((False, marker, name), (True, "x", None)):
            values = [psnr for psnr, ended_so in found if ended_so == collapsed]
            axes.plot([size] * len(values), values, shape, color=colour, alpha=0.6, markersize=5, label=label)
        axes.plot(size, statistics.mean(psnr for psnr, _ in found), "_", color="black", markersize=14)
    axes.axhline(trials[0].psnr_input, linestyle="--", color=REFERENCE, linewidth=1, label="do nothing")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.minorticks_off()
    axes.margins(0.15)
    axes.set_xlabel("parameters; bars: means, crosses: collapsed")
    axes.set_ylabel(f"PSNR, dB ({trials[0].protocol})")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)


def _name(network: NetworkSettings) -> str:
    return f"width {network.width}, kernels {' '.join(map(str, network.kernels))}"


def _table(trials: Sequence[Trial]) -> str:
    lines: list[list[object]] = [["do nothing", "", "", f"{trials[0].psnr_input:.2f}", f"{trials[0].ssim_input:.4f}", ""]]
    for name, rows in by_variant(trials).items():
        size = next((f"{row.parameters:,}" for row in rows if row.parameters is not None), "")
        psnr, ssim = mean_and_spread(row.psnr for row in rows), mean_and_spread((row.ssim for row in rows), 4)
        lines.append([name, size, len(rows), psnr, ssim, ends_told(rows)])
    return markdown_table(["network", "parameters", "runs", "PSNR, dB", "SSIM", "collapsed"], lines)
