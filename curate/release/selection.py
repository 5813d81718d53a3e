"""What goes into a release: the kept scenes that no reviewer rejected, and the rows they come from, all of them whole.

A release with a damaged row would be worse than none, so damage refuses the release and names the rows; a reviewer's rejection or a
missing licence only leaves the scene or its pixels out.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from curate.release.rights import Profile, why_no_pixels
from manifests.checks import check
from manifests.errors import InputError
from manifests.executors import run_rows
from manifests.files import read_rows, table_exists
from manifests.tables import Footage, Rain, Review, Scene, Segment
from manifests.workspace import Workspace

Row = TypeVar("Row")

VERIFY_TIMEOUT_S = 600.0
_SHOWN_PROBLEMS = 5


@dataclass(frozen=True)
class Selection:
    """The rows of a release, sorted by key. `pixels` holds the ids of the scenes whose pictures are part of it."""

    scenes: list[Scene]
    footage: list[Footage]
    segments: list[Segment]
    rain: list[Rain]
    pixels: frozenset[str]
    rejected: dict[str, str]  # scene id: why the scene is not in the release
    without_pixels: dict[str, str]  # scene id: why its pictures are not in the release, though the profile holds pixels


def select(workspace: Workspace, profile: Profile, workers: int) -> Selection:
    """Read the tables, check them and the frames behind them, and choose.

    Raises InputError naming what is damaged (tables that do not agree, frames missing or changed, one place or source in two splits), or
    when nothing is left to release.
    """
    kept = [row for row in read_rows(Scene, workspace.table(Scene)) if row.reason is None and row.error is None]
    rejected = _rejected_by_reviewers(workspace, {scene.scene_id for scene in kept})
    scenes = sorted((scene for scene in kept if scene.scene_id not in rejected), key=lambda scene: scene.scene_id)
    if not scenes:
        raise InputError(
            f"{workspace.table(Scene)}: none of its scenes can be released ({len(kept)} kept, {len(rejected)} rejected in review); "
            "make scenes with `curate sequences`"
        )
    _refuse_findings(workspace)
    _refuse_leaks(workspace, scenes)
    _refuse_damaged_frames(workspace, scenes, workers)
    footage = _of(Footage, workspace, {scene.footage_id for scene in scenes}, lambda row: row.footage_id)
    segments = _of(Segment, workspace, {scene.segment_id for scene in scenes}, lambda row: row.segment_id)
    rain = _of(Rain, workspace, {scene.segment_id for scene in scenes}, lambda row: row.segment_id)
    by_id = {row.footage_id: row for row in footage}
    withheld = {scene.scene_id: why_no_pixels(by_id[scene.footage_id], profile) for scene in scenes}
    pixels = frozenset(scene_id for scene_id, why in withheld.items() if why is None)
    reasons = {} if profile == "links" else {scene_id: why for scene_id, why in withheld.items() if why is not None}
    return Selection(scenes, footage, segments, rain, pixels, rejected, reasons)


def picture_bytes(workspace: Workspace, scene: Scene, number: int) -> bytes:
    """The file of a scene's frame `number` (counted from 0). Raises InputError where it is gone or is not what the row promises."""
    path = workspace.resolve(scene.frames[number])
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: frame {number} of scene {scene.scene_id} cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != scene.sha256[number]:
        raise InputError(f"{path}: frame {number} of scene {scene.scene_id} has changed: its SHA-256 is not the row's")
    return content


def _rejected_by_reviewers(workspace: Workspace, kept: Collection[str]) -> dict[str, str]:
    path = workspace.table(Review)
    reviews = read_rows(Review, path) if table_exists(path) else []
    return {
        row.scene_id: f"rejected in review: {row.reason or 'no reason given'}"
        for row in reviews
        if row.verdict == "reject" and row.scene_id in kept
    }


def _of(row_class: type[Row], workspace: Workspace, keys: set[str], key_of: Callable[[Row], str]) -> list[Row]:
    return sorted((row for row in read_rows(row_class, workspace.table(row_class)) if key_of(row) in keys), key=key_of)


def _refuse_findings(workspace: Workspace) -> None:
    _, findings = check(workspace)
    problems = [
        f"{finding.table} {finding.key}: {finding.problem}"
        for finding in findings
        if finding.table in ("footage", "segments", "rain", "scenes", "reviews")
    ]
    _refuse(problems, "the tables do not hold together", "`manifests check` shows all; make the rows again")


def _refuse_leaks(workspace: Workspace, scenes: Sequence[Scene]) -> None:
    problems = []
    for name in ("place_id", "source_id"):
        splits: dict[str, set[str]] = defaultdict(set)
        for scene in scenes:
            value = getattr(scene, name)
            if value is not None:
                splits[value].add(str(scene.split))
        problems += [f"{name} {value} is in {' and '.join(sorted(found))}" for value, found in sorted(splits.items()) if len(found) > 1]
    _refuse(problems, f"{workspace.table(Scene)}: splits are not disjoint", "run `curate sequences` again")


def _refuse_damaged_frames(workspace: Workspace, scenes: Sequence[Scene], workers: int) -> None:
    problems: list[str] = []
    run_rows(
        partial(_frame_problems, workspace=workspace),
        scenes,
        name=lambda scene: scene.scene_id,
        on_error=lambda scene, error: [f"scene {scene.scene_id}: {error}"],
        save=problems.extend,
        workers=workers,
        timeout_s=VERIFY_TIMEOUT_S,
        label="checking frames",
    )
    _refuse(sorted(problems), "frames are missing or damaged", "run `curate sequences` again, or restore the files")


def _frame_problems(scene: Scene, workspace: Workspace) -> list[str]:
    problems = []
    for number in range(len(scene.frames)):
        try:
            picture_bytes(workspace, scene, number)
        except InputError as error:
            problems.append(str(error))
    if scene.mask is not None and not workspace.resolve(scene.mask).is_file():
        problems.append(f"{workspace.resolve(scene.mask)}: the mask of scene {scene.scene_id} is missing")
    return problems


def _refuse(problems: Sequence[str], what: str, cure: str) -> None:
    if problems:
        more = f"; and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        raise InputError(f"nothing released, {what}: {'; '.join(problems[:_SHOWN_PROBLEMS])}{more}; {cure}")
