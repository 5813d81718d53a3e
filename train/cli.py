"""The command `train`: scenes to a network, the network to scores and to pictures without rain."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from manifests.columns import columns
from manifests.options import EXIT_SOME_FAILED, Commands, dry_run_option, json_option, workspace_option
from manifests.tables import Score, Split
from manifests.workspace import Workspace
from train.presets import GROUPS, PRESETS, changed
from train.studies.cli import study

if TYPE_CHECKING:
    from train.metrics import Protocol

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Commands)
@click.version_option(package_name="rainlapse")
def main() -> None:
    """Train a deraining network on time-lapse scenes, measure it, and use it."""
    _let_threads_sleep()  # before a command loads torch


main.add_command(study)


def _explained(command: click.Command) -> click.Command:
    """List the settings in the help text, from the only place where they are written."""
    lines = []
    for group, settings in GROUPS.items():
        for column in columns(settings):
            values = [_shown(getattr(getattr(preset, group), column.name)) for preset in PRESETS.values()]
            lines.append(f"  {column.name}  {column.meaning} ({' | '.join(values if len(set(values)) > 1 else values[:1])})")
    command.help = (
        f"{inspect.cleandoc(command.help or '')}\n\n\b\nSettings (--set NAME=VALUE; in brackets {' | '.join(PRESETS)}):\n"
        + "\n".join(lines)
    )
    return command


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def _let_threads_sleep() -> None:
    """Have torch's threads sleep while they wait for each other, unless the user says otherwise; to be called before torch is loaded.

    By default they spin. On a machine that has other work too, a thread that spins keeps the one it waits for from running: training on
    two busy cores took three times as long and four times the processor time.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@_explained
@main.command()
@click.argument("scenes", type=FILE)
@click.option("--preset", type=click.Choice(list(PRESETS)), default="default", show_default=True, help="Where the settings come from.")
@click.option("--steps", type=click.IntRange(1), help="Length of the run in steps; without it and --minutes the preset's.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Length of the run in minutes of training.")
@click.option("--name", help="The run's folder in runs/; the preset's name unless given.")
@click.option("--device", help="cpu, cuda or cuda:N; the GPU where there is one.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first weights and of the pairs drawn.")
@click.option("--init", type=FILE, help="A checkpoint whose weights to start from.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="Change a setting of the preset, listed above.")
@dry_run_option
@json_option
def fit(
    scenes: Path,
    preset: str,
    steps: int | None,
    minutes: float | None,
    name: str | None,
    device: str | None,
    seed: int,
    init: Path | None,
    given: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train on the scenes of the table SCENES (manifests/scenes.parquet, or that of a release with pixels); the result is
    runs/NAME/checkpoint.safetensors.

    Interrupted, the same command goes on where it stopped; finished, it does nothing.
    """
    settings = changed(PRESETS[preset], given)
    from train.fit import fit as train_run  # torch only when there is something to train
    from train.runs import plan

    run = plan(scenes, settings, steps=steps, minutes=minutes, name=name, seed=seed, init=init)
    if not dry_run:
        train_run(run, device)
    told = run.foreseen() if dry_run else run.outcome()
    click.echo(json.dumps(told) if as_json else "\n".join(f"{key}: {value}" for key, value in told.items()))


_SCORE_PROTOCOLS = next(column.choices for column in columns(Score) if column.name == "protocol")


@main.command()
@click.argument("checkpoint", type=FILE)
@click.argument("scenes", type=FILE, required=False)
@click.option("--truth", type=FILE, help="The simulator's table of truth; manifests/truth.parquet beside the scenes unless given.")
@click.option(
    "--pairs", type=click.Path(file_okay=False, path_type=Path), help="A folder with a folder of rainy and one of clean pictures."
)
@click.option("--split", type=click.Choice(get_args(Split)), default="test", show_default=True, help="Which scenes.")
@click.option("--protocol", "protocols", type=click.Choice(_SCORE_PROTOCOLS), multiple=True, help="Repeatable.  [default: y-mprnet, rgb]")
@workspace_option
@json_option
def evaluate(
    checkpoint: Path,
    scenes: Path | None,
    truth: Path | None,
    pairs: Path | None,
    split: Split,
    protocols: tuple[Protocol, ...],
    workspace: Workspace,
    as_json: bool,
) -> None:
    """Score CHECKPOINT against clean truth: on the table SCENES, whose clips were simulated, or on --pairs.

    PSNR and SSIM by protocol, beside doing nothing and beside the temporal mean and median of each scene. Rows go to scores.parquet in
    the workspace (that of SCENES where it is named); what is there already is not computed again.
    """
    if scenes is not None and pairs is not None:
        raise click.UsageError("name a table of scenes or --pairs, not both")
    from train.evaluate import PROTOCOLS
    from train.evaluate import evaluate as score_checkpoint
    from train.summaries import as_json_lines, as_table

    workspace = Workspace.of_table(scenes) if scenes is not None else workspace
    found = score_checkpoint(
        checkpoint, scenes, truth=truth, pairs=pairs, split=split, protocols=protocols or PROTOCOLS, workspace=workspace
    )
    for line in found.left_out:
        click.echo(f"left out: {line}", err=True)
    for line in found.failed:
        click.echo(f"failed: {line}", err=True)
    click.echo(as_json_lines(found) if as_json else as_table(found))
    click.get_current_context().exit(EXIT_SOME_FAILED if found.failed else 0)


@main.command()
@click.argument("checkpoint", type=FILE)
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A folder; for one input also a file.")
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@json_option
def derain(checkpoint: Path, inputs: tuple[Path, ...], output: Path, overwrite: bool, as_json: bool) -> None:
    """Remove the rain of INPUTS with CHECKPOINT: pictures, videos, and folders of them.

    Pictures (8-bit, RGB or grey) keep their names and types, videos become H.264 in MP4 with their frame times. Memory: whole frames, one
    at a time; about 0.06 GB times the network's width for each megapixel.
    """
    from train.derain import derain as remove_rain

    remove_rain(checkpoint, inputs, output, overwrite=overwrite).finish(as_json)
