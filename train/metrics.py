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
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from manifests.errors import InputError

Picture: TypeAlias = npt.NDArray[Any]
Planes: TypeAlias = npt.NDArray[np.float64]  # HWC, or HW
Protocol = Literal["y-prenet", "y-mprnet", "rgb", "spanet"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

GAUSSIAN_SIDE, GAUSSIAN_SIGMA = 11, 1.5
UNIFORM_SIDE = 7
BAND_ROWS = 32  # of SSIM at a time: what stays in the cache needs no fresh memory from the system, which costs as much as the sums


def score(picture: Picture, truth: Picture, protocol: Protocol) -> tuple[float, float]:
    """PSNR in dB (infinite for equal pictures) and SSIM of `picture` against `truth`.

    Raises InputError where the sizes differ or the picture is smaller than the protocol's window.
    """
    return Reference(truth).score(picture, protocol)


class Reference:
    """A clean picture that several others are scored against: what scores need of it alone is computed once a protocol."""

    def __init__(self, truth: Picture) -> None:
        self.truth = truth
        self._prepared: dict[Protocol, _Prepared] = {}

    def score(self, picture: Picture, protocol: Protocol) -> tuple[float, float]:
        """PSNR in dB (infinite for an equal picture) and SSIM of a picture. Raises InputError as the function `score`."""
        if picture.shape[:2] != self.truth.shape[:2]:
            raise InputError(f"cannot score: the picture is {_size(picture)}, its truth {_size(self.truth)}; the two must have one size")
        way = _WAYS[protocol]
        if min(picture.shape[:2]) < way.window.side:
            raise InputError(
                f"cannot score: the picture is {_size(picture)}, the SSIM window of {protocol} needs {way.window.side} px each way"
            )
        if protocol not in self._prepared:
            self._prepared[protocol] = _prepare(self.truth, way)
        truth = self._prepared[protocol]
        planes = way.planes(picture)
        shrunk = _box_downsample(planes) if way.shrinks else planes
        return _psnr(planes, truth.planes, way.peak), _ssim(shrunk, truth, way.window)


def as_8_bit(picture: Picture) -> npt.NDArray[np.uint8]:
    """Quantise a float picture in [0, 1] to 8 bit by clipping and rounding to nearest; an 8-bit picture is returned as it is."""
    if picture.dtype == np.uint8:
        return np.asarray(picture, dtype=np.uint8)
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), dtype=np.uint8)


def luma(picture: Picture) -> Planes:
    """Y = 16 + 65.481 R + 128.553 G + 24.966 B (BT.601, limited range) of an 8-bit picture, HW, unrounded, 16 to 235."""
    red, green, blue = np.moveaxis(_rgb(as_8_bit(picture)).astype(np.float64), -1, 0)
    return np.asarray(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255, dtype=np.float64)


def _rounded_luma(picture: Picture) -> Planes:
    # MATLAB rounds halves away from zero; luma is positive, so that is floor(y + 0.5)
    return np.floor(luma(picture) + 0.5)


def _quantised_rgb(picture: Picture) -> Planes:
    return _rgb(as_8_bit(picture)).astype(np.float64)


def _unquantised_rgb(picture: Picture) -> Planes:
    return _rgb(picture / 255.0 if picture.dtype == np.uint8 else np.clip(picture.astype(np.float64), 0, 1))


def _gaussian_mean(planes: Planes) -> Planes:
    kernel = cv2.getGaussianKernel(GAUSSIAN_SIDE, GAUSSIAN_SIGMA, cv2.CV_64F)
    return np.asarray(cv2.sepFilter2D(planes, cv2.CV_64F, kernel, kernel), dtype=np.float64)


def _uniform_mean(planes: Planes) -> Planes:
    return np.asarray(cv2.blur(planes, (UNIFORM_SIDE, UNIFORM_SIDE)), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Window:
    """What SSIM is computed in; the mean is over the part of the picture where the window lies wholly inside."""

    mean: Callable[[Planes], Planes]  # of each channel, in the window about each pixel
    side: int  # px
    covariance_scale: float  # 1 for the population's covariance
    data_range: float


# Wang et al. 2004: C = 6.5025 and 58.5225, population covariance
_WANG = _Window(_gaussian_mean, GAUSSIAN_SIDE, 1.0, 255)
# The scikit-image default of 2019: sample covariance, and for floats a data range of 2
_SCIKIT_IMAGE_2019 = _Window(_uniform_mean, UNIFORM_SIDE, UNIFORM_SIDE**2 / (UNIFORM_SIDE**2 - 1), 2)


@dataclass(frozen=True, slots=True)
class _Way:
    """How a protocol scores."""

    planes: Callable[[Picture], Planes]  # what is compared of a picture
    peak: float
    window: _Window
    shrinks: bool = False  # whether SSIM sees pictures shrunk by boxes


_WAYS: dict[Protocol, _Way] = {
    "y-prenet": _Way(luma, 255, _WANG, shrinks=True),
    "y-mprnet": _Way(_rounded_luma, 255, _WANG),
    "rgb": _Way(_quantised_rgb, 255, _WANG),
    "spanet": _Way(_unquantised_rgb, 1, _SCIKIT_IMAGE_2019),
}


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A clean picture under one protocol."""

    planes: Planes
    shrunk: Planes
    squares: Planes
    mean: Planes
    mean_squared: Planes


def _prepare(truth: Picture, way: _Way) -> _Prepared:
    planes = way.planes(truth)
    shrunk = _box_downsample(planes) if way.shrinks else planes
    mean = way.window.mean(shrunk)
    return _Prepared(planes, shrunk, shrunk * shrunk, mean, mean * mean)


def _psnr(picture: Planes, truth: Planes, peak: float) -> float:
    mean_square: float = cv2.norm(picture, truth, cv2.NORM_L2SQR) / picture.size
    return math.inf if mean_square == 0 else 10 * math.log10(peak**2 / mean_square)


def _ssim(picture: Planes, truth: _Prepared, window: _Window) -> float:
    """Wang et al. 2004, eq. 13: the mean over channels and over the pixels whose window lies wholly inside."""
    border = window.side // 2
    height, width = picture.shape[0] - 2 * border, picture.shape[1] - 2 * border
    total = 0.0
    for top in range(0, height, BAND_ROWS):
        rows = slice(top, min(top + BAND_ROWS, height) + 2 * border)
        total += float(_ssim_map(picture[rows], truth, rows, window)[border:-border, border:-border].sum())
    return total / int(height * width * math.prod(picture.shape[2:]))


def _ssim_map(picture: Planes, truth: _Prepared, rows: slice, window: _Window) -> Planes:
    """SSIM of each pixel of a band of rows, wrong near its rim. The variances are needed as their sum alone, so three means do."""
    c1, c2 = (0.01 * window.data_range) ** 2, (0.03 * window.data_range) ** 2
    mean = window.mean(picture)
    squares = window.mean(picture * picture + truth.squares[rows])
    product = window.mean(picture * truth.shrunk[rows])
    means = mean * truth.mean[rows]
    mean_squares = mean * mean + truth.mean_squared[rows]
    covariance = window.covariance_scale * (product - means)
    variances = window.covariance_scale * (squares - mean_squares)
    return np.asarray((2 * means + c1) * (2 * covariance + c2) / ((mean_squares + c1) * (variances + c2)), dtype=np.float64)


def _box_downsample(plane: Planes) -> Planes:
    """Average over boxes of side max(1, round(min(H, W) / 256)) and keep every side-th pixel, as Wang's published code does."""
    side = max(1, math.floor(min(plane.shape) / 256 + 0.5))
    if side == 1:
        return plane
    # MATLAB centres an even window one pixel earlier than scipy does; its `symmetric` border is scipy's `reflect`
    filtered = uniform_filter(plane, side, mode="reflect", origin=-1 if side % 2 == 0 else 0)
    return np.asarray(filtered[::side, ::side], dtype=np.float64)


def _rgb(picture: Picture) -> Picture:
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def _size(picture: Picture) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
