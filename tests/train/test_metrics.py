"""PSNR and SSIM against scikit-image where it computes the same, against literal slow versions elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.metrics

from manifests.errors import InputError
from train.metrics import PROTOCOLS, Protocol, as_8_bit, luma, score

reference: Any = skimage.metrics  # untyped


def pictures(height: int, width: int, seed: int = 0, channels: int = 3) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """A smooth clean picture and a rainy one, brightened by streaks."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    clean = np.stack([110 + 80 * np.sin(x / (7 + c) + c) * np.cos(y / (9 - c)) for c in range(channels)], axis=-1)
    rainy = clean + 60 * (rng.random((height, width, 1)) > 0.8) + rng.normal(0, 3, clean.shape)
    return as_8_bit(rainy / 255), as_8_bit(clean / 255)


def literal_luma(picture: npt.NDArray[np.uint8], rounded: bool) -> npt.NDArray[np.float64]:
    values = np.empty(picture.shape[:2])
    for row, line in enumerate(picture.tolist()):
        for column, (red, green, blue) in enumerate(line):
            y = 16 + 65.481 * (red / 255) + 128.553 * (green / 255) + 24.966 * (blue / 255)
            values[row, column] = int(y + 0.5) if rounded else y
    return values


def literal_box_downsample(plane: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.float64]:
    """MATLAB's imfilter(plane, ones(side)/side^2, 'symmetric', 'same') and then every side-th pixel, pixel by pixel."""
    height, width = plane.shape
    centre = (side + 1) // 2 - 1

    def mirrored(index: int, length: int) -> int:
        return -index - 1 if index < 0 else 2 * length - index - 1 if index >= length else index

    rows, columns = range(0, height, side), range(0, width, side)
    shrunk = np.empty((len(rows), len(columns)))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            box = [
                plane[mirrored(row + dy - centre, height), mirrored(column + dx - centre, width)]
                for dy in range(side)
                for dx in range(side)
            ]
            shrunk[i, j] = sum(box) / side**2
    return shrunk


def literal_ssim(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    """Wang et al. 2004, window by window."""
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for row in range(x.shape[0] - 10):
        for column in range(x.shape[1] - 10):
            a, b = x[row : row + 11, column : column + 11], y[row : row + 11, column : column + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            variance_a, variance_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            values.append(
                (2 * mean_a * mean_b + 6.5025)
                * (2 * covariance + 58.5225)
                / ((mean_a**2 + mean_b**2 + 6.5025) * (variance_a + variance_b + 58.5225))
            )
    return float(np.mean(values))


@pytest.mark.parametrize("size", [(33, 47), (64, 40)])
def test_y_mprnet_equals_the_literal_version(size: tuple[int, int]) -> None:
    rainy, clean = pictures(*size)
    x, y = literal_luma(rainy, rounded=True), literal_luma(clean, rounded=True)
    psnr, ssim = score(rainy, clean, "y-mprnet")
    assert psnr == pytest.approx(10 * math.log10(255**2 / np.mean((x - y) ** 2)), abs=1e-9)
    assert ssim == pytest.approx(literal_ssim(x, y), abs=1e-9)


@pytest.mark.parametrize(("size", "side"), [((40, 30), 1), ((384, 390), 2), ((387, 385), 2), ((640, 645), 3), ((900, 897), 4)])
def test_y_prenet_downsamples_as_matlab_does(size: tuple[int, int], side: int) -> None:
    rainy, clean = pictures(*size)
    x, y = luma(rainy), luma(clean)
    psnr, ssim = score(rainy, clean, "y-prenet")
    assert psnr == pytest.approx(reference.peak_signal_noise_ratio(y, x, data_range=255), abs=1e-9)
    small_x, small_y = literal_box_downsample(x, side), literal_box_downsample(y, side)
    expected = reference.structural_similarity(
        small_x, small_y, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim == pytest.approx(expected, abs=1e-9)


def test_luma_equals_the_literal_version_and_keeps_its_range() -> None:
    rainy, _ = pictures(12, 9)
    np.testing.assert_allclose(luma(rainy), literal_luma(rainy, rounded=False), atol=1e-9)
    assert luma(np.zeros((1, 1, 3), np.uint8)).item() == pytest.approx(16)
    assert luma(np.full((1, 1, 3), 255, np.uint8)).item() == pytest.approx(235)


def test_rgb_equals_scikit_image() -> None:
    rainy, clean = pictures(50, 61)
    psnr, ssim = score(rainy, clean, "rgb")
    assert psnr == pytest.approx(reference.peak_signal_noise_ratio(clean, rainy, data_range=255), abs=1e-9)
    expected = reference.structural_similarity(
        clean, rainy, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2
    )
    assert ssim == pytest.approx(expected, abs=1e-9)


def test_spanet_equals_scikit_image_with_its_old_default_range() -> None:
    rainy_8, clean = pictures(50, 61)
    rainy = rainy_8 / 255 + 0.0007  # not quantised, partly above 1
    psnr, ssim = score(rainy, clean, "spanet")
    clipped, truth = np.clip(rainy, 0, 1), clean / 255
    assert psnr == pytest.approx(reference.peak_signal_noise_ratio(truth, clipped, data_range=1), abs=1e-9)
    assert ssim == pytest.approx(reference.structural_similarity(truth, clipped, win_size=7, data_range=2, channel_axis=2), abs=1e-9)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_equal_pictures_are_perfect_and_grey_is_rgb_of_equal_channels(protocol: Protocol) -> None:
    rainy, clean = (x[..., 0] for x in pictures(40, 40, channels=1))
    psnr, ssim = score(clean, clean, protocol)
    assert psnr == math.inf
    assert ssim == pytest.approx(1)
    assert score(rainy, clean, protocol) == score(np.dstack([rainy] * 3), np.dstack([clean] * 3), protocol)


def test_luma_reads_higher_than_rgb() -> None:
    rainy, clean = pictures(64, 64)
    assert 1 < score(rainy, clean, "y-mprnet")[0] - score(rainy, clean, "rgb")[0] < 2.2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_8_bit_value_survives_the_way_through_floats(protocol: Protocol) -> None:
    every_value = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(as_8_bit(every_value.astype(np.float32) / np.float32(255)), every_value)
    assert score(every_value / 255, every_value, protocol)[0] == math.inf


def test_floats_are_rounded_never_truncated() -> None:
    values = np.array([[0.0, 0.49 / 255, 0.51 / 255, 254.6 / 255, -1.0, 2.0, 1.9999 / 255]])
    assert as_8_bit(values).tolist() == [[0, 0, 1, 255, 0, 255, 2]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_unequal_and_too_small_pictures_are_refused_with_their_sizes(protocol: Protocol) -> None:
    rainy, clean = pictures(40, 30)
    with pytest.raises(InputError, match="30x40, its truth 29x40"):
        score(rainy, clean[:, :-1], protocol)
    with pytest.raises(InputError, match="5x5"):
        score(rainy[:5, :5], clean[:5, :5], protocol)
