"""What must hold of tables: each row is sane, keys resolve across tables, and on request the media are what the rows promise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests.columns import columns, key_name
from manifests.errors import InputError, first_line
from manifests.executors import run_rows
from manifests.files import file_sha256, read_rows, table_exists
from manifests.tables import TABLES, Footage, Rain, Scene, Segment, Truth, table_name
from manifests.workspace import Workspace

MEDIA_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold."""

    table: str
    key: str
    problem: str


def check(workspace: Workspace, *, media: bool = False, workers: int = 1) -> tuple[dict[str, int], list[Finding]]:
    """Check every table of a workspace: rows counted by table, and what does not hold.

    With `media`, each file that a row names is opened again: footage decoded whole against its row, frames hashed. Raises InputError when
    there is no table at all; a table that cannot be read is a finding, and the others are checked all the same.
    """
    tables: dict[str, list[Any]] = {}
    found: list[Finding] = []
    for name, row_class in TABLES.items():
        path = workspace.table(row_class)
        if not table_exists(path):
            continue
        try:
            tables[name] = read_rows(row_class, path)
        except InputError as error:
            found.append(Finding(name, "", str(error)))
    if not tables and not found:
        raise InputError(f"{workspace.root / 'manifests'}: holds no tables; name a workspace with -C, or begin with `acquire`")
    for name, rows in tables.items():
        found += (Finding(name, str(getattr(row, key_name(TABLES[name]))), problem) for row in rows for problem in row_problems(row))
    found += _unresolved_keys(tables)
    if media:
        found += _media_findings(workspace, tables, workers)
    return {name: len(rows) for name, rows in tables.items()}, found


def row_problems(row: Any) -> Iterator[str]:
    """What is wrong with a row by itself: values off their closed list, not finite, spans turned round, promises left open."""
    for column in columns(type(row)):
        value = getattr(row, column.name)
        for single in value if column.many else (value,):
            if column.choices and single is not None and single not in column.choices:
                yield f"{column.name} is {single!r}, none of {', '.join(column.choices)}"
            if isinstance(single, float) and not math.isfinite(single):
                yield f"{column.name} holds {single}, which is no measure"
                break
    yield from _OWN_PROBLEMS.get(type(row), lambda _row: iter(()))(row)


def _footage_problems(row: Footage) -> Iterator[str]:
    if row.status == "ok":
        for name in ("path", "sha256", "media", "width", "height", "frames", "duration_s"):
            if getattr(row, name) is None:
                yield f"status is ok and {name} is null"
        if row.error is not None or row.error_kind is not None:
            yield "status is ok and an error is given"
        if row.frames is not None and row.frames < 1:
            yield f"status is ok and frames is {row.frames}"
    elif row.status == "rejected":
        if row.reason is None:
            yield "status is rejected and no reason is given"
    elif row.error is None or row.error_kind is None:
        yield "status is failed without an error and its kind"


def _segment_problems(row: Segment) -> Iterator[str]:
    if not 0 <= row.first_frame <= row.end_frame:
        yield f"span [{row.first_frame}, {row.end_frame}) is turned round"
    if (row.error is None) == (row.verdict is None):
        yield "has both a verdict and an error, or neither"
    if row.verdict in ("moving", "unknown") and row.reason is None:
        yield f"verdict is {row.verdict} and no reason is given"


def _rain_problems(row: Rain) -> Iterator[str]:
    if (row.error is None) == (row.raining is None):
        yield "has both a verdict and an error, or neither"
    lists = [column.name for column in columns(Rain) if column.name.startswith("frame_")]
    if not row.frame_novelty:  # as tables of before that column have it
        lists.remove("frame_novelty")
    lengths = {len(getattr(row, name)) for name in lists}
    if len(lengths) > 1:
        yield f"per-frame lists differ in length: {sorted(lengths)}"


def _scene_problems(row: Scene) -> Iterator[str]:
    if len({len(row.frames), len(row.frame_index), len(row.pts_s), len(row.sha256)}) > 1:
        yield f"{len(row.frames)} frames, {len(row.frame_index)} indices, {len(row.pts_s)} times, {len(row.sha256)} hashes"
    if list(row.frame_index) != sorted(set(row.frame_index)):
        yield "frame_index does not rise"
    kept = row.reason is None and row.error is None
    if kept and len(row.frames) < 2:
        yield f"kept with {len(row.frames)} frames, fewer than 2"
    if kept != (row.split is not None):
        yield "a kept scene has a split, and only a kept one"


_OWN_PROBLEMS: Mapping[type, Callable[[Any], Iterator[str]]] = {
    Footage: _footage_problems,
    Segment: _segment_problems,
    Rain: _rain_problems,
    Scene: _scene_problems,
}


def _unresolved_keys(tables: Mapping[str, Sequence[Any]]) -> Iterator[Finding]:
    """Rows that name a key of another table which that table does not hold."""
    owners = {key_name(row_class): name for name, row_class in TABLES.items() if name != "rain"}  # rain shares the segments' key
    keys = {name: {getattr(row, key_name(TABLES[name])) for row in rows} for name, rows in tables.items()}
    for name, rows in tables.items():
        for column in columns(TABLES[name]):
            owner = owners.get(column.name)
            if owner in (None, name) or owner not in keys or name == "truth":  # truth may describe footage that nobody fetched
                continue
            for row in rows:
                value = getattr(row, column.name)
                if value is not None and value not in keys[owner]:
                    yield Finding(name, str(getattr(row, key_name(TABLES[name]))), f"{column.name} {value} is not in the {owner} table")


# --- media --------------------------------------------------------------------------------------------------------------------------

_Opened = Footage | Segment | Scene | Truth  # the rows that name files


def _media_findings(workspace: Workspace, tables: Mapping[str, Sequence[Any]], workers: int) -> list[Finding]:
    rows: list[_Opened] = [row for row in tables.get("footage", ()) if row.status == "ok"]
    rows += [row for row in tables.get("segments", ()) if row.mask is not None]
    rows += [row for row in tables.get("scenes", ()) if row.reason is None and row.error is None]
    rows += [row for row in tables.get("truth", ()) if row.clean is not None]
    found: list[Finding] = []

    def failed(row: _Opened, message: str) -> list[Finding]:
        return [_finding(row, message)]

    run_rows(
        _MediaCheck(workspace),
        rows,
        name=lambda row: _finding(row, "").key,
        on_error=failed,
        save=found.extend,
        workers=workers,
        timeout_s=MEDIA_TIMEOUT_S,
        label="media",
    )
    return found


@dataclass(frozen=True)
class _MediaCheck:
    workspace: Workspace

    def __call__(self, row: _Opened) -> list[Finding]:
        match row:
            case Footage():
                problems = _footage_media(self.workspace, row)
            case Scene():
                problems = _scene_media(self.workspace, row)
            case Segment():
                problems = _picture(self.workspace, row.mask or "", "run `curate static-segments` again")
            case Truth():
                problems = _picture(self.workspace, row.clean or "", "run `acquire simulate` again")
        return [_finding(row, problem) for problem in problems]


def _finding(row: _Opened, problem: str) -> Finding:
    row_class = type(row)
    return Finding(table_name(row_class), str(getattr(row, key_name(row_class))), problem)


def _footage_media(workspace: Workspace, row: Footage) -> Iterator[str]:
    from manifests.media import content_sha256, probe

    path = workspace.resolve(row.path or "")
    if not path.exists():
        yield f"{path} is gone; restore it, or acquire it again"
        return
    if content_sha256(path) != row.sha256:
        yield f"{path} has changed since it was acquired: its SHA-256 is another"
        return
    try:
        found = probe(path)
    except InputError as error:
        yield first_line(error)
        return
    for name in ("width", "height", "frames"):
        if getattr(found, name) != getattr(row, name):
            yield f"{name} is {getattr(found, name)} in {path}, {getattr(row, name)} in the row"


def _scene_media(workspace: Workspace, row: Scene) -> Iterator[str]:
    from manifests.media import read_picture

    named: list[tuple[str, str | None]] = [*zip(row.frames, row.sha256, strict=True)]
    named += [(extra, None) for extra in (row.mask, row.median) if extra is not None]
    for stored, sha256 in named:
        path: Path = workspace.resolve(stored)
        if not path.exists():
            yield f"{path} is gone; restore it, or run `curate sequences` again"
        elif sha256 is not None and file_sha256(path) != sha256:
            yield f"{path} has changed since the scene was made: its SHA-256 is another"
        else:
            height, width = read_picture(path).shape[:2]
            if (width, height) != (row.width, row.height):
                yield f"{path} is {width}x{height} px, {row.width}x{row.height} in the row"


def _picture(workspace: Workspace, stored: str, remedy: str) -> Iterator[str]:
    from manifests.media import read_picture

    path = workspace.resolve(stored)
    if not path.exists():
        yield f"{path} is gone; restore it, or {remedy}"
        return
    try:
        read_picture(path)
    except InputError as error:
        yield first_line(error)
