"""A segment's picture without its bars and overlays, at any scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from manifests.tables import Segment

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from manifests.media import Picture

Box = tuple[int, int, int, int]  # left, top, right, bottom, px


def cropped(picture: Picture, segment: Segment, scale: float = 1.0) -> Picture:
    """The part of an upright picture (HW or HWC) inside the segment's crop; `scale`: full-resolution px to one px of the picture."""
    if segment.crop_left is None or segment.crop_top is None or segment.crop_width is None or segment.crop_height is None:
        return picture
    left, top = math.ceil(segment.crop_left / scale), math.ceil(segment.crop_top / scale)
    right, bottom = int((segment.crop_left + segment.crop_width) / scale), int((segment.crop_top + segment.crop_height) / scale)
    return picture[top : max(bottom, top + 1), left : max(right, left + 1)]


def without_overlays(box: Box, overlay: npt.NDArray[np.bool_], most_share: float) -> Box:
    """The box less the bands at its rim that hold overlays (a ticker, a clock), while all that is cut off is at most `most_share` of it.

    `overlay`: the whole picture, HW, true where a sharp overlay lies. Each overlay, its letters taken together, costs the cheapest of the
    four bands that would hold it; the cheapest ones go first, and those that cost too much stay in the box, for a mask to hide.
    Edges that move come to lie on even px.
    """
    import cv2
    import numpy as np

    left, top, right, bottom = box
    inside = np.zeros(overlay.shape, np.uint8)
    inside[top:bottom, left:right] = overlay[top:bottom, left:right]
    letters = 2 * (max(overlay.shape) // 40) + 1  # px between letters and words of one overlay
    together = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((letters, letters), np.uint8))
    waiting = [(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h, _ in cv2.connectedComponentsWithStats(together)[2][1:]]
    whole = (right - left) * (bottom - top)
    while waiting:
        cost, smaller = min(_cut(box, overlaid) for overlaid in waiting)
        if cost > most_share * whole - (whole - _area(box)):
            break
        box = smaller
        waiting = [other for other in waiting if _overlap(other, box)]
    return box


def _cut(box: Box, overlaid: Box) -> tuple[int, Box]:
    """The cheapest way to cut a box clear of an overlay: the area that it costs, and what is left."""
    left, top, right, bottom = box
    cuts = [
        (min(right, overlaid[2] + overlaid[2] % 2), top, right, bottom),
        (left, min(bottom, overlaid[3] + overlaid[3] % 2), right, bottom),
        (left, top, max(left, overlaid[0] - overlaid[0] % 2), bottom),
        (left, top, right, max(top, overlaid[1] - overlaid[1] % 2)),
    ]
    return min((_area(box) - _area(cut), cut) for cut in cuts)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
