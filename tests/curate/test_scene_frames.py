"""Which frames make scenes: several from a segment whose light or rain changes, none that share a frame, a bounded number."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.scene_frames import choose_scenes
from curate.sequences import SequencesSettings
from manifests.tables import Rain

SETTINGS = SequencesSettings(n_frames=8)
FPS = 25


def rain_row(cover: Sequence[float], light: Sequence[float] | None = None, raining: Sequence[bool] | None = None) -> Rain:
    """A segment's rain of that cover, flickering by a tenth."""
    count = len(cover)
    flicker = np.exp(np.random.default_rng(0).normal(0, 0.1, count))
    return Rain(
        segment_id="s",
        footage_id="f",
        frame_pts_s=tuple(index / FPS for index in range(count)),
        frame_light=tuple(light if light is not None else [90.0] * count),
        frame_raining=tuple(raining if raining is not None else [True] * count),
        frame_orientation_deg=(80.0,) * count,
        frame_coherence=(0.6,) * count,
        frame_cover=tuple(np.array(cover) * flicker),
        frame_length_px=(20.0,) * count,
        frame_width_px=(2.0,) * count,
        frame_amplitude=(30.0,) * count,
    )


def test_rain_that_turns_heavy_gives_a_scene_for_each() -> None:
    scenes, reason = choose_scenes(rain_row([0.01] * 60 + [0.06] * 60), SETTINGS)
    assert reason is None
    assert [set(scene.frames) <= set(part) for scene, part in zip(scenes, (range(60), range(60, 120)), strict=True)] == [True, True]
    assert len(choose_scenes(rain_row([0.01] * 120), SETTINGS)[0]) == 1
    assert len(choose_scenes(rain_row([0.01] * 60 + [0.06] * 60), SequencesSettings(n_frames=8, rain_change=4.0))[0]) == 1


def test_light_that_drifts_gives_a_scene_for_each_band_up_to_a_number() -> None:
    drifting = rain_row([0.02] * 300, light=list(np.linspace(60, 100, 300)))
    scenes, _ = choose_scenes(drifting, SETTINGS)
    assert len(scenes) == SETTINGS.most_scenes
    assert len(choose_scenes(drifting, SequencesSettings(n_frames=8, most_scenes=9))[0]) == 7  # bands of 6 levels in 40
    for scene in scenes:
        light = [drifting.frame_light[index] for index in scene.frames]
        assert max(light) - min(light) <= SETTINGS.light_range


def test_too_few_good_frames_are_told_with_their_number() -> None:
    raining = [index % 10 == 0 for index in range(70)]
    assert choose_scenes(rain_row([0.02] * 70, raining=raining), SETTINGS) == (
        [],
        "too few good frames: only 7 with rain at least 0.1 s apart (8 needed)",
    )
    assert choose_scenes(rain_row([]), SETTINGS)[1] == "too few good frames: only 0 with rain at least 0.1 s apart (8 needed)"


@given(
    st.lists(st.tuples(st.sampled_from([0.01, 0.03, 0.2]), st.sampled_from([50.0, 54.0, 80.0]), st.booleans()), max_size=90),
    st.integers(2, 6),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=60)
def test_scenes_share_no_frame_and_keep_the_gap(frames: list[tuple[float, float, bool]], number: int, most: int) -> None:
    row = rain_row([frame[0] for frame in frames], [frame[1] for frame in frames], [frame[2] for frame in frames])
    scenes, reason = choose_scenes(row, SequencesSettings(n_frames=number, most_scenes=most))
    assert (reason is None) == bool(scenes)
    assert len(scenes) <= most
    for scene in scenes:
        assert len(scene.frames) == number
        assert all(row.frame_raining[index] for index in scene.frames)
        assert np.diff([row.frame_pts_s[index] for index in scene.frames]).min() >= 0.1 - 1e-6
    for one, other in combinations(scenes, 2):
        assert not set(one.frames) & set(other.frames)
