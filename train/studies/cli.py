"""`train study NAME`: the paper's tables and figures, a command each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from manifests.columns import columns
from manifests.options import json_option, workspace_option
from manifests.tables import Scene, Score
from manifests.workspace import Workspace
from train.presets import PRESETS, changed
from train.studies.showing_cli import detection, failures, features, speed
from train.studies.study import QUICK_SEEDS, QUICK_SETTINGS, SEEDS, Study
from train.studies.telling import tell

if TYPE_CHECKING:
    from train.metrics import Protocol
    from train.studies.results import Results

PROTOCOLS = next(column.choices for column in columns(Score) if column.name == "protocol")


@click.group()
def study() -> None:
    """The paper's experiments. Each trains or reads what it needs, goes on where it was interrupted, and leaves a table and a figure in
    studies/NAME/."""


study.add_command(speed)
study.add_command(features)
study.add_command(detection)
study.add_command(failures)


def _training_study(run: Callable[[Study], Results[Any]]) -> click.Command:
    """The command of a study that trains networks: named and explained as the function is, with the options that make up a `Study`."""

    def command(
        workspace: Workspace,
        scenes: Path | None,
        pairs: Path | None,
        preset: str,
        given: tuple[str, ...],
        steps: int | None,
        minutes: float | None,
        seeds: int | None,
        quick: bool,
        protocol: str,
        device: str | None,
        as_json: bool,
    ) -> None:
        asked = Study(
            name=run.__name__,
            scenes=scenes or workspace.table(Scene),
            preset=changed(PRESETS[preset], (*(QUICK_SETTINGS if quick else ()), *given)),
            steps=steps,
            minutes=minutes,
            seeds=seeds or (QUICK_SEEDS if quick else SEEDS),
            protocol=cast("Protocol", protocol),
            pairs=pairs,
            device=device,
        )
        tell(run(asked), as_json)

    for option in (
        json_option,
        click.option("--device", help="cpu, cuda or cuda:N; the GPU where there is one."),
        click.option("--protocol", type=click.Choice(PROTOCOLS), default="y-mprnet", show_default=True, help="Of PSNR and SSIM."),
        click.option("--quick", is_flag=True, help="Tiny networks, few steps, one seed: minutes on a CPU, and figures that say little."),
        click.option("--seeds", type=click.IntRange(1), help=f"Runs of each row.  [default: {SEEDS}]"),
        click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Length of each run in minutes of training."),
        click.option("--steps", type=click.IntRange(1), help="Length of each run in steps; without it and --minutes the preset's."),
        click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="Change a setting of the preset, as in `train fit`."),
        click.option("--preset", type=click.Choice(list(PRESETS)), default="small", show_default=True, help="What every row starts from."),
        click.option(
            "--pairs",
            type=click.Path(file_okay=False, path_type=Path),
            help="Score on these rainy and clean pictures instead of held-out scenes, whose truth the simulator knows.",
        ),
        click.option(
            "--scenes",
            type=click.Path(dir_okay=False, path_type=Path),
            help="The table of scenes to train on; manifests/scenes.parquet in the workspace unless given.",
        ),
        workspace_option,
    ):
        command = option(command)
    return study.command(name=run.__name__, help=run.__doc__)(command)


@_training_study
def losses(asked: Study) -> Results[Any]:
    """What each loss brings: seven sets of losses, without and with dynamic fusion (Cho et al. 2020, Table VI)."""
    from train.studies.losses import losses as run  # torch only when there is something to train

    return run(asked)


@_training_study
def fusion(asked: Study) -> Results[Any]:
    """How the encoders' features become one: sum, product, concat, dynamic (Cho et al. 2020, Table VII)."""
    from train.studies.fusion import fusion as run

    return run(asked)


@_training_study
def frames(asked: Study) -> Results[Any]:
    """How many frames of a scene it takes, beside networks supervised by averages, and averages (Cho et al. 2020, Fig. 13, 14)."""
    from train.studies.frames import frames as run

    return run(asked)


@_training_study
def parameters(asked: Study) -> Results[Any]:
    """PSNR against the number of parameters: other kernels and widths (Cho et al. 2020, Fig. 17)."""
    from train.studies.parameters import parameters as run

    return run(asked)


@_training_study
def settings(asked: Study) -> Results[Any]:
    """By what weights, rate and head the network trains well, badly or not at all, and whether the label-free score knows."""
    from train.studies.settings import settings as run

    return run(asked)
