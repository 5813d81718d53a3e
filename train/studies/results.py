"""A study's results on disk: table.parquet, the same as table.md, and figure.png, each written whole or not at all.

Row classes are frozen dataclasses as in `manifests.tables` (`Annotated[type, "meaning, unit"]`), kept beside the study that fills them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from manifests.columns import columns
from manifests.errors import InputError, first_line
from manifests.files import schema, versions, write_atomically

Row = TypeVar("Row")
_ABOUT = b"rainlapse"  # the key of our JSON in the file's metadata


@dataclass(frozen=True)
class Results(Generic[Row]):
    """What a study came to."""

    rows: Sequence[Row]
    markdown: str
    folder: Path
    failed: Sequence[str] = ()  # pictures that have no row, and why, one line each


def read_results(row_class: type[Row], folder: Path) -> list[Row]:
    """The rows of a study's table; none where it has none yet. Raises InputError for a table that is damaged or of other columns."""
    path = folder / "table.parquet"
    if not path.exists():
        return []
    try:
        with pq.ParquetFile(path) as file:  # `read_table` would load pandas
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read ({first_line(error)}); delete it: finished runs are not trained again") from error
    if not table.schema.equals(schema(row_class)):
        raise InputError(f"{path}: has other columns than this rainlapse writes; delete it: finished runs are not trained again")
    many = {column.name for column in columns(row_class) if column.many}
    return [row_class(**{name: tuple(value) if name in many else value for name, value in row.items()}) for row in table.to_pylist()]


def write_results(row_class: type[Row], folder: Path, rows: Sequence[Row], about: Mapping[str, Any]) -> None:
    """Write a study's rows as table.parquet; `about` (command, settings, protocol, …, of the call that writes) and versions go into its
    metadata."""
    arrays = [pa.array([getattr(row, field.name) for row in rows], type=field.type) for field in schema(row_class)]
    described = {_ABOUT: json.dumps({**about, "versions": versions()}, sort_keys=True, default=str)}
    with write_atomically(folder / "table.parquet") as file:
        pq.write_table(pa.table(arrays, schema=schema(row_class).with_metadata(described)), file, compression="zstd")


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows of cells as a Markdown table, each cell one line of text."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(content: object) -> str:
    return " ".join(str(content).split()).replace("|", "\\|")


def write_markdown(folder: Path, text: str) -> None:
    """Write table.md."""
    with write_atomically(folder / "table.md") as file:
        file.write(text.encode())


def write_figure(folder: Path, figure: Figure) -> None:
    """Write figure.png."""
    with write_atomically(folder / "figure.png") as file:
        figure.savefig(file, format="png", dpi=130)
