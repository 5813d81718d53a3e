"""`curate release diff A B`: what came, what went and what changed from one release to another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.release.tables import Tables, read_tables
from manifests.columns import key_name
from manifests.files import read_frozen_rows
from manifests.tables import Scene


@dataclass(frozen=True, slots=True)
class SceneCounts:
    """How many scenes came, went and changed."""

    came: int
    went: int
    changed: int  # in a column; in which split they are, say, or whether their pixels are there


@dataclass(frozen=True, slots=True)
class Change:
    """One row that differs between two releases."""

    table: str
    key: str
    change: str  # came, went or changed
    columns: tuple[str, ...] = ()  # of a changed row: those that differ


def diff(before: Path, after: Path) -> list[Change]:
    """What differs between two releases, by table and key; `index` rows are told by their content and by whether they are in a shard.

    Raises InputError where one of them is no release that can be read.
    """
    old, new = read_tables(before), read_tables(after)
    return [change for table in ("footage", "segments", "rain", "scenes", "index", "withdrawals") for change in _changes(table, old, new)]


def scene_counts(before: Path, scenes: Sequence[Scene]) -> SceneCounts:
    """How `scenes`, told as a release tells them, differ from those of a release. Raises InputError where that one cannot be read."""
    old = {scene.scene_id: scene for scene in read_frozen_rows(Scene, before / "scenes.parquet")}
    new = {scene.scene_id: scene for scene in scenes}
    changed = sum(new[scene_id] != old[scene_id] for scene_id in new.keys() & old.keys())
    return SceneCounts(len(new.keys() - old.keys()), len(old.keys() - new.keys()), changed)


def _changes(table: str, before: Tables, after: Tables) -> list[Change]:
    old, new = _by_key(table, before), _by_key(table, after)
    found = []
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            found.append(Change(table, key, "went"))
        elif key not in old:
            found.append(Change(table, key, "came"))
        elif differing := tuple(name for name in new[key] if new[key][name] != old[key].get(name)):
            found.append(Change(table, key, "changed", differing))
    return found


def _by_key(table: str, tables: Tables) -> Mapping[str, dict[str, Any]]:
    rows = getattr(tables, table)
    if not rows:
        return {}
    key = key_name(type(rows[0]))
    return {getattr(row, key): _compared(row) for row in rows}


def _compared(row: Any) -> dict[str, Any]:
    values = dataclasses.asdict(row)
    if "shard" in values:  # where in the shards a member lies follows from what else is there
        values["shard"] = values["shard"] is not None
        del values["offset"], values["bytes"], values["content"]
    return values
