"""Trials: what a study trains, one network a variant and seed, and what came of each.

A trial's network is an ordinary run of `train fit` in `runs/study-HASH`, known by everything that it depends on: a finished one is not
trained again, an interrupted one goes on, and studies share the runs that they have in common. The alarm that stops collapsing runs
is off, so that a variant that collapses gets its figures too, and is told as collapsed.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import click
import torch

from manifests.errors import InputError
from manifests.files import file_sha256, fingerprint, read_rows
from manifests.tables import Scene
from train.checkpoints import load_network, read_about
from train.devices import chosen_device
from train.fit.loop import fit
from train.fit.runs import Run, plan
from train.fit.validation import HeldOutScene, held_out_scene, validate
from train.network import DerainingNetwork
from train.presets import Preset, WatchSettings
from train.scenes import load_scene, scenes_of
from train.studies.held_out import HeldOut, held_out, spread
from train.studies.results import read_results, write_results
from train.studies.study import Study

LOG_STEPS = 200
VERSION = 1  # raise when the same run would get other figures
NOTHING_DB = 0.01  # a network that gains or loses less than this does nothing


@dataclass(frozen=True)
class Variant:
    """What a study compares: a name and the settings behind it."""

    name: str
    preset: Preset
    frames: int | None = None  # how many frames of each scene it is trained on, evenly spread; None: all


@dataclass(frozen=True, slots=True)
class Trial:
    """One network, trained and scored."""

    trial_id: Annotated[str, "hash of all that the run depends on, of the pictures scored, of the scenes judged and of the protocol"]
    variant: Annotated[str, "what is compared, by name"]
    seed: Annotated[int | None, "of first weights and of the pairs drawn; null where nothing is trained"]
    protocol: Annotated[str, "of PSNR and SSIM"]
    pictures: Annotated[int, "held-out pictures scored"]
    psnr: Annotated[float | None, "mean over them, dB; null where the run failed"]
    ssim: Annotated[float | None, "mean over them"]
    psnr_input: Annotated[float, "of doing nothing, dB"]
    ssim_input: Annotated[float, "of doing nothing"]
    collapsed: Annotated[str | None, "to what training collapsed; null where it did not"] = None
    error: Annotated[str | None, "why there is no network; null where there is one"] = None
    label_free_score: Annotated[float | None, "what label-free validation makes of it on the held-out scenes; higher is better"] = None
    pair_gap: Annotated[float | None, "mean |B_m - B_n| on the held-out scenes, intensity"] = None
    median_distance: Annotated[float | None, "mean |B - temporal median| there, intensity"] = None
    mean_streaks: Annotated[float | None, "mean S there, intensity"] = None
    contrast_kept: Annotated[float | None, "std(B) / std of the temporal median there"] = None
    frames: Annotated[int | None, "frames of each scene that were trained on, or averaged; null: all"] = None
    parameters: Annotated[int | None, "of the network"] = None
    steps: Annotated[int | None, "trained"] = None
    training_s: Annotated[float | None, "time that training took"] = None
    run: Annotated[str | None, "its folder in runs/"] = None


def run_trials(study: Study, variants: Sequence[Variant]) -> list[Trial]:
    """Train and score every variant with every seed, seed by seed; what is in the study's table already is left as it is, unless it failed.

    Rows that are not asked for now stay in the table, and are not among those returned. Raises InputError where nothing can be trained or
    scored, and for a device that is not there.
    """
    study.refuse_without_scenes()
    chosen_device(study.device)  # one that is not there is no row's failure
    pictures = held_out(study)
    judged_rows = _judged_rows(study)
    judged, judged_by = _judged_scenes(study, judged_rows), _known_by(study, judged_rows)
    done = {row.trial_id: row for row in read_results(Trial, study.folder)}
    wanted = [(variant, seed) for seed in range(study.seeds) for variant in variants]
    rows: list[Trial] = []
    for number, (variant, seed) in enumerate(wanted, 1):
        run = planned(study, variant, seed)
        trial_id = fingerprint("trial", VERSION, run.known_by(), pictures.known_by, judged_by)
        if trial_id in done and done[trial_id].error is None:
            rows.append(_decided(dataclasses.replace(done[trial_id], variant=variant.name)))
            continue
        rows.append(_decided(_trial(study, variant, run, trial_id, pictures, judged)))
        write_trials(study, rows)
        click.echo(f"{study.name} {number}/{len(wanted)}: {told(rows[-1])}", err=True)
    write_trials(study, rows)
    return rows


def write_trials(study: Study, rows: Sequence[Trial]) -> None:
    """Write rows into a study's table; those of other trials stay in it, behind them."""
    written = {row.trial_id for row in rows}
    others = [row for row in read_results(Trial, study.folder) if row.trial_id not in written]
    about = {"command": f"train study {study.name}", "scenes": study.scenes.name, "pairs": study.pairs, "preset": study.preset.name}
    write_results(Trial, study.folder, [*rows, *others], about)


def planned(study: Study, variant: Variant, seed: int) -> Run:
    """The run of a variant and seed, in a folder named by all that it depends on, `VERSION` among it."""
    # One validation, at the end: the last weights are judged, not the best of several. No alarm: see above.
    watch = dataclasses.replace(variant.preset.watch, log_steps=LOG_STEPS, validations=1, least_contrast=0.0, most_dead=1.0)
    preset = dataclasses.replace(variant.preset, watch=watch)
    run = plan(study.scenes, preset, steps=study.steps, minutes=study.minutes, seed=seed)
    if variant.frames is not None:
        run = dataclasses.replace(run, train_rows=[_thinned(row, variant.frames) for row in run.train_rows])
    return dataclasses.replace(run, name=f"study-{fingerprint(VERSION, run.known_by())}")


def told(row: Trial) -> str:
    """A trial in a line."""
    if row.error is not None or row.psnr is None:
        return f"{row.variant}, seed {row.seed}: failed: {row.error}"
    collapsed = f", collapsed to {row.collapsed}" if row.collapsed else ""
    return f"{row.variant}, seed {row.seed}: {row.psnr:.2f} dB ({row.psnr - row.psnr_input:+.2f}){collapsed}"


def collapse_of(row: Trial) -> str | None:
    """What a network has collapsed to, by what it makes of held-out pictures; None where it has not, or there is none.

    Networks that stay at the identity count too: their loss has a minimum there, or their last hidden units are dead.
    """
    if row.contrast_kept is not None and row.contrast_kept < WatchSettings().least_contrast:
        return "a constant background"
    return "no streaks at all" if row.psnr is not None and abs(row.psnr - row.psnr_input) < NOTHING_DB else None


def _decided(row: Trial) -> Trial:
    return dataclasses.replace(row, collapsed=collapse_of(row))


def _trial(study: Study, variant: Variant, run: Run, trial_id: str, pictures: HeldOut, judged: Sequence[HeldOutScene]) -> Trial:
    psnr_input, ssim_input = pictures.mean_scores(pictures.rainy)
    failed = Trial(
        trial_id, variant.name, run.seed, pictures.protocol, len(pictures.rainy), None, None, psnr_input, ssim_input,
        frames=variant.frames, run=run.name,
    )  # fmt: skip
    try:
        fit(run, study.device)
    except InputError as error:
        return dataclasses.replace(failed, error=str(error))
    # The last weights, not those that held-out scenes choose: a row tells what its settings lead to, collapse included.
    network = load_network(run.last).to(chosen_device(study.device))
    about = read_about(run.last)
    psnr, ssim = pictures.score_network(network)
    row = dataclasses.replace(
        failed, psnr=psnr, ssim=ssim, parameters=_parameters(network), steps=about["step"], training_s=about["elapsed_s"]
    )
    if not judged:
        return row
    found = validate(network, judged, next(network.parameters()).device, torch.float32)
    return dataclasses.replace(
        row,
        label_free_score=found.score,
        pair_gap=found.pair_gap,
        median_distance=found.median_distance,
        mean_streaks=found.mean_streaks,
        contrast_kept=found.contrast_kept,
    )


def _judged_rows(study: Study) -> list[Scene]:
    """The scenes on which networks are judged without truth: those held out for testing, else for validation."""
    rows = read_rows(Scene, study.scenes)
    return scenes_of(rows, "test") or scenes_of(rows, "val")


def _judged_scenes(study: Study, rows: Sequence[Scene]) -> list[HeldOutScene]:
    grey = study.preset.network.color == "luma"
    return [held_out_scene(load_scene(row, study.workspace, grey)) for row in rows]


def _known_by(study: Study, rows: Sequence[Scene]) -> str:
    """Hash of what the scenes show where their masks let a network be judged; a mask's name stays when it is drawn anew."""
    masks = [file_sha256(study.workspace.resolve(row.mask)) if row.mask is not None else None for row in rows]
    return fingerprint([(row.scene_id, row.sha256, mask) for row, mask in zip(rows, masks, strict=True)])


def _thinned(row: Scene, frames: int) -> Scene:
    kept = spread(len(row.frames), frames)
    hashes = tuple(row.sha256[index] for index in kept)
    return dataclasses.replace(row, scene_id=fingerprint(hashes), frames=tuple(row.frames[index] for index in kept), sha256=hashes)


def _parameters(network: DerainingNetwork) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def mean_and_spread(values: Iterable[float | None], digits: int = 2) -> str:
    """`31.20 ± 0.15`: mean and sample standard deviation; the bare value where there is one, a dash where there is none."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return f"{known[0]:.{digits}f}" if known else "–"
    return f"{statistics.mean(known):.{digits}f} ± {statistics.stdev(known):.{digits}f}"
