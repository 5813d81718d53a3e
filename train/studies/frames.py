"""`train study frames`: how many frames of a scene it takes (Cho et al. 2020, Fig. 13 and 14).

Ours is trained with r frames of each scene and sees one frame when it is tested; beside it stand networks whose structure loss is held
against the mean or the median of the same r frames instead of the other frame, and the temporal mean and median of r frames of the
tested scene itself, which no network makes and a single picture does not have.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

import click
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from manifests.errors import InputError
from manifests.files import fingerprint, read_rows
from manifests.tables import Scene, Truth
from train.evaluate.scoring import TEMPORAL_MEAN, TEMPORAL_MEDIAN, clean_picture, rainy_picture, temporal_pictures
from train.evaluate.truths import scenes_with_truth
from train.presets import Target, changed
from train.scenes import scenes_of
from train.studies.comparison import REFERENCE, by_variant, conditions, ends_told
from train.studies.held_out import held_out, mean_scores
from train.studies.results import Results, markdown_table, write_figure, write_markdown
from train.studies.study import MAKE_SCENES, Study
from train.studies.trials import Trial, Variant, mean_and_spread, run_trials, write_trials

COUNTS = (2, 10, 25, 50, 100)
TRAINED: dict[Target, str] = {"frame": "ours", "mean": "supervised by the mean", "median": "supervised by the median"}
LINES = ("o-", "s--", "^:")
COLOURS = ("#0072b2", "#d55e00", "#009e73")  # Okabe and Ito's: apart for colour-blind eyes too
TITLE = "How many frames of a scene (Cho et al. 2020, Fig. 13 and 14)"


def frames(study: Study) -> Results[Trial]:
    """Networks trained with r frames a scene, and averages of r frames, for every r that the scenes hold.

    Raises InputError where nothing can be trained or scored.
    """
    study.refuse_without_scenes()
    counts = _counts(study)
    variants = [Variant(name, changed(study.preset, [f"target={target}"]), count) for count in counts for target, name in TRAINED.items()]
    trials = run_trials(study, variants)
    if study.pairs is None:
        trials = [*trials, *_averages(study, counts)]
        write_trials(study, trials)
    text = f"{TITLE}\n\n{conditions(study, trials)}\n\n{_table(trials, counts)}\n"
    write_markdown(study.folder, text)
    networks = [row for row in trials if row.variant in TRAINED.values()]
    averages = [row for row in trials if row.variant not in TRAINED.values()]
    panels = [(rows, title) for rows, title in ((networks, "one frame tested"), (averages, "r frames tested")) if rows]
    figure = Figure(figsize=(5.5 * len(panels), 4.4), layout="constrained")
    for place, (rows, title) in enumerate(panels, 1):  # an average of many frames is far above any network
        draw_counts(figure.add_subplot(1, len(panels), place, title=title), rows, counts)
    figure.suptitle(TITLE, fontsize=11)
    write_figure(study.folder, figure)
    return Results(trials, text, study.folder)


def draw_counts(axes: Axes, trials: Sequence[Trial], counts: Sequence[int]) -> None:
    """Mean PSNR over r, with the seeds' range, one line a method; collapsed runs as crosses."""
    for (name, rows), style, colour in zip(by_variant(trials).items(), LINES, COLOURS, strict=False):
        found = {count: [row.psnr for row in rows if row.frames == count and row.psnr is not None] for count in counts}
        shown = [count for count in counts if found[count]]
        means = [statistics.mean(found[count]) for count in shown]
        axes.plot(shown, means, style, color=colour, markersize=4, label=name)
        axes.fill_between(shown, [min(found[count]) for count in shown], [max(found[count]) for count in shown], color=colour, alpha=0.15)
        collapsed = [(row.frames, row.psnr) for row in rows if row.collapsed is not None and row.frames in shown and row.psnr is not None]
        axes.plot([count for count, _ in collapsed], [psnr for _, psnr in collapsed], "x", color=colour, markersize=6)
    axes.axhline(trials[0].psnr_input, linestyle="--", color=REFERENCE, linewidth=1, label="do nothing")
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("frames of each scene; crosses: collapsed")
    axes.set_ylabel(f"PSNR, dB ({trials[0].protocol})")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)


def _counts(study: Study) -> list[int]:
    """Those of `COUNTS` that every scene holds; says which it leaves out. Raises InputError where none is left."""
    rows = read_rows(Scene, study.scenes)
    splits = ("train",) if study.pairs is not None else ("train", "test")
    held = min((len(row.frames) for split in splits for row in scenes_of(rows, split)), default=0)
    beyond = [str(count) for count in COUNTS if count > held]
    if beyond:
        click.echo(
            f"left out: {', '.join(beyond)} frames; the scenes hold {held} (`acquire simulate --frames 240` and "
            "`curate sequences --set n_frames=100` make longer ones)",
            err=True,
        )
    counts = [count for count in COUNTS if count <= held]
    if not counts:
        raise InputError(f"{study.scenes}: no kept scenes of {' and of '.join(splits)} that hold {COUNTS[0]} frames; {MAKE_SCENES}")
    return counts


def _averages(study: Study, counts: Sequence[int]) -> list[Trial]:
    """The temporal mean and median of frames of each held-out scene, by their number and drawn by seed, scored as they are."""
    groups = scenes_with_truth(study.scenes, study.workspace.table(Truth), "test").scenes
    clean = [clean_picture(group) for group in groups]
    pictures = held_out(study)
    psnr_input, ssim_input = pictures.mean_scores(pictures.rainy)
    rows = []
    for count, seed in itertools.product(counts, range(study.seeds)):
        averages = []
        for number, group in enumerate(groups):
            chosen = np.random.default_rng([seed, number]).choice(len(group.frames), size=count, replace=False)
            averages.append(temporal_pictures([rainy_picture(group, int(frame)) for frame in chosen]))
        for name in (TEMPORAL_MEAN, TEMPORAL_MEDIAN):
            psnr, ssim = mean_scores([of_scene[name] for of_scene in averages], clean, study.protocol)
            rows.append(
                Trial(
                    trial_id=fingerprint("average", name, count, seed, pictures.known_by),
                    variant=name,
                    seed=seed,
                    protocol=study.protocol,
                    pictures=len(clean),
                    psnr=psnr,
                    ssim=ssim,
                    psnr_input=psnr_input,
                    ssim_input=ssim_input,
                    frames=count,
                )
            )
    return rows


def _table(trials: Sequence[Trial], counts: Sequence[int]) -> str:
    lines: list[list[object]] = [["do nothing", *[f"{trials[0].psnr_input:.2f}"] * len(counts), ""]]
    for name, rows in by_variant(trials).items():
        by_count = {count: [row for row in rows if row.frames == count] for count in counts}
        ends = "; ".join(f"r = {count}: {told}" for count, of_count in by_count.items() if (told := ends_told(of_count)))
        lines.append([name, *(mean_and_spread(row.psnr for row in of_count) for of_count in by_count.values()), ends])
    return markdown_table(["PSNR, dB", *(f"r = {count}" for count in counts), "collapsed"], lines)
