"""How rain looks in one frame: orientation, length, width, cover, amplitude, and what tells it from cars, snow and noise.

Rain only brightens, for one frame or a few. Two residuals show it, and each fails alone: what a frame adds to the temporal median (also
cars, leaves, light), and the impulse of one frame over both its neighbours (Garg and Nayar 2007, sec. 6: a drop passes a pixel within a
frame), which ignores all that is slower than a frame but misses drops that a slow shutter or a low bit rate keeps for several frames.
Pixels more than CANDIDATE_LEVEL above are candidates; their connected blobs are the streaks.

Blobs tell, by their second moments, whether they agree in direction and where they lie. But they merge as rain grows denser and break up
in noise, so orientation, length and width come from the residual's autocovariance: streaks that fall independently (a Poisson shot
process) have the autocovariance of a single streak at any density (Campbell's theorem). It squares the light, so blobs are weighted first:
for the orientation until streaks count about by their length, whatever their brightness. Codecs fade faint streaks most, which are small
and lean most in the wind, and the impulse lacks what streaks of the neighbours overlap; so for the orientation light counts only up to
SATURATED_LEVEL, and streaks that an impulse found are shown whole, as they rise over the median. Length and width are full extents at half
of the brightness, cover the share of the seen pixels brightened by more than CANDIDATE_LEVEL. `tests/benchmarks/rain_accuracy.py` tells
how well all this holds.

Angles are degrees, 0 = image right, counter-clockwise, modulo 180. Pictures are grey, HW, uint8; lengths are px of the pictures given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import scipy.fft

Grey = npt.NDArray[np.uint8]  # HW
Plane = npt.NDArray[np.float32]  # HW
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

CANDIDATE_LEVEL = 3  # grey levels above which a pixel may be rain: above rounding and most codecs' noise
LEAST_BLOB_PX = 5  # pixels; smaller blobs have no orientation worth the name
LEAST_BLOBS = 3  # fewer tell nothing about a frame
ALIGNED_DEG = 15.0  # a blob this near to the frame's orientation, and twice as long as wide, is one of its streaks
STRONG = 0.25  # share of the streaks' usual peak: weaker blobs may be noise, which lies along the streaks by chance, anywhere
CELLS = 8  # the grid's cells a side
LEAST_SEEN_CELL = 0.25  # share of a cell that must be seen for streaks to be expected in it
LEAST_PAIRS = 0.05  # share of the seen pixels: lags at which fewer have a partner tell little
MOST_LAG = 0.45  # of the picture's shorter side: beyond, the autocovariance wraps round
PEAK_HEIGHT = 0.3  # the autocovariance's peak, down to this share of its height, has the streaks' orientation
PEAK_RADIUS_PX = 40  # and is looked at so far out
SATURATED_LEVEL = 6  # grey levels: rising by more counts no more for the orientation; twice what makes a candidate
WHOLE_WITHIN_PX = 4  # of a blob of the impulse: so far the streak is looked for in the rise over the median
SMALL_SPREAD = 100.0  # px of area times px of length: smaller blobs may be noise, and are not raised to the others' size
EVENED_SIZE = 0.15  # power of a blob's spread that its weight is divided by
FAN = 0.15  # streaks that lean otherwise than their mean are looked for so far aside, for each px along


@dataclass(frozen=True, slots=True)
class Residual:
    """How far a frame rises above, and falls below, what stands still. HW uint8, grey levels."""

    bright: Grey
    dark: Grey


@dataclass(frozen=True, slots=True)
class Seen:
    """Where the picture counts: what moves, stands still in front or was laid over it is masked, and no share is a share of that."""

    mask: npt.NDArray[np.bool_]  # HW
    pixels: int
    cells: npt.NDArray[np.bool_]  # CELLS x CELLS: of which at least LEAST_SEEN_CELL counts
    pairs: Plane  # HW: at each lag, which wraps round, the share of the seen pixels whose partner is seen too

    @classmethod
    def of(cls, mask: Grey | npt.NDArray[np.bool_]) -> Seen:
        """From a mask, HW, 0 where nothing may count."""
        counts = mask > 0
        cells = cv2.resize(counts.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA) >= LEAST_SEEN_CELL
        return cls(counts, int(np.count_nonzero(counts)), np.asarray(cells, dtype=bool), _pairs(counts))

    def only(self, residual: Residual) -> Residual:
        """The residual with nothing where nothing may count."""
        return Residual(*(np.where(self.mask, plane, 0).astype(np.uint8) for plane in (residual.bright, residual.dark)))

    def share(self, there: npt.NDArray[np.bool_]) -> float:
        """The share of the seen pixels (HW) or of the seen cells (CELLS x CELLS) that are true; 0 where nothing is seen."""
        whole = self.pixels if there.shape == self.mask.shape else int(np.count_nonzero(self.cells))
        return int(np.count_nonzero(there)) / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class Blobs:
    """Connected candidates of one frame: one value a blob."""

    x_px: Floats  # centre
    y_px: Floats
    area_px: Floats  # px in it
    length_px: Floats  # of the bar with the same second moments
    width_px: Floats
    orientation_rad: Floats
    labels: npt.NDArray[np.int32]  # HW: 1 to N in these blobs, 0 elsewhere


@dataclass(frozen=True, slots=True)
class Streaks:
    """One frame's rain as one residual shows it. Null where there are too few blobs to tell."""

    cover: float  # candidates' share of the seen pixels
    amplitude: float  # candidates' mean rise, grey levels
    bright_to_dark: float  # energy of what rises to energy of what falls: grain and codecs move pixels both ways, but a little
    concentration: float  # 0: blobs point anywhere; 1: all one way
    coherence: float  # of the structure tensor, 0-1
    orientation_deg: float | None
    length_px: float | None
    width_px: float | None
    cells: Counts  # CELLS x CELLS: how many streaks along the frame's orientation each holds


def median_residual(frame: Grey, median: Grey) -> Residual:
    """A frame against the temporal median of the frames around it."""
    return Residual(cv2.subtract(frame, median).astype(np.uint8), cv2.subtract(median, frame).astype(np.uint8))


def impulse_residual(frame: Grey, before: Grey, after: Grey) -> Residual:
    """A frame against its two neighbours: I_n - max(I_{n-1}, I_{n+1}), and the same downwards."""
    bright = cv2.subtract(frame, cv2.max(before, after))
    dark = cv2.subtract(cv2.min(before, after), frame)
    return Residual(bright.astype(np.uint8), dark.astype(np.uint8))


def measure(residual: Residual, seen: Seen | None = None, risen: Grey | None = None) -> Streaks:
    """Everything that one residual of one frame tells about rain, where it is seen (null: everywhere).

    `risen`: where the residual is an impulse, how far the frame rises above the temporal median (HW, grey levels), which shows its streaks
    whole; null: the residual shows them as they are.
    """
    seen = seen or Seen.of(np.ones(residual.bright.shape, dtype=bool))
    residual = seen.only(residual)
    candidates = residual.bright > CANDIDATE_LEVEL
    rises = residual.bright[candidates].astype(np.float64)
    falls = residual.dark[residual.dark > CANDIDATE_LEVEL].astype(np.float64)
    cover = seen.share(candidates)
    amplitude = float(rises.mean()) if rises.size else 0.0
    bright_to_dark = float((1 + np.sum(rises**2)) / (1 + np.sum(falls**2)))
    blobs = find_blobs(candidates)
    nothing = np.zeros((CELLS, CELLS), dtype=np.int64)
    if blobs.length_px.size < LEAST_BLOBS:
        return Streaks(cover, amplitude, bright_to_dark, 0.0, 0.0, None, None, None, nothing)
    peaks = blob_peaks(residual.bright, blobs)
    whole = residual.bright if risen is None else whole_streaks(residual.bright, blobs, np.where(seen.mask, risen, 0).astype(np.uint8))
    orientation_deg = peak_orientation(autocovariance(evened(whole), seen))
    rain = weighted(residual.bright, blobs, 1 / np.sqrt(peaks))
    length_px, width_px = extent(autocovariance(rain, seen), orientation_deg)
    return Streaks(
        cover=cover,
        amplitude=amplitude,
        bright_to_dark=bright_to_dark,
        concentration=concentration(blobs),
        coherence=coherence(rain),
        orientation_deg=orientation_deg,
        length_px=length_px,
        width_px=width_px,
        cells=aligned_cells(blobs, peaks, orientation_deg),
    )


def find_blobs(candidates: npt.NDArray[np.bool_]) -> Blobs:
    """The 8-connected blobs of at least LEAST_BLOB_PX px, with length, width and orientation from their second moments.

    A bar of length l has the variance l²/12 along itself, which gives length and width back; 1/12 is a pixel's own variance.
    """
    count, labels = cv2.connectedComponents(candidates.astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(candidates)
    label = labels[rows, columns]
    area = np.bincount(label, minlength=count)
    large = area >= LEAST_BLOB_PX
    large[0] = False  # the background
    weight = 1.0 / np.maximum(area, 1)

    def mean(values: Floats) -> Floats:
        sums: Floats = np.bincount(label, values, minlength=count) * weight
        return sums[large]

    x, y = columns.astype(np.float64), rows.astype(np.float64)
    centre_x, centre_y = mean(x), mean(y)
    xx = mean(x * x) - centre_x**2 + 1 / 12
    yy = mean(y * y) - centre_y**2 + 1 / 12
    xy = mean(x * y) - centre_x * centre_y
    spread = np.hypot(xx - yy, 2 * xy)
    along, across = (xx + yy + spread) / 2, np.maximum((xx + yy - spread) / 2, 1 / 12)
    return Blobs(
        x_px=centre_x,
        y_px=centre_y,
        area_px=area[large].astype(np.float64),
        length_px=np.sqrt(12 * along),
        width_px=np.sqrt(12 * across),
        orientation_rad=0.5 * np.arctan2(-2 * xy, xx - yy),  # rows count downwards, angles upwards
        labels=np.where(large, np.cumsum(large), 0).astype(np.int32)[labels],
    )


def blob_peaks(bright: Grey, blobs: Blobs) -> Floats:
    """The highest rise in each blob, grey levels."""
    inside = blobs.labels > 0
    peaks = np.zeros(blobs.area_px.size + 1)
    np.maximum.at(peaks, blobs.labels[inside], bright[inside])
    return peaks[1:]


def weighted(bright: Grey, blobs: Blobs, weights: Floats) -> Plane:
    """The rise times its blob's weight, HW; 0 outside of blobs."""
    return np.asarray(bright * np.append(0.0, weights).astype(np.float32)[blobs.labels], dtype=np.float32)


def whole_streaks(bright: Grey, blobs: Blobs, risen: Grey) -> Grey:
    """An impulse's blobs with what lies around them in the rise over the median: what the neighbours' streaks took away. HW."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * WHOLE_WITHIN_PX + 1, 2 * WHOLE_WITHIN_PX + 1))
    near = cv2.dilate((blobs.labels > 0).astype(np.uint8), disc) > 0
    return np.where(near, np.maximum(bright, risen), 0).astype(np.uint8)


def evened(bright: Grey) -> Plane:
    """A residual in which streaks count alike, whatever their brightness and more or less whatever their size. HW.

    As they are, the autocovariance squares their light: few large near drops would tell the orientation, which the wind leans least.
    """
    blobs = find_blobs(bright > CANDIDATE_LEVEL)
    spread = np.maximum(blobs.area_px * blobs.length_px, SMALL_SPREAD)
    return weighted(np.minimum(bright, SATURATED_LEVEL), blobs, 1 / spread**EVENED_SIZE)


def concentration(blobs: Blobs) -> float:
    """How far the blobs' orientations agree, 0-1: the length of their mean on the circle of doubled angles, weighted by length.

    Freed of the bias that few blobs bring: random ones give 1/n in the square on average.
    """
    weights = blobs.length_px / blobs.length_px.sum()
    mean = complex(np.sum(weights * np.exp(2j * blobs.orientation_rad)))
    by_chance = float(np.sum(weights**2))
    unbiased = (abs(mean) ** 2 - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
    return float(np.sqrt(max(0.0, unbiased)))


def coherence(rain: Plane, blur_px: float = 1.0) -> float:
    """Coherence of the structure tensor over a whole residual: 0 for gradients all round, 1 for stripes."""
    smooth = cv2.GaussianBlur(rain, (0, 0), blur_px)
    right, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    xx, yy, xy = (float(np.sum(product, dtype=np.float64)) for product in (right * right, down * down, right * down))
    return float(np.hypot(xx - yy, 2 * xy) / (xx + yy)) if xx + yy > 0 else 0.0


def autocovariance(rain: Plane, seen: Seen) -> Plane:
    """The autocovariance of a residual over the pairs of pixels that are seen: HW by lags that wrap round, 1 at lag 0 ([0, 0])."""
    centred = np.where(seen.mask, rain - float(rain.sum()) / max(seen.pixels, 1), 0).astype(np.float32)
    spectrum = scipy.fft.rfft2(centred)
    covariance = scipy.fft.irfft2(spectrum.real**2 + spectrum.imag**2, s=rain.shape) / np.maximum(seen.pairs, LEAST_PAIRS)
    return np.asarray(covariance / max(float(covariance[0, 0]), 1e-12), dtype=np.float32)


def peak_orientation(covariance: Plane) -> float:
    """Orientation in degrees of the autocovariance's central peak, by its second moments."""
    radius = min(PEAK_RADIUS_PX, (min(covariance.shape) - 1) // 2)
    near = np.roll(covariance, (radius, radius), (0, 1))[: 2 * radius + 1, : 2 * radius + 1]
    down, right = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    _, labels = cv2.connectedComponents(((near > PEAK_HEIGHT) & (down**2 + right**2 <= radius**2)).astype(np.uint8))
    weights = np.where(labels == labels[radius, radius], near - PEAK_HEIGHT, 0.0)
    xx, yy, xy = (float(np.sum(weights * product)) for product in (right * right, down * down, right * down))
    return float(np.degrees(0.5 * np.arctan2(-2 * xy, xx - yy)) % 180.0)  # rows count downwards, angles upwards


def extent(covariance: Plane, orientation_deg: float) -> tuple[float, float]:
    """Length and width of the streaks, px, at half of their brightness.

    Along: for bars of length l the autocovariance is a triangle that reaches half its height at l/2, so its full width is l itself. Streaks
    fan out from their mean orientation, so what lies aside is added up. Across, streaks are bells: their autocovariance is √2 as wide.
    """
    cosine, sine = np.cos(np.radians(orientation_deg)), np.sin(np.radians(orientation_deg))
    fine = np.arange(0.0, MOST_LAG * min(covariance.shape), 0.5)
    across_px = _half_width(fine, _sampled(covariance, fine * sine, fine * cosine))
    lags = np.arange(0.0, MOST_LAG * min(covariance.shape))
    reach = across_px + FAN * lags[:, None]
    aside = reach * np.linspace(-1, 1, 41)
    fan = _sampled(covariance, lags[:, None] * cosine + aside * sine, aside * cosine - lags[:, None] * sine)
    along = (fan * reach).mean(axis=1)
    return _half_width(lags, along / along[0]), across_px / math.sqrt(2)


def aligned_cells(blobs: Blobs, peaks: Floats, orientation_deg: float) -> Counts:
    """How many streaks each cell of a CELLS x CELLS grid holds: blobs along the orientation, not much fainter than the others."""
    height, width = blobs.labels.shape
    away_deg = np.abs((np.degrees(blobs.orientation_rad) - orientation_deg + 90) % 180 - 90)
    streaks = (away_deg <= ALIGNED_DEG) & (blobs.length_px >= 2 * blobs.width_px)
    if streaks.any():
        streaks &= peaks >= STRONG * np.average(peaks[streaks], weights=blobs.area_px[streaks])
    cells = np.zeros((CELLS, CELLS), dtype=np.int64)
    np.add.at(cells, ((blobs.y_px[streaks] * CELLS / height).astype(int), (blobs.x_px[streaks] * CELLS / width).astype(int)), 1)
    return cells


def spread(cells: Counts, seen: Seen) -> float:
    """Over which share of the seen cells streaks spread, 0-1: 1 when all hold equally many but for chance, 1/n when all lie in 1 of n.

    The participation ratio, freed of what chance (a Poisson number in each cell) adds to the squares.
    """
    counts = cells[seen.cells]
    total, pairs = int(counts.sum()), int(np.sum(counts * (counts - 1)))
    if not pairs:
        return total / max(1, counts.size)
    return min(1.0, total * (total - 1) / (counts.size * pairs))


def differing_share(one: Grey, other: Grey) -> float:
    """The share of two frames' rain (bright residuals against one median) that they do not have in common.

    1: no rain in common; 0: the same rain, or none in either.
    """
    first = np.where(one > CANDIDATE_LEVEL, one, 0)
    second = np.where(other > CANDIDATE_LEVEL, other, 0)
    total = int(first.sum(dtype=np.int64)) + int(second.sum(dtype=np.int64))
    return int(cv2.absdiff(first, second).sum(dtype=np.int64)) / total if total else 0.0


def mean_orientation_deg(orientations_deg: Floats, weights: Floats) -> float | None:
    """Weighted circular mean of angles that are modulo 180; null where nothing has weight."""
    total = complex(np.sum(weights * np.exp(2j * np.radians(orientations_deg))))
    return float(np.degrees(np.angle(total)) / 2 % 180.0) if abs(total) > 1e-9 else None


def _pairs(mask: npt.NDArray[np.bool_]) -> Plane:
    """At each lag the share of a mask's pixels whose partner lies in it as well, not beyond the picture's edge."""
    height, width = mask.shape
    spectrum = scipy.fft.rfft2(mask.astype(np.float32), s=(2 * height, 2 * width))
    shares = scipy.fft.irfft2(spectrum.real**2 + spectrum.imag**2, s=(2 * height, 2 * width)) / max(int(np.count_nonzero(mask)), 1)
    rows, columns = (np.arange(side) - side * (2 * np.arange(side) >= side) for side in (height, width))  # as lags that wrap round
    return np.asarray(shares[np.ix_(rows, columns)], dtype=np.float32)


def _sampled(covariance: Plane, right: Floats, down: Floats) -> Floats:
    """The covariance at lags (px, to the right and downwards), which wrap round."""
    height, width = covariance.shape
    columns, rows = np.atleast_2d(right % width).astype(np.float32), np.atleast_2d(down % height).astype(np.float32)
    found = cv2.remap(covariance, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return found.reshape(right.shape).astype(np.float64)


def _half_width(lags: Floats, profile: Floats) -> float:
    """Twice the lag at which a profile that begins at 1 first falls to a half."""
    below = int(np.argmax(profile < 0.5))
    if below == 0:  # never falls: longer than can be told
        return float(2 * lags[-1])
    before, after = float(profile[below - 1]), float(profile[below])
    return 2 * float(lags[below - 1] + (lags[below] - lags[below - 1]) * (before - 0.5) / (before - after))
