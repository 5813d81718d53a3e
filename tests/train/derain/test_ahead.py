"""A thread that works ahead: the same items, errors at their place, and an end when nobody listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.derain.ahead import ahead


@settings(max_examples=30, deadline=None)
@given(st.lists(st.none() | st.integers()), st.integers(1, 5))
def test_the_items_come_in_order(items: list[int | None], most: int) -> None:
    assert list(ahead(iter(items), most)) == items


def test_an_error_comes_at_its_place() -> None:
    def breaks() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("gone")

    items = ahead(breaks(), 4)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_no_more_is_made_than_wanted_and_leaving_ends_the_thread() -> None:
    made: list[int] = []
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                made.append(len(made))
                yield made[-1]
        finally:
            closed.set()

    before = threading.active_count()
    items = ahead(ahead(endless(), 3), 2)
    assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
    for _ in range(50):
        time.sleep(0.01)
    assert len(made) <= 5 + 3 + 2 + 3  # what was taken, what waits in either queue, and one in each hand
    items.close()
    assert closed.is_set()
    assert threading.active_count() == before
