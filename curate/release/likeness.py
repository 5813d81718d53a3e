"""Whether frames that were decoded anew are those that a release chose: told by their rain, since nothing else differs within a scene.

A frame's cells of luma, less what all frames of the scene show and less what light does (a gain and an offset that change evenly over the
picture), are its rain. The same rain is found again after another encoding or at another size; the frame before or after shows other rain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.release.fingerprints import CELLS

MOST_SHIFT_S = 3.0  # in time, that is looked for
SAME_TIME_S = 0.6  # of an interval: a frame farther from the time sought is not it
LEAST_MEDIAN = 0.5  # correlation of rain; measured: 0.74 and more for the same frames at rate factor 37, at most 0.30 for neighbours
LEAST_LEAD = 0.2  # of the shift that is taken over all others that are not its neighbours in time
LEAST_FRAME = 0.3  # a frame below is doubtful
MOST_DOUBTFUL = 0.1  # share of a scene's frames

Cells = npt.NDArray[np.float64]  # (frames, CELLS * CELLS)


@dataclass(frozen=True)
class Match:
    """Where in newly decoded frames a scene's frames are."""

    places: tuple[int, ...]  # of each of the scene's frames
    shift_s: float
    correlations: tuple[float, ...]
    lead: float  # of the median correlation over that of the best other shift

    @property
    def close(self) -> bool:
        """Whether these are the scene's frames."""
        doubtful = np.mean(np.array(self.correlations) < LEAST_FRAME)
        return bool(np.median(self.correlations) >= LEAST_MEDIAN and self.lead >= LEAST_LEAD and doubtful <= MOST_DOUBTFUL)


def rain_of(cells: Cells) -> Cells:
    """What is a frame's own in the cells of a scene's frames (frames, 256): their rain, (frames, 256)."""
    picture = np.median(cells, axis=0)
    rows, columns = (axis.ravel() / CELLS - 0.5 for axis in np.mgrid[:CELLS, :CELLS])
    even = np.stack([np.ones_like(picture), rows, columns])
    light = np.concatenate([even, even * picture]).T  # (256, 6)
    own = cells - picture
    fitted, *_ = np.linalg.lstsq(light, own.T, rcond=None)
    return np.asarray(own - (light @ fitted).T)


def correlations(one: Cells, other: Cells) -> Cells:
    """How alike the rain of two series of frames is, frame by frame: (frames,), 1 for the same, about 0 for another."""
    return _alike(rain_of(one), rain_of(other))


def _alike(first: Cells, second: Cells) -> Cells:
    scale = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.asarray((first * second).sum(axis=1) / np.maximum(scale, 1e-9))


def find(chosen: Cells, chosen_s: Sequence[float], decoded: Cells, decoded_s: Sequence[float]) -> Match | None:
    """The shift in time under which decoded frames show a scene's rain best; None where they do not reach over the scene's time.

    chosen: (n, 256) cells of the scene's frames at times `chosen_s`; decoded: (m, 256) at rising times `decoded_s`, s.
    """
    wanted, times = np.asarray(chosen_s), np.asarray(decoded_s)
    if len(times) < 2:
        return None
    interval = float(np.median(np.diff(times)))
    rain = rain_of(chosen)
    tried: dict[tuple[int, ...], tuple[float, Cells]] = {}
    for shift in _shifts(wanted, times):
        places = _nearest(times, wanted + shift)
        if np.abs(times[places] - wanted - shift).max() <= SAME_TIME_S * interval and len(set(places.tolist())) == len(places):
            tried.setdefault(tuple(places.tolist()), (float(shift), _alike(rain, rain_of(decoded[places]))))
    if not tried:
        return None
    best = max(tried, key=lambda places: float(np.median(tried[places][1])))
    shift, found = tried[best]
    others = [float(np.median(values)) for places, (_, values) in tried.items() if not set(places) & set(best)] or [0.0]
    return Match(best, shift, tuple(found.tolist()), float(np.median(found)) - max(others))


def _shifts(wanted: Cells, times: Cells) -> list[float]:
    """Shifts that put the scene's first frame on a decoded one, the smallest first."""
    shifts = times - wanted[0]
    return sorted(shifts[np.abs(shifts) <= MOST_SHIFT_S].tolist(), key=lambda shift: (abs(shift), shift))


def _nearest(times: Cells, wanted: Cells) -> npt.NDArray[np.int64]:
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    return np.where(wanted - times[after - 1] <= times[after] - wanted, after - 1, after)
