"""Tables on disk: rows to Parquet and back, atomically, by key, with their provenance.

A table is one Parquet file and, while a run goes on, a folder of small part files beside it (`footage.parquet.parts/`). `append_rows`
adds a part and never rewrites what is there, so a row is safe as soon as the call returns and costs no more in a table of a million;
`compact` folds the parts in. Readers see both: a later row replaces an earlier one of the same key. One lock a table keeps writers
apart; a reader takes it too, so that it never sees a table between a compaction's two steps.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import filelock
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.columns import Column, columns, key_name
from manifests.errors import InputError, first_line
from manifests.tables import SCHEMA_VERSION, table_name
from manifests.workspace import Workspace

Row = TypeVar("Row")

LOCK_TIMEOUT_S = 120.0
KEPT_PROVENANCES = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ABOUT = b"rainlapse"  # the key of our JSON in the file's metadata
_ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: pa.timestamp("us", tz="UTC")}


@dataclass(frozen=True)
class Provenance:
    """What made rows: the command, its settings and the hashes of the tables it read."""

    command: str
    settings: Mapping[str, object] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, object]:
        """As stored in the file's metadata, with the versions of what computed the rows."""
        return {"command": self.command, "settings": _plain(self.settings), "inputs": dict(self.inputs), "versions": versions()}


def versions() -> dict[str, str]:
    """Versions of the packages that decide what rows hold."""
    return dict(_versions())


@cache  # a table is appended to row by row, and reading a package's metadata takes as long as writing a part
def _versions() -> dict[str, str]:
    found = {}
    for package in ("rainlapse", "av", "numpy", "opencv-python-headless", "pyarrow", "torch", "yt-dlp"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


# --- tables -------------------------------------------------------------------------------------------------------------------------


def read_rows(row_class: type[Row], path: Path) -> list[Row]:
    """All rows of a table, later ones in place of earlier ones of the same key, in order of first appearance.

    Raises InputError when there is no such table, it is not ours, of another kind, newer, or holds a null where none may be.
    """
    with _locked(path, writing=False):
        merged, _ = _read_merged(row_class, path)
    return list(merged.values())


def read_frozen_rows(row_class: type[Row], path: Path) -> list[Row]:
    """The rows of a table that nobody writes any more (a release's), doubles and all. Takes no lock, so it leaves nothing beside it.

    Raises InputError as `read_rows`.
    """
    return list(_to_rows(row_class, _read_arrow(row_class, path)[0]))


def append_rows(row_class: type[Row], path: Path, rows: Sequence[Row], provenance: Provenance, drop: Collection[str] = ()) -> None:
    """Add rows, replacing those of the same key, and drop the rows of the keys in `drop`. Safe on disk when it returns."""
    if not rows and not drop:
        return
    table = _to_arrow(row_class, path, rows, [provenance.record()], sorted(drop))
    with _locked(path, writing=True):
        folder = _parts_folder(path)
        folder.mkdir(parents=True, exist_ok=True)
        last = max((int(part.stem) for part in _parts(path)), default=0)
        _write_arrow(table, folder / f"{last + 1:09d}.parquet")


def write_rows(row_class: type[Row], path: Path, rows: Sequence[Row], provenance: Provenance) -> None:
    """Write a whole table, replacing what was there."""
    table = _to_arrow(row_class, path, rows, [provenance.record()])
    with _locked(path, writing=True):
        _write_arrow(table, path)
        _remove_parts(path)


def compact(row_class: type[Row], path: Path) -> None:
    """Fold a table's parts into its file. Interrupted at any point, nothing is lost: parts outlive the new file's birth."""
    with _locked(path, writing=True):
        if not _parts(path):
            return
        merged, provenances = _read_merged(row_class, path)
        _write_arrow(_to_arrow(row_class, path, list(merged.values()), provenances), path)
        _remove_parts(path)


def table_exists(path: Path) -> bool:
    """Whether a table has been begun, compacted or not."""
    return path.exists() or bool(_parts(path))


def table_hash(path: Path) -> str:
    """SHA-256 over a table's file and parts: what a run that read it writes into its provenance."""
    return hashlib.sha256("".join(file_sha256(file) for file in [path, *_parts(path)] if file.exists()).encode()).hexdigest()


def table_hashes(workspace: Workspace, *row_classes: type) -> dict[str, str]:
    """The hash of each of a workspace's tables, by the table's name: a provenance's inputs."""
    return {table_name(row_class): table_hash(workspace.table(row_class)) for row_class in row_classes}


def read_provenance(row_class: type, path: Path) -> list[dict[str, Any]]:
    """What made a table's rows, oldest first: command, settings, inputs, versions. Raises InputError as `read_rows`."""
    with _locked(path, writing=False):
        return _read_merged(row_class, path)[1]


def schema(row_class: type) -> pa.Schema:
    """The Parquet schema of a row class; required columns refuse nulls."""
    return pa.schema([pa.field(column.name, _arrow_type(column), nullable=not column.required) for column in columns(row_class)])


def _arrow_type(column: Column) -> pa.DataType:
    return pa.list_(pa.field("element", _ARROW[column.kind], nullable=column.many_nullable)) if column.many else _ARROW[column.kind]


def _read_merged(row_class: type[Row], path: Path) -> tuple[dict[str, Row], list[dict[str, Any]]]:
    parts = _parts(path)
    if not path.exists() and not parts:
        raise InputError(f"{path}: no such table; {_maker(row_class)}")
    key = key_name(row_class)
    merged: dict[str, Row] = {}
    provenances: list[dict[str, Any]] = []
    for file in [*([path] if path.exists() else []), *parts]:
        table, about = _read_arrow(row_class, file)
        for dropped in about.get("drop", ()):
            merged.pop(dropped, None)
        merged.update((getattr(row, key), row) for row in _to_rows(row_class, table))
        provenances = [known for known in provenances if known not in about["provenance"]] + about["provenance"]
    return merged, provenances[-KEPT_PROVENANCES:]


def _read_arrow(row_class: type, file: Path) -> tuple[pa.Table, dict[str, Any]]:
    try:
        found = pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{file}: cannot be read as Parquet ({first_line(error)}); delete it and run the command that makes it again"
        ) from error
    about = _about(found, file)
    expected = table_name(row_class)
    if about["table"] != expected:
        raise InputError(f"{file}: a table of {about['table']}, where one of {expected} is needed; name the {expected} table")
    if about["schema_version"] > SCHEMA_VERSION:
        raise InputError(
            f"{file}: schema version {about['schema_version']}, and this rainlapse reads up to {SCHEMA_VERSION}; upgrade rainlapse"
        )
    wanted = schema(row_class)
    for column in columns(row_class):
        if column.name in found.names:
            if found.field(column.name).type != wanted.field(column.name).type:
                raise InputError(
                    f"{file}: column {column.name} holds {found.field(column.name).type}, not {wanted.field(column.name).type}; "
                    "make the table again"
                )
        elif column.default is dataclasses.MISSING:
            raise InputError(f"{file}: column {column.name} is missing; make the table again")
    known = [name for name in wanted.names if name in found.names]
    try:
        with pq.ParquetFile(file) as opened:  # `read_table` would load pandas
            table = opened.read(columns=known)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file}: damaged ({first_line(error)}); delete it and run the command that makes it again") from error
    _refuse_nulls(row_class, table, file)
    return table, about


def _about(found: pa.Schema, file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((found.metadata or {})[_ABOUT]))
    except (KeyError, ValueError):
        raise InputError(f"{file}: not a table of rainlapse (its metadata do not say so); name a table that a command wrote") from None


def _to_arrow(
    row_class: type[Row], path: Path, rows: Sequence[Row], provenances: list[dict[str, Any]], drop: Sequence[str] = ()
) -> pa.Table:
    fields = schema(row_class)
    key = key_name(row_class)
    arrays = []
    for column in fields:
        values = [getattr(row, column.name) for row in rows]
        try:
            arrays.append(pa.array(values, type=column.type))
        except (pa.ArrowException, TypeError, OverflowError) as error:
            raise InputError(f"{path}: column {column.name} cannot hold a value given to it ({first_line(error)})") from error
    about = {"table": table_name(row_class), "schema_version": SCHEMA_VERSION, "provenance": provenances, "drop": list(drop)}
    table = pa.table(arrays, schema=fields.with_metadata({_ABOUT: json.dumps(about, sort_keys=True)}))
    _refuse_nulls(row_class, table, path)
    if len({getattr(row, key) for row in rows}) < len(rows):
        raise InputError(f"{path}: two rows of the same {key} in one write; keys are unique")
    return table


def _to_rows(row_class: type[Row], table: pa.Table) -> Iterator[Row]:
    many = {column.name for column in columns(row_class) if column.many}
    values = [_values(table.column(name), name in many) for name in table.column_names]
    for row in zip(*values, strict=True):
        yield row_class(**dict(zip(table.column_names, row, strict=True)))


def _values(column: pa.ChunkedArray, many: bool) -> list[Any]:
    if pa.types.is_timestamp(column.type):  # `to_pylist` would load pandas for these
        return [None if us is None else _EPOCH + timedelta(microseconds=us) for us in column.cast(pa.int64()).to_pylist()]
    return [tuple(value) for value in column.to_pylist()] if many else column.to_pylist()


def _refuse_nulls(row_class: type, table: pa.Table, file: Path) -> None:
    key = key_name(row_class)
    for column in columns(row_class):
        if column.name not in table.column_names:
            continue
        values = table.column(column.name)
        if column.required and values.null_count:
            row = values.is_null().index(True).as_py()
            key_value = table.column(key)[row].as_py()
            raise InputError(
                f"{file}: column {column.name} is null in row {row} ({key} {key_value}), where a value is required; give it one"
            )
        if column.many and not column.many_nullable:
            elements = values.combine_chunks().flatten()
            if elements.null_count:
                raise InputError(f"{file}: column {column.name} holds a null inside a list, where values are required")


def _write_arrow(table: pa.Table, path: Path) -> None:
    try:
        with write_atomically(path) as file:
            pq.write_table(table, file, compression="zstd", store_schema=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); free some space or mend its permissions") from error


def _parts_folder(path: Path) -> Path:
    return path.with_name(path.name + ".parts")


def _parts(path: Path) -> list[Path]:
    return sorted(part for part in _parts_folder(path).glob("*.parquet") if part.stem.isdigit())


def _remove_parts(path: Path) -> None:
    for part in _parts(path):  # oldest first: were a later one gone and an earlier one left, old rows would come back
        part.unlink()
    shutil.rmtree(_parts_folder(path), ignore_errors=True)


_MAKERS = {
    "footage": "`acquire youtube` or `acquire tripod` makes it",
    "segments": "`curate static-segments` makes it",
    "rain": "`curate rain-diversity` makes it",
    "scenes": "`curate sequences` makes it",
    "scores": "`train evaluate` makes it",
    "reviews": "a review of scenes makes it",
    "withdrawals": "`curate release takedown` makes it",
    "truth": "`acquire simulate` makes it",
}


def _maker(row_class: type) -> str:
    return f"{_MAKERS[table_name(row_class)]} (is this the right workspace?)"


@contextlib.contextmanager
def _locked(path: Path, *, writing: bool) -> Iterator[None]:
    lock = path.with_name(path.name + ".lock")
    if not writing and (not path.parent.is_dir() or not os.access(path.parent, os.W_OK)):
        yield  # nobody can write there either
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = filelock.FileLock(lock, timeout=LOCK_TIMEOUT_S).acquire()
    except filelock.Timeout:
        raise InputError(
            f"{path}: locked by another run for more than {LOCK_TIMEOUT_S:.0f} s; wait for it, or end it, and run again"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); make its folder writable, or name another workspace") from error
    with held:
        yield


# --- files and hashes ---------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears at `path` whole or not at all: same folder, fsync, rename.

    An exception in the body leaves `path` as it was and no temporary file behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(*parts: object) -> str:
    """16 hex digits over the parts' canonical JSON: settings classes, paths, tuples, numbers and text in any nesting."""
    return hashlib.sha256(json.dumps(_plain(parts), sort_keys=True).encode()).hexdigest()[:16]


def utc_now() -> datetime:
    """The present time with its zone, as tables hold it."""
    return datetime.now(UTC)


def _plain(value: Any) -> Any:
    """Dataclasses, mappings, paths and sequences as what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Iterable):
        return [_plain(entry) for entry in value]
    return str(value)
