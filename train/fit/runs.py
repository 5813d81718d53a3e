"""A training run as a folder `runs/NAME`: how long it is, what it is known by, what it would be, and what came of it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from manifests.errors import InputError
from manifests.files import file_sha256, fingerprint, read_frozen_rows, read_rows
from manifests.tables import Scene
from manifests.workspace import Workspace
from train.checkpoints import read_about
from train.fit.runlog import FILE as LOG_FILE
from train.fit.runlog import read_log
from train.network import build
from train.presets import Preset
from train.released import ReleasedPictures, released_pictures
from train.scenes import scenes_of

COMPUTING = ("accumulate", "compile")  # settings that change how a run's numbers are computed, and not what they are


@dataclass(frozen=True)
class Bounds:
    """How long a run is: by steps, by minutes of training, or by what comes first."""

    steps: int | None
    minutes: float | None

    def __post_init__(self) -> None:
        """Raises InputError for a length that no run has."""
        if (self.steps is not None and self.steps < 1) or (self.minutes is not None and not 0 < self.minutes < math.inf):
            raise InputError(f"{self.steps} steps, {self.minutes} minutes: a run lasts at least one step, and a finite time")

    def progress(self, step: int, elapsed_s: float) -> float:
        """The share of the run that is done, 0 to 1."""
        by_steps = step / self.steps if self.steps is not None else 0.0
        by_time = elapsed_s / (60 * self.minutes) if self.minutes is not None else 0.0
        return min(1.0, max(by_steps, by_time))


@dataclass(frozen=True)
class Run:
    """What a run is before anything is decoded."""

    workspace: Workspace
    name: str
    preset: Preset
    bounds: Bounds
    seed: int
    init: Path | None  # a checkpoint whose weights it starts from
    train_rows: Sequence[Scene]
    held_out_rows: Sequence[Scene]
    released: ReleasedPictures | None = None  # where the scenes' pictures lie, if not in the workspace

    @property
    def source(self) -> Workspace | ReleasedPictures:
        """Where the scenes' pictures lie."""
        return self.released or self.workspace

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.workspace.root / "runs" / self.name

    @property
    def checkpoint(self) -> Path:
        """The latest averaged weights within 0.1 dB of the best on held-out scenes, without truth: the run's result."""
        return self.folder / "checkpoint.safetensors"

    @property
    def last(self) -> Path:
        """The averaged weights after the last step; only there once the run is finished."""
        return self.folder / "last.safetensors"

    @property
    def resume(self) -> Path:
        """All that it needs to go on; only there until it is finished."""
        return self.folder / "resume.safetensors"

    def known_by(self) -> dict[str, Any]:
        """What makes it this run and no other, as JSON gives it back. How often it logs, and how it computes, does not matter."""
        known: dict[str, Any] = {}
        for group, settings in dataclasses.asdict(self.preset).items():
            if isinstance(settings, dict) and group != "watch":
                known |= settings
        known = {name: value for name, value in known.items() if name not in COMPUTING}
        known |= {
            "steps": self.bounds.steps,  # in place of the preset's
            "minutes": self.bounds.minutes,
            "seed": self.seed,
            "scenes": fingerprint([(row.scene_id, row.split, self._mask_sha256(row)) for row in [*self.train_rows, *self.held_out_rows]]),
            "init": file_sha256(self.init) if self.init is not None else None,
        }
        return dict(json.loads(json.dumps(known)))

    def _mask_sha256(self, row: Scene) -> str | None:
        """What the mask shows, where it is there: its name stays when it is drawn anew. A release's does not change."""
        if self.released is not None:
            return None
        path = self.workspace.resolve(row.mask) if row.mask is not None else None
        return file_sha256(path) if path is not None and path.is_file() else None

    def is_finished(self) -> bool:
        """Whether this very run is done already. Raises InputError where another of its name lies in its place."""
        for path, kind in ((self.checkpoint, "network"), (self.last, "network"), (self.resume, "run")):
            if path.exists():
                self._refuse_other(read_about(path, kind)["run"])
        return self.last.exists()

    def _refuse_other(self, before: dict[str, Any]) -> None:
        now = self.known_by()
        differing = [f"{name} {before.get(name)} (now {now.get(name)})" for name in before | now if before.get(name) != now.get(name)]
        if differing:
            raise InputError(f"{self.folder}: holds another run: {', '.join(differing)}; choose another --name, or delete the folder")

    def foreseen(self) -> dict[str, object]:
        """What the run would be, and how large."""
        with torch.device("meta"):
            parameters = sum(parameter.numel() for parameter in build(self.preset).parameters())
        return {
            "run": str(self.folder),
            "train_scenes": len(self.train_rows),
            "train_frames": sum(len(row.frames) for row in self.train_rows),
            "held_out_scenes": len(self.held_out_rows),
            "parameters": parameters,
            "steps": self.bounds.steps,
            "minutes": self.bounds.minutes,
        }

    def outcome(self) -> dict[str, object]:
        """What came of a finished run: its checkpoint and whose step's weights it holds, and the last row of its log."""
        about, ended = read_about(self.checkpoint), read_about(self.last)
        rows = read_log(self.folder / LOG_FILE, ended["step"])
        return {
            "checkpoint": str(self.checkpoint),
            "checkpoint_step": about["step"],
            "elapsed_s": ended["elapsed_s"],
            **(dataclasses.asdict(rows[-1]) if rows else {"step": ended["step"]}),
        }


def plan(
    table: Path,
    preset: Preset,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    name: str | None = None,
    seed: int = 0,
    init: Path | None = None,
) -> Run:
    """A run on the scenes of a table: a workspace's, or that of a release, which needs no unpacking (its runs lie in `./runs`).

    `steps` and `minutes` bound it (without both, the preset's steps); `name` is the preset's unless given.

    Raises InputError when the table cannot be read or holds no kept scene of split `train`, or `init` does not exist.
    """
    released = released_pictures(table)
    rows = read_rows(Scene, table) if released is None else released.with_pixels(read_frozen_rows(Scene, table))
    train_rows = scenes_of(rows, "train")
    if not train_rows:
        raise InputError(f"{table}: no kept scene of split `train` among {len(rows)} rows; `curate sequences` makes them")
    if init is not None and not init.is_file():
        raise InputError(f"{init}: no such checkpoint to start from; `train fit` writes runs/NAME/checkpoint.safetensors")
    bounds = Bounds(preset.optimiser.steps if steps is None and minutes is None else steps, minutes)
    workspace = Workspace.of_table(table) if released is None else Workspace(Path())
    if released is not None and Path.cwd().is_relative_to(released.folder):
        raise InputError(f"{released.folder}: is a release, which stays as it is; train from another folder, where `runs` may lie")
    return Run(workspace, name or preset.name, preset, bounds, seed, init, train_rows, scenes_of(rows, "val"), released)
