"""`curate release takedown ID`: a new version without a footage, a tombstone that carries none of it, and no acquiring it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curate.release.build import Release, publish
from curate.release.pictures import ReleasePictures
from curate.release.selection import Selection, chosen, source_keys
from curate.release.table_checks import sound_tables
from curate.release.tables import Tables
from curate.release.versions import latest_release, next_minor
from manifests.errors import InputError
from manifests.files import Provenance, append_rows, compact, read_frozen_rows, read_rows, table_exists, utc_now
from manifests.tables import Footage, Scene, Withdrawal
from manifests.workspace import Workspace


@dataclass(frozen=True)
class Takedown:
    """What was taken down, and the release without it."""

    release: Release
    withdrawals: list[Withdrawal]
    scenes: list[Scene]  # that went
    still_in: list[Path]  # earlier releases on this disk that still hold it
    media: list[Path]  # of it, in the workspace


def takedown(workspace: Workspace, named: str, reason: str, *, workers: int = 0) -> Takedown:
    """Take the footage named by its id, source id, address, or one of its segments' or scenes' ids out of the latest release.

    Parts of one video go together. The next minor version is that release less the footage with all that comes of it, made from the
    release itself. Tombstones go into the workspace's withdrawals table first, so that a takedown that is interrupted already binds; the
    same command then goes on. Raises InputError without a reason, and where the latest release does not hold it, is damaged, or
    would be empty without it: then the tombstones alone are written.
    """
    if not reason.strip():
        raise InputError("a takedown needs a reason: say in a few words why, with --reason")
    releases = workspace.root / "release"
    folder = latest_release(releases)
    tables = sound_tables(folder)
    gone = _named(tables, named, folder)
    ids = {row.footage_id for row in gone}
    version = next_minor(releases)
    withdrawals = _withdrawals(workspace, gone, reason, version)
    table = workspace.table(Withdrawal)
    append_rows(Withdrawal, table, withdrawals, Provenance("curate release takedown", {"version": version}))
    compact(Withdrawal, table)
    if not any(scene.footage_id not in ids for scene in tables.scenes):
        raise InputError(
            f"{folder}: holds nothing but {', '.join(sorted(ids))}, which is taken down and not acquired again; delete the release, and "
            "what was published of it"
        )
    down = {row.withdrawal_id: row for row in [*tables.withdrawals, *read_rows(Withdrawal, table)]}
    selection = _without(tables, ids, sorted(down.values(), key=lambda row: row.withdrawal_id), folder)
    release = publish(releases, version, tables.about["profile"], selection, tables.about["shard_bytes"], workers)
    still_in = [path.parent for path in sorted(releases.glob("*/footage.parquet")) if path.parent.name != version]
    scenes = [scene for scene in tables.scenes if scene.footage_id in ids]
    return Takedown(release, withdrawals, scenes, [path for path in still_in if _holds(path, ids)], _media(workspace, ids))


def _named(tables: Tables, named: str, folder: Path) -> list[Footage]:
    """The footage that is named, and what else comes of its sources."""
    ids = {scene.footage_id for scene in tables.scenes if named in (scene.scene_id, scene.segment_id)}
    ids |= {row.footage_id for row in tables.footage if named in (row.footage_id, row.source_id, row.origin, *row.also_at)}
    keys = {key for row in tables.footage if row.footage_id in ids for key in source_keys(row)}
    found = [row for row in tables.footage if source_keys(row) & keys]
    if not found:
        raise InputError(f"{folder}: nothing in it is named by {named!r}; give the id of a footage, segment or scene, or its address")
    return found


def _without(tables: Tables, ids: set[str], withdrawals: list[Withdrawal], folder: Path) -> Selection:
    """The release less some footage."""
    left = [scene for scene in tables.scenes if scene.footage_id not in ids]
    segments = {scene.segment_id for scene in left}
    return chosen(
        left,
        [row for row in tables.footage if row.footage_id not in ids],
        [row for row in tables.segments if row.segment_id in segments],
        [row for row in tables.rain if row.segment_id in segments],
        withdrawals,
        {},
        frozenset(),
        tables.about["profile"],
        ReleasePictures(folder, {member.name: member for member in tables.index}),
    )


def _withdrawals(workspace: Workspace, gone: list[Footage], reason: str, version: str) -> list[Withdrawal]:
    """The tombstones. A release tells sources less what is private, so what acquiring knows them by is hashed from the workspace's rows."""
    rows = _footage(workspace)
    tombstones = []
    for footage in gone:
        known = [footage, *(row for row in rows if row.footage_id == footage.footage_id)]
        keys = sorted({key for row in known for key in source_keys(row)})
        tombstones.append(Withdrawal(footage.footage_id, footage.source, tuple(keys), reason, version, utc_now()))
    return tombstones


def _footage(workspace: Workspace) -> list[Footage]:
    path = workspace.table(Footage)
    return read_rows(Footage, path) if table_exists(path) else []


def _media(workspace: Workspace, ids: set[str]) -> list[Path]:
    named = [workspace.resolve(row.path) for row in _footage(workspace) if row.footage_id in ids and row.path is not None]
    return [path for path in named if path.exists()]


def _holds(folder: Path, ids: set[str]) -> bool:
    return any(row.footage_id in ids for row in read_frozen_rows(Footage, folder / "footage.parquet"))
