"""What a release keeps of a frame besides its hash, so that a frame rebuilt from its link can be told from its neighbours.

Footage that was encoded anew gives other bytes, and the frames of a scene differ by their rain alone. The luma fingerprint is fine enough
to show which rain it is, the perceptual one tells the view. Both are integer arithmetic: the same hex digits on every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CELLS = 16  # a side
LUMA_STEPS = 64  # of one grey level
_RGB_WEIGHTS = np.array([299, 587, 114], dtype=np.int64)  # BT.601, full range, in thousandths


def luma_cells(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Mean luma of the cells of a 16x16 grid over a picture (HWC RGB, 16 px a side or more): (16, 16), 1/64 grey levels, rounded down."""
    rows, columns = (np.arange(CELLS) * side // CELLS for side in picture.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(picture, rows, axis=0, dtype=np.int64), columns, axis=1)
    heights, widths = np.diff([*rows, picture.shape[0]]), np.diff([*columns, picture.shape[1]])
    cells: npt.NDArray[np.int64] = LUMA_STEPS * (sums @ _RGB_WEIGHTS) // (1000 * np.outer(heights, widths))
    return cells


def luma_fingerprint(cells: npt.NDArray[np.int64]) -> str:
    """The cells as hex: four digits each, row by row."""
    return cells.astype(">u2").tobytes().hex()


def cells_of(luma: str) -> npt.NDArray[np.int64]:
    """The cells of a luma fingerprint, (16, 16). Raises ValueError where it is none."""
    return np.frombuffer(bytes.fromhex(luma), dtype=">u2").astype(np.int64).reshape(CELLS, CELLS)


def perceptual_fingerprint(cells: npt.NDArray[np.int64]) -> str:
    """A difference hash, 120 hex digits: whether each cell is brighter than its neighbour to the left, then than the one above."""
    rises_right = cells[:, 1:] > cells[:, :-1]
    rises_down = cells[1:] > cells[:-1]
    return np.packbits(np.concatenate([rises_right.ravel(), rises_down.ravel()])).tobytes().hex()
