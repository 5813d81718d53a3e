"""How fast a site is asked, and when not at all. No test sleeps."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.failures import KINDS, Failure
from acquire.youtube.links import Link, read_link
from acquire.youtube.pacing import HOUR, TRIPPING, Breaker, Pace
from acquire.youtube.settings import YoutubeSettings
from manifests.tables import ErrorKind, Footage
from tests.acquire.youtube.fake_clock import FakeClock

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
VIDEO, OTHER = read_link("aaaaaaaaaaa"), read_link("bbbbbbbbbbb")
LIST, SEARCH = read_link("https://www.youtube.com/@rain"), read_link("ytsearch5:rain")
DIRECT = read_link("http://127.0.0.1:8000/a.mp4", allow_generic=True)
NEIGHBOUR = read_link("http://127.0.0.1:8001/a.mp4", allow_generic=True)
PATIENT = 7200.0
YOUTUBE = VIDEO.host


# --- the breaker --------------------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(KINDS)))
def test_only_asking_too_much_closes_a_site_and_only_that_site(kind: ErrorKind) -> None:
    breaker = Breaker()
    breaker.note(VIDEO, Failure(kind, "x"), NOW)
    for link in (VIDEO, OTHER, LIST, SEARCH):
        assert (breaker.opens_at(link.host) > NOW) == (kind in TRIPPING)
        assert breaker.opens_at(link.host) <= NOW + timedelta(days=1)
    assert breaker.opens_at(DIRECT.host) <= NOW


def test_direct_sites_are_kept_apart_by_port() -> None:
    breaker = Breaker()
    breaker.note(DIRECT, Failure("rate_limited", "x", timedelta(seconds=60)), NOW)
    assert breaker.opens_at(DIRECT.host) == NOW + timedelta(seconds=60)
    assert breaker.opens_at(NEIGHBOUR.host) <= NOW


def test_the_longest_wait_binds() -> None:
    breaker = Breaker()
    breaker.note(VIDEO, Failure("bot_check", "x"), NOW)
    breaker.note(OTHER, Failure("rate_limited", "x"), NOW)
    assert breaker.closed_until["youtube.com"] == NOW + timedelta(hours=6)
    assert breaker.because["youtube.com"] == "bot_check"


def failed(kind: ErrorKind, wait: timedelta, at: datetime = NOW, link: Link = LIST) -> Footage:
    row = Footage(f"failed-{link.source_id}", "youtube", link.source_id, link.url, "failed", at, error_kind=kind, error="x", retryable=True)
    return dataclasses.replace(row, next_attempt_at=at + wait)


def test_the_next_run_knows_from_the_rows() -> None:
    row = failed("bot_check", timedelta(hours=6))
    assert Breaker.of_rows([row], NOW).opens_at(YOUTUBE) == NOW + timedelta(hours=6)
    assert Breaker.of_rows([row], NOW + timedelta(hours=6)).opens_at(YOUTUBE) <= NOW
    assert Breaker.of_rows([row], NOW, forced=["bot_check"]).opens_at(YOUTUBE) <= NOW


def test_a_run_waits_for_a_rate_limit_and_never_for_a_bot_check() -> None:
    breaker = Breaker()
    breaker.note(DIRECT, Failure("bot_check", "x"), NOW)
    assert breaker.gives_up(DIRECT.host, NOW, PATIENT * 100)
    assert not breaker.gives_up(DIRECT.host, NOW + timedelta(hours=6), 0)  # it is open again
    breaker.note(VIDEO, Failure("rate_limited", "x"), NOW)
    assert not breaker.gives_up(YOUTUBE, NOW, PATIENT)
    assert breaker.gives_up(YOUTUBE, NOW, 3599)


def test_a_site_that_refuses_again_right_after_a_pause_is_left_alone() -> None:
    breaker, later = Breaker(), NOW + HOUR
    breaker.note(VIDEO, Failure("rate_limited", "x"), NOW)
    breaker.note(VIDEO, Failure("private", "x"), later)  # an answer in between
    breaker.note(OTHER, Failure("rate_limited", "x"), later)
    assert not breaker.gives_up(YOUTUBE, later, PATIENT)
    breaker.note(VIDEO, Failure("rate_limited", "x"), later + HOUR)
    assert breaker.gives_up(YOUTUBE, later + HOUR, PATIENT)
    resumed = Breaker.of_rows([failed("rate_limited", HOUR)], NOW)
    resumed.note(VIDEO, Failure("rate_limited", "x"), later)
    assert resumed.gives_up(YOUTUBE, later, PATIENT)


# --- pauses and the budget ----------------------------------------------------------------------------------------------------------


def ask(pace: Pace, time: FakeClock, links: Sequence[Link], work_s: float = 0.0) -> list[datetime]:
    """Ask for links as a run does; when each was asked for."""
    asked = []
    for link in links:
        pace.wait(link, lambda _line: None)
        pace.note_asked(link)
        asked.append(time.time)
        time.spend(work_s)
        pace.note_ended(link, None, work_s)
    return asked


def videos(number: int) -> list[Link]:
    return [read_link(f"{index:011}") for index in range(number)]


def test_pauses_are_uneven_and_between_links_on_youtube_alone() -> None:
    time = FakeClock()
    pace = Pace.of_rows([], YoutubeSettings(sleep_interval_s=2.0, max_sleep_interval_s=3.0), time.clock)
    ask(pace, time, [DIRECT, VIDEO, DIRECT, NEIGHBOUR])
    assert time.slept == []
    ask(pace, time, [OTHER, LIST, SEARCH, *videos(200)])
    assert len(time.slept) == 203
    assert all(2.0 <= pause <= 3.0 for pause in time.slept)
    assert 2.4 < sum(time.slept) / 203 < 2.6
    assert len(set(time.slept)) > 100


def test_a_run_that_follows_on_another_pauses_before_its_first_link() -> None:
    for ago, pauses in ((3, 1), (300, 0)):
        time = FakeClock(NOW + timedelta(seconds=ago))
        ask(Pace.of_rows([failed("private", HOUR, link=VIDEO)], YoutubeSettings(), time.clock), time, [OTHER])
        assert len(time.slept) == pauses


def hourly(asked: Sequence[datetime]) -> int:
    """The most that any hour holds."""
    return max(sum(begin <= moment < begin + HOUR for moment in asked) for begin in asked)


@given(st.integers(1, 12), st.integers(1, 40), st.floats(0, 900), st.lists(st.integers(0, 5000), max_size=15))
def test_no_hour_holds_more_than_the_budget_whatever_ran_before(budget: int, number: int, work_s: float, ago_s: list[int]) -> None:
    time = FakeClock()
    rows = [failed("private", HOUR, NOW - timedelta(seconds=ago), link) for ago, link in zip(ago_s, videos(len(ago_s)), strict=True)]
    before = [row.acquired_at for row in rows]
    pace = Pace.of_rows(rows, YoutubeSettings(hourly_budget=budget), time.clock)
    asked = ask(pace, time, videos(number), work_s)
    assert hourly([*before, *asked]) <= max(budget, hourly(before) if before else 0)
    slack = 3600 + 10 + work_s  # not slower than it must be: each link comes with the end of its pause, or of the budget's hour
    for index, (one, after) in enumerate(itertools.pairwise(asked)):
        free = sum(after - HOUR - timedelta(seconds=10) < moment <= one for moment in [*before, *asked[: index + 1]]) < budget
        assert (after - one).total_seconds() <= (10 + work_s if free else slack) + 1e-3


def test_the_budget_is_of_youtubes_videos_alone() -> None:
    time = FakeClock()
    pace = Pace.of_rows([], YoutubeSettings(hourly_budget=2, sleep_interval_s=0.0, max_sleep_interval_s=0.0), time.clock)
    ask(pace, time, [LIST, SEARCH, LIST, DIRECT, NEIGHBOUR, DIRECT, VIDEO, OTHER])
    assert sum(time.slept) == 0
    said: list[str] = []
    pace.wait(VIDEO, said.append)
    assert sum(time.slept) == 3600
    (line,) = said
    assert line.startswith(
        f"youtube.com: waiting until {(NOW + HOUR).astimezone():%Y-%m-%d %H:%M} (2 links an hour, and this hour's are used up)"
    )


def test_waiting_for_a_closed_site_says_why() -> None:
    time, said = FakeClock(), list[str]()
    pace = Pace.of_rows([failed("rate_limited", timedelta(minutes=20))], YoutubeSettings(), time.clock)
    pace.wait(VIDEO, said.append)
    assert time.time >= NOW + timedelta(minutes=20)
    assert "(rate_limited: asked too often" in said[0]


# --- the time that is left ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("budget", "number", "work_s"), [(300, 40, 20.0), (10, 45, 20.0), (10, 45, 400.0), (3, 10, 0.0)])
def test_the_time_that_is_left_is_what_it_then_takes(budget: int, number: int, work_s: float) -> None:
    time = FakeClock()
    pace = Pace.of_rows([], YoutubeSettings(hourly_budget=budget), time.clock)
    links = [*videos(number), DIRECT, NEIGHBOUR]
    assert pace.left_s(links) is None  # nothing is measured yet
    ask(pace, time, links[:1], work_s)
    told, begin = pace.left_s(links[1:]), time.time
    ask(pace, time, links[1:], work_s)
    assert told is not None
    assert told == pytest.approx((time.time - begin).total_seconds(), abs=2.5 * number**0.5 + 10)  # pauses are uneven


def test_the_time_that_is_left_knows_of_a_closed_site() -> None:
    time = FakeClock()
    pace = Pace.of_rows([], YoutubeSettings(), time.clock)
    ask(pace, time, [DIRECT], 10.0)
    before = pace.left_s([VIDEO])
    pace.note_ended(VIDEO, Failure("rate_limited", "x"), 10.0)
    assert before == pytest.approx(17.5)
    assert pace.left_s([VIDEO]) == pytest.approx(3600 + 17.5)


def test_refusals_are_counted_by_site() -> None:
    breaker = Breaker()
    breaker.note(VIDEO, Failure("rate_limited", "x"), NOW)
    breaker.note(DIRECT, None, NOW)
    assert +breaker.refusals == Counter({YOUTUBE: 1})
