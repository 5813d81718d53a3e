"""A segment's picture without its bars and overlays, at any scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from manifests.tables import Segment

if TYPE_CHECKING:
    from manifests.media import Picture


def cropped(picture: Picture, segment: Segment, scale: float = 1.0) -> Picture:
    """The part of an upright picture (HW or HWC) inside the segment's crop; `scale`: full-resolution px to one px of the picture."""
    if segment.crop_left is None or segment.crop_top is None or segment.crop_width is None or segment.crop_height is None:
        return picture
    left, top = math.ceil(segment.crop_left / scale), math.ceil(segment.crop_top / scale)
    right, bottom = int((segment.crop_left + segment.crop_width) / scale), int((segment.crop_top + segment.crop_height) / scale)
    return picture[top : max(bottom, top + 1), left : max(right, left + 1)]
