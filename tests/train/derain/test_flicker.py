"""Flicker as a number: known changes in, the same out, and what moves left aside."""

from __future__ import annotations

import numpy as np
import pytest

from train.derain.flicker import Flicker


def test_the_mean_change_of_every_version_where_nothing_moves() -> None:
    still = np.full((50, 60), 100, np.uint8)
    flicker = Flicker()
    for number in range(6):
        flicker.add(still, still + np.uint8(4 * (number % 2)), still + np.uint8(number))
    assert flicker.levels() == [0, 4, 1]


def test_what_moves_does_not_count_in_any_version() -> None:
    flicker = Flicker()
    for number in range(6):
        picture = np.full((50, 60), 100, np.uint8)
        picture[10:25, 8 * number : 8 * number + 12] = 200
        flicker.add(picture, picture + np.uint8(2 * (number % 2)))
    assert flicker.levels() == [0, 2]


def test_deep_samples_are_told_in_levels_of_8_bits() -> None:
    flicker = Flicker(bits=10)
    for number in range(3):
        flicker.add(np.full((50, 60), 400 + 4 * (number % 2), np.uint16))
    assert flicker.levels() == [pytest.approx(1)]


def test_one_frame_does_not_flicker_and_nothing_is_known_where_all_moves() -> None:
    flicker = Flicker()
    assert flicker.levels() == []
    flicker.add(np.zeros((20, 20), np.uint8))
    assert flicker.levels() == [None]
    flicker.add(np.full((20, 20), 90, np.uint8))
    assert flicker.levels() == [None]
