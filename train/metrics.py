"""PSNR and SSIM by named protocol, as the published evaluation code of each benchmark computes them.

A number without its protocol cannot be compared: luma reads 1.2 to 1.8 dB above RGB on the same pictures. Each protocol names one
published way, its constants kept as that code has them:

- `y-prenet` (Ren et al. 2019): unrounded BT.601 luma of limited range; SSIM of Wang et al. 2004 with their box downsampling.
- `y-mprnet` (Zamir et al. 2021): the same luma rounded to 8 bit, SSIM without downsampling. Rain100L/H, Test100/1200/2800.
- `rgb`: 8-bit RGB, SSIM per channel.
- `spanet` (Wang et al. 2019): unquantised RGB, SSIM in a 7x7 uniform window whose data range of 2 is an old scikit-image default.

A picture is `uint8` or a float array in [0, 1], HWC RGB or HW grey; grey is scored as RGB of three equal channels, so that a grey file
and its RGB copy get one number. The 8-bit protocols quantise floats by rounding: truncation costs 1.25 dB at 48 dB.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from manifests.errors import InputError

Picture: TypeAlias = npt.NDArray[Any]
Plane: TypeAlias = npt.NDArray[np.float64]
Protocol = Literal["y-prenet", "y-mprnet", "rgb", "spanet"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

GAUSSIAN_SIDE, GAUSSIAN_SIGMA = 11, 1.5
UNIFORM_SIDE = 7


def score(picture: Picture, truth: Picture, protocol: Protocol) -> tuple[float, float]:
    """PSNR in dB (infinite for equal pictures) and SSIM of `picture` against `truth`.

    Raises InputError where the sizes differ or the picture is smaller than the protocol's window.
    """
    if picture.shape[:2] != truth.shape[:2]:
        raise InputError(f"cannot score: the picture is {_size(picture)}, its truth {_size(truth)}; the two must have one size")
    side = UNIFORM_SIDE if protocol == "spanet" else GAUSSIAN_SIDE
    if min(picture.shape[:2]) < side:
        raise InputError(f"cannot score: the picture is {_size(picture)}, the SSIM window of {protocol} needs {side} px each way")
    return _SCORERS[protocol](picture, truth)


def as_8_bit(picture: Picture) -> npt.NDArray[np.uint8]:
    """Quantise a float picture in [0, 1] to 8 bit by clipping and rounding to nearest; an 8-bit picture is returned as it is."""
    if picture.dtype == np.uint8:
        return np.asarray(picture, dtype=np.uint8)
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), dtype=np.uint8)


def luma(picture: Picture) -> Plane:
    """Y = 16 + 65.481 R + 128.553 G + 24.966 B (BT.601, limited range) of an 8-bit picture, HW, unrounded, 16 to 235."""
    red, green, blue = np.moveaxis(_rgb(as_8_bit(picture)).astype(np.float64), -1, 0)
    return np.asarray(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255, dtype=np.float64)


def _score_y_prenet(picture: Picture, truth: Picture) -> tuple[float, float]:
    picture_y, truth_y = luma(picture), luma(truth)
    return _psnr(picture_y, truth_y, 255), _ssim_gaussian(_box_downsample(picture_y), _box_downsample(truth_y))


def _score_y_mprnet(picture: Picture, truth: Picture) -> tuple[float, float]:
    # MATLAB rounds halves away from zero; luma is positive, so that is floor(y + 0.5)
    picture_y, truth_y = np.floor(luma(picture) + 0.5), np.floor(luma(truth) + 0.5)
    return _psnr(picture_y, truth_y, 255), _ssim_gaussian(picture_y, truth_y)


def _score_rgb(picture: Picture, truth: Picture) -> tuple[float, float]:
    picture_HWC, truth_HWC = (_rgb(as_8_bit(x)).astype(np.float64) for x in (picture, truth))
    by_channel = [_ssim_gaussian(picture_HWC[..., c], truth_HWC[..., c]) for c in range(3)]
    return _psnr(picture_HWC, truth_HWC, 255), float(np.mean(by_channel))


def _score_spanet(picture: Picture, truth: Picture) -> tuple[float, float]:
    picture_HWC, truth_HWC = (_rgb(_as_unit(x)) for x in (picture, truth))
    by_channel = [_ssim_uniform(picture_HWC[..., c], truth_HWC[..., c]) for c in range(3)]
    return _psnr(picture_HWC, truth_HWC, 1), float(np.mean(by_channel))


_SCORERS: dict[Protocol, Callable[[Picture, Picture], tuple[float, float]]] = {
    "y-prenet": _score_y_prenet,
    "y-mprnet": _score_y_mprnet,
    "rgb": _score_rgb,
    "spanet": _score_spanet,
}


def _psnr(picture: Plane, truth: Plane, peak: float) -> float:
    mean_square = float(np.mean((picture - truth) ** 2))
    return math.inf if mean_square == 0 else 10 * math.log10(peak**2 / mean_square)


def _ssim_gaussian(picture: Plane, truth: Plane) -> float:
    """Wang et al. 2004: 11x11 Gaussian of σ 1.5, population covariance, C = 6.5025 and 58.5225, mean of the valid part."""
    kernel = cv2.getGaussianKernel(GAUSSIAN_SIDE, GAUSSIAN_SIGMA, cv2.CV_64F)

    def window_mean(plane: Plane) -> Plane:
        return np.asarray(cv2.sepFilter2D(plane, cv2.CV_64F, kernel, kernel), dtype=np.float64)

    return _ssim(picture, truth, window_mean, 1.0, data_range=255, border=GAUSSIAN_SIDE // 2)


def _ssim_uniform(picture: Plane, truth: Plane) -> float:
    """The scikit-image default of 2019: 7x7 mean, sample covariance, data range 2 for floats, 3 px cropped."""

    def window_mean(plane: Plane) -> Plane:
        return np.asarray(cv2.blur(plane, (UNIFORM_SIDE, UNIFORM_SIDE)), dtype=np.float64)

    pixels = UNIFORM_SIDE**2
    return _ssim(picture, truth, window_mean, pixels / (pixels - 1), data_range=2, border=UNIFORM_SIDE // 2)


def _ssim(x: Plane, y: Plane, window_mean: Callable[[Plane], Plane], covariance_scale: float, data_range: float, border: int) -> float:
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean_x, mean_y = window_mean(x), window_mean(y)
    variance_x = covariance_scale * (window_mean(x * x) - mean_x**2)
    variance_y = covariance_scale * (window_mean(y * y) - mean_y**2)
    covariance = covariance_scale * (window_mean(x * y) - mean_x * mean_y)
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    map_HW = numerator / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))
    return float(map_HW[border:-border, border:-border].mean())


def _box_downsample(plane: Plane) -> Plane:
    """Average over boxes of side max(1, round(min(H, W) / 256)) and keep every side-th pixel, as Wang's published code does."""
    side = max(1, math.floor(min(plane.shape) / 256 + 0.5))
    if side == 1:
        return plane
    # MATLAB centres an even window one pixel earlier than scipy does; its `symmetric` border is scipy's `reflect`
    filtered = uniform_filter(plane, side, mode="reflect", origin=-1 if side % 2 == 0 else 0)
    return np.asarray(filtered[::side, ::side], dtype=np.float64)


def _as_unit(picture: Picture) -> Plane:
    return picture / 255.0 if picture.dtype == np.uint8 else np.clip(picture.astype(np.float64), 0, 1)


def _rgb(picture: Picture) -> Picture:
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def _size(picture: Picture) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
