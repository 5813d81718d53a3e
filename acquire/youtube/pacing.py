"""How fast a site is asked, and when not at all.

Between two links on YouTube lies a pause of uneven length, and an hour holds no more of them than the budget. One refusal for asking too
much (a bot check, 429) speaks of this address on the network, not of one video: so it closes the whole site for a while, for the rest of
the run and for the runs after it. Nothing is kept for all that beside the table: rows hold when they were asked for and when again.
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from acquire.failures import KINDS, Failure
from acquire.youtube.links import YOUTUBE, Link, host
from acquire.youtube.settings import YoutubeSettings
from manifests.tables import ErrorKind, Footage

TRIPPING: frozenset[ErrorKind] = frozenset({"bot_check", "rate_limited"})
HOUR = timedelta(hours=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """The time, and how to let it pass."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep


WALL_CLOCK = Clock()


@dataclass
class Breaker:
    """The sites that are not to be asked before a time."""

    closed_until: dict[str, datetime] = field(default_factory=dict)
    because: dict[str, ErrorKind] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)  # one after the other, without an answer in between

    @classmethod
    def of_rows(cls, rows: Iterable[Footage], now: datetime, forced: Collection[ErrorKind] = ()) -> Breaker:
        """What earlier runs were told; kinds that the user insists on close nothing."""
        breaker = cls()
        for row in rows:
            if (
                row.error_kind in TRIPPING
                and row.error_kind not in forced
                and row.next_attempt_at is not None
                and row.next_attempt_at > now
            ):
                breaker._close(host(row.origin), row.next_attempt_at, row.error_kind)
                breaker.refusals[host(row.origin)] = 1
        return breaker

    def note(self, link: Link, failure: Failure | None, now: datetime) -> None:
        """Take in how a link ended; None: well."""
        until = None if failure is None else failure.next_attempt_at(now)
        if failure is None or failure.kind not in TRIPPING or until is None:
            self.refusals[link.host] = 0
            return
        self.refusals[link.host] += 1
        self._close(link.host, until, failure.kind)

    def opens_at(self, site: str) -> datetime:
        """Not to be asked before; long ago where it was never closed."""
        return self.closed_until.get(site, _LONG_AGO)

    def gives_up(self, site: str, now: datetime, longest_wait_s: float) -> bool:
        """Whether a closed site is left for a later run: it wants a person, or a long wait, or refused again right after one."""
        wait_s = (self.opens_at(site) - now).total_seconds()
        return wait_s > 0 and (self.because[site] == "bot_check" or self.refusals[site] > 1 or wait_s > longest_wait_s)

    def _close(self, site: str, until: datetime, kind: ErrorKind) -> None:
        if until > self.opens_at(site):
            self.closed_until[site], self.because[site] = until, kind


@dataclass
class Pace:
    """When the next link may be asked for, and how long all of them will take."""

    settings: YoutubeSettings
    clock: Clock
    breaker: Breaker
    rng: random.Random
    asked: deque[datetime]  # when links on YouTube were asked for, oldest first; at least those of the last hour
    begun: bool = False  # whether this run has asked YouTube for anything yet
    worked_s: float = 0.0  # how long the links of this run took, pauses left out
    worked: int = 0  # and how many they were

    @classmethod
    def of_rows(cls, rows: Collection[Footage], settings: YoutubeSettings, clock: Clock) -> Pace:
        """The pace of a run that follows on the runs that wrote these rows: it shares their hour, and what they were told."""
        now = clock.now()
        recent = (row.acquired_at for row in rows if now - HOUR < row.acquired_at <= now and host(row.origin) == YOUTUBE)
        return cls(settings, clock, Breaker.of_rows(rows, now, settings.retry), random.Random(), deque(sorted(recent)))

    def opens_at(self, link: Link) -> datetime:
        """When the link's site may be asked, by the breaker and by the hour's budget; past or present where it may be asked now."""
        opens = self.breaker.opens_at(link.host)
        if link.host == YOUTUBE and link.kind != "list" and len(self.asked) >= self.settings.hourly_budget:
            opens = max(opens, self.asked[-self.settings.hourly_budget] + HOUR)
        return opens

    def gives_up(self, link: Link) -> bool:
        """Whether the link is left for a later run."""
        return self.breaker.gives_up(link.host, self.clock.now(), self.settings.longest_wait_s)

    def pauses(self, link: Link) -> bool:
        """Whether the link's site is closed, and this run waits until it opens."""
        return self.breaker.opens_at(link.host) > self.clock.now() and not self.gives_up(link)

    def wait(self, link: Link, say: Callable[[str], None]) -> None:
        """Let the time pass until the link's site may be asked; `say` is told of more than a pause."""
        opens = self.opens_at(link)
        now = self.clock.now()
        if opens > now:
            closed = self.breaker.opens_at(link.host) > now
            kind = self.breaker.because[link.host] if closed else None
            budget = f"{self.settings.hourly_budget} links an hour, and this hour's are used up"
            why = budget if kind is None else f"{kind}: {KINDS[kind].advice}"
            say(f"{link.host}: waiting until {local(opens)} ({why}); Ctrl-C ends the run, and the next one goes on")
        while (left := (opens - self.clock.now()).total_seconds()) > 0:
            self.clock.sleep(left)
        if link.host == YOUTUBE:
            self._pause()

    def note_asked(self, link: Link) -> None:
        """Count a link into the hour; lists are cheap and not counted."""
        self.begun = self.begun or link.host == YOUTUBE
        if link.host == YOUTUBE and link.kind != "list":
            self.asked.append(self.clock.now())

    def note_ended(self, link: Link, failure: Failure | None, took_s: float) -> None:
        """Take in how a link ended, and how long it took."""
        self.breaker.note(link, failure, self.clock.now())
        self.worked_s += took_s
        self.worked += 1

    def left_s(self, waiting: Iterable[Link]) -> float | None:
        """How long these links will take at the present rate, pauses and budget included; None before anything was measured."""
        if not self.worked:
            return None
        begin = ends = self.clock.now()
        work, pause = timedelta(seconds=self.worked_s / self.worked), timedelta(seconds=self._mean_pause_s)
        asked = deque(self.asked, maxlen=self.settings.hourly_budget)
        for link in waiting:
            ends = max(ends, self.breaker.opens_at(link.host))
            if link.host == YOUTUBE:
                if len(asked) == self.settings.hourly_budget:
                    ends = max(ends, asked[0] + HOUR)
                ends += pause
                asked.append(ends)
            ends += work
        return (ends - begin).total_seconds()

    @property
    def _mean_pause_s(self) -> float:
        return (self.settings.sleep_interval_s + self.settings.max_sleep_interval_s) / 2

    def _pause(self) -> None:
        """A person's uneven pace, after another link there: of this run or of one that has just ended."""
        longest = self.settings.max_sleep_interval_s
        if self.begun or (self.asked and (self.clock.now() - self.asked[-1]).total_seconds() < longest):
            self.clock.sleep(self.rng.uniform(self.settings.sleep_interval_s, longest))


def local(moment: datetime) -> str:
    """A moment as the user's own clock and calendar show it."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
