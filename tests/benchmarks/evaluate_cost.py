"""What `train evaluate` costs beside its network: shares of processor time on 481x321 pictures under all four protocols."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import safetensors.torch
import skimage.data
import torch
from PIL import Image

from manifests.media import Picture, write_png
from manifests.workspace import Workspace
from tests.benchmarks.figure import Figure
from tests.worlds import add_streaks
from train.derain import derain_picture
from train.evaluate import run as command
from train.evaluate.scoring import Background
from train.metrics import PROTOCOLS
from train.network import DerainingNetwork, build
from train.presets import SMALL, Preset, changed

PAIRS = 30
WIDTH, HEIGHT = 481, 321
BOUND_PERCENT = 50.0  # bound by the network, then: on two cores the rest runs beside it
PRESETS = (("one encoder (`small`)", SMALL), ("three encoders, of 3x3, 5x5 and 7x7", changed(SMALL, ["kernels=3,5,7"])))


def run() -> list[Figure]:
    """Evaluate width-16 networks, first over pictures that were never scored, then over known ones, then once more."""
    figures = []
    with tempfile.TemporaryDirectory() as folder, _one_thread():
        pairs = _pairs(Path(folder) / "pairs")
        for number, (name, preset) in enumerate(PRESETS):
            workspace = Workspace(Path(folder) / f"work-{number}")
            first, second = (_checkpoint(Path(folder) / f"{number}-{seed}.safetensors", seed) for seed in (0, 1))
            for checkpoint, what in ((first, "with doing nothing"), (second, "doing nothing known already")):
                share, seconds = _evaluated(checkpoint, preset, pairs, workspace)
                told = f"share of `train evaluate` outside a network of width 16 with {name}, {what}"
                figures.append(Figure(told, 100 * (1 - share), "%", BOUND_PERCENT))
                figures.append(Figure("processor time a picture of that", 1000 * seconds / PAIRS, "ms", None))
            _, seconds = _evaluated(first, preset, pairs, workspace)
            figures.append(Figure("the same once more: a picture, of which nothing is scored", 1000 * seconds / PAIRS, "ms", None))
    return figures


def _evaluated(checkpoint: Path, preset: Preset, pairs: Path, workspace: Workspace) -> tuple[float, float]:
    """The network's share of the processor time, and all of it, s."""
    in_network = 0.0

    def watched(network: DerainingNetwork, picture: Picture) -> Background:
        nonlocal in_network
        start = time.thread_time()
        background = derain_picture(network, picture)
        in_network += time.thread_time() - start
        return background

    network = build(preset).eval()
    with mock.patch.object(command, "derain_picture", watched), mock.patch.object(command, "load_network", return_value=network):
        start = time.process_time()
        command.evaluate(checkpoint, pairs=pairs, protocols=PROTOCOLS, device="cpu", workspace=workspace)
        spent = time.process_time() - start
    return in_network / spent, spent


def _pairs(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    photos = [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea", "rocket")]
    for number in range(PAIRS):
        resized = Image.fromarray(photos[number % len(photos)]).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        clean = np.roll(np.asarray(resized, dtype=np.uint8), 7 * number, axis=1)
        write_png(folder / "target" / f"{number}.png", clean)
        write_png(folder / "input" / f"{number}.png", add_streaks(clean, rng, streaks=400, length_px=30))
    return folder


def _checkpoint(path: Path, seed: int) -> Path:
    """A file of its own hash; the weights are random all the same."""
    safetensors.torch.save_file({"seed": torch.tensor(seed)}, path)
    return path


@contextmanager
def _one_thread() -> Iterator[None]:
    """Of the network, so that what a thread of ours spends in it is all that it costs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
