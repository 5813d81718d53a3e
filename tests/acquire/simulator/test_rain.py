"""Rain of a frame against independent measurements of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.feature
import skimage.filters
from hypothesis import given, settings
from hypothesis import strategies as st

from acquire.simulator.rain import VISIBLE, add_rain, frame_rain
from acquire.simulator.specification import RainSpecification

reference: Any = skimage  # untyped in parts
STEADY = RainSpecification(frame_jitter_deg=0.0, drop_jitter_deg=0.0, frame_variation=0.0)
GREY = np.full((240, 320, 3), 110, np.float32)


def orientation_by_structure_tensor(light: npt.NDArray[np.float32]) -> float:
    # Blurred first: on streaks a pixel wide, differences of neighbours lean towards the axes.
    smooth = reference.filters.gaussian(light, 1.5)
    rows, mixed, columns = reference.feature.structure_tensor(smooth, sigma=2, order="rc")
    gradient = 0.5 * np.arctan2(2 * -mixed.sum(), columns.sum() - rows.sum())  # rows count downwards, angles upwards
    return float(np.degrees(gradient) + 90) % 180


@pytest.mark.parametrize("smeared", [0.0, 1.0])
@pytest.mark.parametrize("angle", [52.0, 90.0, 118.0, 15.0])
def test_orientation_is_what_was_asked_for(angle: float, smeared: float) -> None:
    rain = replace(STEADY, orientation_deg=angle, length_px=30, smeared=smeared, density=0.08)
    measured = orientation_by_structure_tensor(frame_rain(rain, 320, 240, np.random.default_rng(0)).light)
    assert abs((measured - angle + 90) % 180 - 90) < 1.5


def test_directions_vary_by_frame_as_stated() -> None:
    rain = RainSpecification(orientation_deg=178, frame_jitter_deg=3.0)
    found = [frame_rain(rain, 64, 48, np.random.default_rng(seed)).orientation_deg for seed in range(200)]
    offsets = (np.array(found) - 178 + 90) % 180 - 90
    assert abs(offsets.mean()) < 0.7
    assert 2.4 < offsets.std() < 3.6
    assert all(0 <= angle < 180 for angle in found)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_mean_length_and_width_over_drops(layers: int) -> None:
    rain = replace(STEADY, layers=layers, smeared=0.0, length_px=25, width_px=2.0, defocus_px=0.0)
    frames = [frame_rain(rain, 320, 240, np.random.default_rng(seed)) for seed in range(8)]
    assert np.concatenate([frame.lengths_px for frame in frames]).mean() == pytest.approx(25, rel=0.08)
    assert np.concatenate([frame.widths_px for frame in frames]).mean() == pytest.approx(2.0, rel=0.12)
    spread = np.concatenate([frame.lengths_px for frame in frames]).std()
    assert spread > (4 if layers == 1 else 7)  # layers differ in length


@pytest.mark.parametrize("smeared", [0.0, 0.5])
@pytest.mark.parametrize(
    ("density", "length", "width", "brightness"), [(0.05, 12, 1.0, 60), (0.1, 24, 1.6, 90), (0.2, 45, 2.4, 120), (0.2, 10, 1.2, 50)]
)
def test_density_comes_near_what_was_asked_for(density: float, length: float, width: float, brightness: float, smeared: float) -> None:
    rain = replace(STEADY, density=density, length_px=length, width_px=width, brightness=brightness, smeared=smeared)
    rainy = [add_rain(GREY, frame_rain(rain, 320, 240, np.random.default_rng(seed)).light, rain.bright_ground) - GREY for seed in range(5)]
    assert np.mean([(added > VISIBLE).mean() for added in rainy]) == pytest.approx(density, rel=0.3)


@pytest.mark.parametrize("bright_ground", [0.0, 0.55])
@pytest.mark.parametrize(("density", "length", "brightness"), [(0.06, 12, 60), (0.15, 40, 90), (0.33, 70, 40)])
def test_rain_made_of_noise_covers_and_shines_as_asked_for(density: float, length: float, brightness: float, bright_ground: float) -> None:
    rain = replace(STEADY, maker="noise", density=density, length_px=length, brightness=brightness, bright_ground=bright_ground)
    light = [frame_rain(rain, 320, 240, np.random.default_rng(seed)).light for seed in range(3)]
    added = [add_rain(GREY, one, bright_ground) - GREY for one in light]
    assert np.mean([(one > VISIBLE).mean() for one in added]) == pytest.approx(density, rel=0.1)
    assert np.mean([np.quantile(one, 0.99) for one in light]) == pytest.approx(brightness, rel=0.02)


@pytest.mark.parametrize("angle", [52.0, 90.0, 118.0])
def test_rain_made_of_noise_has_its_direction(angle: float) -> None:
    rain = replace(STEADY, maker="noise", orientation_deg=angle, length_px=30, density=0.1)
    measured = orientation_by_structure_tensor(frame_rain(rain, 320, 240, np.random.default_rng(0)).light)
    assert abs((measured - angle + 90) % 180 - 90) < 2.5


def test_density_and_brightness_vary_from_frame_to_frame() -> None:
    rain = RainSpecification(frame_variation=0.3, density=0.1)
    light = [frame_rain(rain, 320, 240, np.random.default_rng(seed)).light for seed in range(12)]
    density = np.array([(one > VISIBLE).mean() for one in light])
    assert 0.12 < density.std() / density.mean() < 0.6
    steady = [frame_rain(replace(rain, frame_variation=0.0), 320, 240, np.random.default_rng(seed)).light for seed in range(12)]
    assert np.std([(one > VISIBLE).mean() for one in steady]) < 0.6 * density.std()


def test_frames_share_no_streak() -> None:
    rain = RainSpecification(density=0.1)
    first, second = (frame_rain(rain, 320, 240, np.random.default_rng(seed)).light > VISIBLE for seed in (1, 2))
    both = (first & second).mean()
    assert both == pytest.approx(first.mean() * second.mean(), rel=0.25)  # no more than chance lays over each other


def test_defocus_spreads_the_same_light() -> None:
    sharp, soft = (
        frame_rain(replace(STEADY, defocus_px=blur, layers=1, smeared=0, density=0.03), 320, 240, np.random.default_rng(5))
        for blur in (0.0, 2.0)
    )
    assert soft.light.max() < 0.6 * sharp.light.max()
    assert soft.widths_px.mean() > 1.8 * sharp.widths_px.mean()


@settings(max_examples=40, deadline=None)
@given(
    ground=st.lists(st.floats(0, 255, width=32), min_size=3, max_size=3),
    light=st.floats(0, 400, width=32),
    more=st.floats(0, 100, width=32),
    bright_ground=st.floats(0, 1, width=32),
)
def test_rain_only_brightens_and_more_light_is_never_darker(ground: list[float], light: float, more: float, bright_ground: float) -> None:
    clean = np.array(ground, np.float32).reshape(1, 1, 3)
    rainy = add_rain(clean, np.full((1, 1), light, np.float32), bright_ground)
    assert (rainy >= clean).all()
    assert rainy.max() <= 255
    assert (add_rain(clean, np.full((1, 1), light + more, np.float32), bright_ground) >= rainy - 1e-3).all()


def test_bright_ground_takes_less_light() -> None:
    light = np.full((1, 1), 40, np.float32)
    dark, bright = (float((add_rain(np.full((1, 1, 3), level, np.float32), light, 0.55) - level).max()) for level in (20, 180))
    assert 0.5 * dark < bright < dark
