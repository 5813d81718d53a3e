"""What is told of a run's progress."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acquire.youtube.pacing import local
from acquire.youtube.progress import progress, span
from tests.acquire.youtube.fake_clock import FakeClock


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (99, "99 s"), (99.6, "2 min"), (5_900, "98 min"), (6_000, "1 h 40 min"), (86_000, "23 h 53 min"), (180_000, "2 d 2 h")],
)
def test_lengths_of_time(seconds: float, told: str) -> None:
    assert span(seconds) == told


def test_a_line_a_tenth_of_the_way_with_the_time_that_is_left() -> None:
    time, said = FakeClock(), list[str]()
    with progress(30, lambda: 600.0, time.clock, said.append) as tell:
        for done in (1, 1, 2, 3, 4, 30):  # one that is put back is told twice
            tell(done)
    ends = local(time.time + timedelta(seconds=600))
    assert said == [f"links: {done}/30 about 10 min to go, until {ends}" for done in (1, 3)] + ["links: 30/30"]


def test_nothing_is_guessed_before_it_is_known() -> None:
    said: list[str] = []
    with progress(2, lambda: None, FakeClock().clock, said.append) as tell:
        tell(1)
    assert said == ["links: 1/2"]
