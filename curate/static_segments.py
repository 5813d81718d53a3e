"""Footage → Segments: where camera and scene stand still.

One footage is decoded once, small and grey, and measured (`curate.measuring`); what was measured is kept in `measures/<footage_id>.npz`
(`curate.measures` says why there). Spans, verdicts, reasons and masks are then taken from the measures alone (`curate.verdicts`), so
another threshold decides anew without decoding a frame. The rows of a footage partition its frames: what was rejected is there too.

Three verdicts: `static`, `moving`, and `unknown` where the picture is too dark, has too little texture, or fades. A row is kept when its
reason is null. A footage that cannot be read gives one row with an error, and no verdict.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from manifests.columns import refuse_outside
from manifests.errors import InputError
from manifests.options import Summary
from manifests.tables import Footage, Segment
from manifests.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from curate.key_frames import MovingInterval
    from curate.measures import Measures, StillSpan
    from manifests.media import Frame

VERSION = 3  # of what is measured: raised when a stored measure would come out otherwise
VERDICTS = 5  # of how verdicts are taken: raised when the same measures would be judged otherwise
MEASURED_PX = 320  # longer side of the pictures that are measured

TIMEOUT_S = 600.0  # for a footage, and half a second more for each of its frames


@dataclass(frozen=True, slots=True)
class StaticSegmentsSettings:
    """The thresholds that decide; changing one decodes nothing again. Pixels are those of the full resolution."""

    shift_px: Annotated[float, "how far the picture's middle may move within a segment, px"] = 1.0
    edge_px: Annotated[float, "how far zoom or roll may move the picture's corners within a segment, px"] = 0.75
    jitter_px: Annotated[float, "how far single frames may lie from their window's median (95th percentile), px"] = 1.0
    least_frames: Annotated[int, "frames of the shortest segment: those of a scene"] = 30
    least_s: Annotated[float, "duration of the shortest segment, s"] = 2.0
    settled_s: Annotated[float, "how long a still span must last to count by itself in a shot that mostly moves, s"] = 10.0
    textured_blocks: Annotated[int, "blocks with texture, of 16, below which nothing can be said"] = 3
    dark_level: Annotated[float, "mean grey level below which a picture without texture is called too dark"] = 16.0
    frozen_fraction: Annotated[float, "share of frames in stretches that repeat one picture, from which a segment is frozen"] = 0.35
    moving_fraction: Annotated[float, "share of the picture that may move, on average, although the camera stands"] = 0.5
    slow_levels: Annotated[float, "grey levels off the usual picture, from which a place shows something that moves"] = 8.0
    fast_levels: Annotated[float, "grey levels of change within a window of ten frames, from which it does"] = 5.0
    masked_share: Annotated[float, "share of the time in which a place must show it to be masked out"] = 0.1
    cropped_share: Annotated[float, "share of the picture that may be cropped off to be rid of overlays at its rim"] = 0.15

    def __post_init__(self) -> None:
        refuse_outside(self, ("shift_px", "edge_px", "jitter_px", "least_frames"), zero=False)
        refuse_outside(self, [field.name for field in dataclasses.fields(self)])
        refuse_outside(self, ("moving_fraction", "masked_share", "cropped_share"), most=1)


def static_segments(footage: Footage, settings: StaticSegmentsSettings, workspace: Workspace) -> list[Segment]:
    """The footage's spans, which partition its frames, kept and rejected; writes the kept ones' masks.

    Decodes only when the measures are not there yet. A footage that cannot be read, or is too small to tell, gives one row with its error.
    """
    try:
        return decide(footage, measured(footage, workspace, settings), settings, workspace)
    except InputError as error:
        return failed(footage, str(error))


def measured(footage: Footage, workspace: Workspace, settings: StaticSegmentsSettings | None = None) -> Measures:
    """The footage's measures: read where they are stored under the present key and serve the settings, else decoded and stored.

    What key frames show to move too much for these settings is not decoded; under settings so much more lenient that a still span might
    hide there, the footage is measured anew. Raises InputError when the media cannot be read or are too small.
    """
    from curate import measures
    from curate.measuring import measure

    if footage.path is None or footage.width is None or footage.height is None:
        raise InputError(f"footage {footage.footage_id}: has no media; acquire it again")
    stored, key = measures_path(footage, workspace), measured_from(footage)
    known = measures.load(stored, key)
    still = _still_span(settings or StaticSegmentsSettings())
    if known is None or not known.serves(still):
        path = workspace.resolve(footage.path)
        try:
            known = measure(_frames_and_intervals(footage, path, still), footage.width, footage.height, still)
        except InputError as error:
            raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
        measures.save(known, stored, key)
    return known


def _still_span(settings: StaticSegmentsSettings) -> StillSpan:
    from curate.measures import StillSpan

    return StillSpan(max(settings.shift_px, settings.edge_px), settings.least_s, settings.least_frames)


def _frames_and_intervals(footage: Footage, path: Path, still: StillSpan) -> Iterator[Frame | MovingInterval]:
    """Small grey frames; in place of those among which key frames leave no room for a still span, what the key frames told."""
    from curate.key_frames import moving_intervals
    from manifests.media import frames

    assert footage.width is not None
    assert footage.height is not None
    width = max(1, round(footage.width * min(1.0, MEASURED_PX / max(footage.width, footage.height))))
    intervals = moving_intervals(path, footage.frames, width, footage.width / width, still) if footage.frames else []
    first, start_s = 0, 0.0
    for interval in intervals:
        if first < interval.first_frame:
            yield from frames(path, first, interval.first_frame, start_s=start_s, width=width, grey=True)
        yield interval
        first, start_s = interval.end_frame, interval.end_s
    if not intervals or first < (footage.frames or 0):
        yield from frames(path, first, start_s=start_s, width=width, grey=True)


def decide(footage: Footage, measures: Measures, settings: StaticSegmentsSettings, workspace: Workspace) -> list[Segment]:
    """The rows that the measures give under these settings; writes the masks of the kept ones. Decodes nothing."""
    import hashlib

    from curate.verdicts import judge
    from manifests.media import write_png

    measured_key, decided_key = measured_from(footage), decided_from(footage, settings)
    rows = []
    for row, mask in judge(measures, footage.footage_id, settings):
        name = None
        if mask is not None:
            # Named by its content too: what was made under an older mask is then known to be stale.
            name = f"masks/{row.segment_id}-{hashlib.sha256(mask.tobytes()).hexdigest()[:8]}.png"
            if not workspace.resolve(name).exists():
                write_png(workspace.resolve(name), mask)
        undecoded = measures.undecoded_share(row.first_frame, row.end_frame)
        row = dataclasses.replace(row, mask=name, undecoded_fraction=undecoded, measured_from=measured_key, decided_from=decided_key)
        rows.append(row)
    return rows


def failed(footage: Footage, message: str) -> list[Segment]:
    """The one row of a footage that could not be judged."""
    row = Segment(f"{footage.footage_id}-000000", footage.footage_id, 0, 0, error=message, measured_from=measured_from(footage))
    return [row]


def measured_from(footage: Footage) -> str:
    """The resume key of the measures: content, size, and the version of what is measured; no threshold."""
    from manifests.files import fingerprint

    return fingerprint("static_segments", VERSION, MEASURED_PX, footage.sha256 or footage.footage_id, footage.width, footage.height)


def decided_from(footage: Footage, settings: StaticSegmentsSettings) -> str:
    """The resume key of the verdicts: the measures' key and the thresholds."""
    from manifests.files import fingerprint

    return fingerprint(measured_from(footage), VERDICTS, settings)


def measures_path(footage: Footage, workspace: Workspace) -> Path:
    """Where a footage's measures are stored."""
    return workspace.root / "measures" / f"{footage.footage_id}.npz"


def run(
    workspace: Workspace,
    settings: StaticSegmentsSettings | None = None,
    *,
    workers: int = 0,
    on_row: Callable[[Segment], None] | None = None,
) -> Summary:
    """Measure the footage that is not yet measured, decide on all that was decided under other thresholds, write the segments table.

    `on_row` gets each row of the table at the end. Raises InputError when the footage table is missing.
    """
    from manifests.executors import run_rows
    from manifests.files import Provenance, append_rows, compact, read_rows, table_exists, table_hashes, write_rows

    settings = settings or StaticSegmentsSettings()
    table = workspace.table(Segment)
    footage, known, todo = _state(workspace, settings)
    provenance = Provenance("curate static-segments", dataclasses.asdict(settings), table_hashes(workspace, Footage))
    gone = [row for footage_id, rows in known.items() if footage_id not in footage for row in rows]
    append_rows(Segment, table, [], provenance, drop=[row.segment_id for row in gone])

    def save(rows: Sequence[Segment]) -> None:
        before = known.get(rows[0].footage_id, [])
        append_rows(Segment, table, rows, provenance, drop={row.segment_id for row in before} - {row.segment_id for row in rows})
        _remove_masks(workspace, before, rows)

    run_rows(
        partial(_work, settings=settings, workspace=workspace),
        todo,
        name=lambda entry: entry.source_id,
        on_error=failed,
        save=save,
        workers=workers,
        timeout_s=TIMEOUT_S + 0.5 * max((entry.frames or 0 for entry in todo), default=0),
        label="static-segments",
    )
    _remove_masks(workspace, gone, [])
    if not table_exists(table):  # no footage was had: an empty table says so to the next stage
        write_rows(Segment, table, [], provenance)
    compact(Segment, table)
    rows = read_rows(Segment, table)
    if on_row is not None:
        for row in rows:
            on_row(row)
    return Summary.of("segments", rows)


def preview(workspace: Workspace, settings: StaticSegmentsSettings) -> dict[str, int]:
    """What `run` would do: footage and frames to decode, footage to decide anew, footage that is done."""
    footage, known, todo = _state(workspace, settings)
    decode = [entry for entry in todo if not _is_measured(entry, known.get(entry.footage_id, []), settings, workspace)]
    return {
        "footage_to_decode": len(decode),
        "frames_to_decode": sum(entry.frames or 0 for entry in decode),
        "footage_to_decide_anew": len(todo) - len(decode),
        "footage_done_before": len(footage) - len(todo),
    }


def _state(workspace: Workspace, settings: StaticSegmentsSettings) -> tuple[dict[str, Footage], dict[str, list[Segment]], list[Footage]]:
    """Usable footage by id, known segments by footage, and the footage that remains to be measured or decided."""
    from manifests.files import read_rows, table_exists

    table = workspace.table(Segment)
    footage = {row.footage_id: row for row in read_rows(Footage, workspace.table(Footage)) if row.status == "ok"}
    known: dict[str, list[Segment]] = {}
    for row in read_rows(Segment, table) if table_exists(table) else []:
        known.setdefault(row.footage_id, []).append(row)
    return (
        footage,
        known,
        [entry for entry in footage.values() if not _is_done(entry, known.get(entry.footage_id, []), settings, workspace)],
    )


def _work(footage: Footage, settings: StaticSegmentsSettings, workspace: Workspace) -> Sequence[Segment]:
    import cv2

    cv2.setNumThreads(1)  # parallelism belongs to whole files
    return static_segments(footage, settings, workspace)


def _is_done(footage: Footage, rows: Sequence[Segment], settings: StaticSegmentsSettings, workspace: Workspace) -> bool:
    """Whether rows stand for this content and these thresholds, and their masks are still there."""
    key = decided_from(footage, settings)
    if not rows or any(row.error is not None or row.decided_from != key for row in rows):
        return False
    return all(workspace.resolve(row.mask).exists() for row in rows if row.mask is not None)


def _is_measured(footage: Footage, rows: Sequence[Segment], settings: StaticSegmentsSettings, workspace: Workspace) -> bool:
    from curate.measures import load

    key = measured_from(footage)
    if not rows or any(row.error is not None or row.measured_from != key for row in rows):
        return False
    known = load(measures_path(footage, workspace), key)
    return known is not None and known.serves(_still_span(settings))


def _remove_masks(workspace: Workspace, before: Sequence[Segment], after: Sequence[Segment]) -> None:
    for stale in {row.mask for row in before} - {row.mask for row in after}:
        if stale is not None:
            workspace.resolve(stale).unlink(missing_ok=True)
