"""Segment + Rain → Scenes: the N frames of a segment whose rain differs most, full size, lossless.

Frames with rain are points on fixed scales (orientation, coherence, cover, length, amplitude); farthest-point choice takes N of them,
never two so near in time that they share a streak. Within a scene only the rain may differ: where the light changes, a segment gives a
scene for each band of light that holds enough frames, and a flash of lightning costs its own frames alone. Where the rain of a long
segment turns into another (from light to heavy, say), each part that holds enough frames gives one. Only chosen frames are written; a
scene's id comes from their hashes, so choosing the same frames again gives the same scene.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import click

from manifests.columns import refuse_outside
from manifests.errors import InputError
from manifests.options import Summary
from manifests.tables import Footage, Rain, Scene, Segment
from manifests.workspace import Workspace

if TYPE_CHECKING:
    from curate.scene_frames import SceneFrames

VERSION = 2  # of how scenes are chosen and written
CHOOSING = ("n_frames", "gap_s", "gap_frames", "light_range", "rain_change", "most_scenes")  # settings that a scene's frames depend on
DOUBLE = "same pictures"  # how the reason begins of what another segment gives as well
TIMEOUT_S = 1800.0  # and as long again as the segment's frames may take


@dataclass(frozen=True, slots=True)
class SequencesSettings:
    """How frames are chosen, and how scenes are split."""

    n_frames: Annotated[int, "frames a scene (N in the paper)"] = 30
    gap_s: Annotated[float, "least time between two frames of a scene, s: they share no streak"] = 0.1
    gap_frames: Annotated[int, "least distance of two frames of a scene, in frames of a video; 2: never adjacent ones"] = 2
    light_range: Annotated[float, "most range of the light within a scene, grey levels"] = 6.0
    rain_change: Annotated[
        float, "change of the rain from which a segment's parts give a scene each; 1: twice the cover, length or amplitude, or 15°"
    ] = 1.0
    most_scenes: Annotated[int, "most scenes from one segment"] = 4
    place_resemblance: Annotated[float, "least correlation of two scenes' aligned fine detail for one place, 0-1"] = 0.75
    val_fraction: Annotated[float, "share of places for validation"] = 0.1
    test_fraction: Annotated[float, "share of places for testing"] = 0.1
    hold_out: Annotated[tuple[str, ...], "glob patterns of footage (origin, source id, title, file name) that goes to test"] = ()

    def __post_init__(self) -> None:
        if self.n_frames < 2:
            raise ValueError(f"n_frames={self.n_frames}: a scene takes at least 2 frames")
        if self.most_scenes < 1 or self.gap_frames < 1:
            raise ValueError(f"most_scenes={self.most_scenes}, gap_frames={self.gap_frames}: at least 1")
        refuse_outside(self, ("gap_s", "light_range", "rain_change", "val_fraction", "test_fraction"))
        refuse_outside(self, ("place_resemblance",), zero=False, most=1)
        if not self.val_fraction + self.test_fraction < 1:
            raise ValueError(f"val_fraction + test_fraction is {self.val_fraction + self.test_fraction:g}; leave some for training")


def sequences(segment: Segment, rain: Rain, footage: Footage, settings: SequencesSettings, workspace: Workspace) -> list[Scene]:
    """Choose and write the scenes of one segment; a single rejected row where too few frames fit. Places and splits come later.

    Raises InputError when the footage's frames cannot be read.
    """
    from curate.scene_frames import choose_scenes

    blank = Scene(
        scene_id=f"{segment.segment_id}-none",
        segment_id=segment.segment_id,
        footage_id=footage.footage_id,
        source_id=footage.source_id,
        measured_from=measured_from(segment, rain, settings),
    )
    if footage.media == "stills":  # each an exposure of its own, and no codec carries one over into the next
        settings = dataclasses.replace(settings, gap_frames=1)
    scenes, why_none = choose_scenes(rain, settings)
    if why_none is not None:
        return [dataclasses.replace(blank, reason=why_none)]
    return [_scene(blank, segment, rain, footage, chosen, workspace) for chosen in scenes]


def measured_from(segment: Segment, rain: Rain, settings: SequencesSettings) -> str:
    """The resume key: which frames show rain, how it looks, where the picture lies, and the settings that choose."""
    from manifests.files import fingerprint

    crop = (segment.crop_left, segment.crop_top, segment.crop_width, segment.crop_height, segment.mask, segment.measured_from)
    chosen_by = [getattr(settings, name) for name in CHOOSING]
    return fingerprint("sequences", VERSION, segment.segment_id, crop, rain.measured_from, rain.frame_raining, chosen_by)


def run(
    workspace: Workspace,
    settings: SequencesSettings | None = None,
    *,
    workers: int = 0,
    on_row: Callable[[Scene], None] | None = None,
) -> Summary:
    """Make the scenes that are not yet made, then place and split all of them, and write the scenes table.

    `on_row` gets each row of the table at the end. Raises InputError when the footage, segments or rain table is missing.
    """
    from manifests.executors import run_rows
    from manifests.files import Provenance, append_rows, compact, read_rows, table_exists, table_hashes, write_rows

    settings = settings or SequencesSettings()
    table = workspace.table(Scene)
    state = _state(workspace, settings)
    provenance = Provenance("curate sequences", dataclasses.asdict(settings), table_hashes(workspace, Footage, Segment, Rain))
    append_rows(Scene, table, [], provenance, drop=[row.scene_id for row in state.known if row.segment_id not in state.rows_of])

    remaining = {rain.segment_id for rain in state.todo}
    standing = {row.scene_id: row for name, rows in state.rows_of.items() if name not in remaining for row in rows}

    def save(rows: Sequence[Scene]) -> None:
        old = state.rows_of[rows[0].segment_id]
        kept = _without_doubles([_with_split_of(row, old) for row in rows], standing)
        standing.update((row.scene_id, row) for row in kept)
        append_rows(Scene, table, kept, provenance, drop=[row.scene_id for row in old if row.scene_id not in standing])

    run_rows(
        partial(_work, segments=state.segments, footage=state.footage, settings=settings, workspace=workspace),
        state.todo,
        name=lambda rain: rain.segment_id,
        on_error=partial(_failed, footage=state.footage),
        save=save,
        workers=workers,
        timeout_s=TIMEOUT_S + 0.5 * max((len(rain.frame_pts_s) for rain in state.todo), default=0),
        label="sequences",
    )
    if not table_exists(table):  # no segment was kept: an empty table says so to the next stage
        write_rows(Scene, table, [], provenance)
    made = read_rows(Scene, table)
    rows = _split(made, state, settings)
    _tell_moved([*state.known, *made], rows)
    append_rows(Scene, table, [row for row, before in zip(rows, made, strict=True) if row != before], provenance)
    compact(Scene, table)
    if on_row is not None:
        for row in rows:
            on_row(row)
    return Summary.of("scenes", rows)


def preview(workspace: Workspace, settings: SequencesSettings) -> dict[str, int]:
    """What `run` would do: segments to choose from, segments done before, and the most bytes that their pictures may take."""
    state = _state(workspace, settings)
    sizes = [state.footage[rain.footage_id] for rain in state.todo if rain.footage_id in state.footage]
    most_bytes = sum(3 * (row.width or 0) * (row.height or 0) * (settings.n_frames + 1) for row in sizes)
    return {
        "segments_to_choose_from": len(state.todo),
        "segments_done_before": len(state.rows_of) - len(state.todo),
        "most_bytes": most_bytes,
    }


@dataclass(frozen=True, slots=True)
class _State:
    """What the tables hold, and what remains to be done."""

    footage: dict[str, Footage]
    segments: dict[str, Segment]
    known: list[Scene]
    rows_of: dict[str, list[Scene]]  # scenes of each segment with rain
    todo: list[Rain]


def _state(workspace: Workspace, settings: SequencesSettings) -> _State:
    from manifests.files import read_rows, table_exists

    table = workspace.table(Scene)
    footage = {row.footage_id: row for row in read_rows(Footage, workspace.table(Footage))}
    segments = {row.segment_id: row for row in read_rows(Segment, workspace.table(Segment))}
    rains = [row for row in read_rows(Rain, workspace.table(Rain)) if row.reason is None and row.error is None]
    known = read_rows(Scene, table) if table_exists(table) else []
    rows_of: dict[str, list[Scene]] = {rain.segment_id: [] for rain in rains}
    for row in known:
        if row.segment_id in rows_of:
            rows_of[row.segment_id].append(row)
    doubles = {_double_of(row.segment_id) for row in known if row.frames and row.segment_id in rows_of}

    def is_done(rain: Rain) -> bool:
        rows = rows_of[rain.segment_id]
        if any((row.reason or "").startswith(DOUBLE) and row.reason not in doubles for row in rows):
            return False  # what had the scene is gone
        return _is_done(rows, segments.get(rain.segment_id), rain, settings, workspace)

    return _State(footage, segments, known, rows_of, [rain for rain in rains if not is_done(rain)])


def is_held_out(footage: Footage, patterns: Collection[str]) -> bool:
    """Whether a glob pattern names the footage: its origin or source id (or the file name in them), or its title."""
    names = [footage.origin, footage.source_id, PurePath(footage.origin).name, PurePath(footage.source_id).name, footage.title or ""]
    return any(fnmatchcase(name, pattern) for name in names if name for pattern in patterns)


def _work(
    rain: Rain, segments: Mapping[str, Segment], footage: Mapping[str, Footage], settings: SequencesSettings, workspace: Workspace
) -> Sequence[Scene]:
    if rain.segment_id not in segments:
        raise InputError(f"rain {rain.segment_id}: its segment is not in the segments table; run `curate rain-diversity` again")
    if rain.footage_id not in footage:
        raise InputError(f"rain {rain.segment_id}: its footage {rain.footage_id} is not in the footage table; acquire it again")
    return sequences(segments[rain.segment_id], rain, footage[rain.footage_id], settings, workspace)


def _failed(rain: Rain, message: str, footage: Mapping[str, Footage]) -> Sequence[Scene]:
    source_id = footage[rain.footage_id].source_id if rain.footage_id in footage else ""
    return [Scene(f"{rain.segment_id}-none", rain.segment_id, rain.footage_id, source_id, error=message)]


def _is_done(rows: Sequence[Scene], segment: Segment | None, rain: Rain, settings: SequencesSettings, workspace: Workspace) -> bool:
    """Whether rows stand for these inputs and their frames are still there."""
    if not rows or segment is None or any(row.error is not None for row in rows):
        return False
    if {row.measured_from for row in rows} != {measured_from(segment, rain, settings)}:
        return False
    return all(workspace.resolve(stored).exists() for row in rows for stored in _stored_paths(row))


def _stored_paths(scene: Scene) -> list[str]:
    return [*scene.frames, *(stored for stored in (scene.mask, scene.median) if stored is not None)]


def _without_doubles(rows: Sequence[Scene], standing: Mapping[str, Scene]) -> list[Scene]:
    """One segment's rows, beside those that stand: of segments that give the very same pictures (one video in two containers), the first
    by id has the scene, and a rejected row tells so of the other."""
    told: dict[str, Scene] = {}
    for row in rows:
        other = standing.get(row.scene_id, row)
        first, second = (row, other) if row.segment_id <= other.segment_id else (other, row)
        if first is row:
            told[row.scene_id] = row if row.split is not None else dataclasses.replace(row, place_id=other.place_id, split=other.split)
        if first is not second:
            double = Scene(f"{second.segment_id}-none", second.segment_id, second.footage_id, second.source_id)
            told[double.scene_id] = dataclasses.replace(double, reason=_double_of(first.segment_id), measured_from=second.measured_from)
    return list(told.values())


def _double_of(segment_id: str) -> str:
    return f"{DOUBLE}: segment {segment_id} gives them too"


def _with_split_of(row: Scene, old: Sequence[Scene]) -> Scene:
    """The row with the place and split that its segment had, so that an interrupted run forgets neither."""
    before = next((entry for entry in old if entry.split is not None), None)
    if before is None or not row.frames:
        return row
    return dataclasses.replace(row, place_id=before.place_id, split=before.split)


def _split(made: Sequence[Scene], state: _State, settings: SequencesSettings) -> list[Scene]:
    from curate.splits import Splitting, assign_splits

    held_out = {row.source_id for row in state.footage.values() if is_held_out(row, settings.hold_out)}
    splitting = Splitting(settings.place_resemblance, settings.val_fraction, settings.test_fraction)
    return assign_splits(made, [*state.known, *made], held_out, splitting)


def _tell_moved(known: Sequence[Scene], rows: Sequence[Scene]) -> None:
    from curate.splits import moved

    for before, row in moved(known, rows):
        click.echo(f"scene {row.scene_id} moves from {before.split} to {row.split}: held out, or its place is tied to a held one", err=True)


def _scene(blank: Scene, segment: Segment, rain: Rain, footage: Footage, chosen: SceneFrames, workspace: Workspace) -> Scene:
    """The row of one scene, its pictures written."""
    from curate.scene_files import write_scene

    frame_index = tuple(segment.first_frame + index for index in chosen.frames)
    pts_s = tuple(rain.frame_pts_s[index] for index in chosen.frames)
    files = write_scene(segment, footage, frame_index, pts_s, workspace)
    return dataclasses.replace(
        blank,
        scene_id=files.scene_id,
        frames=files.frames,
        frame_index=frame_index,
        pts_s=pts_s,
        sha256=files.sha256,
        width=files.width,
        height=files.height,
        crop_left=segment.crop_left or 0,
        crop_top=segment.crop_top or 0,
        mask=files.mask,
        median=files.median,
        coverage_radius=chosen.coverage_radius,
        place_hash=files.place_hash,
    )
