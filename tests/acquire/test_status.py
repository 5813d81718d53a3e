"""What is there, and what may be asked for again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from acquire.failures import KINDS
from acquire.status import status
from manifests.tables import ErrorKind, Footage

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)


def row(name: str, kind: ErrorKind | None = None, wait_min: int | None = None) -> Footage:
    if kind is None:
        return Footage(name, "tripod", name, name, "ok", NOW, path=f"footage/{name}", duration_s=90.0, bytes=1000)
    again = None if wait_min is None else NOW + timedelta(minutes=wait_min)
    retryable = KINDS[kind].retryable
    return Footage(name, "youtube", name, name, "failed", NOW, error_kind=kind, error="x", retryable=retryable, next_attempt_at=again)


def test_rows_are_counted_by_source_outcome_and_kind() -> None:
    groups = status(
        [row("a"), row("b"), row("c", "private"), row("d", "rate_limited", 30), row("e", "rate_limited", 10), row("f", "rate_limited", -5)],
        NOW,
    )
    assert [(group.source, group.status, group.error_kind, group.number) for group in groups] == [
        ("tripod", "ok", None, 2),
        ("youtube", "failed", "rate_limited", 3),
        ("youtube", "failed", "private", 1),
    ]
    assert (groups[0].duration_s, groups[0].bytes, groups[0].advice) == (180.0, 2000, None)
    assert (groups[1].due, groups[1].next_attempt_at) == (1, NOW + timedelta(minutes=10))
    assert (groups[2].due, groups[2].next_attempt_at) == (0, None)
    assert groups[2].advice == KINDS["private"].advice
