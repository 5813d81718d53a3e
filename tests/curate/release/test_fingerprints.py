"""Fingerprints against a literal version, and what they can tell apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.release.fingerprints import CELLS, LUMA_STEPS, cells_of, luma_cells, luma_fingerprint, perceptual_fingerprint
from tests.worlds import add_streaks, background


@settings(max_examples=30, deadline=None)
@given(width=st.integers(CELLS, 70), height=st.integers(CELLS, 70), seed=st.integers(0, 2**32))
def test_cells_are_the_mean_luma_of_their_pixels(width: int, height: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    luma = picture.astype(float) @ [0.299, 0.587, 0.114]
    expected = np.empty((CELLS, CELLS))
    for row in range(CELLS):
        for column in range(CELLS):
            part = luma[row * height // CELLS : (row + 1) * height // CELLS, column * width // CELLS : (column + 1) * width // CELLS]
            expected[row, column] = part.mean() * LUMA_STEPS
    found = luma_cells(picture)
    assert np.all(found <= expected + 1e-6)
    assert np.all(found > expected - 1 - 1e-6)
    assert np.array_equal(cells_of(luma_fingerprint(found)), found)


def test_black_and_white_are_the_ends_of_the_scale() -> None:
    white = luma_cells(np.full((20, 30, 3), 255, np.uint8))
    assert luma_fingerprint(white) == f"{255 * LUMA_STEPS:04x}" * CELLS**2
    assert luma_fingerprint(luma_cells(np.zeros((20, 30, 3), np.uint8))) == "0000" * CELLS**2
    assert perceptual_fingerprint(white) == "0" * 120
    with pytest.raises(ValueError):
        cells_of("00")


def test_the_perceptual_one_tells_the_view_and_the_luma_one_the_rain() -> None:
    rng = np.random.default_rng(5)
    clean = background(320, 240, rng)
    one, other = (luma_cells(add_streaks(clean, rng)) for _ in range(2))
    elsewhere = luma_cells(background(320, 240, rng))

    def bits_apart(first: np.ndarray, second: np.ndarray) -> int:
        return (int(perceptual_fingerprint(first), 16) ^ int(perceptual_fingerprint(second), 16)).bit_count()

    assert bits_apart(one, other) < 10 < 100 < bits_apart(one, elsewhere)
    assert np.abs(one - other).max() > 20  # about a third of a grey level, where the rain differs
