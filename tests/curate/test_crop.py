"""Cropping at full size and at a smaller scale shows the same part of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.crop import cropped
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
