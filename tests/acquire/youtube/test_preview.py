"""What a dry run says: what would come, and how large it is; and what it leaves unasked."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from acquire.told import tell_coming
from acquire.youtube import preview, youtube
from acquire.youtube.preview import SAMPLE, Coming
from manifests.tables import Footage
from tests.acquire.youtube.fake_clock import FakeClock
from tests.acquire.youtube.site import DIRECT, QUICK, Site, Youtube, refusal, video

WATCH = "https://www.youtube.com/watch?v="
PLAYLIST = "https://www.youtube.com/playlist?list=PLrain"


def sized(site: Site, duration_s: float, size: int) -> dict[str, Any]:
    """A page that states a length and a size."""
    page = video(site.url)
    page["formats"][1]["filesize"] = size
    return {**page, "duration": duration_s}


def test_it_tells_what_would_come_and_writes_nothing(site: Site) -> None:
    offers = list(preview([f"{site.url}/clip.mp4", f"{site.url}/gone.mp4"], DIRECT, site.workspace))
    assert [offer.title for offer in offers] == ["clip", None]
    assert (offers[0].bytes or 0) > 0
    assert not offers[0].estimated
    assert offers[1].error_kind == "removed"
    assert not site.workspace.root.exists()


def test_of_a_long_list_a_few_pages_are_asked_for_and_the_rest_is_estimated(site: Site, pages: Youtube) -> None:
    names = [f"{index:011}" for index in range(40)]
    pages.lists[PLAYLIST] = [{"url": WATCH + name, "title": f"Rain {name}", "duration": 100.0} for name in names]
    pages.answers |= {name: sized(site, 100.0, 1_000_000) for name in names}
    offers = list(preview([PLAYLIST], QUICK, site.workspace))
    assert pages.asked == names[:SAMPLE]
    assert [offer.estimated for offer in offers] == [False] * SAMPLE + [True] * (40 - SAMPLE)
    assert {offer.bytes for offer in offers} == {1_000_000}
    assert {offer.duration_s for offer in offers} == {100.0}
    assert offers[-1].title == f"Rain {names[-1]}"


def test_a_filter_by_licence_asks_for_every_page(site: Site, pages: Youtube) -> None:
    names = [f"{index:011}" for index in range(SAMPLE + 2)]
    pages.lists[PLAYLIST] = [{"url": WATCH + name, "duration": 100.0} for name in names]
    pages.answers |= {name: sized(site, 100.0, 1000) for name in names} | {names[-1]: {**sized(site, 1.0, 1), "license": None}}
    offers = list(preview([PLAYLIST], dataclasses.replace(QUICK, licence="creativecommon"), site.workspace))
    assert pages.asked == names
    assert [offer.reason for offer in offers] == [None] * (SAMPLE + 1) + ["licence: none stated"]


def test_it_keeps_to_the_pace_and_leaves_a_closed_site(site: Site, pages: Youtube) -> None:
    names = [f"{index:011}" for index in range(4)]
    pages.answers |= dict.fromkeys(names[:2], video(site.url)) | dict.fromkeys(names[2:], refusal("Sign in to confirm you’re not a bot."))
    time = FakeClock()
    offers = list(preview(names, dataclasses.replace(QUICK, hourly_budget=2), site.workspace, clock=time.clock))
    assert time.slept == [3600.0]
    assert pages.asked == names[:3]
    assert [offer.error_kind for offer in offers] == [None, None, "bot_check"]


def test_many_pages_are_announced(site: Site, pages: Youtube) -> None:
    names = [f"{index:011}" for index in range(SAMPLE + 1)]
    pages.answers |= dict.fromkeys(names, refusal("Private video"))
    said: list[str] = []
    assert len(list(preview(names, QUICK, site.workspace, say=said.append))) == len(names)
    assert said == [f"{len(names)} videos are asked for one by one, at most 300 an hour of those on YouTube; Ctrl-C ends it"]


def test_what_is_there_or_not_due_is_left_out(site: Site, pages: Youtube) -> None:
    pages.answers |= {"aaaaaaaaaaa": video(site.url), "bbbbbbbbbbb": refusal("Private video")}
    youtube(["aaaaaaaaaaa", "bbbbbbbbbbb"], QUICK, site.workspace)
    before = site.workspace.table(Footage).read_bytes()
    said: list[str] = []
    pages.answers["ccccccccccc"] = sized(site, 60.0, 1000)
    (offer,) = preview(["aaaaaaaaaaa", "bbbbbbbbbbb", "ccccccccccc 10-20"], QUICK, site.workspace, say=said.append)
    assert (offer.source_id, offer.duration_s, offer.bytes) == ("ccccccccccc#t=10-20", 10.0, 1000)
    assert "1 links: there already; 1: not due yet, or not wanted" in said
    assert site.workspace.table(Footage).read_bytes() == before


def test_bad_lines_and_lists_that_fail_are_told(site: Site, pages: Youtube) -> None:
    pages.lists[PLAYLIST] = refusal("This playlist does not exist")
    said: list[str] = []
    offers = list(preview(["no link", PLAYLIST], QUICK, site.workspace, say=said.append))
    assert [offer.error_kind for offer in offers] == ["unsupported", "unknown"]
    assert "line 1" in said[0]


# --- what the command prints --------------------------------------------------------------------------------------------------------

COMING = [
    Coming("u1", "a", title="Rain \x1b[2J", duration_s=3600.0, bytes=10**9),
    Coming("u1", "a#t=0-1800", title="Rain", duration_s=1800.0, bytes=10**9),
    Coming("u2", "b", title="More", duration_s=1800.0, bytes=5 * 10**8, estimated=True),
    Coming("u3", "c", title="Live"),
    Coming("u4", "d", title="Snow", reason="licence: none stated"),
    Coming("u5", "e", error_kind="private", error="it is"),
]


def test_the_total_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_coming(COMING, as_json=False) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a: Rain (60.0 min, 1.0 GB)"
    assert "about 500.0 MB" in lines[2]
    assert lines[3] == "c: Live (length unknown, size unknown)"
    assert lines[-2] == "4 videos, 2.00 h, 1.5 GB (500.0 MB of them estimated); length unknown of 1, size of 1"
    assert lines[-1] == "1 not wanted, 1 cannot be had"


def test_the_total_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_coming(COMING[:1], as_json=True) == 0
    first, total = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["source_id"], first["bytes"], first["estimated"]) == ("a", 10**9, False)
    assert (total["summary"], total["videos"], total["hours"], total["bytes"], total["failed"]) == ("coming", 1, 1.0, 10**9, 0)
