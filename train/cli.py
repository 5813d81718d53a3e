"""The command `train`: scenes to a network, the network to scores and to pictures without rain."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from manifests.columns import columns
from manifests.options import EXIT_SOME_FAILED, Commands, dry_run_option, json_option, workspace_option
from manifests.tables import Scene, Score, Split
from manifests.workspace import Workspace
from train.presets import GROUPS, PRESETS, changed
from train.shipped import CheckpointParameter
from train.studies.cli import study

if TYPE_CHECKING:
    from train.derain.plan import Existing
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
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the first weights and of the pairs drawn.")
@click.option("--init", type=CheckpointParameter(), help="A checkpoint whose weights to start from.")
@click.option("--deterministic", is_flag=True, help="The same bits every time on a GPU, too, and slower; on a CPU they are in any case.")
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
    deterministic: bool,
    given: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train on the scenes of the table SCENES (manifests/scenes.parquet, or that of a release with pixels); the result is
    runs/NAME/checkpoint.safetensors, the latest weights within 0.1 dB of the best on scenes of split `val`, without truth (the last where
    there are fewer than 4 such scenes); last.safetensors holds the last.

    Interrupted, the same command goes on where it stopped; finished, it does nothing. With several GPUs: torchrun --nproc-per-node 2
    $(which train) fit … divides the pairs of each step among two processes. With --json, a line for each row of the log, then the outcome.
    """
    settings = changed(PRESETS[preset], given)
    from train.fit.distributed import is_first  # torch only when there is something to train
    from train.fit.loop import fit as train_run
    from train.fit.runs import plan

    run = plan(scenes, settings, steps=steps, minutes=minutes, name=name, seed=seed, init=init)
    if not dry_run:
        on_row = (lambda row: click.echo(json.dumps({"event": "logged", **dataclasses.asdict(row)}))) if as_json else None
        train_run(run, device, deterministic=deterministic, on_row=on_row)
    if not is_first():
        return
    told = run.foreseen() if dry_run else run.outcome()
    event = {"event": "planned" if dry_run else "finished"}
    click.echo(json.dumps(event | told) if as_json else "\n".join(f"{key}: {value}" for key, value in told.items()))


_SCORE_PROTOCOLS = next(column.choices for column in columns(Score) if column.name == "protocol")


def _named_folders(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, Path]:
    """`NAME=DIR` or `DIR`, which is called by the folder's name."""
    named: dict[str, Path] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        path = Path(folder if equals else text)
        name = name if equals else path.resolve().name
        if not name or not path.name or name in named:
            raise click.BadParameter(f"{text!r}: write NAME=DIR, with another NAME for each")
        named[name] = path
    return named


def _fail_in_words(failed: Sequence[str]) -> None:
    for line in failed:
        click.echo(f"failed: {line}", err=True)


@main.command()
@click.argument("checkpoint", type=CheckpointParameter(), required=False)
@click.argument("scenes", type=FILE, required=False)
@click.option("--truth", type=FILE, help="The simulator's table of truth; manifests/truth.parquet beside the scenes unless given.")
@click.option("--pairs", type=click.Path(file_okay=False, path_type=Path), help="A folder of rainy and clean pictures instead of scenes.")
@click.option(
    "--outputs",
    metavar="[NAME=]DIR",
    multiple=True,
    callback=_named_folders,
    help="Score another method's pictures, named as the rainy ones of --pairs, beside CHECKPOINT or without it. Repeatable.",
)
@click.option(
    "--real-rain", is_flag=True, help="Scenes whose truth nobody knows: against their temporal medians, in rainy pixels and elsewhere."
)
@click.option("--split", type=click.Choice(get_args(Split)), default="test", show_default=True, help="Which scenes.")
@click.option("--protocol", "protocols", type=click.Choice(_SCORE_PROTOCOLS), multiple=True, help="Repeatable.  [default: y-mprnet, rgb]")
@click.option("--device", help="cpu, cuda or cuda:N; the GPU where there is one.")
@workspace_option
@json_option
def evaluate(
    checkpoint: Path | None,
    scenes: Path | None,
    truth: Path | None,
    pairs: Path | None,
    outputs: dict[str, Path],
    real_rain: bool,
    split: Split,
    protocols: tuple[Protocol, ...],
    device: str | None,
    workspace: Workspace,
    as_json: bool,
) -> None:
    """Score CHECKPOINT against clean truth: on the table SCENES, whose clips were simulated, or on --pairs.

    PSNR and SSIM by protocol, beside doing nothing and beside the temporal mean and median of each scene. Rows go to scores.parquet in
    the workspace (that of SCENES where it is named); what is there already is not computed again. The pictures that come out worst are
    drawn in report/.

    Pairs are found by name in the layouts of Rain100L/H, Rain200L/H, Rain12, Rain800, SPANet, DDN (14 rainy pictures to a clean one),
    DID-MDN (side by side in one picture), GT-RAIN (scenes), and in any two folders such as input and target.
    """
    if pairs is not None and (scenes is not None or truth is not None):
        raise click.UsageError("name a table of scenes or --pairs, not both")
    if outputs and pairs is None:
        raise click.UsageError("--outputs are scored on --pairs; name them too")
    if real_rain and (checkpoint is None or truth is not None or pairs is not None or protocols):
        raise click.UsageError("--real-rain measures CHECKPOINT on scenes, in luma: without --truth, --pairs and --protocol")
    from train.evaluate.real_rain import real_rain as measure
    from train.evaluate.run import DEFAULT_PROTOCOLS
    from train.evaluate.run import evaluate as score
    from train.evaluate.summaries import as_json_lines, as_table, left_out_in_words, real_rain_json_lines, real_rain_table

    workspace = Workspace.of_table(scenes) if scenes is not None else workspace
    if real_rain and checkpoint is not None:
        try:
            real = measure(checkpoint, scenes or workspace.table(Scene), split=split, device=device)
        except KeyboardInterrupt:
            raise click.ClickException("interrupted; --real-rain keeps nothing: run it again from the start") from None
        _fail_in_words(real.failed)
        click.echo(real_rain_json_lines(real) if as_json else real_rain_table(real))
        click.get_current_context().exit(EXIT_SOME_FAILED if real.failed else 0)
    found = score(
        checkpoint,
        scenes,
        truth=truth,
        pairs=pairs,
        outputs=outputs,
        split=split,
        protocols=protocols or DEFAULT_PROTOCOLS,
        device=device,
        workspace=workspace,
    )
    for left in found.left_out:
        click.echo(f"left out: {left_out_in_words(left)}", err=True)
    _fail_in_words(found.failed)
    click.echo(as_json_lines(found) if as_json else as_table(found))
    click.get_current_context().exit(EXIT_SOME_FAILED if found.failed else 0)


@main.command()
@click.argument("checkpoint", type=CheckpointParameter())
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A folder; for one input also a file.")
@click.option("--overwrite", "existing", flag_value="overwrite", help="Replace outputs that exist.")
@click.option("--skip-existing", "existing", flag_value="skip", help="Leave files whose outputs exist: to go on after an interruption.")
@click.option("--streaks", is_flag=True, help="Write what was taken out too, as NAME-streaks: full scale for a streak from black to white.")
@click.option("--stabilise", is_flag=True, help="Steady videos of a static camera: less flicker where nothing moves.")
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True, help="Of the network.")
@click.option("--device", help="cpu, cuda or cuda:N; the GPU where there is one.")
@json_option
def derain(
    checkpoint: Path,
    inputs: tuple[Path, ...],
    output: Path,
    existing: Existing | None,
    streaks: bool,
    stabilise: bool,
    precision: Literal["float32", "bfloat16"],
    device: str | None,
    as_json: bool,
) -> None:
    """Remove the rain of INPUTS with CHECKPOINT: pictures, videos, and folders of them with all below.

    CHECKPOINT is a file, or "small": the network that comes with the package.

    Files keep their names and places. Pictures of 8 or 16 bits keep their kind, transparency, EXIF, ICC profile and resolution; videos
    their size, depth, frame times, rotation tag, colour tags and sound (H.264; HEVC where they have 10 bits). Only their light changes.
    Large pictures are done by tiles, videos as they stream by. A file that cannot be done is named and leaves nothing behind; the
    others are done (exit code 3).
    """
    from train.derain import derain as remove_rain

    try:
        outcome = remove_rain(
            checkpoint,
            inputs,
            output,
            existing=existing or "refuse",
            streaks=streaks,
            stabilise=stabilise,
            precision=precision,
            device=device,
        )
    except KeyboardInterrupt:
        raise click.ClickException("interrupted; files that were finished are kept: --skip-existing goes on from there") from None
    for done in outcome.done:
        if as_json or done.video is not None:
            click.echo(json.dumps(done.as_record()) if as_json else done.as_line())
    outcome.summary.finish(as_json)


@main.command()
@click.argument("checkpoint", type=CheckpointParameter())
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A file for onnx; a folder for safetensors.")
@click.option("--format", "form", type=click.Choice(["onnx", "safetensors"]), default="onnx", show_default=True, help="What to write.")
@click.option("--licence", default="unknown", show_default=True, help="Of the weights, as the model states it (an SPDX name).")
@click.option("--trained-on", metavar="TEXT", default="", help="What the card says of the training data.")
@click.option("--overwrite", is_flag=True, help="Replace an output that exists.")
@workspace_option
@json_option
def export(
    checkpoint: Path, output: Path, form: str, licence: str, trained_on: str, overwrite: bool, workspace: Workspace, as_json: bool
) -> None:
    """Write CHECKPOINT for use elsewhere: as an ONNX model, or as weights with a model card.

    onnx: takes "picture" (N, 3, H, W), RGB intensities in [0, 1], of any size and number, and gives "background" of the same shape and
    "streaks"; it is written once onnxruntime gives what the network gives, to 1e-4. Needs pip install 'rainlapse[onnx]'.

    safetensors: model.safetensors, which every command here takes, and README.md, a model card with settings, training data, limits, and
    the scores that the workspace holds of it.
    """
    from train.export import export_onnx, export_safetensors

    if form == "onnx":
        done = export_onnx(checkpoint, output, licence=licence, overwrite=overwrite)
    else:
        done = export_safetensors(checkpoint, output, workspace=workspace, licence=licence, trained_on=trained_on, overwrite=overwrite)
    told: dict[str, object] = {"files": [str(path) for path in done.files], "bytes": sum(path.stat().st_size for path in done.files)}
    if done.largest_difference is not None:
        told["largest_difference"] = done.largest_difference
    click.echo(
        json.dumps(told)
        if as_json
        else "\n".join(f"{key}: {_shown(tuple(value) if isinstance(value, list) else value)}" for key, value in told.items())
    )
