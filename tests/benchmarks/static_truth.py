"""What should come out of a simulated clip: the spans in which its camera stands, by a rule stated here, and where the rule is too near a
limit to be asked.

A clip falls into takes: at its cuts, fades and black frames, at a jump of the camera beyond the limit, and where a panning camera comes
to rest. A take in which the camera goes nowhere stands. A take in which it drifts, zooms, rolls or shakes stands as a whole or not at
all: it stands when the picture's middle (on medians of ten frames), its corners (by zoom and roll) and single frames (95 % of them,
against the medians) keep within the limits of `StaticSegmentsSettings`. What stands is to be kept when it is long enough.
Where one of these measures lies within 15 % of its limit there is no answer, and the clip is no case.

A picture in which nothing moves looks the same whether the stream froze or an encoder smoothed away the noise of a dry and windless scene:
such a span must be called static, and may be kept or rejected as frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.simulator.camera import Pose, poses
from acquire.simulator.encode import presentation_times
from acquire.simulator.specification import ClipSpecification, span_end
from acquire.simulator.truth import static_spans
from curate.static_segments import StaticSegmentsSettings

MARGIN = 0.15
MEDIAN_FRAMES = 10
LIMITS = StaticSegmentsSettings()


@dataclass(frozen=True)
class Expected:
    """What should come of a clip."""

    spans: tuple[tuple[int, int], ...]  # [first, end) to be kept
    still: tuple[tuple[int, int], ...]  # [first, end) of verdict static, kept or not: the picture never changes
    undecided: npt.NDArray[np.bool_]  # (frames,) fades and black frames, of which any verdict is right


def expected(clip: ClipSpecification) -> Expected | None:
    """What should come of the clip, or None where that lies too near a limit to be asked."""
    undecided = np.zeros(clip.frames, bool)
    for event in clip.events:
        if event.kind in ("fade", "black"):
            undecided[event.first_frame : span_end(event, clip.frames)] = True
    path = poses(clip)
    stands = _stands_as_a_whole(path, clip)
    if stands is None:
        return None
    takes = [(0, clip.frames)] if stands else static_spans(clip, path) if clip.camera.kind in ("static", "bump", "settle") else []
    times = [*presentation_times(clip), presentation_times(clip)[-1] + 1 / clip.fps]
    kept = []
    for first, end in takes:
        shares = (end - first) / LIMITS.least_frames, (times[end] - times[first]) / LIMITS.least_s
        if min(shares) >= 1 + MARGIN:
            kept.append((first, end))
        elif min(shares) > 1 - MARGIN:
            return None
    frozen = [event.first_frame for event in clip.events if event.kind == "frozen"]
    if _is_dead(clip):
        return Expected((), tuple(kept), undecided)
    if frozen:
        lively, still_s = frozen[0] / LIMITS.least_frames, times[clip.frames] - times[frozen[0]]
        asked = lively <= 1 - MARGIN and still_s >= (1 + MARGIN) * LIMITS.least_s
        return Expected((), ((frozen[0], clip.frames),), undecided) if asked else None
    return Expected(tuple(kept), (), undecided)


def _is_dead(clip: ClipSpecification) -> bool:
    """Whether nothing falls or moves, nor the light changes."""
    return clip.rain is None and all(event.kind in ("cut", "fade", "black", "frozen", "overlay", "bars", "haze") for event in clip.events)


def shares_of_limits(path: Sequence[Pose], clip: ClipSpecification) -> tuple[float, float, float]:
    """How far middle, corners and single frames go in a path, each as a share of its limit."""
    places = np.array([complex(pose.shift_x_px, pose.shift_y_px) for pose in path])
    windows = np.lib.stride_tricks.sliding_window_view(places, MEDIAN_FRAMES)
    medians = np.median(windows.real, axis=1) + 1j * np.median(windows.imag, axis=1)
    nearest = np.clip(np.arange(len(path)) - MEDIAN_FRAMES // 2, 0, len(medians) - 1)
    jitter = float(np.percentile(np.abs(places - medians[nearest]), 95))
    to_corner = np.hypot(clip.width, clip.height) / 2
    zoom = np.ptp([pose.scale for pose in path]) * to_corner
    roll = np.radians(np.ptp([pose.roll_deg for pose in path])) * to_corner
    extent = float(np.abs(medians[:, None] - medians[None]).max())
    return extent / LIMITS.shift_px, float(max(zoom, roll)) / LIMITS.edge_px, jitter / LIMITS.jitter_px


def _stands_as_a_whole(path: Sequence[Pose], clip: ClipSpecification) -> bool | None:
    """Whether the camera keeps within the limits from first to last; None where that is a matter of a few per cent."""
    kind = clip.camera.kind
    if kind == "shake":
        return _shaken(path, clip)
    middle, corners, _ = shares_of_limits(path, clip)
    # Whatever the median of ten frames takes off a drift's ends.
    whole = abs(clip.camera.amount) / LIMITS.shift_px if kind in ("drift", "bump") else middle
    if max(middle, corners, whole) <= 1 - MARGIN:
        return not any(event.kind in ("cut", "fade", "black") for event in clip.events)
    if kind == "drift":
        return False if min(middle, whole) >= 1 + MARGIN else None
    return False if max(middle, corners, whole) >= 1 + MARGIN else None


def _shaken(path: Sequence[Pose], clip: ClipSpecification) -> bool | None:
    """A hand's tremor may rest for a while: it moves when no part long enough to be kept keeps within the limits."""
    shares = shares_of_limits(path, clip)
    if max(shares) <= 1 - MARGIN:
        return True
    length = max(LIMITS.least_frames, round(LIMITS.least_s * clip.fps))
    parts = [path[first : first + length] for first in range(0, len(path) - length + 1, 3)]
    calmest = min(max(shares_of_limits(part, clip)) for part in parts)
    return False if calmest >= 1 + MARGIN else None
