"""A span's rain: each frame measured once, whatever the windows; repeats and light do not mislead."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import rain_series
from curate.rain import impulse_residual, measure, median_residual
from curate.rain_series import RainSeries, measure_series, novelty
from manifests.media import Frame
from tests.curate.streaks import Grey, bars, ground, seen

SIZE = (60, 80)


def rainy(number: int, seed: int = 0, brightness: float = 60) -> list[Grey]:
    rng = np.random.default_rng(seed)
    background = ground(*SIZE, rng)
    return [seen(background + bars(*SIZE, rng, length_px=9, number=14, brightness=brightness), rng) for _ in range(number)]


def series_of(pictures: list[Grey], window: int = 10, fps: float = 25, mask: Grey | None = None) -> RainSeries:
    frames = (Frame(index, index / fps, picture) for index, picture in enumerate(pictures))
    return measure_series(frames, window, gap_s=0.1, prepare=lambda picture: picture, seen=mask)


@given(st.integers(1, 45), st.integers(2, 12))
@settings(max_examples=25, deadline=None)
def test_every_frame_is_measured_once_in_windows_of_at_least_the_asked_length(number: int, window: int) -> None:
    series = series_of([np.full((16, 16), index, np.uint8) for index in range(number)], window)
    assert series.pts_s == [index / 25 for index in range(number)]
    assert len(series.light) == len(series.above_median) == len(series.streaks["impulse"]) == len(series.streaks["median"]) == number
    windows = len(series.window_cells["impulse"])
    assert windows == max(1, number // window)


def test_impulses_reach_across_windows() -> None:
    pictures = rainy(24)
    series = series_of(pictures, window=10)
    for index in range(1, 23):
        expected = measure(impulse_residual(pictures[index], pictures[index - 1], pictures[index + 1]))
        assert series.streaks["impulse"][index].length_px == pytest.approx(expected.length_px, rel=0.05)
        assert series.streaks["impulse"][index].cover == expected.cover


def test_the_median_is_that_of_the_frames_window() -> None:
    pictures = rainy(20)
    series = series_of(pictures, window=20)
    median = np.median(np.stack(pictures), axis=0).astype(np.uint8)
    expected = measure(median_residual(pictures[7], median))
    assert series.streaks["median"][7].length_px == expected.length_px
    impulse = impulse_residual(pictures[7], pictures[6], pictures[8])
    whole = measure(impulse, risen=median_residual(pictures[7], median).bright)
    assert series.streaks["impulse"][7].orientation_deg == whole.orientation_deg != measure(impulse).orientation_deg


def test_light_that_grows_does_not_turn_the_streaks() -> None:
    pictures = rainy(20)
    growing = [np.clip(picture.astype(int) + 2 * index, 0, 255).astype(np.uint8) for index, picture in enumerate(pictures)]
    there, here = (np.array([entry.orientation_deg for entry in series_of(one, 20).streaks["impulse"]]) for one in (pictures, growing))
    assert np.max(np.abs(here - there)[1:-1]) < 2.5


def test_the_light_is_that_without_the_rain() -> None:
    pictures = rainy(12, brightness=90) + [
        np.clip(picture.astype(int) + 20, 0, 255).astype(np.uint8) for picture in rainy(8, brightness=90)
    ]
    light = series_of(pictures, window=20).light
    assert np.ptp(light[:12]) <= 1
    assert np.ptp(light[12:]) <= 1
    assert np.mean(light[12:]) - np.mean(light[:12]) == pytest.approx(20, abs=1)


def test_repeated_frames_do_not_hide_the_rain() -> None:
    pictures = rainy(20)
    doubled = [picture for picture in pictures for _ in range(2)]
    once, twice = series_of(pictures, window=20), series_of(doubled, window=40)
    for index in range(1, 19):
        for copy in (0, 1):
            assert twice.streaks["impulse"][2 * index + copy].cover == once.streaks["impulse"][index].cover


def test_what_the_mask_hides_does_not_count() -> None:
    pictures = rainy(12)
    mask = np.zeros(SIZE, np.uint8)
    series = series_of(pictures, mask=mask)
    assert max(series.above_median) == 0
    assert all(streaks.cover == 0 for streaks in series.streaks["impulse"])


def test_shares_are_shares_of_what_is_seen() -> None:
    pictures = rainy(12)
    mask = np.full(SIZE, 255, np.uint8)
    mask[:, 32:] = 0  # 60 % of the picture: three columns of cells are left, and too little of a fourth
    alone = series_of([np.ascontiguousarray(picture[:, :32]) for picture in pictures])
    masked = series_of(pictures, mask=mask)
    assert masked.above_median == pytest.approx(alone.above_median)
    covers = [streaks.cover for streaks in masked.streaks["impulse"]]
    assert covers == pytest.approx([streaks.cover for streaks in alone.streaks["impulse"]])
    assert masked.window_cells["median"][0] == pytest.approx(series_of(pictures).window_cells["median"][0], abs=0.15)


def test_frozen_frames_have_no_difference_and_rain_has() -> None:
    still = rainy(1) * 20
    assert max(series_of(still).difference) == 0
    assert np.median(series_of(rainy(20)).difference) > 0.6


def test_rain_shown_again_is_no_news_and_new_rain_is() -> None:
    pictures = rainy(40)
    again = series_of([*pictures, *pictures[5:15]], window=25).novelty
    assert again[0] == 1
    assert min(again[:40]) > 0.3
    assert max(again[40:]) < 0.1
    assert series_of(rainy(1) * 20).novelty[1:] == [1] * 19  # without rain there is nothing to repeat


def test_frames_nearer_than_the_gap_are_no_repeats() -> None:
    doubled = [picture for picture in rainy(15) for _ in range(2)]
    assert min(series_of(doubled).novelty) > 0.3  # 0.04 s apart, and compared from 0.1 s on


@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.integers(1, 50))
@settings(max_examples=25, deadline=None)
def test_novelty_is_that_of_its_definition(number: int, seed: int, at_once: int) -> None:
    rng = np.random.default_rng(seed)
    imprints = rng.normal(size=(max(1, number // 2), 8))
    imprints = imprints[rng.integers(0, len(imprints), number)]
    imprints = (imprints / np.linalg.norm(imprints, axis=1, keepdims=True)).astype(np.float16)
    pts_s = np.cumsum(rng.choice([0.013, 0.04, 0.3], number)).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rain_series, "COMPARED_AT_ONCE", at_once)
        found = novelty(list(imprints), pts_s, gap_s=0.1)
    for here in range(number):
        early = [
            float(imprints[here].astype(float) @ imprints[other].astype(float))
            for other in range(here)
            if pts_s[here] - pts_s[other] >= 0.1
        ]
        assert found[here] == pytest.approx(min(1.0, max(0.0, 1 - max(early, default=0.0))), abs=2e-3)


def test_slow_drops_speak_through_the_median() -> None:
    rng = np.random.default_rng(3)
    background = ground(*SIZE, rng)
    falls = [bars(*SIZE, rng, length_px=9, number=8) for _ in range(12)]
    # Each fall stays for three frames, as under a low bit rate.
    pictures = [seen(background + np.maximum(falls[index // 3], 0), rng, noise=0.3) for index in range(36)]
    assert series_of(pictures, window=18).spoken() == "median"


def test_fast_drops_before_slow_leaves_speak_through_impulses() -> None:
    rng = np.random.default_rng(4)
    leaves = cv2.GaussianBlur(rng.normal(0, 1, (SIZE[0], SIZE[1] + 36)), (0, 0), 4) * 250
    pictures = [
        seen(100 + leaves[:, index : index + SIZE[1]] + bars(*SIZE, rng, length_px=9, number=14), rng, noise=0.3) for index in range(36)
    ]
    assert series_of(pictures, window=18).spoken() == "impulse"


def test_no_more_than_two_windows_of_frames_are_held() -> None:
    alive = 0
    most = 0

    class Counted(np.ndarray[tuple[int, ...], np.dtype[np.uint8]]):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def frames() -> Iterator[Frame]:
        nonlocal alive, most
        for index in range(100):
            picture: Grey = np.full((16, 16), index, np.uint8).view(Counted)
            alive += 1
            most = max(most, alive)
            yield Frame(index, index / 25, picture)

    measure_series(frames(), 10, 0.1, prepare=lambda picture: picture, seen=None)
    assert most <= 2 * 2 * 10 + 4
