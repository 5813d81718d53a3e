"""What a picture shows: resemblance, what moves, overlays, bars."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curate import appearance

Cells = npt.NDArray[np.float32]


def cells(seed: int, height: int = 45, width: int = 80) -> Cells:
    noise = np.random.default_rng(seed).standard_normal((height, width))
    return np.asarray(110 + 60 * cv2.GaussianBlur(noise, (0, 0), 1.5) / 0.2, np.float32).clip(0, 255)


def alike(one: Cells, other: Cells) -> float:
    return appearance.resemblance(appearance.local_detail(one), appearance.local_detail(other))


def test_pictures_shrink_by_area_to_the_longer_side() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (90, 160)).astype(np.uint8)
    small = appearance.to_cells(picture, 80)
    assert small.shape == (45, 80)
    assert small == pytest.approx(picture.reshape(45, 2, 80, 2).mean(axis=(1, 3)), abs=0.51)
    assert appearance.to_cells(picture, 500).shape == picture.shape


def test_a_flash_an_exposure_step_and_a_bright_car_leave_a_picture_like_itself_and_another_scene_does_not() -> None:
    scene = cells(1)
    assert alike(scene, scene) == pytest.approx(1.0)
    assert alike(scene, (1.6 * scene + 20).clip(0, 255)) > 0.8
    assert alike(scene, 0.5 * scene) > 0.95
    with_car = scene.copy()
    with_car[10:30, 20:50] = 250
    assert alike(scene, with_car) > 0.6
    assert abs(alike(scene, cells(2))) < 0.2


def test_blank_pictures_resemble_blank_ones_only() -> None:
    black = np.zeros((45, 80), np.float32)
    assert alike(black, black) == 1.0
    assert alike(black, cells(1)) == 0.0


def test_unrest_is_what_lasts_and_neither_drops_nor_a_flash() -> None:
    window = np.repeat(cells(3)[None], 10, axis=0)
    window[4] += 40  # a flash
    window[[2, 5, 8], 5, 5] += 60  # drops
    window[3:6, 20:24, 30:34] -= 50  # a dark object that passes
    window[2:7, 20:24, 40:44] += 30  # a bright one
    found = appearance.unrest(window)
    assert found[5, 5] == 0
    assert found[22, 32] == pytest.approx(50, abs=0.1)
    assert found[22, 42] == pytest.approx(15, abs=0.1)  # there for half of the frames, it is half of the median too
    assert np.median(found) == 0
    assert appearance.unrest(window[:1]).max() == 0


@pytest.mark.parametrize("count", [1, 2, 5, 7, 10])
def test_unrest_is_that_of_the_plain_formula(count: int) -> None:
    window = np.random.default_rng(count).uniform(0, 255, (count, 20, 30)).astype(np.float32)
    deviations = window - np.median(window, axis=0)
    deviations -= np.median(deviations, axis=(1, 2), keepdims=True)
    ordered = np.sort(deviations, axis=0)
    expected = np.maximum(0, np.maximum(-ordered[min(2, count - 1)], ordered[max(0, count - 5)]))
    assert appearance.unrest(window) == pytest.approx(expected, abs=1e-3)


def windows(count: int = 20) -> npt.NDArray[np.uint8]:
    return np.repeat(cells(4)[None].astype(np.uint8), count, axis=0)


def test_what_moves_is_told_by_its_share_of_the_time() -> None:
    medians = windows()
    medians[:5, 10:20, 10:20] += 40
    unrests = np.zeros_like(medians)
    unrests[8:10, 30:36, 40:50] = 60
    unrests[3, 2, 2] = 200  # a single cell
    share = appearance.moving_share(medians, unrests, 8, 16)
    assert share[15, 15] == 0.25
    assert share[33, 45] == pytest.approx(0.1)
    assert share[2, 2] == 0
    assert (share > 0).sum() == 160


def test_clouds_before_the_sun_and_heavy_rain_are_no_motion() -> None:
    medians = windows()
    gains = np.linspace(0.6, 1.0, 20)[:, None, None]
    dimmed = np.rint(medians * gains).astype(np.uint8)
    stirred = np.random.default_rng(0).integers(20, 40, medians.shape).astype(np.uint8)
    assert appearance.moving_share(dimmed, stirred, 8, 16).mean() < 0.01


def test_a_logo_stays_while_the_picture_behind_it_changes() -> None:
    picture = np.full((90, 160), 60, np.uint8)
    cv2.putText(picture, "LOGO", (10, 80), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 250, 1)
    challenged = np.full(picture.shape, 5, np.uint16)
    withstood = np.where(picture > 100, 5, 1).astype(np.uint16)
    found = appearance.overlay_pixels(picture, challenged, withstood)
    assert found[picture > 200].mean() > 0.9
    assert not found[:50].any()
    assert not appearance.overlay_pixels(picture, np.zeros_like(challenged), np.zeros_like(withstood)).any()  # nothing ever changed


def peaks(size: int, dark: slice) -> npt.NDArray[np.uint8]:
    peak = np.full((3, size), 200, np.uint8)
    peak[:, dark] = 18
    return peak


def test_bars_are_dark_at_all_times_and_wide_enough() -> None:
    assert appearance.bars(peaks(180, slice(0, 20)), peaks(320, slice(0, 0))) == (0, 20, 320, 180)
    assert appearance.bars(peaks(180, slice(160, None)), peaks(320, slice(0, 40))) == (40, 0, 320, 160)
    assert appearance.bars(peaks(180, slice(0, 2)), peaks(320, slice(0, 0))) == (0, 0, 320, 180)
    once_lit = peaks(180, slice(0, 20))
    once_lit[1, :20] = 90
    assert appearance.bars(once_lit, peaks(320, slice(0, 0))) == (0, 0, 320, 180)
    assert appearance.bars(peaks(180, slice(None)), peaks(320, slice(None))) == (0, 0, 320, 180)
