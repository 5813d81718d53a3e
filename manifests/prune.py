"""What lies in a workspace and no table refers to: pictures of replaced scenes, masks and measures of footage that is gone, leftovers of
killed writers. Footage itself is never touched: it cannot be made again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from manifests.files import read_rows, table_exists
from manifests.tables import Footage, Scene, Segment
from manifests.workspace import Workspace

Row = TypeVar("Row")

SETTLED_S = 3600.0  # what was written since may belong to a run that has not told its table yet


def unreferred(workspace: Workspace) -> list[Path]:
    """Files and scene folders that no table refers to, in order of path; what is younger than an hour is left out.

    A folder is judged only where its table exists. Raises InputError when a table cannot be read.
    """
    found = [*_derived(workspace), *_unfinished(workspace)]
    return sorted(path for path in set(found) if time.time() - path.lstat().st_mtime > SETTLED_S)


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else path.stat().st_size


def delete(path: Path) -> None:
    """Remove a file or a whole folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _derived(workspace: Workspace) -> Iterator[Path]:
    scenes, segments, footage = _rows(Scene, workspace), _rows(Segment, workspace), _rows(Footage, workspace)
    if scenes is not None:
        stored = [*(row.frames[0] for row in scenes if row.frames), *(row.mask for row in scenes), *(row.median for row in scenes)]
        folders = {workspace.resolve(path).parent for path in stored if path is not None}
        yield from (path for path in (workspace.root / "scenes").glob("*") if path.is_dir() and path not in folders)
    if segments is not None:
        masks = {workspace.resolve(row.mask) for row in segments if row.mask is not None}
        yield from (path for path in (workspace.root / "masks").glob("*.png") if path not in masks)
    if footage is not None:
        known = {row.footage_id for row in footage}
        yield from (path for path in (workspace.root / "measures").glob("*.npz") if path.stem not in known)


def _unfinished(workspace: Workspace) -> Iterator[Path]:
    """What `manifests.files.write_atomically` and the scenes' writer leave when they are killed."""
    for folder in ("manifests", "footage", "masks", "measures"):
        yield from (path for path in (workspace.root / folder).glob(".*.tmp") if path.is_file())


def _rows(row_class: type[Row], workspace: Workspace) -> list[Row] | None:
    table = workspace.table(row_class)
    return read_rows(row_class, table) if table_exists(table) else None
