"""A run's numbers and pictures as TensorBoard shows them: `tensorboard --logdir runs`. Written where TensorBoard is installed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

GROUPS = {
    "loss": ("total", "background", "structure", "directional", "reconstruction"),
    "vital_signs": ("mean_streaks", "contrast_kept", "contrast_shared", "dead_fraction"),
}


def tensorboard_log(folder: Path) -> TensorBoardLog | None:
    """A run's events, begun anew in `folder`; None without TensorBoard (the extra `tensorboard`).

    Events cannot be taken back, and a run that goes on repeats steps that were written before it was killed; so what is there is
    deleted, to be written again from the log.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    # A TensorBoard that is looking on has read the deleted file: purging tells it to forget those steps.
    return TensorBoardLog(SummaryWriter(str(folder), purge_step=0))


class TensorBoardLog:
    """An open file of events. Times are set so that TensorBoard's "relative" axis is the time trained."""

    def __init__(self, writer: SummaryWriter) -> None:
        self.writer = writer
        self.origin: float | None = None

    def add(self, step: int, elapsed_s: float, values: Mapping[str, float | None]) -> None:
        """A step's numbers, each under its group; what is missing is left out."""
        if self.origin is None:
            self.origin = time.time() - elapsed_s
        for name, value in values.items():
            if value is not None:
                self.writer.add_scalar(_tag(name), value, step, self.origin + elapsed_s)

    def add_picture(self, step: int, name: str, picture_HWC: npt.NDArray[np.uint8]) -> None:
        """A picture of a step."""
        self.writer.add_image(name, picture_HWC, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        self.writer.close()


def _tag(name: str) -> str:
    if name.startswith("held_out_"):
        return f"held_out/{name.removeprefix('held_out_')}"
    return next((f"{group}/{name}" for group, names in GROUPS.items() if name in names), f"run/{name}")
