"""Cropping at full size and at a smaller scale shows the same part of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.crop import Box, cropped, without_overlays
from manifests.tables import Segment


def segment(left: int | None, top: int | None, width: int | None, height: int | None) -> Segment:
    return Segment("s", "f", 0, 1, crop_left=left, crop_top=top, crop_width=width, crop_height=height)


def test_without_a_crop_the_picture_stays_whole() -> None:
    picture = np.zeros((4, 6), np.uint8)
    assert cropped(picture, segment(None, None, None, None)) is picture


def test_the_crop_counts_in_px_of_the_whole_picture() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(6, 8)
    assert np.array_equal(cropped(picture, segment(2, 1, 5, 4)), picture[1:5, 2:7])


@given(st.integers(0, 30), st.integers(0, 30), st.integers(16, 60), st.integers(16, 60), st.sampled_from([1.0, 1.5, 2.0, 3.7]))
def test_a_small_crop_holds_nothing_from_outside(left: int, top: int, width: int, height: int, scale: float) -> None:
    rows, columns = int(100 / scale), int(120 / scale)
    down, right = np.mgrid[:rows, :columns]
    inside = (
        (right * scale >= left - 1e-9)
        & ((right + 1) * scale <= left + width + 1e-9)
        & (down * scale >= top - 1e-9)
        & ((down + 1) * scale <= top + height + 1e-9)
    ).astype(np.uint8)
    found = cropped(inside, segment(left, top, width, height), scale)
    assert found.size > 0
    assert found.all()
    assert found.sum() == inside.sum()
    assert found.shape[0] == pytest.approx(height / scale, abs=2)


# --- overlays -----------------------------------------------------------------------------------------------------------------------------


def overlaid(*boxes: Box) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """A picture of 120x160 with overlays in these boxes (left, top, right, bottom)."""
    found = np.zeros((120, 160), bool)
    for left, top, right, bottom in boxes:
        found[top:bottom, left:right] = True
    return found


WHOLE = (0, 0, 160, 120)
TICKER, CLOCK, LOGO = (10, 108, 150, 116), (130, 4, 154, 11), (60, 50, 90, 70)


def test_what_lies_at_the_rim_is_cut_off_and_what_does_not_stays() -> None:
    assert without_overlays(WHOLE, overlaid(), 0.2) == WHOLE
    assert without_overlays(WHOLE, overlaid(TICKER), 0.2) == (0, 0, 160, 108)
    assert without_overlays(WHOLE, overlaid(TICKER, CLOCK), 0.2) == (0, 12, 160, 108)
    assert without_overlays(WHOLE, overlaid(LOGO), 0.2) == WHOLE
    assert without_overlays(WHOLE, overlaid(TICKER, LOGO), 0.2) == (0, 0, 160, 108)


def test_no_more_is_cut_off_than_may_be_and_the_cheapest_first() -> None:
    assert without_overlays(WHOLE, overlaid(TICKER), 0.09) == WHOLE
    assert without_overlays(WHOLE, overlaid(TICKER, CLOCK), 0.11) == (0, 0, 160, 108)
    assert without_overlays(WHOLE, overlaid(CLOCK), 0.0) == WHOLE


def test_letters_go_together_and_bars_are_gone_before() -> None:
    letters = [(10 + 8 * number, 109, 15 + 8 * number, 115) for number in range(15)]
    assert without_overlays((0, 10, 160, 118), overlaid(*letters), 0.1) == (0, 10, 160, 108)


boxes = st.tuples(st.integers(0, 150), st.integers(0, 110), st.integers(1, 60), st.integers(1, 40))


@given(st.lists(boxes, max_size=4), st.floats(0, 0.5))
def test_the_box_shrinks_by_no_more_than_asked(drawn: list[tuple[int, int, int, int]], most: float) -> None:
    overlay = overlaid(*((left, top, left + width, top + height) for left, top, width, height in drawn))
    left, top, right, bottom = without_overlays(WHOLE, overlay, most)
    assert 0 <= left < right <= 160
    assert 0 <= top < bottom <= 120
    assert (right - left) * (bottom - top) >= (1 - most) * 160 * 120 - 1e-6
    assert left % 2 == top % 2 == right % 2 == bottom % 2 == 0
    if (left, top, right, bottom) != WHOLE:
        assert overlay[top:bottom, left:right].sum() < overlay.sum()
