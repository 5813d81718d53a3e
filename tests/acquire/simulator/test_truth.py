"""The truth row says what was rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acquire.simulator.camera import poses
from acquire.simulator.render import render_clip, render_frames
from acquire.simulator.specification import CameraMove, ClipSpecification, Event, RainSpecification
from acquire.simulator.truth import circular_mean_deg, clean_is_constant, static_spans

CLIP = ClipSpecification(name="yard", seed=1, width=96, height=64, frames=12, background="rocket", rain=RainSpecification(density=0.1))


def test_density_and_brightness_are_those_of_the_pictures(tmp_path: Path) -> None:
    clip = replace(CLIP, noise=0.0)
    truth = render_clip(clip, tmp_path / "clip.mp4")
    added = [(frame.picture.astype(int) - frame.clean).max(axis=2) for frame in render_frames(clip)]
    assert np.allclose(truth.frame_density, [(one > 5).mean() for one in added])
    assert np.allclose(truth.frame_brightness, [one[one > 5].mean() for one in added])
    together = np.stack(added)
    assert truth.density == pytest.approx((together > 5).mean())
    assert truth.brightness == pytest.approx(together[together > 5].mean())
    assert len(truth.frame_orientation_deg) == len(truth.pts_s) == len(truth.shift_x_px) == 12
    assert truth.orientation_deg == pytest.approx(90, abs=2)
    assert truth.length_px == pytest.approx(24, rel=0.25)
    assert truth.raining
    assert (truth.clip_id, truth.background) == ("yard", "rocket:0")


def test_a_clip_without_rain_has_no_rain_measures(tmp_path: Path) -> None:
    truth = render_clip(replace(CLIP, rain=None), tmp_path / "clip.mp4")
    assert not truth.raining
    assert truth.density is truth.orientation_deg is truth.length_px is None
    assert truth.frame_density == ()


def test_means_of_directions_wrap() -> None:
    assert circular_mean_deg([178, 2]) % 180 == pytest.approx(0, abs=1e-9)
    assert circular_mean_deg([80, 100]) == pytest.approx(90)


@pytest.mark.parametrize(
    ("change", "spans"),
    [
        ({}, [(0, 12)]),
        ({"events": (Event("cut", 5),)}, [(0, 5), (5, 12)]),
        ({"events": (Event("fade", 4, 8),)}, [(0, 4), (8, 12)]),
        ({"events": (Event("black", 0, 3), Event("cut", 3))}, [(3, 12)]),
        ({"events": (Event("flash", 4, 6), Event("objects"), Event("frozen", 2, 5))}, [(0, 12)]),
        ({"camera": CameraMove("bump", 3.0, frame=7)}, [(0, 7), (7, 12)]),
        ({"camera": CameraMove("pan", 1.0)}, []),
        ({"camera": CameraMove("pan", 1.0), "events": (Event("frozen", 2, 9),)}, [(2, 9)]),
        ({"camera": CameraMove("zoom", 10.0)}, []),
    ],
)
def test_static_spans(change: dict[str, object], spans: list[tuple[int, int]]) -> None:
    clip = replace(CLIP, **change)  # type: ignore[arg-type]
    assert static_spans(clip, poses(clip)) == spans


@pytest.mark.parametrize(
    ("change", "constant"),
    [
        ({}, True),
        ({"events": (Event("overlay"), Event("haze"), Event("bars"))}, True),
        ({"events": (Event("frozen", 3, 6),)}, True),
        ({"events": (Event("overlay", 0, 6),)}, False),
        ({"events": (Event("objects", 3, 6),)}, False),
        ({"events": (Event("exposure"),)}, False),
        ({"camera": CameraMove("bump", 3.0, frame=7)}, False),
    ],
)
def test_a_clean_picture_is_promised_only_where_it_is_constant(tmp_path: Path, change: dict[str, object], constant: bool) -> None:
    clip = replace(CLIP, **change)  # type: ignore[arg-type]
    clean = [frame.clean for frame in render_frames(clip)]
    assert all(np.array_equal(one, clean[0]) for one in clean) == clean_is_constant(clip) == constant
    truth = render_clip(clip, tmp_path / "clip.mp4", tmp_path / "clean.png")
    assert (truth.clean is not None) == (tmp_path / "clean.png").exists() == constant
