"""The page itself: drawings, counts and the template, written into the workspace's report/ folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import jinja2

from curate.report.counts import Rejected, Tables, errors, rejected_segments, stages
from curate.report.coverage import LEGEND, SCALES, coverage, frame_looks, missing, table
from curate.report.roses import rain_rose
from curate.report.sheets import contact_sheet, thumbnail
from manifests.errors import InputError
from manifests.executors import run_rows
from manifests.files import read_rows, table_exists, write_atomically
from manifests.media import write_png
from manifests.options import reason_class
from manifests.tables import Footage, Rain, Scene, Segment
from manifests.workspace import Workspace

DRAW_TIMEOUT_S = 120.0
SMALL_ROSE_PX = 220
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Report:
    """What was written."""

    page: Path
    scenes: int
    rejected: int
    undrawn: tuple[str, ...]  # pictures that could not be drawn, and why


@dataclass(frozen=True, slots=True)
class SceneShown:
    """A kept scene with what the page says of it."""

    scene: Scene
    origin: str
    orientations_deg: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One picture to be drawn, in a child process: decoders can crash."""

    path: Path
    shown: SceneShown | Rejected


def report(workspace: Workspace, *, workers: int = 0) -> Report:
    """Write report/index.html and its pictures. Raises InputError when no footage was taken in, naming the table and its command."""
    tables = read_tables(workspace)
    folder = workspace.root / "report"
    origins = {row.footage_id: row.origin for row in tables.footage}
    angles: dict[str, list[float]] = {}
    for look in frame_looks(tables):
        angles.setdefault(look.scene_id, []).append(look.orientation_deg)
    shown = [
        SceneShown(scene, origins.get(scene.footage_id, scene.source_id), tuple(angles.get(scene.scene_id, ())))
        for scene in tables.kept_scenes
    ]
    rejected = rejected_segments(tables)
    drawings = [_Drawing(_sheet(folder, entry.scene), entry) for entry in shown]
    drawings += [_Drawing(_thumbnail(folder, entry), entry) for entry in rejected]
    undrawn = _draw_all(workspace, drawings, workers)
    write_png(folder / "rose.png", rain_rose([angle for entry in shown for angle in entry.orientations_deg], title="all kept frames"))
    _remove_others(folder, {drawing.path for drawing in drawings} | {_rose(folder, entry.scene) for entry in shown})
    page = folder / "index.html"
    with write_atomically(page) as file:
        file.write(_rendered(workspace, tables, shown, rejected, folder).encode())
    return Report(page, len(shown), len(rejected), undrawn)


def read_tables(workspace: Workspace) -> Tables:
    """All rows that there are; footage must be. Raises InputError."""
    footage = read_rows(Footage, workspace.table(Footage))
    if not footage:
        raise InputError(f"{workspace.table(Footage)}: holds no rows; `acquire youtube` or `acquire tripod` makes them")
    return Tables(footage, _rows(workspace, Segment), _rows(workspace, Rain), _rows(workspace, Scene))


def _rows(workspace: Workspace, row_class: type[Row]) -> list[Row]:
    table = workspace.table(row_class)
    return read_rows(row_class, table) if table_exists(table) else []


def _draw_all(workspace: Workspace, drawings: Sequence[_Drawing], workers: int) -> tuple[str, ...]:
    undrawn: list[str] = []
    run_rows(
        partial(_draw, workspace=workspace),
        drawings,
        name=lambda drawing: drawing.path.name,
        on_error=lambda drawing, error: [f"{drawing.path.name}: {error}"],
        save=undrawn.extend,
        workers=workers,
        timeout_s=DRAW_TIMEOUT_S,
        label="drawing",
    )
    return tuple(undrawn)


def _draw(drawing: _Drawing, workspace: Workspace) -> list[str]:
    shown = drawing.shown
    if isinstance(shown, Rejected):
        write_png(drawing.path, thumbnail(shown.segment, shown.footage, workspace))
    else:
        write_png(drawing.path, contact_sheet(shown.scene, workspace))
        write_png(_rose(drawing.path.parent.parent, shown.scene), rain_rose(shown.orientations_deg, size_px=SMALL_ROSE_PX))
    return []


def _sheet(folder: Path, scene: Scene) -> Path:
    return folder / "scenes" / f"{scene.scene_id}.png"


def _rose(folder: Path, scene: Scene) -> Path:
    return folder / "scenes" / f"{scene.scene_id}-rose.png"


def _thumbnail(folder: Path, rejected: Rejected) -> Path:
    return folder / "rejected" / f"{rejected.segment.segment_id}.png"


def _remove_others(folder: Path, ours: set[Path]) -> None:
    """Pictures of an earlier report."""
    for path in (*folder.glob("scenes/*.png"), *folder.glob("rejected/*.png")):
        if path not in ours:
            path.unlink()


def _rendered(workspace: Workspace, tables: Tables, shown: Sequence[SceneShown], rejected: Sequence[Rejected], folder: Path) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = coverage(frame_looks(tables))
    groups = [
        (stage, reason, list(members))
        for (stage, reason), members in groupby(rejected, key=lambda entry: (entry.stage, reason_class(entry.reason)))
    ]
    return environment.get_template("page.html").render(
        name=workspace.root.resolve().name,
        stages=stages(tables),
        scenes=shown,
        frames=sum(len(entry.scene.frames) for entry in shown),
        splits=Counter(entry.scene.split for entry in shown),
        measured=sum(len(entry.orientations_deg) for entry in shown),
        orientations=SCALES["orientation"],
        legend=LEGEND,
        coverage=table(found),
        most=max(found.frames.values(), default=0),
        missing=missing(found),
        rejected=groups,
        errors=errors(tables),
        drawn={path.relative_to(folder).as_posix() for path in folder.rglob("*.png")},
    )
