"""How fast a site is asked, and when it is not asked at all.

One refusal for asking too much (a bot check, 429) speaks of this address on the network, not of one video: so it closes the whole site
for a while, for the rest of the run and for the runs after it. Nothing is kept for that beside the table: the failed row holds the time.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from acquire.failures import Failure
from acquire.youtube.links import YOUTUBE, Link, host
from acquire.youtube.settings import YoutubeSettings
from manifests.tables import ErrorKind, Footage

TRIPPING: frozenset[ErrorKind] = frozenset({"bot_check", "rate_limited"})


@dataclass
class Breaker:
    """The sites that are not to be asked before a time."""

    closed_until: dict[str, datetime] = field(default_factory=dict)
    because: dict[str, ErrorKind] = field(default_factory=dict)

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
        return breaker

    def note(self, link: Link, failure: Failure, now: datetime) -> bool:
        """Take in a failure; whether it closes the link's site."""
        until = failure.next_attempt_at(now)
        if failure.kind not in TRIPPING or until is None:
            return False
        self._close(link.host, until, failure.kind)
        return True

    def allows(self, link: Link, now: datetime) -> bool:
        """Whether the link's site may be asked."""
        return link.host not in self.closed_until or self.closed_until[link.host] <= now

    def _close(self, site: str, until: datetime, kind: ErrorKind) -> None:
        if site not in self.closed_until or until > self.closed_until[site]:
            self.closed_until[site], self.because[site] = until, kind


def pause_s(link: Link, before: Link | None, settings: YoutubeSettings, rng: random.Random) -> float:
    """How long to wait before a link: on YouTube, after another link there, a person's uneven pace; nothing for direct links."""
    if link.host != YOUTUBE or before is None:
        return 0.0
    return rng.uniform(settings.sleep_interval_s, settings.max_sleep_interval_s)
