"""The same rain is found again; the frame before or after, another time at the place, and rain under other light are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from curate.release.fingerprints import luma_cells
from curate.release.likeness import Cells, correlations, find, rain_of
from tests.worlds import add_streaks, background

FPS = 20


def clip(seed: int, frames: int = 50) -> list[np.ndarray]:
    """A static place in the rain; the same place for every seed."""
    clean = background(160, 128, np.random.default_rng(99))
    rng = np.random.default_rng(seed)
    return [add_streaks(clean, rng, streaks=60) for _ in range(frames)]


def cells(pictures: list[np.ndarray]) -> Cells:
    return np.stack([luma_cells(picture).ravel() for picture in pictures]).astype(float)


@pytest.fixture(scope="module")
def seen() -> Cells:
    return cells(clip(1))


CHOSEN = np.arange(10, 40, 3)


def noisy(frames: Cells, levels: float, seed: int = 0) -> Cells:
    return frames + 64 * levels * np.random.default_rng(seed).normal(size=frames.shape)


@pytest.mark.parametrize("shift", [-8, 0, 9])
def test_frames_are_found_where_they_are(seen: Cells, shift: int) -> None:
    times = (np.arange(50) + shift) / FPS
    match = find(seen[CHOSEN], (CHOSEN / FPS).tolist(), noisy(seen, 0.3), times.tolist())
    assert match is not None
    assert match.places == tuple(CHOSEN.tolist())
    assert match.shift_s == pytest.approx(shift / FPS)
    assert match.close
    assert match.lead > 0.5


def test_light_that_changes_evenly_is_not_rain(seen: Cells) -> None:
    gains = 1 + 0.2 * np.sin(np.arange(50))[:, None]
    slope = np.linspace(-300, 300, 256) * np.cos(np.arange(50))[:, None]
    lit = seen * gains + slope
    assert np.median(correlations(seen[CHOSEN], lit[CHOSEN])) > 0.9
    assert np.median(correlations(seen[CHOSEN], lit[CHOSEN + 1])) < 0.3
    flat = np.tile(seen[:1], (5, 1)) * np.array([[0.8], [0.9], [1.0], [1.1], [1.2]])
    assert np.abs(rain_of(flat)).max() < 1e-6


def test_no_impostor_is_close(seen: Cells) -> None:
    """Neighbouring frames, and the same place at other times: 200 of them."""
    times = (CHOSEN / FPS).tolist()
    rng = np.random.default_rng(3)
    others = [cells(clip(seed)) for seed in range(2, 12)]
    told = []
    for number in range(200):
        if number % 2:
            away = rng.choice([-2, -1, 1, 2], size=len(CHOSEN))  # a file that lacks the frames, and has those beside them
            decoded, decoded_s = seen[CHOSEN + away], times
        else:
            decoded, decoded_s = others[number // 2 % 10][rng.integers(0, 9) :], (np.arange(50) / FPS).tolist()
        decoded = noisy(decoded, 0.3, number)
        match = find(seen[CHOSEN], times, decoded, decoded_s[: len(decoded)])
        told.append(match is not None and match.close)
    assert len(told) == 200
    assert not any(told)


def test_too_short_or_another_time_gives_no_match(seen: Cells) -> None:
    times = (CHOSEN / FPS).tolist()
    assert find(seen[CHOSEN], times, seen[:1], [0.0]) is None
    assert find(seen[CHOSEN], times, seen[:20], (np.arange(20) / FPS).tolist()) is None
    assert find(seen[CHOSEN], times, seen, (100 + np.arange(50) / FPS).tolist()) is None
