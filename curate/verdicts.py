"""Verdict and reason of each span of a footage, taken from its stored measures alone: nothing here decodes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from curate import shots, spans
from curate.measures import NO_VIEW, WINDOW, Measures
from curate.shots import Run
from curate.span_measures import Mask, duration_s, excursions, measured_span, moving_share_and_mask, without_overlays_at_its_rim
from manifests.tables import Segment

if TYPE_CHECKING:
    from curate.static_segments import StaticSegmentsSettings

FADED_CONTRAST = 0.3  # share of its contrast that a picture loses or gains in what is called a fade
FADED_DETAIL = 0.5  # the same of how much frames resemble those a window before


@dataclass(frozen=True)
class _Shot:
    """Frames between two cuts or fades."""

    first_frame: int
    end_frame: int
    runs: list[Run]


def judge(measures: Measures, footage_id: str, settings: StaticSegmentsSettings) -> list[tuple[Segment, Mask | None]]:
    """The footage's spans in order, a row each with verdict, reason and measures, and the mask of each that is kept.

    The rows partition the footage's frames.
    """
    judged = []
    for shot, still, pauses in _shots_with_pieces(measures, settings):
        for first, end in _gaps(measures, shot, still):
            paused = any(first < piece.end_frame and piece.first_frame < end for piece in pauses)
            judged.append(_judge_rest(measures, shot, first, end, paused, settings))
        judged += [_judge_still(measures, piece, settings) for piece in still]
    judged.sort(key=lambda entry: entry[0].first_frame)
    return [(replace(row, segment_id=f"{footage_id}-{row.first_frame:06d}", footage_id=footage_id), mask) for row, mask in judged]


def _limits(settings: StaticSegmentsSettings) -> spans.Limits:
    return spans.Limits(settings.shift_px, settings.edge_px)


def _shots_with_pieces(measures: Measures, settings: StaticSegmentsSettings) -> list[tuple[_Shot, list[spans.Piece], list[spans.Piece]]]:
    """Each shot with its still pieces and pauses. A fade ends a shot only where something stands still before or after it."""
    runs = shots.view_runs(measures)
    cuts = {0, *shots.cuts(measures), measures.frames}
    edges = sorted(cuts | set(shots.dissolves(measures)))
    found: list[tuple[_Shot, list[spans.Piece], list[spans.Piece]]] = []
    for first, end in pairwise(edges):
        shot = _shot(measures, first, end, runs)
        still, pauses = _still_pieces(measures, shot, settings)
        if found and first not in cuts and not still and not found[-1][1]:
            before, _, pauses_before = found.pop()
            shot, pauses = _shot(measures, before.first_frame, end, runs), pauses_before + pauses
        found.append((shot, still, pauses))
    return found


def _shot(measures: Measures, first: int, end: int, runs: list[Run]) -> _Shot:
    return _Shot(first, end, [run for run in runs if first <= measures.window_first[run.first_window] < end])


def _still_pieces(measures: Measures, shot: _Shot, settings: StaticSegmentsSettings) -> tuple[list[spans.Piece], list[spans.Piece]]:
    """The pieces of a shot in which the camera stands for long enough, and those that are mere pauses of a moving camera."""
    pieces: list[spans.Piece] = []
    for run in shot.runs:
        if run.view != NO_VIEW:
            for piece in spans.still_pieces(measures, run, _limits(settings), settings.least_frames):
                pieces += _without_stalls(measures, piece, settings.least_frames)
    long = [piece for piece in pieces if _lasts(measures, piece, settings.least_s)]
    settled = spans.settled_pieces(long, (shot.first_frame, shot.end_frame), measures.pts_s, settings.settled_s)
    return settled, [piece for piece in long if piece not in settled]


def _without_stalls(measures: Measures, piece: spans.Piece, least_frames: int) -> list[spans.Piece]:
    """The piece, parted where its picture freezes or comes to life again."""
    edges = [piece.first_frame, *shots.stalls(measures, piece.first_frame, piece.end_frame, least_frames), piece.end_frame]
    return [replace(piece, first_frame=first, end_frame=end) for first, end in pairwise(edges) if end - first >= least_frames]


def _lasts(measures: Measures, piece: spans.Piece, least_s: float) -> bool:
    # One interval's grace, for frame times that are rounded or irregular.
    frames = piece.end_frame - piece.first_frame
    return duration_s(measures, piece.first_frame, piece.end_frame) * (frames + 1) / frames >= least_s


def _gaps(measures: Measures, shot: _Shot, still: list[spans.Piece]) -> list[tuple[int, int]]:
    """What the still pieces leave of a shot, split where what can be matched borders on what cannot."""
    edges = {shot.first_frame, shot.end_frame}
    edges |= {piece.first_frame for piece in still} | {piece.end_frame for piece in still}
    for before, after in pairwise(shot.runs):
        if (before.view == NO_VIEW) != (after.view == NO_VIEW):
            edges.add(int(measures.window_first[after.first_window]))
    taken = {piece.first_frame: piece.end_frame for piece in still}
    ordered = sorted(edges)
    inside = [(piece.first_frame, piece.end_frame) for piece in still]
    return [
        (first, end) for first, end in pairwise(ordered) if taken.get(first) != end and not any(a <= first and end <= b for a, b in inside)
    ]


def _judge_still(measures: Measures, piece: spans.Piece, settings: StaticSegmentsSettings) -> tuple[Segment, Mask | None]:
    row = measured_span(measures, piece.first_frame, piece.end_frame)
    moving, mask = moving_share_and_mask(measures, piece.first_frame, piece.end_frame, settings)
    row = replace(row, moving_fraction=moving, verdict="static", jitter_px=round(piece.jitter * settings.shift_px, 3))
    assert row.frozen_fraction is not None
    if (moved := _why_moving(measures, row, piece.first_frame, piece.end_frame, settings)) is not None:
        return _rejected(row, "moving", moved), None
    if row.frozen_fraction >= settings.frozen_fraction:
        told = f"{100 * row.frozen_fraction:.0f} % of frames repeat one picture (limit {100 * settings.frozen_fraction:.0f} %)"
        return _rejected(row, "static", f"frozen: {told}; a still stream, or a dry scene that its encoder smoothed"), None
    if moving > settings.moving_fraction:
        limit = f"(limit {100 * settings.moving_fraction:.0f} %)"
        return _rejected(row, "moving", f"scene moves: in {100 * moving:.0f} % of the picture {limit}"), None
    return without_overlays_at_its_rim(row, measures, settings.cropped_share), mask


def _judge_rest(
    measures: Measures, shot: _Shot, first: int, end: int, paused: bool, settings: StaticSegmentsSettings
) -> tuple[Segment, Mask | None]:
    row = measured_span(measures, first, end)
    return _rejected(row, *_why_not(measures, shot, row, paused, settings)), None


def _why_not(
    measures: Measures, shot: _Shot, row: Segment, paused: bool, settings: StaticSegmentsSettings
) -> tuple[Literal["static", "moving", "unknown"], str]:
    """Verdict and reason for a span in which the camera was not found to stand."""
    first, end = row.first_frame, row.end_frame
    assert row.textured_blocks is not None
    if row.textured_blocks < settings.textured_blocks:
        if (row.brightness or 0) < settings.dark_level:
            return "unknown", f"too dark: mean grey level {row.brightness:.0f} (at least {settings.dark_level:g})"
        return "unknown", f"too little texture: {row.textured_blocks} of {measures.blocks} blocks (at least {settings.textured_blocks})"
    moved = _why_moving(measures, row, first, end, settings)
    if moved is None:
        if (change := _contrast_change(measures, shot, first, end)) > FADED_CONTRAST:
            return "unknown", f"fades: contrast changes by {100 * change:.0f} %"
        if (change := _detail_change(measures, shot, first, end)) > FADED_DETAIL:
            return "unknown", f"fades: detail changes by {100 * change:.0f} %"
        if paused:
            moved = _why_moving(measures, row, shot.first_frame, shot.end_frame, settings)
    if moved is not None:
        return "moving", moved
    views = len({run.view for run in shot.runs})
    frames, seconds = end - first, duration_s(measures, first, end)
    if frames < settings.least_frames or seconds < settings.least_s:
        wanted = f"(at least {settings.least_frames} frames and {settings.least_s:g} s)"
        return "static" if views == 1 else "unknown", f"shot too short: {frames} frames, {seconds:.1f} s {wanted}"
    if views > 1:
        return "moving" if views > 2 else "unknown", f"picture does not hold: {views} views in {seconds:.1f} s"
    wanted = f"{settings.least_frames} frames and {settings.least_s:g} s"
    return "static", f"rests too briefly: never for {wanted} in {frames} frames, {seconds:.1f} s"


def _why_moving(measures: Measures, row: Segment, first: int, end: int, settings: StaticSegmentsSettings) -> str | None:
    shift, zoom, roll = excursions(measures, first, end)
    to_corner = np.hypot(measures.width, measures.height) / 2
    zoom_px, roll_px = zoom * to_corner, np.radians(roll) * to_corner
    at_corners = f"px at the corners (limit {settings.edge_px:g})"
    if shift > settings.shift_px:
        return f"camera moves: {shift:.1f} px (limit {settings.shift_px:g})"
    if max(zoom_px, roll_px) > settings.edge_px:
        if zoom_px >= roll_px:
            return f"camera zooms: {100 * zoom:.2f} %, {zoom_px:.1f} {at_corners}"
        return f"camera rolls: {roll:.2f}°, {roll_px:.1f} {at_corners}"
    if row.jitter_px is not None and row.jitter_px > settings.jitter_px:
        return f"camera shakes: {row.jitter_px:.1f} px from frame to frame (limit {settings.jitter_px:g})"
    return None


def _contrast_change(measures: Measures, shot: _Shot, first: int, end: int) -> float:
    contrast = measures.contrast[max(shot.first_frame, first - 1) : min(shot.end_frame, end + 1)]
    return float(1 - (contrast.min() + 0.5) / (contrast.max() + 0.5))


def _detail_change(measures: Measures, shot: _Shot, first: int, end: int) -> float:
    """How much less frames resemble those a window before than usual in the footage; within their shot, since a cut is no fade."""
    inside = measures.earlier_resemblance[max(first, shot.first_frame + WINDOW) : end]
    usual = float(np.median(measures.earlier_resemblance))
    return 1 - float(inside.min()) / usual if len(inside) and usual > 0 else 0.0


def _rejected(row: Segment, verdict: Literal["static", "moving", "unknown"], reason: str) -> Segment:
    return replace(row, verdict=verdict, reason=reason)
