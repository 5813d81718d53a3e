"""`train study speed`: seconds a picture (Cho et al. 2020, Table VIII)."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import click
import torch
from matplotlib.figure import Figure

from manifests.files import fingerprint
from manifests.workspace import Workspace
from train.devices import chosen_device, device_name
from train.inference import remove_rain
from train.network import build, multiply_adds
from train.presets import Preset
from train.studies.results import Results, markdown_table, read_results, write_figure, write_markdown, write_results
from train.studies.study import study_folder
from train.studies.timing import timed_calls

Precision = Literal["float32", "bfloat16"]
VERSION = 2  # raise when the same picture would be timed otherwise
PAPER_S, PAPER_DEVICE = 0.39, "the paper, GTX 1080 Ti"  # Table VIII
COLOURS = {"float32": "#56b4e9", "bfloat16": "#0072b2"}  # Okabe and Ito's: apart for colour-blind eyes too


@dataclass(frozen=True, slots=True)
class Speed:
    """One network timed on one device."""

    speed_id: Annotated[str, "hash of the network's settings, precision, side, pictures, device and PyTorch's version"]
    preset: Annotated[str, "whose network"]
    precision: Annotated[str, "of its arithmetic"]
    device: Annotated[str, "by name; of a CPU with its number of threads"]
    side_px: Annotated[int, "of the square picture"]
    pictures: Annotated[int, "timed, one at a time, after some that do not count"]
    mean_s: Annotated[float, "a picture: from intensities on the device to its background there"]
    spread_s: Annotated[float, "standard deviation; 0 of one picture"]
    least_s: Annotated[float, "of the fastest picture"]
    processor_s: Annotated[float, "processor time a picture over all threads, mean: on a busy machine what can be compared"]
    parameters: Annotated[int, "of the network"]
    multiply_adds: Annotated[int, "a picture"]


def speed(
    workspace: Workspace, presets: Sequence[Preset], precisions: Sequence[Precision], *, side_px: int, pictures: int, device: str | None
) -> Results[Speed]:
    """Time the presets' networks, freshly initialised: weights do not change the work.

    What was timed before on the same device stays as it is; rows that are not asked for now stay in the table, and are not among those
    returned. Raises InputError for a device that is not there.
    """
    chosen = chosen_device(device)
    folder = study_folder(workspace, "speed")
    done = {row.speed_id: row for row in read_results(Speed, folder)}
    rows: list[Speed] = []
    for preset in presets:
        for precision in precisions:
            speed_id = fingerprint("speed", VERSION, preset.network, precision, side_px, pictures, device_name(chosen), torch.__version__)
            if speed_id not in done:
                done[speed_id] = _timed(speed_id, preset, precision, side_px, pictures, chosen)
                write_results(Speed, folder, list(done.values()), {"command": "train study speed"})
                click.echo(f"speed: {preset.name}, {precision}: {done[speed_id].mean_s:.3g} s a picture", err=True)
            rows.append(dataclasses.replace(done[speed_id], preset=preset.name))  # another preset may have the same network
    text = f"Seconds a picture (Cho et al. 2020, Table VIII: {PAPER_S} s on a GTX 1080 Ti)\n\n{speed_table(rows)}\n"
    write_markdown(folder, text)
    write_figure(folder, _drawn(rows))
    return Results(rows, text, folder)


def speed_table(rows: Sequence[Speed]) -> str:
    """A line a network, precision and device."""
    lines = [
        [
            row.preset, row.precision, f"{row.side_px}x{row.side_px}", f"{row.mean_s:.4g} ± {row.spread_s:.2g}", f"{row.least_s:.4g}",
            f"{row.processor_s:.4g}", row.pictures, f"{row.parameters / 1e6:.1f}", f"{row.multiply_adds / 1e9:,.0f}",
            f"{2 * row.multiply_adds / row.mean_s / 1e9:,.0f}", row.device,
        ]
        for row in rows
    ]  # fmt: skip
    headings = ["network", "precision", "picture", "mean, s", "least, s", "processor, s", "pictures", "parameters, M"]
    headings += ["multiply-adds, G", "GFLOP/s", "device"]
    return markdown_table(headings, lines)


def _timed(speed_id: str, preset: Preset, precision: Precision, side_px: int, pictures: int, device: torch.device) -> Speed:
    torch.manual_seed(0)
    network = build(preset).to(device).eval()
    picture = torch.rand(1, 3, side_px, side_px, device=device)
    timed = timed_calls(lambda: remove_rain(network, picture, getattr(torch, precision)), device, pictures)
    return Speed(
        speed_id,
        preset.name,
        precision,
        device_name(device),
        side_px,
        pictures,
        statistics.mean(timed.seconds),
        statistics.stdev(timed.seconds) if pictures > 1 else 0.0,
        min(timed.seconds),
        timed.processor_s,
        sum(parameter.numel() for parameter in network.parameters()),
        multiply_adds(preset.network, side_px, side_px),
    )


def _drawn(rows: Sequence[Speed]) -> Figure:
    """A bar a row, on a logarithmic scale, beside the paper's figure."""
    figure = Figure(figsize=(9, 1.4 + 0.36 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        axes.barh(place, row.mean_s, color=COLOURS[row.precision])
        axes.text(row.mean_s, place, f" {row.mean_s:.3g} s, {row.device}", va="center", fontsize=7)
    axes.set_yticks(range(len(rows)), [f"{row.preset}, {row.precision}, {row.side_px} px" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(PAPER_S, color="#d55e00", linestyle="--", linewidth=1)
    axes.text(PAPER_S, -0.6, f"{PAPER_DEVICE}: {PAPER_S} s at 512 px", color="#d55e00", fontsize=8, ha="center", va="bottom")
    axes.set_xlabel("seconds a picture, mean")
    axes.set_xlim(right=100 * max(row.mean_s for row in rows))
    axes.grid(axis="x", alpha=0.3)
    return figure
