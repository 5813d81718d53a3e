"""`train study speed | features | detection | failures`: the studies that train nothing and show what a network does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifests.columns import columns
from manifests.options import json_option, workspace_option
from manifests.tables import Score
from manifests.workspace import Workspace
from train.presets import PRESETS
from train.shipped import CheckpointParameter
from train.studies.telling import tell

if TYPE_CHECKING:
    from train.metrics import Protocol
    from train.studies.speed import Precision

PROTOCOLS = next(column.choices for column in columns(Score) if column.name == "protocol")
PRECISIONS = ("float32", "bfloat16")
FILE = click.Path(dir_okay=False, path_type=Path)
SIDE_PX = 512  # Table VIII
QUICK_PICTURES, PICTURES_CPU, PICTURES_GPU = 3, 20, 1000

_device_option = click.option("--device", help="cpu, cuda or cuda:N; the GPU where there is one.")
_scenes_option = click.option(
    "--scenes", type=FILE, help="A table of scenes, whose held-out ones are looked at; manifests/scenes.parquet unless given."
)
_pairs_option = click.option(
    "--pairs", type=click.Path(file_okay=False, path_type=Path), help="Rainy and clean pictures to look at instead of held-out scenes."
)
_quick_option = click.option("--quick", is_flag=True, help="A few pictures only.")


@click.command()
@workspace_option
@click.option("--preset", "presets", type=click.Choice(list(PRESETS)), multiple=True, default=("default", "small"), show_default=True)
@click.option("--precision", "precisions", type=click.Choice(PRECISIONS), multiple=True, default=PRECISIONS, show_default=True)
@click.option("--side-px", type=click.IntRange(8), default=SIDE_PX, show_default=True, help="Of the square picture.")
@click.option("--pictures", type=click.IntRange(1), help=f"Timed of each.  [default: {PICTURES_GPU} on a GPU, else {PICTURES_CPU}]")
@click.option("--quick", is_flag=True, help=f"{QUICK_PICTURES} pictures.")
@_device_option
@json_option
def speed(
    workspace: Workspace,
    presets: tuple[str, ...],
    precisions: tuple[Precision, ...],
    side_px: int,
    pictures: int | None,
    quick: bool,
    device: str | None,
    as_json: bool,
) -> None:
    """How long a picture takes, by preset and precision (Cho et al. 2020, Table VIII)."""
    from train.devices import chosen_device  # torch only when something is to be computed
    from train.studies.speed import speed as run

    usual = PICTURES_GPU if chosen_device(device).type == "cuda" else PICTURES_CPU
    count = pictures or (QUICK_PICTURES if quick else usual)
    tell(run(workspace, [PRESETS[name] for name in presets], precisions, side_px=side_px, pictures=count, device=device), as_json)


@click.command()
@click.argument("checkpoint", type=CheckpointParameter())
@click.argument("picture", type=FILE, required=False)
@workspace_option
@_scenes_option
@_device_option
@json_option
def features(checkpoint: Path, picture: Path | None, workspace: Workspace, scenes: Path | None, device: str | None, as_json: bool) -> None:
    """What the first layers and the last one of CHECKPOINT see in PICTURE (Cho et al. 2020, Fig. 15).

    Without PICTURE, in a frame of a held-out scene.
    """
    from train.studies.examples import examples
    from train.studies.features import features as run

    workspace = Workspace.of_table(scenes) if scenes is not None else workspace
    if picture is None:
        first = examples(workspace, scenes, None, quick=True)[0]
        picture = first.group.frames[first.number]
    tell(run(workspace, checkpoint, picture, device=device), as_json)


@click.command()
@click.argument("checkpoint", type=CheckpointParameter())
@workspace_option
@_scenes_option
@_pairs_option
@click.option(
    "--detector",
    default="people",
    show_default=True,
    help="`people` (OpenCV's), or package.module:function, of a picture (H, W, 3), RGB, uint8: boxes (N, 4) of left, top, width, height, "
    "or an integer label for each pixel (H, W).",
)
@_quick_option
@_device_option
@json_option
def detection(
    checkpoint: Path,
    workspace: Workspace,
    scenes: Path | None,
    pairs: Path | None,
    detector: str,
    quick: bool,
    device: str | None,
    as_json: bool,
) -> None:
    """What a detector finds with and without the rain that CHECKPOINT removes, against clean pictures (Cho et al. 2020, Fig. 16, 18)."""
    from train.studies.detection import detection as run

    workspace = Workspace.of_table(scenes) if scenes is not None else workspace
    tell(run(workspace, checkpoint, scenes=scenes, pairs=pairs, detector=detector, device=device, quick=quick), as_json)


@click.command()
@click.argument("checkpoint", type=CheckpointParameter())
@workspace_option
@_scenes_option
@_pairs_option
@click.option("--protocol", type=click.Choice(PROTOCOLS), default="y-mprnet", show_default=True, help="Of PSNR and SSIM.")
@_quick_option
@_device_option
@json_option
def failures(
    checkpoint: Path,
    workspace: Workspace,
    scenes: Path | None,
    pairs: Path | None,
    protocol: Protocol,
    quick: bool,
    device: str | None,
    as_json: bool,
) -> None:
    """The pictures that CHECKPOINT gains least on, and where it errs (Cho et al. 2020, Fig. 19)."""
    from train.studies.failures import failures as run

    workspace = Workspace.of_table(scenes) if scenes is not None else workspace
    tell(run(workspace, checkpoint, scenes=scenes, pairs=pairs, protocol=protocol, device=device, quick=quick), as_json)
