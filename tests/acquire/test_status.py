"""What is there, and what may be asked for again."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from acquire.failures import KINDS
from acquire.status import status, waits
from acquire.youtube.tool import tool
from manifests.tables import ErrorKind, Footage

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)


def row(name: str, kind: ErrorKind | None = None, wait_min: int | None = None, tool: str = tool()) -> Footage:
    if kind is None:
        return Footage(name, "tripod", name, name, "ok", NOW, path=f"footage/{name}", duration_s=90.0, bytes=1000)
    again = None if wait_min is None else NOW + timedelta(minutes=wait_min)
    origin = f"https://{name}.example.org/clip.mp4"
    failed = Footage(name, "youtube", name, origin, "failed", NOW, error_kind=kind, error=f"{name} said so", tool=tool)
    return dataclasses.replace(failed, retryable=KINDS[kind].retryable, next_attempt_at=again)


def test_rows_are_counted_by_source_outcome_and_kind() -> None:
    rows = [row("a"), row("b"), row("c", "private"), row("d", "forbidden", 30), row("e", "forbidden", 10), row("f", "forbidden", -5)]
    groups = status(rows, NOW)
    assert [(group.source, group.status, group.error_kind, group.number, group.retryable) for group in groups] == [
        ("tripod", "ok", None, 2, None),
        ("youtube", "failed", "forbidden", 3, True),
        ("youtube", "failed", "private", 1, False),
    ]
    assert (groups[0].duration_s, groups[0].bytes, groups[0].advice, groups[0].example) == (180.0, 2000, None, None)
    assert (groups[1].due, groups[1].next_attempt_at) == (1, NOW + timedelta(minutes=10))
    assert (groups[2].due, groups[2].next_attempt_at) == (0, None)
    assert groups[2].advice == KINDS["private"].advice


def test_each_kind_has_its_attempts_and_its_latest_example() -> None:
    first = dataclasses.replace(row("a", "network"), attempts=3)
    latest = dataclasses.replace(row("b", "network"), acquired_at=NOW + timedelta(seconds=1))
    (group,) = status([first, latest, row("c", "network")], NOW)
    assert (group.attempts, group.due) == (5, 3)
    assert group.example == latest


def test_out_of_date_is_due_with_another_version_alone() -> None:
    (same,) = status([row("a", "out_of_date")], NOW)
    (other,) = status([row("a", "out_of_date", tool="yt-dlp 1")], NOW)
    assert (same.retryable, same.due) == (True, 0)
    assert other.due == 1


def test_a_closed_site_is_due_when_it_opens() -> None:
    closed = dataclasses.replace(row("a", "rate_limited", 30), origin="https://www.youtube.com/watch?v=aaaaaaaaaaa")
    neighbour = dataclasses.replace(row("b", "network"), origin="https://youtube.com/watch?v=bbbbbbbbbbb")
    gone = dataclasses.replace(row("c", "removed"), origin="https://www.youtube.com/watch?v=ccccccccccc")
    told = waits([closed, neighbour, gone, row("d", "network"), row("e")], NOW)
    opens = NOW + timedelta(minutes=30)
    assert [(when.due, when.next_attempt_at) for when in told] == [
        (False, opens),
        (False, opens),
        (False, None),
        (True, None),
        (False, None),
    ]
    assert [when.due for when in waits([closed, neighbour], opens)] == [True, True]


def test_what_the_users_filter_left_out_stands_apart() -> None:
    left_out = dataclasses.replace(
        row("a", "private"), status="rejected", error_kind=None, error=None, retryable=None, reason="licence: none stated"
    )
    other = dataclasses.replace(left_out, footage_id="b", reason="licence: Standard YouTube License")
    (group,) = status([left_out, other], NOW)
    assert (group.status, group.reason, group.number, group.due, group.advice) == ("rejected", "licence", 2, 0, None)
