"""A run's numbers and pictures as TensorBoard shows them: `tensorboard --logdir runs`. Written where TensorBoard is installed.

Events are written one by one and at once. Torch's own writer does so in a thread, where a full disk ends in a traceback.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from manifests.errors import InputError, first_line

NAME = "events.out.tfevents"
GROUPS = {
    "loss": ("total", "background", "structure", "directional", "reconstruction"),
    "vital_signs": ("mean_streaks", "contrast_kept", "contrast_shared", "dead_fraction"),
}


def tensorboard_log(folder: Path) -> TensorBoardLog | None:
    """A run's events, begun anew in `folder`; None without TensorBoard (the extra `tensorboard`). Raises InputError as `add`.

    Events cannot be taken back, and a run that goes on repeats steps that were written before it was killed; so what is there is
    deleted, to be written again from the log.
    """
    if importlib.util.find_spec("tensorboard") is None:
        return None
    for old in folder.glob(f"{NAME}.*"):
        old.unlink()
    return TensorBoardLog(folder / f"{NAME}.{time.time():.0f}.{os.getpid()}")


class TensorBoardLog:
    """An open file of events. Times are set so that TensorBoard's "relative" axis is the time trained."""

    def __init__(self, path: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import SessionLog  # type: ignore[import-untyped]

        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.origin = path, time.time()
        self.file = path.open("wb", buffering=0)
        self._write(self.origin, file_version="brain.Event:2")
        # A TensorBoard that is looking on has read the file before this one: it shall forget those steps.
        self._write(self.origin, step=0, session_log=SessionLog(status=SessionLog.START))

    def add(self, step: int, elapsed_s: float, values: Mapping[str, float | None]) -> None:
        """A step's numbers, each under its group; what is missing is left out. Raises InputError when it cannot be written."""
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

        told = [Summary.Value(tag=_tag(name), simple_value=value) for name, value in values.items() if value is not None]
        self._write(self.origin + elapsed_s, step=step, summary=Summary(value=told))

    def add_picture(self, step: int, elapsed_s: float, name: str, picture_HWC: npt.NDArray[np.uint8]) -> None:
        """A picture of a step. Raises InputError when it cannot be written."""
        from torch.utils.tensorboard.summary import image

        shown = image(name, picture_HWC, dataformats="HWC")  # type: ignore[no-untyped-call]
        self._write(self.origin + elapsed_s, step=step, summary=shown)

    def close(self) -> None:
        """Close the file; all is written already."""
        self.file.close()

    def _write(self, wall_time: float, **event: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

        try:
            RecordWriter(self.file).write(Event(wall_time=wall_time, **event).SerializeToString())
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({first_line(error)}); make room and run again") from error


def _tag(name: str) -> str:
    if name.startswith("held_out_"):
        return f"held_out/{name.removeprefix('held_out_')}"
    return next((f"{group}/{name}" for group, names in GROUPS.items() if name in names), f"run/{name}")
