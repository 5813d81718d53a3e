"""How far the picture moved, blind to rain: temporal medians, phase correlation of blocks, one similarity that most blocks agree on.

Rain vanishes from the median of about ten consecutive frames. A grid of blocks is correlated between two such medians (or between a frame
and its window's median); a block that shows a moving object, racing clouds or leaves gives a shift of its own or none, so the camera is
what the largest group of blocks agrees on, never a mean or a high percentile of them. A zoom about the centre and a roll leave the middle
blocks where they are, so shift, scale and roll are fitted together.

The phase correlation is our own. OpenCV's takes the centroid of the peak, which pulls every shift towards whole px: measured on photos
shrunk by 1.3 to 6, a shift of 0.4 px reads 0.28 and blocks scatter by 0.05 px, where a Gaussian weight on the frequencies and a parabola
through the logarithms of the peak read 0.39 and scatter by 0.008 px. (It is also wrong by half a pixel on an axis whose length it pads to
an odd one, and then overwrites its inputs.) The reference's transform is reused, and a single frame needs one inverse transform for all
its blocks.

Shifts are in px of the pictures given: content that moves right and down has positive shifts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import scipy.fft

Picture = npt.NDArray[np.uint8]  # HW grey
Shifts = npt.NDArray[np.float64]  # (blocks, 2): right, down
Spectra = npt.NDArray[np.complex64]  # (blocks, height, width // 2 + 1)

LEAST_SIDE_PX = 8
# A small detail's contrast is judged on what a box of this many px cannot follow: a smooth gradient gives no shift.
DETAIL_BOX_PX = 9
# Standard deviation of the peak that a pure shift gives: narrower, the parabola misses it; wider, rain and noise move it.
PEAK_PX = 0.8
NEAR_PX = 3  # how far from where it is expected a block's peak is looked for


@dataclass(frozen=True)
class Grid:
    """Blocks of one size spread evenly over pictures of one size."""

    tops: npt.NDArray[np.int64]
    lefts: npt.NDArray[np.int64]
    height: int
    width: int
    taper: npt.NDArray[np.float32]  # Hann window, (height, width)
    weight: npt.NDArray[np.float32]  # of the frequencies, (height, width // 2 + 1)
    centres: npt.NDArray[np.float64]  # (blocks, 2): right, down, from the picture's middle, px

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self.tops)


@dataclass(frozen=True, slots=True)
class Similarity:
    """A motion of the whole picture about its middle; `agreeing` tells which blocks follow it. NaN where too few do."""

    right_px: float
    down_px: float
    scale: float
    roll_deg: float  # counter-clockwise as the viewer sees it
    agreeing: npt.NDArray[np.bool_]

    def after(self, earlier: Similarity) -> Similarity:
        """Both motions as one, the earlier first; the blocks that agree are this one's."""
        turn = self.scale * np.exp(-1j * np.radians(self.roll_deg))
        move = turn * complex(earlier.right_px, earlier.down_px) + complex(self.right_px, self.down_px)
        scale, roll_deg = earlier.scale * self.scale, earlier.roll_deg + self.roll_deg
        return Similarity(move.real, move.imag, scale, roll_deg, self.agreeing)


def block_side(length: int) -> int:
    """The largest even side, at most `length`, that fast Fourier transforms like (no prime factor above 5). Raises ValueError below 8."""
    for side in range(length - length % 2, LEAST_SIDE_PX - 1, -2):
        if cv2.getOptimalDFTSize(side) == side:
            return side
    raise ValueError(f"no block fits into {length} px; blocks are at least {LEAST_SIDE_PX} px wide")


def make_grid(height: int, width: int, blocks_a_side: int) -> Grid:
    """A grid of up to `blocks_a_side` squared blocks; fewer where the picture is small. Raises ValueError below 8 px."""
    rows, columns = (max(1, min(blocks_a_side, length // (2 * LEAST_SIDE_PX))) for length in (height, width))
    block_height, block_width = block_side(height // rows), block_side(width // columns)
    tops = [round((row + 0.5) * height / rows - block_height / 2) for row in range(rows) for _ in range(columns)]
    lefts = [round((column + 0.5) * width / columns - block_width / 2) for _ in range(rows) for column in range(columns)]
    centres = np.column_stack([np.array(lefts) + (block_width - width) / 2, np.array(tops) + (block_height - height) / 2])
    taper = np.outer(_hann(block_height), _hann(block_width)).astype(np.float32)
    frequencies = np.add.outer(np.fft.fftfreq(block_height) ** 2, np.fft.rfftfreq(block_width) ** 2)
    weight = np.exp(-2 * (np.pi * PEAK_PX) ** 2 * frequencies).astype(np.float32)
    return Grid(np.array(tops), np.array(lefts), block_height, block_width, taper, weight, centres)


def _hann(length: int) -> npt.NDArray[np.float64]:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length))


def temporal_median(pictures: npt.NDArray[np.uint8]) -> Picture:
    """The median over the first axis of (frames, H, W); of an even number, the lower of the two middle values."""
    return np.asarray(sorted_through_time(pictures)[(len(pictures) - 1) // 2], np.uint8)


def sorted_through_time(pictures: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """The values of (frames, H, W) sorted along the first axis.

    A sorting network of elementwise minima and maxima: forty times as fast as numpy's median on ten frames.
    """
    ordered: list[Any] = list(pictures)
    count = len(ordered)
    for turn in range(count):
        for low in range(turn % 2, count - 1, 2):
            pair = ordered[low], ordered[low + 1]
            ordered[low], ordered[low + 1] = cv2.min(*pair), cv2.max(*pair)
    return ordered


def block_contrasts(picture: Picture, grid: Grid) -> npt.NDArray[np.float64]:
    """Standard deviation of each block's fine detail, grey levels."""
    floating = picture.astype(np.float32)
    detail = floating - cv2.blur(floating, (DETAIL_BOX_PX, DETAIL_BOX_PX))
    corners = zip(grid.tops, grid.lefts, strict=True)
    return np.array([detail[top : top + grid.height, left : left + grid.width].std() for top, left in corners], np.float64)


def spectra(pictures: npt.NDArray[np.uint8], grid: Grid, chosen: npt.NDArray[np.int64] | None = None) -> Spectra:
    """The Fourier transforms of the blocks (of the chosen ones), tapered, of pictures (…, H, W): (…, blocks, height, width // 2 + 1)."""
    indices = range(grid.blocks) if chosen is None else chosen
    blocks = np.empty((*pictures.shape[:-2], len(indices), grid.height, grid.width), np.float32)
    for row, block in enumerate(indices):
        top, left = grid.tops[block], grid.lefts[block]
        blocks[..., row, :, :] = pictures[..., top : top + grid.height, left : left + grid.width]
    blocks -= blocks.mean(axis=(-2, -1), keepdims=True)
    blocks *= grid.taper
    return np.asarray(scipy.fft.rfft2(blocks, overwrite_x=True), np.complex64)


def block_shifts(reference: Spectra, moved: Spectra, grid: Grid) -> tuple[Shifts, npt.NDArray[np.float64]]:
    """How far each block lies from the same block of the reference, and the peak's response: nearly 1 for a pure shift, 0 for none."""
    return _peaks(_phases(reference, moved), grid)


def block_shifts_near(reference: Spectra, moved: Spectra, grid: Grid, expected: Shifts) -> tuple[Shifts, npt.NDArray[np.float64]]:
    """As `block_shifts`, of the highest peak within `NEAR_PX` of where each block is expected; response 0 where none lies there.

    Where leaves, dense rain or a coarse codec have left a block's true peak lower than some other one, this finds it.
    """
    surfaces = scipy.fft.irfft2(_phases(reference, moved) * grid.weight, s=(grid.height, grid.width), overwrite_x=True)
    shifts, responses = np.array(expected, np.float64), np.zeros(len(surfaces))
    reach = min(NEAR_PX + 1, (min(grid.height, grid.width) - 1) // 2)
    for number, (surface, (right, down)) in enumerate(zip(surfaces, np.rint(expected).astype(int), strict=True)):
        near = np.roll(surface, (reach - down, reach - right), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
        row, column = (1 + place for place in divmod(int(near[1:-1, 1:-1].argmax()), 2 * reach - 1))
        peak = float(near[row, column])
        if peak > 0 and peak >= near[row - 1 : row + 2, column - 1 : column + 2].max():
            beside = _vertex(float(near[row, column - 1]), peak, float(near[row, column + 1]))
            below = _vertex(float(near[row - 1, column]), peak, float(near[row + 1, column]))
            shifts[number] = right + column - reach + beside, down + row - reach + below
            responses[number] = peak / _highest_peak(grid)
    return shifts, responses


def common_shifts(reference: Spectra, moved: Spectra, grid: Grid) -> tuple[Shifts, npt.NDArray[np.float64]]:
    """For each of several pictures (pictures, blocks, …), the one shift that all blocks together speak for, and its response.

    Cheaper and surer than one by one.
    """
    return _peaks(_phases(reference, moved).mean(axis=1), grid)


def blocks_at_rest(reference: Spectra, moved: Spectra, grid: Grid, radius_px: float, least_score: float) -> int:
    """How many blocks lie within a radius of where they lay: their correlation peaks there, at so many standard deviations or more."""
    surfaces = scipy.fft.irfft2(_phases(reference, moved) * grid.weight, s=(grid.height, grid.width))
    rests = 0
    for surface in surfaces:
        right, down, peak = _peak(surface)
        rests += math.hypot(right, down) <= radius_px and peak >= least_score * float(surface.std())
    return rests


def _phases(reference: Spectra, moved: Spectra) -> Spectra:
    cross = moved * reference.conj()
    power = cross.real**2 + cross.imag**2
    # Frequencies that neither block holds have no phase to speak of.
    power += 1e-6 * power.mean(axis=(-2, -1), keepdims=True) + 1e-12
    cross *= 1.0 / np.sqrt(power)  # dividing complex numbers costs twice as much
    return cross


def _peaks(phases: Spectra, grid: Grid) -> tuple[Shifts, npt.NDArray[np.float64]]:
    """Where the correlation surfaces of (surfaces, …) peak, and how high over that of a pure shift."""
    surfaces = scipy.fft.irfft2(phases * grid.weight, s=(grid.height, grid.width), overwrite_x=True)
    peaks = [_peak(surface) for surface in surfaces]
    shifts = np.array([(right, down) for right, down, _ in peaks]).reshape(-1, 2)
    return shifts, np.array([height for _, _, height in peaks]) / _highest_peak(grid)


def _highest_peak(grid: Grid) -> float:
    """Of a pure shift."""
    doubled = 2 * grid.weight.sum() - grid.weight[:, 0].sum() - (grid.weight[:, -1].sum() if grid.width % 2 == 0 else 0.0)
    return float(doubled) / (grid.height * grid.width)


def _peak(surface: npt.NDArray[np.float32]) -> tuple[float, float, float]:
    """Where a correlation surface peaks (right, down; wrapped), to a fraction of a pixel, and how high."""
    height, width = surface.shape
    row, column = divmod(int(surface.argmax()), width)
    peak = float(surface[row, column])
    right = column + _vertex(float(surface[row, column - 1]), peak, float(surface[row, (column + 1) % width]))
    down = row + _vertex(float(surface[row - 1, column]), peak, float(surface[(row + 1) % height, column]))
    return (right + width / 2) % width - width / 2, (down + height / 2) % height - height / 2, peak


def _vertex(before: float, peak: float, after: float) -> float:
    """Of the parabola through the logarithms of three values, the middle one the highest: exact for a Gaussian."""
    if peak <= 0:
        return 0.0
    floor = 1e-3 * peak
    low, middle, high = math.log(max(before, floor)), math.log(peak), math.log(max(after, floor))
    bend = low - 2 * middle + high
    return 0.5 * (low - high) / bend if bend < 0 else 0.0


def fit_similarity(centres: npt.NDArray[np.float64], shifts: Shifts, tolerance_px: float, least_agreeing: int) -> Similarity:
    """The shift, scale and roll about the picture's middle that most blocks follow to within the tolerance.

    Each pair of blocks proposes a similarity and each block alone a plain shift; the proposal with the least truncated error wins, plain
    shifts first, and is refined on the blocks that follow it. With fewer than `least_agreeing` of them there is no answer (NaN).
    """
    count = len(shifts)
    nobody = Similarity(np.nan, np.nan, np.nan, np.nan, np.zeros(count, bool))
    if count < least_agreeing:
        return nobody
    here, there = _as_complex(centres), _as_complex(centres + shifts)
    turns, moves = _proposals(here, there)
    errors = np.abs(turns[:, None] * here[None] + moves[:, None] - there[None])
    cost = np.minimum(errors, tolerance_px).sum(axis=1)
    cost[:count] -= 0.5 * tolerance_px  # a zoom or roll must win half a block over a plain shift to be believed
    agreeing = errors[int(cost.argmin())] <= tolerance_px
    if agreeing.sum() < least_agreeing:
        return nobody
    for _ in range(3):
        turn, move = _least_squares(here[agreeing], there[agreeing])
        refined = np.abs(turn * here + move - there) <= tolerance_px
        if (refined == agreeing).all() or refined.sum() < least_agreeing:
            break
        agreeing = refined
    # The image's rows grow downwards, so a positive angle in (right, down) is clockwise to the viewer.
    return Similarity(float(move.real), float(move.imag), float(abs(turn)), float(-np.degrees(np.angle(turn))), agreeing)


def _as_complex(points: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
    return np.asarray(points[:, 0] + 1j * points[:, 1])


def _proposals(
    here: npt.NDArray[np.complex128], there: npt.NDArray[np.complex128]
) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
    """Plain shifts of each block, then similarities through each pair: there = turn · here + move."""
    plain = there - here
    if len(here) < 3:
        return np.ones_like(plain), plain
    first, second = np.array(list(combinations(range(len(here)), 2))).T
    turns = (there[first] - there[second]) / (here[first] - here[second])
    moves = there[first] - turns * here[first]
    sane = (np.abs(np.abs(turns) - 1) < 0.25) & (np.abs(np.angle(turns)) < np.radians(15))
    return np.concatenate([np.ones_like(plain), turns[sane]]), np.concatenate([plain, moves[sane]])


def _least_squares(here: npt.NDArray[np.complex128], there: npt.NDArray[np.complex128]) -> tuple[complex, complex]:
    """The similarity of least squared error, held back from zoom and roll where the blocks that vote lie close together."""
    middle_here, middle_there = here.mean(), there.mean()
    arms, tips = here - middle_here, there - middle_there
    # As much evidence as a quarter of a block that did not move, at the blocks' rms distance from the picture's middle.
    prior = 0.25 * np.mean(np.abs(here) ** 2) + 1e-9
    turn = (np.conj(arms) @ tips + prior) / (np.conj(arms) @ arms + prior)
    return complex(turn), complex(middle_there - turn * middle_here)
