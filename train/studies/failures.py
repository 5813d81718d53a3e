"""`train study failures`: the pictures that come out worst, and how (Cho et al. 2020, Fig. 19)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from manifests.errors import InputError
from manifests.files import file_sha256, fingerprint
from manifests.media import Picture
from manifests.workspace import Workspace
from train.checkpoints import load_network
from train.derain import derain_picture
from train.devices import chosen_device
from train.metrics import Protocol, as_8_bit, luma, score
from train.network import DerainingNetwork
from train.studies.examples import Example, examples
from train.studies.results import Results, markdown_table, read_results, write_figure, write_markdown, write_results
from train.studies.study import study_folder

VERSION = 1  # raise when the same picture would get other figures
RAINY_LEVELS = 5.0  # a pixel that rain brightens by more than this counts as rainy, grey levels
DRAWN = 5  # pictures in the figure
LISTED = 12  # in the table that is printed
ERROR_LEVELS = 40  # the error map's colours end here


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a network makes of one picture, against its truth."""

    outcome_id: Annotated[str, "hash of checkpoint, pictures and protocol"]
    picture: Annotated[str, "which picture"]
    scene_id: Annotated[str | None, "the scene; null for a folder of pairs"]
    protocol: Annotated[str, "of PSNR and SSIM"]
    psnr: Annotated[float | None, "dB; null where equal to the truth"]
    ssim: Annotated[float, "structural similarity"]
    psnr_input: Annotated[float | None, "of doing nothing, dB; null where equal to the truth"]
    rain: Annotated[float, "mean brightening of the rainy pixels, luma levels of 255"]
    cover: Annotated[float, f"share of rainy pixels: brightened by more than {RAINY_LEVELS:g} levels"]
    rainy_error: Annotated[float | None, "mean B - truth in rainy pixels, levels: above 0 rain is left; null without such pixels"]
    other_error: Annotated[float | None, "mean |B - truth| elsewhere, levels: what the scene lost; null without such pixels"]

    @property
    def gain(self) -> float:
        """PSNR over doing nothing, dB; infinite where nothing is left to remove, minus infinite where nothing was there to be removed."""
        if self.psnr is None:
            return math.inf
        return -math.inf if self.psnr_input is None else self.psnr - self.psnr_input


def failures(
    workspace: Workspace,
    checkpoint: Path,
    *,
    scenes: Path | None,
    pairs: Path | None,
    protocol: Protocol,
    device: str | None,
    quick: bool,
) -> Results[Outcome]:
    """Score single pictures, those gained least first; pictures done before are left as they are. Draws the worst, one a scene.

    Rows of pictures and checkpoints that are not asked for now stay in the table, and are not among those returned.
    A picture that cannot be scored is told as failed. Raises InputError where checkpoint, device or pictures are missing, and where none
    can be scored.
    """
    network = load_network(checkpoint).to(chosen_device(device)).eval()
    folder, about = study_folder(workspace, "failures"), {"command": "train study failures", "checkpoint": checkpoint}
    done = {row.outcome_id: row for row in read_results(Outcome, folder)}
    weights = file_sha256(checkpoint)
    chosen = examples(workspace, scenes, pairs, quick=quick)
    rows: list[Outcome] = []
    shown: dict[str, Example] = {}  # what a row was made of, or a copy of it
    failed: list[str] = []
    for number, example in enumerate(chosen, 1):
        try:
            outcome_id = fingerprint("failures", VERSION, weights, protocol, example.known_by)
            if outcome_id not in done:
                done[outcome_id] = _outcome(outcome_id, example, network, protocol)
                write_results(Outcome, folder, list(done.values()), about)
                click.echo(f"failures {number}/{len(chosen)}: {example.name}: {done[outcome_id].gain:+.2f} dB", err=True)
        except InputError as error:
            failed.append(f"{example.name}: {error}")
            continue
        # The same content may have another name now, or several.
        rows.append(dataclasses.replace(done[outcome_id], picture=example.name, scene_id=example.group.scene_id))
        shown[outcome_id] = example
    if not rows:
        raise InputError(f"no picture could be scored: {failed[0]}")
    rows.sort(key=lambda row: (row.gain, row.outcome_id))
    write_results(Outcome, folder, [*rows, *(row for row in done.values() if row.outcome_id not in shown)], about)
    text = f"The worst of {len(rows)} pictures, by gain in PSNR (Cho et al. 2020, Fig. 19); {protocol}\n\n{outcome_table(rows[:LISTED])}\n"
    write_markdown(folder, text)
    write_figure(folder, _drawn([(row, shown[row.outcome_id]) for row in one_a_scene(rows)[:DRAWN]], network))
    return Results(rows, text, folder, failed)


def one_a_scene(rows: Sequence[Outcome]) -> list[Outcome]:
    """The first row of each scene; of a folder of pairs every row, copies once."""
    first: dict[str, Outcome] = {}
    for row in rows:
        first.setdefault(row.scene_id or row.outcome_id, row)
    return list(first.values())


def outcome_table(rows: Sequence[Outcome]) -> str:
    """A line a picture."""
    headings = ["picture", "PSNR, dB", "gain, dB", "SSIM", "rain, levels", "cover", "error where it rains", "absolute error elsewhere"]
    lines = [
        [row.picture, _told(row.psnr), _told(row.gain, "+.2f"), f"{row.ssim:.4f}", _told(row.rain, ".1f"), f"{row.cover:.3f}",
         _told(row.rainy_error, "+.1f"), _told(row.other_error, ".1f")]
        for row in rows
    ]  # fmt: skip
    return markdown_table(headings, lines)


def errors_by_rain(
    rainy: npt.NDArray[np.float64], background: npt.NDArray[np.float64], clean: npt.NDArray[np.float64]
) -> tuple[float, float, float | None, float | None]:
    """Of luma planes (H, W) in levels: mean brightening of rainy pixels, their share, their mean error, the others' mean |error|."""
    raining = rainy - clean > RAINY_LEVELS
    error = background - clean
    return (
        float((rainy - clean)[raining].mean()) if raining.any() else 0.0,
        float(raining.mean()),
        float(error[raining].mean()) if raining.any() else None,
        float(np.abs(error[~raining]).mean()) if not raining.all() else None,
    )


def _outcome(outcome_id: str, example: Example, network: DerainingNetwork, protocol: Protocol) -> Outcome:
    rainy, clean = example.read()
    background = as_8_bit(derain_picture(network, rainy))
    psnr, ssim = score(background, clean, protocol)
    psnr_input, _ = score(rainy, clean, protocol)
    planes = [luma(picture) for picture in (rainy, background, clean)]
    return Outcome(
        outcome_id,
        example.name,
        example.group.scene_id,
        protocol,
        psnr if math.isfinite(psnr) else None,
        ssim,
        psnr_input if math.isfinite(psnr_input) else None,
        *errors_by_rain(*planes),
    )


def _drawn(worst: Sequence[tuple[Outcome, Example]], network: DerainingNetwork) -> Figure:
    """A line a picture: rainy, derained, clean, and where the result is too bright (rain left) or too dark (scene taken for rain)."""
    figure = Figure(figsize=(13, 2.7 * len(worst) + 0.6), layout="constrained")
    for line, (row, example) in enumerate(worst):
        rainy, clean = example.read()
        background = as_8_bit(derain_picture(network, rainy))
        panels: list[tuple[str, Picture]] = [
            (f"{row.picture}: rainy, {_told(row.psnr_input)} dB", rainy),
            (f"derained, {_told(row.psnr)} dB ({_told(row.gain, '+.2f')})", background),
            ("clean", clean),
        ]
        for column, (title, picture) in enumerate(panels):
            axes = figure.add_subplot(len(worst), 4, 4 * line + column + 1)
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axes.set_title(title, fontsize=8)
            axes.set_axis_off()
        axes = figure.add_subplot(len(worst), 4, 4 * line + 4)
        shown = axes.imshow(luma(background) - luma(clean), cmap="PuOr_r", vmin=-ERROR_LEVELS, vmax=ERROR_LEVELS)
        axes.set_title("error: orange too bright, violet too dark", fontsize=8)
        axes.set_axis_off()
        figure.colorbar(shown, ax=axes, shrink=0.8).ax.tick_params(labelsize=7)
    return figure


def _told(value: float | None, form: str = ".2f") -> str:
    return "–" if value is None or math.isinf(value) else format(value, form)
