"""A card taken into a workspace, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from acquire.tripod import TripodSettings, tripod
from manifests.files import read_rows
from manifests.options import Summary
from manifests.tables import Footage
from manifests.workspace import Workspace


def take(
    card: Path,
    workspace: Workspace,
    settings: TripodSettings = TripodSettings(),  # noqa: B008 (frozen)
    workers: int = 0,
    say: Callable[[str], None] = lambda _line: None,
) -> Summary:
    """`acquire tripod card`, in this process unless `workers` are asked for."""
    return tripod([card], settings, workspace, workers=workers, say=say)


def rows(workspace: Workspace) -> dict[str, Footage]:
    """By the original's name."""
    return {Path(row.origin).name: row for row in read_rows(Footage, workspace.table(Footage))}


def media_files(workspace: Workspace) -> list[str]:
    """What lies in footage/, half-arrived files included."""
    footage = workspace.root / "footage"
    return sorted(path.relative_to(footage).as_posix() for path in footage.rglob("*") if path.is_file())
