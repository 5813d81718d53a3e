"""A run's log: a table of numbers by step, kept as CSV beside the checkpoint."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from manifests.errors import InputError
from manifests.files import write_atomically

Row = dict[str, float | None]


def write_log(path: Path, rows: list[Row]) -> None:
    """Write the whole log, atomically; a missing number is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["step"])
    writer.writeheader()
    writer.writerows(rows)
    with write_atomically(path) as file:
        file.write(text.getvalue().encode())


def read_log(path: Path, until_step: int) -> list[Row]:
    """The log up to a step: what a run that goes on from there has behind it. Raises InputError when it is damaged."""
    if not path.exists():
        return []
    try:
        with path.open(newline="") as file:
            rows = [{name: float(text) if text else None for name, text in row.items()} for row in csv.DictReader(file)]
        return [row for row in rows if (row["step"] or 0) <= until_step]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a log of `train fit` ({error}); delete it") from error
