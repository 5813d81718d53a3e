"""`train study features`: what the first layers of the encoders and the last layer of the decoder see (Cho et al. 2020, Fig. 15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from manifests.files import file_sha256, fingerprint
from manifests.media import Picture, read_picture
from manifests.workspace import Workspace
from train.checkpoints import load_network
from train.devices import chosen_device
from train.inference import remove_rain
from train.network import DerainingNetwork
from train.studies.results import Results, markdown_table, write_figure, write_markdown, write_results
from train.studies.study import study_folder

LARGEST_SIDE_PX = 640  # of the picture that is looked at: a larger one is cut about its middle
MAPS_DRAWN = 6  # a layer, those that vary most
MAP_COLOURS = "viridis"
BRIGHTEST_PERCENTILE = 99.5

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """One channel of one layer, for one picture."""

    map_id: Annotated[str, "hash of checkpoint, picture, layer and channel"]
    layer: Annotated[str, "`encoder 3x3`, …: the first convolution of that encoder, rectified; `decoder`: what the last convolution is fed"]
    channel: Annotated[int, "from 0"]
    mean: Annotated[float, "over the picture"]
    spread: Annotated[float, "standard deviation over the picture; 0: the channel is dead"]
    zeros: Annotated[float, "share of pixels that are exactly 0"]
    streaks_correlation: Annotated[float | None, "|correlation| with the predicted streaks S; null where one of them is constant"]
    background_correlation: Annotated[float | None, "|correlation| with the luma of the predicted background; null where one is constant"]


def features(workspace: Workspace, checkpoint: Path, picture: Path, *, device: str | None) -> Results[FeatureMap]:
    """Measure and draw the feature maps that a checkpoint makes of a picture.

    Raises InputError when the checkpoint or the picture cannot be read, and for a device that is not there.
    """
    network = load_network(checkpoint).to(chosen_device(device)).eval()
    rainy = _cut(read_picture(picture))
    layers, streaks, background = feature_maps(network, rainy)
    known_by = fingerprint(file_sha256(checkpoint), file_sha256(picture))
    rows = [
        _measured(fingerprint(known_by, layer, channel), layer, channel, values, streaks, background)
        for layer, maps in layers.items()
        for channel, values in enumerate(maps)
    ]
    text = f"Feature maps of {checkpoint} for {picture.name} (Cho et al. 2020, Fig. 15)\n\n{layer_table(rows)}\n"
    folder = study_folder(workspace, "features")
    write_results(FeatureMap, folder, rows, {"command": "train study features", "checkpoint": checkpoint, "picture": picture})
    write_markdown(folder, text)
    write_figure(folder, _drawn(rainy, background, streaks, layers, rows))
    return Results(rows, text, folder)


def feature_maps(network: DerainingNetwork, picture: Picture) -> tuple[dict[str, Plane], Plane, Plane]:
    """Of an 8-bit picture (H, W, 3): by layer its maps (channels, H, W), the streaks (H, W) and the background's luma (H, W).

    Streaks of an RGB network are the mean of its three.
    """
    seen: dict[str, Tensor] = {}

    def keep(layer: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        # cloned, since the units that follow rectify in place
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            seen[layer] = (inputs[0] if layer == "decoder" else output.relu()).detach().clone()

        return hook

    last = _first_or_last_convolution(network.decoder, -1)
    watched = {f"encoder {kernel}x{kernel}": encoder for kernel, encoder in zip(network.settings.kernels, network.encoders, strict=True)}
    hooks = [_first_or_last_convolution(encoder, 0).register_forward_hook(keep(layer)) for layer, encoder in watched.items()]
    hooks.append(last.register_forward_hook(keep("decoder")))
    height, width = picture.shape[:2]
    try:
        planes_BCHW = torch.tensor(picture).permute(2, 0, 1)[None].to(last.weight.device).float() / 255
        background, streaks = remove_rain(network, planes_BCHW)
    finally:
        for hook in hooks:
            hook.remove()
    layers = {layer: np.asarray(maps[0, :, :height, :width].float().cpu().numpy(), np.float32) for layer, maps in seen.items()}
    return layers, streaks[0].mean(dim=0).cpu().numpy(), background[0].mean(dim=0).cpu().numpy()


def layer_table(rows: list[FeatureMap]) -> str:
    """A line a layer: its channels, the dead ones, and how near its maps come to the streaks and to the background."""
    lines = []
    for layer in dict.fromkeys(row.layer for row in rows):
        of_layer = [row for row in rows if row.layer == layer]
        dead = sum(row.spread == 0 for row in of_layer)
        to_streaks = [row.streaks_correlation or 0.0 for row in of_layer]
        to_background = [row.background_correlation or 0.0 for row in of_layer]
        correlations = [f"{np.median(values):.2f} ({max(values):.2f})" for values in (to_streaks, to_background)]
        lines.append([layer, len(of_layer), dead, *correlations])
    headings = ["layer", "channels", "dead", "correlation with S, absolute, median (most)", "with the background"]
    return markdown_table(headings, lines)


def _first_or_last_convolution(module: nn.Module, place: int) -> nn.Conv2d:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)][place]


def _cut(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    top, left = max(0, height - LARGEST_SIDE_PX) // 2, max(0, width - LARGEST_SIDE_PX) // 2
    return np.ascontiguousarray(picture[top : top + LARGEST_SIDE_PX, left : left + LARGEST_SIDE_PX])


def _measured(map_id: str, layer: str, channel: int, values: Plane, streaks: Plane, background: Plane) -> FeatureMap:
    return FeatureMap(
        map_id,
        layer,
        channel,
        float(values.mean()),
        float(values.std()),
        float((values == 0).mean()),
        _correlation(values, streaks),
        _correlation(values, background),
    )


def _correlation(first: Plane, second: Plane) -> float | None:
    if first.std() == 0 or second.std() == 0:
        return None
    return float(abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]))


def _drawn(rainy: Picture, background: Plane, streaks: Plane, layers: dict[str, Plane], rows: list[FeatureMap]) -> Figure:
    """The picture, its background and streaks above; below a line a layer, the maps that vary most, with their correlation with S."""
    figure = Figure(figsize=(2.3 * MAPS_DRAWN, 2.1 * (1 + len(layers)) + 0.6), layout="constrained")
    grid = figure.add_gridspec(1 + len(layers), MAPS_DRAWN)
    _show(figure.add_subplot(grid[0, :2]), rainy, "rainy", None)
    _show(figure.add_subplot(grid[0, 2:4]), background, "background B, luma", "gray")
    _show(figure.add_subplot(grid[0, 4:]), streaks, "streaks S", "gray")
    for line, (layer, maps) in enumerate(layers.items(), 1):
        of_layer = sorted((row for row in rows if row.layer == layer), key=lambda row: -row.spread)
        for place, row in enumerate(of_layer[:MAPS_DRAWN]):
            alike = "constant" if row.streaks_correlation is None else f"with S {row.streaks_correlation:.2f}"
            _show(figure.add_subplot(grid[line, place]), maps[row.channel], f"{layer}, {row.channel}: {alike}", MAP_COLOURS)
    return figure


def _show(axes: Axes, picture: Picture | Plane, title: str, colours: str | None) -> None:
    brightest = (
        float(np.percentile(picture, BRIGHTEST_PERCENTILE)) if picture.ndim == 2 else None
    )  # or a few pixels would darken all others
    axes.imshow(picture, cmap=colours, vmax=brightest)
    axes.set_title(title, fontsize=8)
    axes.set_axis_off()
