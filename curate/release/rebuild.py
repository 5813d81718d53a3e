"""`curate sequences --from RELEASE/scenes.parquet`: the scenes of a release again, from footage that was acquired anew.

A site may give the same bytes, another encoding, a shortened or replaced video, or nothing. So each scene comes to an outcome:

- `same`: its frames have the release's hashes, byte for byte.
- `close`: other bytes, and every frame found again by its rain (likeness.py), at any size and with a small shift in time.
- `changed`: the footage is there and shows other frames.
- `gone`: the footage is not there.
- `failed`: it could not be told, because the footage cannot be decoded, say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import Image

from curate.crop import cropped
from curate.release.fingerprints import cells_of, luma_cells
from curate.release.index import Member
from curate.release.likeness import MOST_SHIFT_S, Cells, Match, find
from curate.release.pictures import ReleasePictures, decoded
from curate.release.portable import frame_name, mask_name, portable_source
from curate.release.table_checks import sound_tables
from curate.release.tables import Tables
from curate.scene_files import SceneFiles, write_scene
from manifests.errors import InputError
from manifests.executors import run_rows
from manifests.files import Provenance, append_rows, compact, fingerprint, read_rows, table_exists
from manifests.media import Picture, frames, write_png
from manifests.tables import Footage, Scene, Segment
from manifests.workspace import Workspace

Outcome = Literal["same", "close", "changed", "gone", "failed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

VERSION = 1  # of how frames are told to be those of the release
TIMEOUT_S = 3600.0
ASPECT_TOLERANCE = 0.02  # a picture of another shape is another picture


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of one scene of the release."""

    scene_id: str  # in the release
    outcome: Outcome
    detail: str | None = None  # of close: how alike and shifted; of changed and gone: why
    scene: Scene | None = None  # in the workspace


@dataclass(frozen=True)
class Rebuilding:
    """What became of all scenes."""

    scenes: list[Rebuilt]

    @property
    def counts(self) -> Counter[str]:
        """Scenes by outcome."""
        return Counter(row.outcome for row in self.scenes)

    @property
    def survivors(self) -> list[str]:
        """The release's ids of the scenes that are there again, sorted."""
        return sorted(row.scene_id for row in self.scenes if row.scene is not None)

    @property
    def fingerprint(self) -> str:
        """What names the surviving subset: the same for all who rebuilt the same scenes of the release."""
        return fingerprint(self.survivors)


def rebuild(table: Path, workspace: Workspace, *, workers: int = 0) -> Rebuilding:
    """Rebuild the scenes of a release (`table`: its scenes.parquet) in a workspace with the footage, and add them to its scenes table.

    Places and splits are those of the release. What was unpacked, or rebuilt before from the same footage, is not decoded again. Raises
    InputError where there is no release, no footage at all, or a workspace with scenes of its own choosing.
    """
    tables = sound_tables(table.parent)
    if table_exists(workspace.table(Segment)):
        raise InputError(f"{workspace.table(Segment)}: scenes are chosen in this folder; rebuild those of a release in one of their own")
    jobs = _jobs(table.parent, tables, read_rows(Footage, workspace.table(Footage)))
    known = _known(workspace)
    there = {job.scene.scene_id: row for job in jobs if (row := known.get(job.scene.sha256) or known.get(_made_from(job))) is not None}
    done = [_again(job, there[job.scene.scene_id]) for job in jobs if job.scene.scene_id in there]
    provenance = Provenance("curate sequences --from", {"version": tables.about["version"], "release": tables.about["scenes_fingerprint"]})

    def save(rows: Sequence[Rebuilt]) -> None:
        done.extend(rows)
        append_rows(Scene, workspace.table(Scene), [row.scene for row in rows if row.scene is not None], provenance)

    run_rows(
        partial(_work, workspace=workspace),
        [job for job in jobs if job.scene.scene_id not in there],
        name=lambda job: job.scene.scene_id,
        on_error=lambda job, error: [Rebuilt(job.scene.scene_id, "failed", error)],
        save=save,
        workers=workers,
        timeout_s=TIMEOUT_S,
        label="rebuilding",
    )
    if table_exists(workspace.table(Scene)):
        compact(Scene, workspace.table(Scene))
    return Rebuilding(sorted(done, key=lambda row: row.scene_id))


@dataclass(frozen=True)
class _Job:
    """One scene of the release, and where it may be found again."""

    scene: Scene
    segment: Segment
    source: Footage  # in the release
    members: tuple[Member, ...]  # its frames, in order
    masks: ReleasePictures  # of the release, with the scene's mask
    footage: Footage | None  # in the workspace
    missed: str | None = None  # why it is not there, where acquiring it was tried


def _jobs(folder: Path, tables: Tables, footage: Sequence[Footage]) -> list[_Job]:
    there = [row for row in footage if row.status == "ok" and row.path is not None]
    by_bytes = {row.sha256: row for row in there}
    by_source = {portable_source(source_id): row for row in there for source_id in (row.source_id, *row.also_at)}
    missed = {portable_source(row.source_id): row.error_kind or row.reason for row in footage if row.status != "ok"}
    sources = {row.footage_id: row for row in tables.footage}
    segments = {row.segment_id: row for row in tables.segments}
    members = {member.name: member for member in tables.index}
    jobs = []
    for scene in tables.scenes:
        source = sources[scene.footage_id]
        found = by_bytes.get(source.sha256) or by_source.get(source.source_id)
        told = tuple(members[frame_name(scene, number)] for number in range(len(scene.frames)))
        masks = ReleasePictures(folder, {mask_name(scene): members[mask_name(scene)]})
        jobs.append(_Job(scene, segments[scene.segment_id], source, told, masks, found, missed.get(source.source_id)))
    return jobs


def _made_from(job: _Job) -> str:
    """The resume key: the release's row, and the bytes that it is looked for in."""
    return fingerprint("rebuild", VERSION, asdict(job.scene), None if job.footage is None else job.footage.sha256)


def _known(workspace: Workspace) -> dict[str | tuple[str, ...], Scene]:
    """The workspace's scenes whose pictures are there, by what they were made from and by their frames' hashes."""
    table = workspace.table(Scene)
    rows = read_rows(Scene, table) if table_exists(table) else []
    there = [row for row in rows if row.frames and all(workspace.resolve(frame).exists() for frame in row.frames)]
    return {key: row for row in there for key in (row.measured_from, row.sha256)}


def _again(job: _Job, row: Scene) -> Rebuilt:
    outcome: Outcome = "same" if row.sha256 == job.scene.sha256 else "close"
    return Rebuilt(job.scene.scene_id, outcome, "there before", row)


def _work(job: _Job, workspace: Workspace) -> list[Rebuilt]:
    scene, footage = job.scene, job.footage
    if footage is None:
        why = f"is not in the footage table{'; acquire it' if job.missed is None else f' ({job.missed})'}"
        return [Rebuilt(scene.scene_id, "gone", f"{job.source.origin} {why}")]
    if footage.sha256 == job.source.sha256:
        files = write_scene(replace(job.segment, mask=None), footage, scene.frame_index, scene.pts_s, workspace)
        if files.sha256 == scene.sha256:
            return [Rebuilt(scene.scene_id, "same", None, _row(job, files, scene.frame_index, scene.pts_s, workspace))]
    segment = _scaled(job, footage)
    if segment is None:
        told = f"the footage is {footage.width}x{footage.height} px now, and was {job.source.width}x{job.source.height}"
        return [Rebuilt(scene.scene_id, "changed", told)]
    times, cells = _decoded(scene, footage, segment, workspace)
    chosen = np.stack([cells_of(member.luma or "").ravel() for member in job.members]).astype(float)
    match = find(chosen, scene.pts_s, cells, [time for _, time in times])
    if match is None:
        return [Rebuilt(scene.scene_id, "changed", f"the footage lacks some of its frames (sought {MOST_SHIFT_S:g} s about their times)")]
    if not match.close:
        return [Rebuilt(scene.scene_id, "changed", _told(match))]
    frame_index, pts_s = zip(*(times[place] for place in match.places), strict=True)
    files = write_scene(segment, footage, frame_index, pts_s, workspace)
    return [Rebuilt(scene.scene_id, "close", _told(match), _row(job, files, frame_index, pts_s, workspace))]


def _told(match: Match) -> str:
    middle, least = float(np.median(match.correlations)), min(match.correlations)
    return (
        f"rain correlates by {middle:.2f} (least {least:.2f}), shifted by {match.shift_s:.3f} s, ahead of other shifts by {match.lead:.2f}"
    )


def _scaled(job: _Job, footage: Footage) -> Segment | None:
    """The segment with its crop at the footage's size; None where the picture has another shape."""
    if not footage.width or not footage.height or not job.source.width or not job.source.height:
        return None
    across, down = footage.width / job.source.width, footage.height / job.source.height
    if abs(across / down - 1) > ASPECT_TOLERANCE:
        return None
    scene = job.scene
    left, top = round((scene.crop_left or 0) * across), round((scene.crop_top or 0) * down)
    width = min(round((scene.width or 0) * across), footage.width - left)
    height = min(round((scene.height or 0) * down), footage.height - top)
    return replace(job.segment, mask=None, crop_left=left, crop_top=top, crop_width=width, crop_height=height)


def _decoded(scene: Scene, footage: Footage, segment: Segment, workspace: Workspace) -> tuple[list[tuple[int, float]], Cells]:
    """Number and time, and cells, of the footage's frames round the scene's time."""
    found = [(index, time_s, luma_cells(picture).ravel()) for index, time_s, picture in _around(scene, footage, segment, workspace)]
    return [(index, time_s) for index, time_s, _ in found], np.array([cells for _, _, cells in found], dtype=float).reshape(len(found), -1)


def _around(scene: Scene, footage: Footage, segment: Segment, workspace: Workspace) -> Iterator[tuple[int, float, Picture]]:
    margin_s = MOST_SHIFT_S + 0.5
    for frame in frames(workspace.resolve(footage.path or "")):
        if frame.pts_s > scene.pts_s[-1] + margin_s:
            return
        if frame.pts_s >= scene.pts_s[0] - margin_s:
            yield frame.index, frame.pts_s, cropped(frame.picture, segment)


def _row(job: _Job, files: SceneFiles, frame_index: tuple[int, ...], pts_s: tuple[float, ...], workspace: Workspace) -> Scene:
    """The scene as the workspace holds it: its pictures and footage here, its place and split from the release."""
    assert job.footage is not None
    return replace(
        job.scene,
        scene_id=files.scene_id,
        segment_id=f"{job.footage.footage_id}-{job.segment.first_frame:06d}",
        footage_id=job.footage.footage_id,
        source_id=job.footage.source_id,
        frames=files.frames,
        frame_index=frame_index,
        pts_s=pts_s,
        sha256=files.sha256,
        width=files.width,
        height=files.height,
        mask=_write_mask(job, files, workspace),
        median=files.median,
        measured_from=_made_from(job),
    )


def _write_mask(job: _Job, files: SceneFiles, workspace: Workspace) -> str:
    """The release's mask beside the scene's frames, at their size; gives its path as the workspace stores it."""
    size = (job.scene.width or 0, job.scene.height or 0)
    mask = Image.fromarray(decoded(job.masks.mask(job.scene), size, mask_name(job.scene)))
    path = workspace.resolve(files.frames[0]).with_name("mask.png")
    write_png(path, np.asarray(mask.resize((files.width, files.height), Image.Resampling.NEAREST)))
    return workspace.relative(path)


def told(found: Rebuilding) -> list[str]:
    """What became of the scenes, in words, and how many are there again."""
    lines = [f"{row.scene_id}: {row.outcome}: {row.detail}" for row in found.scenes if row.outcome != "same"]
    counts = ", ".join(f"{found.counts[outcome]} {outcome}" for outcome in OUTCOMES)
    return [*lines, f"{len(found.survivors)} of {len(found.scenes)} rebuilt ({counts}); fingerprint of these: {found.fingerprint}"]
