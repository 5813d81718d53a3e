"""What one decoding of a footage measured, frame by frame and window by window: all that verdicts, spans and masks are taken from.

One small file a footage (`measures/<footage_id>.npz`) and not list columns of the segments: spans change with the thresholds while these
series do not, every later stage reads the segments without needing them, and the mask needs a coarse picture a window. The file carries
the key that it was measured under, so a file of other content, settings or another version of the measuring code is never used.
"""

from __future__ import annotations

import dataclasses
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from manifests.files import write_atomically

Series = npt.NDArray[np.float32]  # so that what is read back decides exactly as what was measured

CELLS = 80  # along the longer side of a shrunken picture
WINDOW = 10  # frames in a window; fewer before a cut and at the end
NO_VIEW = -1  # the view of a window with too little texture to be matched with anything


@dataclass(frozen=True, slots=True)
class StillSpan:
    """What a still span is: how far it may move, full-resolution px, and how long it must last."""

    limit_px: float
    least_s: float
    least_frames: int


@dataclass(frozen=True)
class Measures:
    """n frames, w windows, blocks as set. Pixel measures are at full resolution of the upright picture; NaN: could not be measured."""

    width: int  # px, the upright picture
    height: int
    full_px: float  # full-resolution px in one px of the pictures that were measured
    blocks: int  # of the grid
    # --- a pixel of the measured pictures, (H, W)
    mean_picture: npt.NDArray[np.uint8]  # mean of the windows' medians
    challenged: npt.NDArray[np.uint16]  # how often the surroundings changed from window to window
    withstood: npt.NDArray[np.uint16]  # how often the pixel kept its value then: overlays
    # --- a frame, (n,)
    pts_s: npt.NDArray[np.float64]
    brightness: Series  # mean grey level
    contrast: Series  # standard deviation over the cells, grey levels
    change: Series  # mean absolute difference to the frame before, grey levels; 0 for the first
    resemblance: Series  # to the frame before, 0-1
    earlier_resemblance: Series  # to the frame one window length before, 0-1
    offset_right_px: Series  # against the median of the frame's window
    offset_down_px: Series
    # --- a window, (w,)
    window_first: npt.NDArray[np.int64]  # windows follow each other without gaps
    view: npt.NDArray[np.int64]  # windows that could be matched share a view; a view seen again keeps its number
    right_px: Series  # the picture's place against the view's first window
    down_px: Series
    scale: Series
    roll_deg: Series
    textured: npt.NDArray[np.int64]  # blocks with enough contrast to vote
    agreeing: npt.NDArray[np.int64]  # of them, those that follow the camera
    cells: npt.NDArray[np.uint8]  # (w, H, W) the window's median picture, shrunk
    unrest: npt.NDArray[np.uint8]  # (w, H, W) see appearance.unrest
    row_peak: npt.NDArray[np.uint8]  # (w, measured H) brightest value of each row in any frame: black bars
    column_peak: npt.NDArray[np.uint8]  # (w, measured W)
    # --- stretches that key frames showed to move so much that they were not decoded (see curate.key_frames)
    undecoded: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))  # (stretches, 2) first and end frame
    undecoded_limit_px: float = 0.0  # what no still span in them can satisfy: to move less than this, px,
    undecoded_least_s: float = 0.0  # for so long
    undecoded_least_frames: int = 0

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.pts_s)

    def serves(self, still: StillSpan) -> bool:
        """Whether still spans of this kind can be found here: none can hide in what was not decoded."""
        if not len(self.undecoded):
            return True
        stricter = still.limit_px <= self.undecoded_limit_px and still.least_s >= self.undecoded_least_s
        return stricter and still.least_frames >= self.undecoded_least_frames

    def undecoded_share(self, first: int, end: int) -> float:
        """Which share of the frames [first, end) was not decoded."""
        inside = np.minimum(self.undecoded[:, 1], end) - np.maximum(self.undecoded[:, 0], first)
        return float(np.maximum(inside, 0).sum() / (end - first))

    @property
    def window_end(self) -> npt.NDArray[np.int64]:
        """One past each window's last frame."""
        return np.append(self.window_first[1:], self.frames)


def save(measures: Measures, path: Path, key: str) -> None:
    """Write measures under their key, whole or not at all."""
    arrays: dict[str, Any] = {entry.name: np.asarray(getattr(measures, entry.name)) for entry in dataclasses.fields(measures)}
    with write_atomically(path) as file:
        np.savez_compressed(file, key=np.array(key), **arrays)


def load(path: Path, key: str) -> Measures | None:
    """The measures in a file; None where there is no file, it is damaged, or it was measured under another key."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            arrays = {entry.name: stored[entry.name] for entry in dataclasses.fields(Measures)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return Measures(**{name: values if values.ndim else values.item() for name, values in arrays.items()})
