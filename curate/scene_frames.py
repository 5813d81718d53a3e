"""Which frames of a segment make a scene each: told from its rain row alone, nothing is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curate.farthest_point import Floats, choose, most_that_fit, rain_points
from curate.parts import light_bands, rain_parts
from manifests.tables import Rain

if TYPE_CHECKING:
    from curate.sequences import SequencesSettings


@dataclass(frozen=True, slots=True)
class SceneFrames:
    """The frames of one scene, counted from the segment's first, in order of time; and how well they cover its rain."""

    frames: tuple[int, ...]
    coverage_radius: float


def choose_scenes(rain: Rain, settings: SequencesSettings) -> tuple[list[SceneFrames], str | None]:
    """The scenes that a segment gives, fullest light first, none sharing a frame; or why it gives none."""
    good = _good_frames(rain)
    bands = light_bands([rain.frame_light[index] for index in good], settings.light_range)
    frames_of = [[good[place] for place in band] for band in bands]
    numbers = [_number_that_fit(rain, frames, settings) for frames in frames_of]
    if max(numbers, default=0) < settings.n_frames:
        light = " in one light" if len(bands) > 1 else ""
        least = f"at least {settings.gap_s:g} s apart{light} ({settings.n_frames} needed)"
        return [], f"too few good frames: only {max(numbers, default=0)} with rain {least}"
    fitting = [frames for frames, number in zip(frames_of, numbers, strict=True) if number >= settings.n_frames]
    parts = [part for frames in fitting for part in _parts(rain, frames, settings)]
    return [_chosen(rain, part, settings) for part in parts[: settings.most_scenes]], None


def _good_frames(rain: Rain) -> list[int]:
    """Frames, counted from the segment's first, that show rain which can be told by all its measures."""
    return [
        index
        for index, raining in enumerate(rain.frame_raining)
        if raining and None not in (rain.frame_orientation_deg[index], rain.frame_length_px[index])
    ]


def _number_that_fit(rain: Rain, frames: Sequence[int], settings: SequencesSettings) -> int:
    return most_that_fit(frames, [rain.frame_pts_s[index] for index in frames], settings.gap_frames, settings.gap_s)


def _parts(rain: Rain, frames: Sequence[int], settings: SequencesSettings) -> list[Sequence[int]]:
    """The frames in parts between which the rain changes, each enough for a scene, in order of time."""

    def enough(part: range) -> bool:
        return _number_that_fit(rain, frames[part.start : part.stop], settings) >= settings.n_frames

    return [frames[part.start : part.stop] for part in rain_parts(_points(rain, frames), enough, settings.rain_change)]


def _chosen(rain: Rain, frames: Sequence[int], settings: SequencesSettings) -> SceneFrames:
    times_s = [rain.frame_pts_s[index] for index in frames]
    choice = choose(_points(rain, frames), frames, times_s, settings.n_frames, settings.gap_frames, settings.gap_s)
    assert choice is not None, "only parts with enough frames are chosen from"
    return SceneFrames(tuple(frames[place] for place in choice.chosen), choice.coverage_radius)


def _points(rain: Rain, frames: Sequence[int]) -> Floats:
    return rain_points(
        [rain.frame_orientation_deg[index] or 0.0 for index in frames],
        [rain.frame_coherence[index] for index in frames],
        [rain.frame_cover[index] for index in frames],
        [rain.frame_length_px[index] or 0.0 for index in frames],
        [rain.frame_amplitude[index] for index in frames],
    )
