"""The tables of a release: each row by itself, keys that resolve, and the index held against the scenes both ways.

Whoever reads a release by its tables relies on all of that, so `sound_tables` is how unpacking, rebuilding and takedowns begin.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate.release.disjoint import leaks, splits_tsv
from curate.release.findings import Finding
from curate.release.index import Member
from curate.release.pictures import decoded, told_content
from curate.release.portable import about_name, frame_name, mask_name, portable_footage, portable_scene, portable_segment
from curate.release.tables import PROOF, Tables, read_tables
from manifests.checks import row_problems
from manifests.columns import key_name
from manifests.errors import InputError, first_line
from manifests.files import fingerprint
from manifests.tables import Scene

_SHARD = re.compile(r"shards/[a-z]+-\d{6}\.tar")


def sound_tables(folder: Path) -> Tables:
    """The tables of a release that hold. Raises InputError where there is none, or they do not."""
    tables = read_tables(folder)
    try:
        found = table_findings(tables, (folder / PROOF).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{folder / PROOF}: cannot be read ({first_line(error)}); fetch the release again") from error
    if found:
        raise InputError(
            f"{folder}: {found[0].where}: {found[0].problem}; `curate release verify` tells all ({len(found)}): fetch the release again"
        )
    return tables


def table_findings(tables: Tables, proof: str) -> list[Finding]:
    """What does not hold of the rows; `proof`: what splits.tsv holds."""
    found = [Finding("tables", f"{table}.parquet: {key}", problem) for table, key, problem in (*_rows(tables), *_portable(tables))]
    found += (Finding("tables", f"scenes.parquet: {key}", problem) for key, problem in _keys(tables))
    found += (Finding("tables", f"index.parquet: {key}", problem) for key, problem in _index(tables))
    found += (Finding("tables", "build.json", problem) for problem in _about(tables))
    found += (Finding("splits", "scenes.parquet", problem) for problem in leaks(tables.scenes))
    if proof != splits_tsv(tables.scenes):
        found.append(Finding("splits", PROOF, "is not the splits of the scenes' places and sources"))
    return found


def _rows(tables: Tables) -> Iterator[tuple[str, str, str]]:
    """Rows by themselves, and rows of one key."""
    for table in ("footage", "segments", "rain", "scenes", "withdrawals", "index"):
        rows: list[Any] = getattr(tables, table)
        keys = [str(getattr(row, key_name(type(row)))) for row in rows]
        for key, number in Counter(keys).items():
            if number > 1:
                yield table, key, f"has {number} rows"
        if keys != sorted(keys):
            yield table, "", "its rows are not in order of their keys"
        for key, row in zip(keys, rows, strict=True):
            # Media are not part of a release, so no row of footage has a path
            for problem in row_problems(replace(row, path="-") if table == "footage" else row):
                yield table, key, problem


def _portable(tables: Tables) -> Iterator[tuple[str, str, str]]:
    """Rows that name other files than those of the release."""
    told = "names files as a release does not"
    yield from (("footage", row.footage_id, told) for row in tables.footage if portable_footage(row) != row)
    yield from (("segments", row.segment_id, told) for row in tables.segments if portable_segment(row) != row)
    pixels = tables.pixels
    yield from (("scenes", row.scene_id, told) for row in tables.scenes if portable_scene(row, row.scene_id in pixels) != row)
    shards = {member.shard for member in tables.index if member.shard is not None}
    yield from (("index", shard, "is no name of a shard") for shard in sorted(shards) if not _SHARD.fullmatch(shard))


def _keys(tables: Tables) -> Iterator[tuple[str, str]]:
    """Scenes whose rows are not all there, and rows that no scene needs."""
    have = {
        "footage_id": {row.footage_id for row in tables.footage},
        "segment_id": {row.segment_id for row in tables.segments},
    }
    for scene in tables.scenes:
        for column, known in have.items():
            if getattr(scene, column) not in known:
                yield scene.scene_id, f"its {column} {getattr(scene, column)} is in no row"
    down = {row.withdrawal_id for row in tables.withdrawals}
    for footage_id in sorted(have["footage_id"] & down):
        yield footage_id, "was taken down, and its footage is in the release"
    for column, known in have.items():
        for value in sorted(known - {getattr(scene, column) for scene in tables.scenes}):
            yield value, f"is a {column} that no scene comes from"


def _index(tables: Tables) -> Iterator[tuple[str, str]]:
    members: dict[str, dict[str, Member]] = defaultdict(dict)
    for member in tables.index:
        members[member.scene_id][member.name] = member
    for scene in tables.scenes:
        yield from _members(scene, members.pop(scene.scene_id, {}))
    for scene_id in sorted(members):
        yield scene_id, f"{len(members[scene_id])} members of a scene that is not in scenes.parquet"


def _members(scene: Scene, members: dict[str, Member]) -> Iterator[tuple[str, str]]:
    """A scene's members against its row."""
    frames = [member for member in members.values() if member.kind == "frame"]
    if len(frames) != len(scene.frames):
        yield scene.scene_id, f"{len(frames)} frames, and scenes.parquet says {len(scene.frames)}"
    as_long = min(len(scene.frame_index), len(scene.pts_s), len(scene.sha256))  # that they differ is told with the rows
    for number in range(min(len(scene.frames), as_long)):
        member = members.get(frame_name(scene, number))
        if member is None:
            yield frame_name(scene, number), "is a frame of scenes.parquet and not in the index"
        else:
            yield from _frame(scene, number, member)
    in_shards = {member.shard is not None for member in frames}
    beside = {about_name(scene), mask_name(scene)} if in_shards == {True} else {mask_name(scene)}
    if len(in_shards) > 1:
        yield scene.scene_id, "some of its frames are in shards and some are not"
    elif len({member.shard for member in members.values()}) > 1:
        yield scene.scene_id, "its members are in several shards"
    others = {member.name for member in members.values() if member.kind != "frame"}
    for name in sorted(beside ^ others):
        yield name, "is missing" if name in beside else "belongs to no frames in a shard"
    for member in members.values():
        yield from ((member.name, problem) for problem in _content(member))


def _content(member: Member) -> Iterator[str]:
    """Masks alone are in the index, where they are in no shard."""
    if (member.content is not None) != (member.kind == "mask" and member.shard is None):
        yield "is a mask without its content" if member.content is None else "has content, which only masks in no shard have"
    elif member.content is not None:
        try:
            decoded(told_content(member), (member.width or 0, member.height or 0), member.name)
        except InputError as error:
            yield str(error).removeprefix(f"{member.name}: ")


def _frame(scene: Scene, number: int, member: Member) -> Iterator[tuple[str, str]]:
    promised = {
        "number": number,
        "frame_index": scene.frame_index[number],
        "pts_s": scene.pts_s[number],
        "sha256": scene.sha256[number],
        "width": scene.width,
        "height": scene.height,
        "split": scene.split,
    }
    for column, value in promised.items():
        if getattr(member, column) != value:
            yield member.name, f"{column} is {getattr(member, column)}, and scenes.parquet says {value}"


def _about(tables: Tables) -> Iterable[str]:
    ids = sorted(scene.scene_id for scene in tables.scenes)
    for name, value in (("scenes", len(ids)), ("scenes_fingerprint", fingerprint(ids))):
        if tables.about.get(name) != value:
            yield f"{name} is {tables.about.get(name)}, and the tables say {value}"
