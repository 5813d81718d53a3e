"""A run of a few steps of a tiny network, for tests of what training leaves behind."""

from __future__ import annotations

from collections.abc import Sequence

import safetensors.torch

from tests.worlds import World
from train.fit.runs import Run, plan
from train.presets import SMALL, Preset, changed

TINY = [
    "width=2",
    "kernels=3,5",
    "pairs=2",
    "crop_px=16",
    "window_from_px=16",
    "window_to_px=24",
    "log_steps=5",
    "validations=2",
    "precision=float32",
]
PRESET = changed(SMALL, TINY)


def planned(world: World, name: str, preset: Preset = PRESET, steps: int | None = 10, seed: int = 0) -> Run:
    """A run on a world's scenes."""
    return plan(world.workspace.root / "manifests" / "scenes.parquet", preset, steps=steps, name=name, seed=seed)


def weights(run: Run) -> bytes:
    """Of a finished run's chosen network and the last."""
    files = [safetensors.torch.load_file(path) for path in (run.checkpoint, run.last)]
    return b"".join(tensors[name].numpy().tobytes() for tensors in files for name in sorted(tensors))


def fit_arguments(world: World, name: str, steps: int, settings: Sequence[str] = TINY) -> list[str]:
    """What to say to `train` for such a run."""
    table = str(world.workspace.root / "manifests" / "scenes.parquet")
    return [
        "fit",
        table,
        "--preset",
        "small",
        "--steps",
        str(steps),
        "--name",
        name,
        *[part for text in settings for part in ("--set", text)],
    ]
