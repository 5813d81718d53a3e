"""A run's log, one row every so many steps: `log.parquet` beside the checkpoint, whole at any moment, and TensorBoard's events."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.columns import columns
from manifests.errors import InputError, first_line
from manifests.files import schema, write_atomically
from manifests.media import read_picture
from train.fit.tensorboard_log import TensorBoardLog, tensorboard_log

FILE = "log.parquet"
SAMPLES = "samples"  # the folder of sample pictures, one file a validation


@dataclass(frozen=True, slots=True)
class LogRow:
    """What is known of a run after a step. Loss terms are means over the steps since the row before, unweighted; eq. of Cho et al. 2020."""

    step: Annotated[int, "steps done"]
    elapsed_s: Annotated[float, "time trained, over all interruptions, s"]
    learning_rate: Annotated[float, "of Adam in the last step"]
    gamma: Annotated[float, "γ of the structure similarity loss (eq. 3) in the last step"]
    images_per_s: Annotated[float, "frames trained on in a second, over the latest rows"]
    total: Annotated[float, "the weighted sum of the losses (eq. 8)"]
    background: Annotated[float, "background consistency loss (eq. 2), intensity 0-1"]
    structure: Annotated[float, "structure similarity loss (eq. 3), γ inside, intensity 0-1"]
    directional: Annotated[float, "directional gradient loss (eq. 6), rad"]
    reconstruction: Annotated[float, "reconstruction loss (eq. 7), intensity 0-1"]
    mean_streaks: Annotated[float, "mean S, intensity 0-1"]
    contrast_kept: Annotated[float, "std(B) / std(I) within crops"]
    contrast_shared: Annotated[float, "what both frames of a pair share of std(I); 1: no rain"]
    dead_fraction: Annotated[float, "share of streak pixels that are exactly 0, or lie in a crop whose S is the same everywhere"]
    held_out_score: Annotated[
        float | None, "label-free score of the averaged weights on held-out scenes, a PSNR, dB; picks the checkpoint"
    ] = None
    held_out_score_input: Annotated[float | None, "the same of doing nothing, dB"] = None
    held_out_pair_gap: Annotated[float | None, "mean |B_m - B_n| of held-out scenes, intensity 0-1"] = None
    held_out_median_distance: Annotated[float | None, "mean |B - temporal median| of held-out scenes, intensity 0-1"] = None
    held_out_mean_streaks: Annotated[float | None, "mean S of held-out scenes, intensity 0-1"] = None
    held_out_contrast_kept: Annotated[float | None, "std(B) / std(temporal median) of held-out scenes"] = None
    held_out_psnr: Annotated[float | None, "against the truth, where it is known, dB, full-range luma; chooses nothing"] = None
    held_out_psnr_input: Annotated[float | None, "that of doing nothing, dB"] = None


class RunLog:
    """The log of a run that goes on: a context manager around its loop."""

    def __init__(self, folder: Path, step: int) -> None:
        """Take up the log of `folder` where a run at `step` stands; what a killed run wrote beyond it is forgotten.

        Raises InputError when the log is damaged, or the events cannot be written.
        """
        self.path = folder / FILE
        self.rows = read_log(self.path, step)
        samples = {int(path.stem.removeprefix("step-")): path for path in sorted((folder / SAMPLES).glob("step-*.png"))}
        for of_step, path in samples.items():
            if of_step > step:
                path.unlink()
        self.tensorboard = tensorboard_log(folder)
        if self.tensorboard is not None:
            for row in self.rows:
                self._add_events(self.tensorboard, row)
            for of_step in samples:
                if of_step <= step:
                    self.add_samples(of_step)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self.tensorboard is not None:
            self.tensorboard.close()

    def add(self, row: LogRow) -> None:
        """Note a row, for whoever reads the file from now on. Raises InputError when it cannot be written."""
        self.rows.append(row)
        write_log(self.path, self.rows)
        if self.tensorboard is not None:
            self._add_events(self.tensorboard, row)

    def samples_path(self, step: int) -> Path:
        """Where the sample pictures of a step belong."""
        return self.path.parent / SAMPLES / f"step-{step:07d}.png"

    def add_samples(self, step: int) -> None:
        """Note the sample pictures that were drawn at `samples_path`."""
        if self.tensorboard is not None:
            elapsed_s = next((row.elapsed_s for row in reversed(self.rows) if row.step <= step), 0.0)
            self.tensorboard.add_picture(step, elapsed_s, "samples", read_picture(self.samples_path(step)))

    def _add_events(self, tensorboard: TensorBoardLog, row: LogRow) -> None:
        values = dataclasses.asdict(row)
        tensorboard.add(row.step, row.elapsed_s, {name: value for name, value in values.items() if name not in ("step", "elapsed_s")})


def write_log(path: Path, rows: Sequence[LogRow]) -> None:
    """Write the whole log, atomically. Raises InputError where it cannot be written."""
    fields = [field.with_metadata({"meaning": column.meaning}) for field, column in zip(schema(LogRow), columns(LogRow), strict=True)]
    table = pa.Table.from_pylist([dataclasses.asdict(row) for row in rows], schema=pa.schema(fields))
    try:
        with write_atomically(path) as file:
            pq.write_table(table, file, compression="zstd")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({first_line(error)}); make room and run again") from error


def read_log(path: Path, until_step: int) -> list[LogRow]:
    """The log up to a step: what a run that goes on from there has behind it. Raises InputError when it is damaged."""
    if not path.exists():
        return []
    try:
        with pq.ParquetFile(path) as file:
            known = {column.name for column in columns(LogRow)}
            rows = [LogRow(**row) for row in file.read(columns=[name for name in file.schema_arrow.names if name in known]).to_pylist()]
        return [row for row in rows if row.step <= until_step]
    except (pa.ArrowException, OSError, TypeError) as error:
        raise InputError(f"{path}: not a log of `train fit` ({first_line(error)}); delete it and run again") from error
