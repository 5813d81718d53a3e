"""Time that passes only by being slept, or spent on purpose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from acquire.youtube.pacing import Clock


class FakeClock:
    """A clock for tests: `clock` is what the product takes."""

    def __init__(self, begin: datetime = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)) -> None:
        self.time = begin
        self.slept: list[float] = []  # lengths above zero
        self.clock = Clock(lambda: self.time, self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        assert seconds >= 0
        self.slept += [seconds] if seconds else []
        self.spend(seconds)

    def spend(self, seconds: float) -> None:
        """Let work take its time."""
        self.time += timedelta(seconds=seconds)
