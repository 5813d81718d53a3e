"""How fast a site is asked, and when not at all."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from acquire.failures import KINDS, Failure
from acquire.youtube.links import read_link
from acquire.youtube.pacing import TRIPPING, Breaker, pause_s
from acquire.youtube.settings import YoutubeSettings
from manifests.tables import ErrorKind, Footage

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
VIDEO, OTHER = read_link("aaaaaaaaaaa"), read_link("bbbbbbbbbbb")
LIST, SEARCH = read_link("https://www.youtube.com/@rain"), read_link("ytsearch5:rain")
DIRECT = read_link("http://127.0.0.1:8000/a.mp4", allow_generic=True)
NEIGHBOUR = read_link("http://127.0.0.1:8001/a.mp4", allow_generic=True)


@given(st.sampled_from(sorted(KINDS)))
def test_only_asking_too_much_closes_a_site_and_only_that_site(kind: ErrorKind) -> None:
    breaker = Breaker()
    assert breaker.note(VIDEO, Failure(kind, "x"), NOW) == (kind in TRIPPING)
    for link in (VIDEO, OTHER, LIST, SEARCH):
        assert breaker.allows(link, NOW) == (kind not in TRIPPING)
        assert breaker.allows(link, NOW + timedelta(days=1))
    assert breaker.allows(DIRECT, NOW)


def test_direct_sites_are_kept_apart_by_port() -> None:
    breaker = Breaker()
    breaker.note(DIRECT, Failure("rate_limited", "x", timedelta(seconds=60)), NOW)
    assert not breaker.allows(DIRECT, NOW + timedelta(seconds=59))
    assert breaker.allows(DIRECT, NOW + timedelta(seconds=60))
    assert breaker.allows(NEIGHBOUR, NOW)


def test_the_longest_wait_binds() -> None:
    breaker = Breaker()
    breaker.note(VIDEO, Failure("bot_check", "x"), NOW)
    breaker.note(OTHER, Failure("rate_limited", "x"), NOW)
    assert breaker.closed_until["youtube.com"] == NOW + timedelta(hours=6)
    assert breaker.because["youtube.com"] == "bot_check"


def test_the_next_run_knows_from_the_rows() -> None:
    row = Footage(
        "failed-0",
        "youtube",
        LIST.source_id,
        LIST.url,
        "failed",
        NOW,
        error_kind="bot_check",
        error="x",
        retryable=True,
        next_attempt_at=NOW + timedelta(hours=6),
    )
    assert not Breaker.of_rows([row], NOW).allows(VIDEO, NOW)
    assert Breaker.of_rows([row], NOW + timedelta(hours=6)).allows(VIDEO, NOW)
    assert Breaker.of_rows([row], NOW, forced=["bot_check"]).allows(VIDEO, NOW)


@given(st.integers(0, 2**32))
def test_pauses_are_between_links_on_youtube_alone(seed: int) -> None:
    settings, rng = YoutubeSettings(sleep_interval_s=2.0, max_sleep_interval_s=3.0), random.Random(seed)
    assert 2.0 <= pause_s(OTHER, VIDEO, settings, rng) <= 3.0
    assert 2.0 <= pause_s(VIDEO, SEARCH, settings, rng) <= 3.0
    assert pause_s(VIDEO, None, settings, rng) == 0.0
    assert pause_s(DIRECT, VIDEO, settings, rng) == 0.0
    assert pause_s(NEIGHBOUR, None, settings, rng) == 0.0
