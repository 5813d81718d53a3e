"""A static camera's frames steadied: what stands still comes to rest, what moves stays, and a camera that moves is left alone."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.worlds import add_streaks, background
from train.derain.flicker import Flicker
from train.derain.stabilise import MOVING_LEVELS, WINDOW, median, moves, shift_px, steadied

WIDTH, HEIGHT = 160, 120
Luma = npt.NDArray[Any]


def scene(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Luma:
    return np.ascontiguousarray(background(width, height, np.random.default_rng(seed))[..., 0])


def warped(picture: Luma, matrix: Any) -> Luma:
    moved = cv2.warpAffine(picture.astype(np.float32), np.asarray(matrix, np.float32), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.float32)


def rainy(clean: Luma, rng: np.random.Generator, streaks: int = 40) -> Luma:
    noisy = clean + rng.normal(0, 1.5, clean.shape)
    wet = add_streaks(np.repeat(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)[..., None], 3, axis=2), rng, streaks=streaks)
    return np.ascontiguousarray(wet[..., 0])


def steady(clip: list[Luma], bits: int = 8) -> tuple[list[Luma], list[bool]]:
    found = list(steadied(iter(enumerate(clip)), bits))
    assert [entry.item for entry in found] == list(range(len(clip)))
    return [entry.luma for entry in found], [entry.stands for entry in found]


def flicker(clip: list[Luma], judged_by: list[Luma]) -> float:
    measured = Flicker()
    for judge, luma in zip(judged_by, clip, strict=True):
        measured.add(judge, luma)
    level = measured.levels()[1]
    assert level is not None
    return level


@settings(max_examples=50, deadline=None)
@given(st.data(), st.sampled_from([1, 3, 5, 9, 15]), st.sampled_from([np.uint8, np.uint16]))
def test_the_median_is_numpy_s(data: st.DataObject, count: int, depth: type) -> None:
    planes = data.draw(hnp.arrays(depth, (count, 3, 4)))
    np.testing.assert_array_equal(median(list(planes)), np.median(planes, axis=0))


def test_the_median_of_more_rows_than_a_strip() -> None:
    planes = np.random.default_rng(0).integers(0, 255, (15, 150, 7), np.uint8)
    np.testing.assert_array_equal(median(list(planes)), np.median(planes, axis=0))


@pytest.mark.parametrize(("shift_x", "shift_y"), [(0, 0), (0.3, 0), (0, -0.6), (0.8, 0.8), (-1.2, 0.4)])
def test_shifts_are_measured_through_noise_streaks_and_a_change_of_light(shift_x: float, shift_y: float) -> None:
    rng = np.random.default_rng(3)
    clean = scene(3)
    moved = warped(clean, [[1, 0, shift_x], [0, 1, shift_y]])
    before, after = rainy(clean, rng, streaks=15).astype(np.float32), rainy(moved, rng, streaks=15).astype(np.float32)
    assert shift_px(before, after + 6) == pytest.approx(np.hypot(shift_x, shift_y), abs=0.12)


@pytest.mark.parametrize(("zoom", "roll_deg"), [(1.01, 0), (1, 0.6)])
def test_zoom_and_roll_are_seen_at_the_corners(zoom: float, roll_deg: float) -> None:
    clean = scene(4).astype(np.float32)
    turned = warped(clean, cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), roll_deg, zoom))
    corner = np.hypot(WIDTH, HEIGHT) / 2 * max(zoom - 1, np.deg2rad(roll_deg))
    assert shift_px(clean, turned) == pytest.approx(corner, rel=0.25)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2 * WINDOW + 3))
def test_every_frame_comes_once_and_in_order_however_long_the_clip(count: int) -> None:
    rng = np.random.default_rng(count)
    clip = [rng.integers(0, 255, (9, 11), np.uint8) for _ in range(count)]
    assert len(steady(clip)[0]) == count


@pytest.mark.parametrize("bits", [8, 10])
def test_flicker_falls_and_what_stands_still_comes_nearer_to_the_truth(bits: int) -> None:
    rng = np.random.default_rng(5)
    clean = scene(5)
    clip = [rainy(clean, rng) for _ in range(30)]
    deep = [frame.astype(np.uint16) << (bits - 8) if bits > 8 else frame for frame in clip]
    shown, stands = steady(deep, bits)
    assert all(stands)
    back = [(frame >> (bits - 8)).astype(np.uint8) for frame in shown]
    assert flicker(back, clip) < 0.25 * flicker(clip, clip)
    error_before, error_after = (np.mean([np.abs(frame.astype(int) - clean).mean() for frame in series]) for series in (clip, back))
    assert error_after < 0.4 * error_before


def test_what_moves_is_kept() -> None:
    """A bright square of 14 px goes 4 px a frame: no ghost of it before or behind, none of it lost."""
    rng = np.random.default_rng(6)
    clean = scene(6)
    clip, truth = [], []
    for number in range(30):
        frame = clean.copy()
        frame[50:64, 10 + 4 * number : 24 + 4 * number] = 230
        truth.append(frame)
        clip.append(rainy(frame, rng, streaks=15))
    shown, stands = steady(clip)
    assert all(stands)
    for number, (frame, wanted) in enumerate(zip(shown, truth, strict=True)):
        band = np.s_[46:68, max(0, 4 * number - 6) : 40 + 4 * number]
        error = np.abs(cv2.medianBlur(frame, 5)[band].astype(int) - cv2.medianBlur(wanted, 5)[band])
        assert np.quantile(error, 0.98) < 12


@pytest.mark.parametrize("speed_px", [0.3, 3.0])
def test_a_camera_that_moves_is_left_alone(speed_px: float) -> None:
    rng = np.random.default_rng(7)
    wide = scene(7, WIDTH * 3)
    clip = []
    for number in range(24):
        clip.append(rainy(warped(wide, [[1, 0, -speed_px * number], [0, 1, 0]]), rng, streaks=10))
    shown, stands = steady(clip)
    assert not any(stands)
    for before, after in zip(clip, shown, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_bump_leaves_alone_the_frames_round_it_and_no_others() -> None:
    rng = np.random.default_rng(8)
    wide = scene(8, WIDTH + 4)
    clip = [rainy(wide[:, :WIDTH] if number < 25 else wide[:, 3 : WIDTH + 3], rng, streaks=10) for number in range(50)]
    _, stands = steady(clip)
    assert all(stands[:17])
    assert all(stands[33:])
    assert not any(stands[19:31])


def test_moving_is_what_is_wider_than_a_streak() -> None:
    still = np.full((60, 60), 80, np.uint8)
    wet, walked = still.copy(), still.copy()
    wet[5:50, 20:23] += 90
    walked[20:40, 20:30] -= int(2 * MOVING_LEVELS)
    assert not moves(wet, still).any()
    assert moves(walked, still)[22:38, 22:28].all()
    assert not moves(walked, still)[:, 45:].any()


def test_a_picture_without_texture_is_no_camera_that_moves() -> None:
    clip = [np.full((40, 50), 100 + number % 2, np.uint8) for number in range(20)]
    shown, stands = steady(clip)
    assert all(stands)
    assert len({int(frame.mean()) for frame in shown}) <= 2
