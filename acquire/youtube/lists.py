"""What a list asks for: a text file, a CSV or a Parquet table with a column `url`, as links, each once, and what in it is none.

A text file holds one link a line, with its time range behind it; blank lines and comments are skipped. A footage table of ours, as a
release holds it, is a list too: of the sources that its rows came from, cut as they were.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from acquire.shown import printable
from acquire.youtube.links import Link, read_link, read_range, with_range
from manifests.errors import InputError, first_line

URL_COLUMNS = ("url", "origin")  # the first that is there; `origin` is what our own footage tables call it
RANGE_COLUMNS = (("start_s", "end_s"), ("clip_start_s", "clip_end_s"))  # likewise; neither need be there

Entry: TypeAlias = tuple[int, str, Link | str | None]  # line or row, from 1; its text; the link, the reason why it is none, or nothing


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line, or a row of a table, that asks for nothing that can be had."""

    line: int  # from 1
    text: str
    reason: str
    unit: Literal["line", "row"] = "line"

    def __str__(self) -> str:
        return f"{self.unit} {self.line}: {printable(self.text, 200)!r}: {self.reason}"


def read_links(source: Path | Iterable[str], *, allow_generic: bool = False, strict: bool = False) -> tuple[list[Link], list[BadLine]]:
    """The links of a file (see the module), or of lines of text, each once, in order; and the lines or rows that are none.

    Raises InputError when the file cannot be read, asks for nothing at all or, with `strict`, holds anything that is no link.
    """
    unit: Literal["line", "row"] = "line"
    if not isinstance(source, Path):
        entries = _of_lines(source, allow_generic)
    else:
        data = _bytes(source)
        if data[:4] == b"PAR1":
            unit, entries = "row", _of_parquet(source, allow_generic)
        elif source.suffix.lower() == ".csv":
            entries = _of_csv(_text(source, data), source, allow_generic)
        else:
            entries = _of_lines(re.split(r"\r\n|\n|\r", _text(source, data)), allow_generic)
    links: dict[str, Link] = {}
    bad: list[BadLine] = []
    for number, text, found in entries:
        if isinstance(found, Link):
            links.setdefault(found.source_id, found)
        elif found is not None:
            bad.append(BadLine(number, text, found, unit))
    name = source if isinstance(source, Path) else "the list"
    if not links and not bad:
        raise InputError(f"{name}: holds no link; write one link a line")
    if strict and bad:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise InputError(f"{name}: {bad[0]}{more}; mend the list, or leave --strict out to go on without")
    return list(links.values()), bad


# --- text ---------------------------------------------------------------------------------------------------------------------------


def _of_lines(lines: Iterable[str], allow_generic: bool) -> Iterator[Entry]:
    for number, line in enumerate(lines, start=1):
        text = " ".join(re.sub(r"(^|\s)#.*", "", line, flags=re.DOTALL).split())
        yield number, text, _link(text, number, allow_generic) if text else None


def _link(text: str, number: int, allow_generic: bool) -> Link | str:
    try:
        return read_link(text, number, allow_generic=allow_generic)
    except ValueError as error:
        return str(error)


def _bytes(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror}); name a text file with one link a line") from error


def _text(source: Path, data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # how some Windows editors save "Unicode"
        return data.decode("utf-16", errors="replace")
    if max(data[0::2].count(0), data[1::2].count(0)) * 3 > len(data):
        raise InputError(f"{source}: looks like UTF-16 without the mark that says so; save it as UTF-8")
    return data.decode("utf-8-sig", errors="replace")


# --- tables -------------------------------------------------------------------------------------------------------------------------


def _of_csv(text: str, source: Path, allow_generic: bool) -> Iterator[Entry]:
    """Rows by the line on which they end. Columns may be parted by comma, semicolon or tab: by whichever the header makes sense."""
    first = text.partition("\n")[0].partition("\r")[0]
    header = [delimiter for delimiter in ",;\t" if first and _named(next(csv.reader([first], delimiter=delimiter)), URL_COLUMNS)]
    if not header:
        raise InputError(f"{source}: its first line names no column `url`; give it one, or name a text file with one link a line")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=header[0])
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    try:
        for row in reader:
            yield _of_row(row, reader.line_num, allow_generic)
    except csv.Error as error:
        raise InputError(f"{source}: no CSV after line {reader.line_num} ({first_line(error)}); mend it") from error


def _of_parquet(source: Path, allow_generic: bool) -> Iterator[Entry]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    used = {*URL_COLUMNS, "source", *(name for pair in RANGE_COLUMNS for name in pair)}
    try:
        file = pq.ParquetFile(source)
        if not _named(file.schema_arrow.names, URL_COLUMNS):
            raise InputError(f"{source}: has no column `url`; its columns are {printable(', '.join(file.schema_arrow.names), 200)}")
        rows = file.read([name for name in file.schema_arrow.names if name.strip().lower() in used]).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{source}: cannot be read as Parquet ({first_line(error)}); make it again") from error
    for number, row in enumerate(rows, start=1):
        yield _of_row({name.strip().lower(): value for name, value in row.items()}, number, allow_generic)


def _of_row(row: Mapping[str, Any], number: int, allow_generic: bool) -> Entry:
    text = str(row.get(_named(row, URL_COLUMNS) or "") or "").strip()
    if row.get("source") in ("tripod", "simulated"):
        return number, text, f"footage of source {row['source']}, which no link brings"
    if not text:
        return number, text, None if not any(row.values()) else "names no url"
    found = _link(text, number, allow_generic)
    times = next((pair for pair in RANGE_COLUMNS if _named(row, pair)), RANGE_COLUMNS[0])
    try:
        start_s, end_s = (_time(row.get(name)) for name in times)
        return number, text, found if isinstance(found, str) else with_range(found, start_s, end_s) if start_s or end_s else found
    except ValueError as error:
        return number, text, str(error)


def _time(value: object) -> float | None:
    """Seconds, or a clock's time as a range has it."""
    if value is None or not str(value).strip():
        return None
    return float(value) if isinstance(value, int | float) else read_range(f"{value}-")[0]


def _named(columns: Iterable[str], names: Iterable[str]) -> str | None:
    """Which of the names, in their order, is a column."""
    known = {column.strip().lower() for column in columns if column}
    return next((name for name in names if name in known), None)
