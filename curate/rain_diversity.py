"""Segment → Rain: is it raining, and differently from frame to frame.

No single measure decides (reflections in a city time-lapse are as concentrated as rain, but lie flat; a person in a room moves as
streaks do, but in few cells; snow and spray point anywhere; drops on glass are not elongated one way and stay). Rain is: streaks that
agree in direction, near enough to vertical, longer than wide, brighter than dark, spread over the picture. The measures are those of the
residual that speaks for rain more clearly (`curate.rain`). Frames whose rain was shown before (a loop) count once.

Everything measured is stored; `decide` applies the thresholds to what is stored, so that other thresholds never decode a frame again.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from curate.crop import cropped
from manifests.columns import refuse_outside
from manifests.errors import InputError
from manifests.options import Summary
from manifests.tables import Footage, Rain, Segment
from manifests.workspace import Workspace

if TYPE_CHECKING:
    from curate.rain import Grey
    from curate.rain_series import RainSeries

VERSION = 5  # of what is measured: raised when a stored measure would come out otherwise
MEASURING = ("measured_pixels", "window_frames", "difference_gap_s")  # settings that a stored measure depends on

TIMEOUT_S = 600.0  # for a segment, and half a second more for each of its frames


@dataclass(frozen=True, slots=True)
class RainDiversitySettings:
    """What is measured, and the thresholds that decide; changing a threshold decodes nothing again."""

    measured_pixels: Annotated[int, "size of the grey pictures that are measured, pixels in all"] = 230_400
    window_frames: Annotated[int, "least number of frames of a temporal median"] = 45
    difference_gap_s: Annotated[float, "how far apart frames are compared for `difference`, s"] = 0.1
    concentration: Annotated[float, "least concentration of streak orientations, 0-1"] = 0.55
    tilt_deg: Annotated[float, "most degrees from vertical"] = 60.0
    elongation: Annotated[float, "least length to width of the streaks"] = 3.0
    bright_to_dark: Annotated[float, "least energy of brightening to energy of darkening"] = 1.8
    cells: Annotated[float, "least share of an 8x8 grid of cells that streaks spread over"] = 0.25
    least_cover: Annotated[float, "least share of pixels brightened by rain"] = 0.002
    most_cover: Annotated[float, "most share of pixels brighter than the temporal median: it fails near 0.5"] = 0.35
    difference: Annotated[float, "least share of their rain that two frames do not have in common"] = 0.3
    novelty: Annotated[float, "least share of a frame's rain that no earlier frame has, 0-1: below it the frame repeats another"] = 0.35
    rainy_frames: Annotated[int, "least number of frames with rain that repeat no other"] = 30

    def __post_init__(self) -> None:
        if self.measured_pixels < 1 or self.window_frames < 1:
            raise ValueError("measured_pixels and window_frames are at least 1")
        refuse_outside(self, [field.name for field in dataclasses.fields(self)])
        refuse_outside(self, ("concentration", "cells", "least_cover", "most_cover", "difference", "novelty"), most=1)


def rain_diversity(segment: Segment, footage: Footage, settings: RainDiversitySettings, workspace: Workspace) -> list[Rain]:
    """Measure one segment's rain and decide on it: one row.

    Raises InputError when the footage's media cannot be read.
    """
    from curate.rain_series import measure_series
    from manifests.media import frames

    if footage.path is None or footage.width is None or footage.height is None:
        raise InputError(f"footage {footage.footage_id}: has no media; acquire it again")
    width = min(footage.width, max(16, round(math.sqrt(settings.measured_pixels * footage.width / footage.height))))
    scale = footage.width / width
    path = workspace.resolve(footage.path)
    span = frames(path, segment.first_frame, segment.end_frame, start_s=segment.start_s, width=width, grey=True)
    crop = partial(cropped, segment=segment, scale=scale)
    seen = _seen(segment, workspace, (width, max(1, round(footage.height / scale))))
    series = measure_series(
        span, settings.window_frames, settings.difference_gap_s, prepare=crop, seen=None if seen is None else crop(seen)
    )
    row = Rain(segment.segment_id, segment.footage_id, measured_from=measured_from(segment, settings))
    return [decide(_measured(row, series, scale), settings)]


def decide(row: Rain, settings: RainDiversitySettings) -> Rain:
    """The row with its verdicts and reason taken from its measures; a row with an error stays as it is."""
    if row.error is not None:
        return row
    rainy = [_frame_rains(row, index, settings) for index in range(len(row.frame_pts_s))]
    frames = tuple(rains and row.frame_novelty[index] >= settings.novelty for index, rains in enumerate(rainy))
    why_no_rain = _why_no_rain(row, settings)
    why_alike = _why_not_diverse(row, sum(rainy), sum(frames), settings)
    return dataclasses.replace(
        row,
        raining=why_no_rain is None,
        diverse=why_no_rain is None and why_alike is None,
        reason=why_no_rain or why_alike,
        frame_raining=frames if why_no_rain is None else (False,) * len(frames),
    )


def measured_from(segment: Segment, settings: RainDiversitySettings) -> str:
    """The resume key: content, span, crop, mask and the settings that measures depend on; no threshold."""
    from manifests.files import fingerprint

    crop = (segment.crop_left, segment.crop_top, segment.crop_width, segment.crop_height)
    span = (segment.footage_id, segment.first_frame, segment.end_frame, segment.measured_from, segment.mask)
    return fingerprint("rain_diversity", VERSION, span, crop, [getattr(settings, name) for name in MEASURING])


def run(
    workspace: Workspace,
    settings: RainDiversitySettings | None = None,
    *,
    workers: int = 0,
    on_row: Callable[[Rain], None] | None = None,
) -> Summary:
    """Measure the kept segments that are not yet measured, decide on all of them anew, and write the rain table.

    `on_row` gets each row of the table at the end. Raises InputError when the segments or the footage table is missing.
    """
    from manifests.executors import run_rows
    from manifests.files import Provenance, append_rows, compact, read_rows, table_exists, table_hashes, write_rows

    settings = settings or RainDiversitySettings()
    table = workspace.table(Rain)
    footage, segments, known, todo = _state(workspace, settings)
    gone = known.keys() - {segment.segment_id for segment in segments}
    provenance = Provenance("curate rain-diversity", dataclasses.asdict(settings), table_hashes(workspace, Footage, Segment))
    stale = gone | {segment.segment_id for segment in todo}  # will be measured anew, perhaps as an older version did not
    again = [decide(row, settings) for key, row in known.items() if key not in stale]
    append_rows(Rain, table, [row for row in again if row != known[row.segment_id]], provenance, drop=gone)
    run_rows(
        partial(_work, footage=footage, settings=settings, workspace=workspace),
        todo,
        name=lambda segment: segment.segment_id,
        on_error=partial(_failed, settings=settings),
        save=lambda rows: append_rows(Rain, table, rows, provenance),
        workers=workers,
        timeout_s=TIMEOUT_S + 0.5 * max((segment.end_frame - segment.first_frame for segment in todo), default=0),
        label="rain-diversity",
    )
    if not table_exists(table):  # no segment was kept: an empty table says so to the next stage
        write_rows(Rain, table, [], provenance)
    compact(Rain, table)
    rows = read_rows(Rain, table)
    if on_row is not None:
        for row in rows:
            on_row(row)
    return Summary.of("segments", rows)


def preview(workspace: Workspace, settings: RainDiversitySettings) -> dict[str, int]:
    """What `run` would do: segments and frames to measure, segments measured before."""
    _, segments, _, todo = _state(workspace, settings)
    frames = sum(segment.end_frame - segment.first_frame for segment in todo)
    return {"segments_to_measure": len(todo), "frames_to_measure": frames, "segments_measured_before": len(segments) - len(todo)}


def _state(
    workspace: Workspace, settings: RainDiversitySettings
) -> tuple[dict[str, Footage], list[Segment], dict[str, Rain], list[Segment]]:
    """Footage by id, kept segments, known rain rows by segment, and the segments that remain to be measured."""
    from manifests.files import read_rows, table_exists

    table = workspace.table(Rain)
    footage = {row.footage_id: row for row in read_rows(Footage, workspace.table(Footage))}
    segments = [row for row in read_rows(Segment, workspace.table(Segment)) if row.verdict == "static" and row.reason is None]
    known = {row.segment_id: row for row in read_rows(Rain, table)} if table_exists(table) else {}
    return footage, segments, known, [row for row in segments if not _is_done(known.get(row.segment_id), row, settings)]


def _work(segment: Segment, footage: dict[str, Footage], settings: RainDiversitySettings, workspace: Workspace) -> Sequence[Rain]:
    if segment.footage_id not in footage:
        raise InputError(f"segment {segment.segment_id}: its footage {segment.footage_id} is not in the footage table; acquire it again")
    return rain_diversity(segment, footage[segment.footage_id], settings, workspace)


def _failed(segment: Segment, message: str, settings: RainDiversitySettings) -> Sequence[Rain]:
    return [Rain(segment.segment_id, segment.footage_id, error=message, measured_from=measured_from(segment, settings))]


def _is_done(row: Rain | None, segment: Segment, settings: RainDiversitySettings) -> bool:
    return row is not None and row.error is None and row.measured_from == measured_from(segment, settings)


# --- measures -----------------------------------------------------------------------------------------------------------------------


def _seen(segment: Segment, workspace: Workspace, size: tuple[int, int]) -> Grey | None:
    """The segment's mask at the size (width, height) that is measured; null where the whole picture counts."""
    import cv2
    import numpy as np

    from manifests.media import read_picture

    if segment.mask is None:
        return None
    small = cv2.resize(read_picture(workspace.resolve(segment.mask), grey=True), size, interpolation=cv2.INTER_AREA)
    return np.where(small >= 128, 255, 0).astype(np.uint8)


def _measured(row: Rain, series: RainSeries, scale: float) -> Rain:
    """The row with a series' measures, those of the residual that spoke, at full resolution."""
    import numpy as np

    from curate.rain import mean_orientation_deg

    spoken = series.spoken()
    streaks = series.streaks[spoken]
    told = [entry for entry in streaks if entry.orientation_deg is not None]
    orientations = np.array([entry.orientation_deg for entry in told], dtype=float)
    weights = np.array([entry.concentration for entry in told])
    length_px = tuple(_rounded(entry.length_px, scale) for entry in streaks)
    width_px = tuple(_rounded(entry.width_px, scale) for entry in streaks)
    return dataclasses.replace(
        row,
        frame_pts_s=tuple(series.pts_s),
        frame_light=tuple(round(value, 2) for value in series.light),
        frame_orientation_deg=tuple(_rounded(entry.orientation_deg) for entry in streaks),
        frame_coherence=tuple(round(entry.coherence, 4) for entry in streaks),
        frame_concentration=tuple(round(entry.concentration, 4) for entry in streaks),
        frame_cover=tuple(round(entry.cover, 5) for entry in streaks),
        frame_length_px=length_px,
        frame_width_px=width_px,
        frame_amplitude=tuple(round(entry.amplitude, 2) for entry in streaks),
        frame_novelty=tuple(round(value, 3) for value in series.novelty),
        orientation_deg=mean_orientation_deg(orientations, weights),
        coherence=_median([entry.coherence for entry in streaks]),
        concentration=_median([entry.concentration for entry in streaks]),
        elongation=_median([entry.length_px / entry.width_px for entry in streaks if entry.length_px and entry.width_px]),
        bright_to_dark=_median([entry.bright_to_dark for entry in streaks]),
        cells=_median(series.window_cells[spoken]),
        cover=_median([entry.cover for entry in streaks]),
        median_cover=_median(series.above_median),
        length_px=_median(length_px),
        width_px=_median(width_px),
        amplitude=_median([entry.amplitude for entry in streaks]),
        residual=spoken,
        difference=_median(series.difference),
    )


def _rounded(value: float | None, scale: float = 1.0) -> float | None:
    return None if value is None else round(value * scale, 3)


def _median(values: Sequence[float | None]) -> float | None:
    """Median of the values that are there; null where there is none."""
    from statistics import median

    there = [value for value in values if value is not None]
    return float(median(there)) if there else None


# --- verdicts -----------------------------------------------------------------------------------------------------------------------


def _frame_rains(row: Rain, index: int, settings: RainDiversitySettings) -> bool:
    orientation_deg = row.frame_orientation_deg[index]
    return (
        orientation_deg is not None
        and _tilt_deg(orientation_deg) <= settings.tilt_deg
        and row.frame_concentration[index] >= settings.concentration
        and settings.least_cover <= row.frame_cover[index] <= settings.most_cover
    )


def _tilt_deg(orientation_deg: float) -> float:
    """Degrees from vertical, of an orientation in [0, 180)."""
    return abs(orientation_deg - 90.0)


def _why_no_rain(row: Rain, settings: RainDiversitySettings) -> str | None:
    """Why this is no rain, or rain that no temporal median sees through; null where it is."""
    concentration, cells = row.concentration or 0.0, row.cells or 0.0
    bright_to_dark, cover, median_cover = row.bright_to_dark or 0.0, row.cover or 0.0, row.median_cover or 0.0
    if row.orientation_deg is None or row.elongation is None or concentration < settings.concentration:
        return f"no rain streaks: concentration {concentration:.2f} (least {settings.concentration:g})"
    if _tilt_deg(row.orientation_deg) > settings.tilt_deg:
        return f"streaks lie flat: {row.orientation_deg:.0f}° (at most {settings.tilt_deg:g}° from vertical)"
    if row.elongation < settings.elongation:
        return f"no streaks but spots: {row.elongation:.1f} times as long as wide (least {settings.elongation:g})"
    if bright_to_dark < settings.bright_to_dark:
        return f"darkens as much as it brightens: bright to dark {bright_to_dark:.1f} (least {settings.bright_to_dark:g})"
    if cells < settings.cells:
        return f"streaks in a small part of the picture: cells {cells:.2f} (least {settings.cells:g})"
    if cover < settings.least_cover:
        return f"too little rain: cover {cover:.4f} (least {settings.least_cover:g})"
    if median_cover > settings.most_cover:
        return f"too heavy: cover {median_cover:.2f} (most {settings.most_cover:g})"
    return None


def _why_not_diverse(row: Rain, rainy_frames: int, new_frames: int, settings: RainDiversitySettings) -> str | None:
    difference = row.difference or 0.0
    if difference < settings.difference:
        return f"frames hardly differ: {difference:.2f} of their rain (least {settings.difference:g})"
    if rainy_frames < settings.rainy_frames:
        return f"too few frames with rain: only {rainy_frames} ({settings.rainy_frames} needed)"
    if new_frames < settings.rainy_frames:
        return f"the rain repeats: only {new_frames} of {rainy_frames} frames differ ({settings.rainy_frames} needed)"
    return None
