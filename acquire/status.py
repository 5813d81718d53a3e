"""`acquire status`: what is there, what failed and why, and what may be asked for again when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from acquire.failures import KINDS, is_due
from acquire.youtube.links import host
from acquire.youtube.pacing import Breaker
from acquire.youtube.tool import tool
from manifests.options import reason_class
from manifests.tables import ErrorKind, Footage


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one source that ended in the same way."""

    source: str
    status: Literal["ok", "failed", "rejected"]
    error_kind: ErrorKind | None
    reason: str | None  # of rejected ones, without its particulars
    number: int
    duration_s: float  # of the media, together
    bytes: int  # of the media, together
    retryable: bool | None  # whether another attempt may succeed without the user's doing; None unless failed
    attempts: int  # of all of them, together
    due: int  # failed ones that the next run asks for
    next_attempt_at: datetime | None  # when the first of the waiting ones becomes due
    advice: str | None  # what the user can do
    example: Footage | None  # the latest of the failed or rejected ones


@dataclass(frozen=True, slots=True)
class Waiting:
    """When a failed row is asked for again: now, later, or not by itself."""

    due: bool
    next_attempt_at: datetime | None


def status(rows: Sequence[Footage], now: datetime) -> list[Group]:
    """The rows counted by source, status and kind of failure; ok ones first, the most frequent failures next."""
    waiting = {row.footage_id: when for row, when in zip(rows, waits(rows, now), strict=True)}
    groups: dict[tuple[str, str, str], list[Footage]] = defaultdict(list)
    for row in rows:
        groups[row.source, row.status, row.error_kind or reason_class(row.reason or "")].append(row)
    counted = [_group(members, [waiting[row.footage_id] for row in members]) for members in groups.values()]
    order = ("ok", "rejected", "failed")
    return sorted(counted, key=lambda group: (group.source, order.index(group.status), -group.number, group.error_kind or ""))


def waits(rows: Collection[Footage], now: datetime) -> list[Waiting]:
    """Of each row, when the next run asks for it again: as that run decides it, closed sites included."""
    breaker = Breaker.of_rows(rows, now)
    found = []
    for row in rows:
        opens = breaker.opens_at(host(row.origin)) if row.source == "youtube" and row.status == "failed" and row.retryable else now
        then = max(opens, row.next_attempt_at or opens) if row.status == "failed" and row.retryable else now
        later = then if then > now else None
        found.append(Waiting(row.status == "failed" and later is None and is_due(row, now, tool()), later))
    return found


def _group(members: list[Footage], waiting: list[Waiting]) -> Group:
    first = members[0]
    kind = first.error_kind
    return Group(
        source=first.source,
        status=first.status,
        error_kind=kind,
        reason=None if first.reason is None else reason_class(first.reason),
        number=len(members),
        duration_s=sum(row.duration_s or 0.0 for row in members),
        bytes=sum(row.bytes or 0 for row in members),
        retryable=None if kind is None else KINDS[kind].retryable,
        attempts=sum(row.attempts for row in members),
        due=sum(when.due for when in waiting),
        next_attempt_at=min((when.next_attempt_at for when in waiting if when.next_attempt_at is not None), default=None),
        advice=None if kind is None else KINDS[kind].advice,
        example=None if first.status == "ok" else max(members, key=lambda row: (row.acquired_at, row.footage_id)),
    )
