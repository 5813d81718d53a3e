"""`curate release takedown ID`: a new version without a footage, a tombstone that carries none of it, and no acquiring it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curate.release.build import Release, publish
from curate.release.pictures import ReleasePictures
from curate.release.selection import chosen, source_keys
from curate.release.tables import Tables, read_tables
from curate.release.versions import latest_release, next_minor
from manifests.errors import InputError
from manifests.files import Provenance, append_rows, compact, read_rows, table_exists, utc_now
from manifests.tables import Footage, Scene, Withdrawal
from manifests.workspace import Workspace


@dataclass(frozen=True)
class Takedown:
    """What was taken down, and the release without it."""

    release: Release
    withdrawal: Withdrawal
    scenes: list[Scene]  # that went
    still_in: list[Path]  # earlier releases on this disk that still hold it


def takedown(workspace: Workspace, named: str, reason: str, *, workers: int = 0) -> Takedown:
    """Take the footage named by its id, source id, address, or one of its segments' or scenes' ids out of the latest release.

    The next minor version is that release less the footage with all that comes of it, made from the release itself. The tombstone goes
    into the workspace's withdrawals table first, so that a takedown that is interrupted already binds; the same command then goes on.
    Raises InputError where the latest release does not hold it, would be empty without it, or is damaged.
    """
    releases = workspace.root / "release"
    folder = latest_release(releases)
    tables = read_tables(folder)
    footage = _named(tables, named, folder)
    left = [scene for scene in tables.scenes if scene.footage_id != footage.footage_id]
    if not left:
        raise InputError(f"{folder}: holds nothing but {footage.footage_id}; delete the release, and what was published of it")
    version = next_minor(releases)
    withdrawal = _withdrawal(workspace, footage, reason, version)
    table = workspace.table(Withdrawal)
    append_rows(Withdrawal, table, [withdrawal], Provenance("curate release takedown", {"version": version}))
    compact(Withdrawal, table)
    down = {row.withdrawal_id: row for row in [*tables.withdrawals, *read_rows(Withdrawal, table)]}
    segments = {scene.segment_id for scene in left}
    selection = chosen(
        left,
        [row for row in tables.footage if row.footage_id != footage.footage_id],
        [row for row in tables.segments if row.segment_id in segments],
        [row for row in tables.rain if row.segment_id in segments],
        sorted(down.values(), key=lambda row: row.withdrawal_id),
        {},
        tables.about["profile"],
        ReleasePictures(folder, {member.name: member for member in tables.index}),
    )
    release = publish(releases, version, tables.about["profile"], selection, tables.about["shard_bytes"], workers)
    gone = [scene for scene in tables.scenes if scene.footage_id == footage.footage_id]
    still_in = [path.parent for path in sorted(releases.glob("*/footage.parquet")) if path.parent.name != version]
    return Takedown(release, withdrawal, gone, [path for path in still_in if _holds(path, footage.footage_id)])


def _named(tables: Tables, named: str, folder: Path) -> Footage:
    ids = {scene.footage_id for scene in tables.scenes if named in (scene.scene_id, scene.segment_id)}
    found = [row for row in tables.footage if named in (row.footage_id, row.source_id, row.origin, *row.also_at) or row.footage_id in ids]
    if len(found) != 1:
        raise InputError(
            f"{folder}: {len(found)} of its footage items are named by {named!r}; give the id of one footage, segment or scene in it"
        )
    return found[0]


def _withdrawal(workspace: Workspace, footage: Footage, reason: str, version: str) -> Withdrawal:
    """The tombstone. A release tells sources less what is private, so what acquiring knows them by is hashed from the workspace's row."""
    path = workspace.table(Footage)
    rows = [row for row in read_rows(Footage, path) if row.footage_id == footage.footage_id] if table_exists(path) else []
    keys = set().union(*(source_keys(row) for row in [footage, *rows]))
    return Withdrawal(footage.footage_id, footage.source, tuple(sorted(keys)), reason, version, utc_now())


def _holds(folder: Path, footage_id: str) -> bool:
    from manifests.files import read_frozen_rows

    return any(row.footage_id == footage_id for row in read_frozen_rows(Footage, folder / "footage.parquet"))
