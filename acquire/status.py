"""`acquire status`: what is there, what failed and why, and what may be asked for again when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from acquire.failures import KINDS
from manifests.tables import ErrorKind, Footage


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one source that ended in the same way."""

    source: str
    status: Literal["ok", "failed"]
    error_kind: ErrorKind | None
    number: int
    duration_s: float  # of the media, together
    bytes: int  # of the media, together
    due: int  # failed ones that the next run asks for
    next_attempt_at: datetime | None  # when the first of the waiting ones becomes due
    advice: str | None  # what the user can do


def status(rows: Iterable[Footage], now: datetime) -> list[Group]:
    """The rows counted by source, status and kind of failure; ok ones first, the most frequent failures next."""
    groups: dict[tuple[str, Literal["ok", "failed"], ErrorKind | None], list[Footage]] = defaultdict(list)
    for row in rows:
        groups[row.source, row.status, row.error_kind].append(row)
    counted = [_group(*key, members, now) for key, members in groups.items()]
    return sorted(counted, key=lambda group: (group.source, group.status != "ok", -group.number, group.error_kind or ""))


def _group(source: str, outcome: Literal["ok", "failed"], kind: ErrorKind | None, members: list[Footage], now: datetime) -> Group:
    retryable = [row for row in members if row.retryable]
    later = [row.next_attempt_at for row in retryable if row.next_attempt_at is not None and row.next_attempt_at > now]
    return Group(
        source=source,
        status=outcome,
        error_kind=kind,
        number=len(members),
        duration_s=sum(row.duration_s or 0.0 for row in members),
        bytes=sum(row.bytes or 0 for row in members),
        due=len(retryable) - len(later),
        next_attempt_at=min(later, default=None),
        advice=None if kind is None else KINDS[kind].advice,
    )
