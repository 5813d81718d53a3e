"""What goes into a release: the kept scenes that no reviewer rejected and that were not taken down, and the rows they come from.

What does not hold is left out by row, and so is what a reviewer rejected or what lacks provenance; a missing licence leaves the pixels out.
What no row can be blamed for (a table that cannot be read, two scenes of one id, splits that share a place) refuses the release.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow.parquet as pq

from curate.release.disjoint import leaks
from curate.release.pictures import Pictures, WorkspacePictures
from curate.release.rights import Profile, is_ours, why_no_pixels
from curate.splits import source_of
from manifests.checks import check
from manifests.errors import InputError
from manifests.files import fingerprint, read_rows, table_exists
from manifests.tables import Footage, Rain, Review, Scene, Segment, Withdrawal, table_name
from manifests.workspace import Workspace

Row = TypeVar("Row")

_SHOWN_PROBLEMS = 5


@dataclass(frozen=True)
class Selection:
    """The rows of a release, sorted by key. `pixels` holds the ids of the scenes whose pictures are part of it."""

    scenes: list[Scene]
    footage: list[Footage]
    segments: list[Segment]
    rain: list[Rain]
    withdrawals: list[Withdrawal]
    pixels: frozenset[str]
    rejected: dict[str, str]  # scene id: why the scene is not in the release
    damaged: frozenset[str]  # those of the rejected whose rows do not hold
    without_pixels: dict[str, str]  # scene id: why its pictures are not in the release, though the profile holds pixels
    pictures: Pictures


def select(workspace: Workspace, profile: Profile) -> Selection:
    """Read the tables, check them, and choose.

    Raises InputError naming what is damaged (a table, two scenes of one id, one place or source in two splits), or when nothing is left
    to release.
    """
    _refuse_doubles(workspace)
    kept = [row for row in read_rows(Scene, workspace.table(Scene)) if row.reason is None and row.error is None]
    damaged = _damaged(workspace, kept)
    withdrawals = withdrawals_of(workspace)
    footage = {row.footage_id: row for row in read_rows(Footage, workspace.table(Footage))}
    sound = [scene for scene in kept if scene.scene_id not in damaged]
    rejected = damaged | _rejected(workspace, sound, footage, withdrawals)
    scenes = sorted((scene for scene in kept if scene.scene_id not in rejected), key=lambda scene: scene.scene_id)
    if not scenes:
        raise InputError(
            f"{workspace.table(Scene)}: none of its scenes can be released ({len(kept)} kept, {len(rejected)} of them rejected: "
            f"{'; '.join(sorted(set(rejected.values()))[:_SHOWN_PROBLEMS]) or 'none'}); make scenes with `curate sequences`"
        )
    refuse(leaks(scenes), f"{workspace.table(Scene)}: splits are not disjoint", "run `curate sequences` again")
    used = {scene.footage_id for scene in scenes}
    spans = {scene.segment_id for scene in scenes}
    return chosen(
        scenes,
        sorted((row for row in footage.values() if row.footage_id in used), key=lambda row: row.footage_id),
        _of(Segment, workspace, spans, lambda row: row.segment_id),
        _of(Rain, workspace, spans, lambda row: row.segment_id),
        withdrawals,
        rejected,
        frozenset(damaged),
        profile,
        WorkspacePictures(workspace),
    )


def chosen(
    scenes: list[Scene],
    footage: list[Footage],
    segments: list[Segment],
    rain: list[Rain],
    withdrawals: list[Withdrawal],
    rejected: dict[str, str],
    damaged: frozenset[str],
    profile: Profile,
    pictures: Pictures,
) -> Selection:
    """The selection of these rows, with the pixels that the profile allows."""
    by_id = {row.footage_id: row for row in footage}
    withheld = {scene.scene_id: why_no_pixels(by_id[scene.footage_id], profile) for scene in scenes}
    pixels = frozenset(scene_id for scene_id, why in withheld.items() if why is None)
    reasons = {} if profile == "links" else {scene_id: why for scene_id, why in withheld.items() if why is not None}
    return Selection(scenes, footage, segments, rain, withdrawals, pixels, rejected, damaged, reasons, pictures)


def withdrawals_of(workspace: Workspace) -> list[Withdrawal]:
    """The workspace's tombstones, by id; none where nothing was taken down."""
    path = workspace.table(Withdrawal)
    return sorted(read_rows(Withdrawal, path), key=lambda row: row.withdrawal_id) if table_exists(path) else []


def source_keys(footage: Footage) -> set[str]:
    """What a tombstone knows a footage's sources by; parts of one video are one source."""
    return {fingerprint(footage.source, source_of(source_id)) for source_id in (footage.source_id, *footage.also_at)}


def refuse(problems: Sequence[str], what: str, cure: str) -> None:
    """Raise InputError where there are problems."""
    if problems:
        more = f"; and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        raise InputError(f"nothing released, {what}: {'; '.join(problems[:_SHOWN_PROBLEMS])}{more}; {cure}")


def _rejected(
    workspace: Workspace, kept: Sequence[Scene], footage: dict[str, Footage], withdrawals: Sequence[Withdrawal]
) -> dict[str, str]:
    """Why kept scenes stay out of the release, by scene id."""
    path = workspace.table(Review)
    reviews = read_rows(Review, path) if table_exists(path) else []
    in_review = {row.scene_id: row.reason or "no reason given" for row in reviews if row.verdict == "reject"}
    down_ids = {row.withdrawal_id: row.reason for row in withdrawals}
    down_keys = {key: row.reason for row in withdrawals for key in row.source_keys}
    found: dict[str, str] = {}
    for scene in kept:
        source = footage[scene.footage_id]
        keys = source_keys(source) & down_keys.keys()
        if source.footage_id in down_ids or keys:
            found[scene.scene_id] = f"taken down: {down_ids.get(source.footage_id) or down_keys[min(keys)]}"
        elif scene.scene_id in in_review:
            found[scene.scene_id] = f"rejected in review: {in_review[scene.scene_id]}"
        elif not is_ours(source) and not source.origin:
            found[scene.scene_id] = f"no provenance: the origin of footage {source.footage_id} is not stated"
    return found


def _of(row_class: type[Row], workspace: Workspace, keys: set[str], key_of: Callable[[Row], str]) -> list[Row]:
    return sorted((row for row in read_rows(row_class, workspace.table(row_class)) if key_of(row) in keys), key=key_of)


def _refuse_doubles(workspace: Workspace) -> None:
    """Two rows of one key in one file are no work of ours; which of them would be meant cannot be told."""
    path = workspace.table(Scene)
    if not path.exists():
        return
    try:
        ids = pq.read_table(path, columns=["scene_id"]).column("scene_id").to_pylist()
    except Exception:  # what is wrong with the table is told by `read_rows`
        return
    doubles = sorted({key for key in ids if ids.count(key) > 1}) if len(set(ids)) < len(ids) else []
    refuse([f"scene {key} has two rows" for key in doubles], f"{path}: ids are not unique", "run `curate sequences` again")


def _damaged(workspace: Workspace, kept: Sequence[Scene]) -> dict[str, str]:
    """What `manifests check` finds of kept scenes and the rows behind them, by scene id. Raises InputError for an unreadable table."""
    _, findings = check(workspace)
    wanted = {table_name(row_class) for row_class in (Footage, Segment, Rain, Scene, Review, Withdrawal)}
    problems = {(found.table, found.key): found.problem for found in findings if found.table in wanted}
    refuse([problem for (_, key), problem in problems.items() if not key], "tables cannot be read", "`manifests check` shows all")
    reviews = defaultdict(list)
    for row in read_rows(Review, workspace.table(Review)) if problems and table_exists(workspace.table(Review)) else []:
        reviews[row.scene_id].append(row.review_id)
    found: dict[str, str] = {}
    for scene in kept:
        behind = [("scenes", scene.scene_id), ("segments", scene.segment_id), ("rain", scene.segment_id), ("footage", scene.footage_id)]
        behind += [("reviews", review_id) for review_id in reviews[scene.scene_id]]
        for table, key in behind:
            if (table, key) in problems:
                found.setdefault(scene.scene_id, f"does not hold: {table} {key}: {problems[table, key]}")
    return found
