"""Drawn streaks against a literal drawing, pixel by pixel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.measure

from acquire.simulator.streaks import Streaks, draw_streaks

reference: Any = skimage.measure  # untyped


def literal(streaks: Streaks, width: int, height: int) -> npt.NDArray[np.float64]:
    """Each pixel takes each streak's light at its centre."""
    light = np.zeros((height, width))
    for x, y, angle, length, deviation, peak in zip(
        streaks.x, streaks.y, streaks.angle, streaks.length, streaks.deviation, streaks.peak, strict=True
    ):
        for row in range(height):
            for column in range(width):
                along = abs((column - x) * math.cos(angle) - (row - y) * math.sin(angle)) / length
                across = (column - x) * math.sin(angle) + (row - y) * math.cos(angle)
                if along < 0.25:
                    window = 1.0
                elif along < 0.75:
                    window = (1 + math.cos(2 * math.pi * (along - 0.25))) / 2
                else:
                    window = 0.0
                light[row, column] += peak * math.exp(-0.5 * (across / deviation) ** 2) * window
    return light


@pytest.mark.parametrize("angle_deg", [90.0, 63.0, 130.0, 10.0, 175.0])
def test_streaks_equal_the_literal_drawing(angle_deg: float) -> None:
    generator = np.random.default_rng(1)
    count = 6
    streaks = Streaks(
        x=generator.uniform(-5, 45, count),
        y=generator.uniform(-5, 35, count),
        angle=np.radians(angle_deg + generator.normal(0, 2, count)),
        length=generator.uniform(3, 25, count),
        deviation=generator.uniform(0.4, 1.5, count),
        peak=generator.uniform(20, 120, count),
    )
    # Tails beyond three deviations, a hundredth of the peak, are not drawn.
    assert np.allclose(draw_streaks(streaks, 40, 30), literal(streaks, 40, 30), atol=0.012 * streaks.peak.max())


@pytest.mark.parametrize("angle_deg", [90.0, 70.0, 30.0])
def test_length_and_width_are_full_widths_at_half_maximum(angle_deg: float) -> None:
    angle = math.radians(angle_deg)
    light = draw_streaks(Streaks(*(np.array([value]) for value in (60.0, 60.0, angle, 30.0, 2.0, 100.0))), 121, 121)
    along, across = np.array([-math.sin(angle), math.cos(angle)]), np.array([math.cos(angle), math.sin(angle)])  # (row, column)
    for direction, expected in ((along, 30.0), (across, 2.0 * 2.3548)):
        ends = np.array([60, 60]) - 40 * direction, np.array([60, 60]) + 40 * direction
        profile = reference.profile_line(light, *ends, order=1, linewidth=1)
        assert (profile > 50).sum() == pytest.approx(expected, abs=1.6)


def test_no_streaks_give_no_light() -> None:
    assert not draw_streaks(Streaks(*(np.zeros(0) for _ in range(6))), 20, 10).any()
