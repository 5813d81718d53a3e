"""The default world: families, held-out clips that share nothing, clips that stay when others are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from acquire.simulator.backgrounds import split_name, stem
from acquire.simulator.render import render_frames
from acquire.simulator.simulate import SimulateSettings
from acquire.simulator.world import (
    DOWNPOUR_RANGES,
    DRIZZLE_RANGES,
    FLECK_RANGES,
    OTHERS,
    RAIN_RANGES,
    SPARSE_RANGES,
    WIDE_RAIN_RANGES,
    rain_parameters,
    sparse_rain,
    world,
)
from manifests.errors import InputError
from manifests.media import write_png

DEFAULT = SimulateSettings()


def test_the_default_world_holds_what_its_settings_say() -> None:
    clips = world(DEFAULT)
    kinds = [clip.name.split("-")[0] for clip in clips]
    assert kinds.count("rain") == DEFAULT.clips
    assert kinds.count("holdout") == DEFAULT.held_out
    assert tuple(kinds[DEFAULT.clips + DEFAULT.held_out :]) == DEFAULT.mix
    assert len({clip.name for clip in clips}) == len(clips)
    assert all(clip.name.endswith(stem(clip.background)) for clip in clips)
    assert {clip.variable_frame_rate for clip in clips} == {True, False}
    assert {clip.rotation_deg for clip in clips} == {0, 90}
    assert len({clip.codec for clip in clips}) > 1


def test_held_out_photos_are_shown_by_no_other_clip() -> None:
    clips = world(SimulateSettings(clips=40, held_out=12, others=40))
    held_out = {clip.background for clip in clips if clip.name.startswith("holdout")}
    rest = {clip.background for clip in clips if not clip.name.startswith("holdout")}
    rest |= {event.background for clip in clips for event in clip.events if event.background}
    photos = {split_name(name)[0] for name in held_out} - {"street", "thicket"}
    assert len(photos) == 3
    assert photos.isdisjoint(split_name(name)[0] for name in rest)
    assert held_out.isdisjoint(rest)
    rain = [clip.background for clip in clips if clip.name.startswith(("rain", "holdout"))]
    assert len(set(rain)) == len(rain)  # no two scenes show one place


Ranges = dict[str, tuple[float, float]]


@pytest.mark.parametrize(
    ("look", "kinds", "ranges"),
    [
        ("filmed", range(8), RAIN_RANGES),
        ("wide", (0, 1, 5, 6), WIDE_RAIN_RANGES),
        ("wide", (2,), FLECK_RANGES),
        ("wide", (4,), DRIZZLE_RANGES),
        ("wide", (3, 7), DOWNPOUR_RANGES),
    ],
)
def test_no_two_clips_share_a_rain_parameter(look: Literal["filmed", "wide"], kinds: Sequence[int], ranges: Ranges) -> None:
    """Apart by at least a thousandth of each parameter's range, half of which they span or more; each eighth clip is of a kind."""
    numbers = [number for number in range(48 if len(kinds) > 1 else 96) if number % 8 in kinds]
    rains = [rain_parameters(3 * number, look == "wide") for number in numbers]
    for name, (low, high) in ranges.items():
        values = [getattr(rain, name) for rain in rains]
        assert all(low <= value <= high for value in values)
        assert max(values) - min(values) > 0.5 * (high - low), name
        assert min(abs(one - two) for one, two in combinations(values, 2)) > (high - low) / 2000, name


def test_no_two_sparse_clips_share_a_rain_parameter() -> None:
    rains = [sparse_rain(number) for number in range(48)]
    for name, (low, high) in SPARSE_RANGES.items():
        values = [getattr(rain, name) for rain in rains]
        assert all(low <= value <= high for value in values)
        assert max(values) - min(values) > 0.5 * (high - low), name
        assert min(abs(one - two) for one, two in combinations(values, 2)) > (high - low) / 2000, name


@pytest.mark.parametrize("rain", ["filmed", "wide"])
def test_sparse_clips_show_places_that_no_rainy_clip_shows(rain: Literal["filmed", "wide"]) -> None:
    """In hardly any rain, whatever the rain of the others; and they leave the others as they are."""
    clips = world(SimulateSettings(clips=40, held_out=4, others=0, sparse=30, rain=rain))
    sparse = [clip for clip in clips if clip.name.startswith("sparse-")]
    assert len(sparse) == 30
    assert [clip for clip in clips if clip not in sparse] == world(SimulateSettings(clips=40, held_out=4, others=0, rain=rain))
    assert {clip.background for clip in sparse}.isdisjoint(clip.background for clip in clips if clip not in sparse)
    assert len({clip.background for clip in sparse}) == 30
    first = next(clip for clip in sparse if clip.rain and clip.rain.density < 0.01)
    lit = [(frame.rain > 2).mean() for frame in render_frames(replace(first, frames=5))]
    assert max(lit) < 0.05


def test_wide_rain_falls_straight_more_often_than_not() -> None:
    """As many are nearer the vertical than a normal distribution of 16° has them."""
    directions = [rain_parameters(3 * number, wide=True).orientation_deg for number in range(2000)]
    assert np.mean([abs(direction - 90) < 16 for direction in directions]) == pytest.approx(0.683, abs=0.02)
    assert np.mean(directions) == pytest.approx(90, abs=0.5)


def test_adding_clips_leaves_the_others_as_they_are() -> None:
    few = {clip.name: clip for clip in world(SimulateSettings(clips=3, held_out=1, others=2))}
    many = {clip.name: clip for clip in world(SimulateSettings(clips=30, held_out=6, others=20))}
    assert few.items() <= many.items()


def test_another_seed_is_another_world() -> None:
    assert all(one.seed != two.seed for one, two in zip(world(DEFAULT), world(SimulateSettings(seed=1)), strict=True))


@pytest.mark.parametrize("kind", list(OTHERS))
def test_every_kind_of_clip_can_be_rendered(kind: str) -> None:
    settings = SimulateSettings(clips=0, held_out=0, others=1, mix=(kind,), width=96, height=64, frames=6)
    [clip] = world(settings)
    frames = list(render_frames(clip))
    assert len(frames) == 6
    assert clip.name.startswith(f"{kind}-000-")
    dry = kind in ("dry", "traffic", "glass", "snow")
    assert (clip.rain is None) == dry
    assert any(frame.rain.any() for frame in frames) != dry


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="mix: sideways: no such kind of clip; choose from pan"):
        world(SimulateSettings(mix=("pan", "sideways")))


def test_a_folder_of_pictures_replaces_the_photos(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for number in range(12):
        write_png(tmp_path / f"photo{number}.png", generator.integers(0, 255, (130, 170, 3)).astype(np.uint8))
    settings = SimulateSettings(clips=6, held_out=2, others=2, width=160, height=120, backgrounds=str(tmp_path))
    clips = world(settings)
    held_out = {split_name(clip.background)[0] for clip in clips if clip.name.startswith("holdout")}
    rest = {split_name(clip.background)[0] for clip in clips if not clip.name.startswith("holdout")}
    assert held_out.isdisjoint(rest)
    assert all(Path(name).parent == tmp_path for name in held_out | rest)
    first = next(render_frames(replace(clips[0], frames=1)))
    assert first.clean.shape == (120, 160, 3)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="holds no pictures"):
            world(SimulateSettings(backgrounds=str(folder)))
