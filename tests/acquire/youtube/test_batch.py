"""`acquire youtube` over a whole list: what is asked for, at what pace, and which rows come of it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.utils import ExtractorError

from acquire.failures import KINDS
from acquire.youtube import youtube
from acquire.youtube.pacing import Clock
from acquire.youtube.tool import tool
from manifests.checks import row_problems
from manifests.errors import InputError
from manifests.files import read_provenance, read_rows
from manifests.options import Summary
from manifests.tables import Footage
from tests.acquire.test_failures import MESSAGES
from tests.acquire.youtube.fake_clock import FakeClock
from tests.acquire.youtube.faults import CASES
from tests.acquire.youtube.site import DIRECT, QUICK, Site, Youtube, of_pages, refusal, video

WATCH = "https://www.youtube.com/watch?v="


# --- the list -----------------------------------------------------------------------------------------------------------------------


def test_bad_lines_are_told_by_number_and_the_rest_goes_on(site: Site, tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_bytes(f"# mine\r\n\r\nno link here\r\n{site.url}/clip.mp4\r\n".encode("utf-8-sig"))
    said: list[str] = []
    summary = youtube(tmp_path / "urls.txt", DIRECT, site.workspace, say=said.append)
    assert said[0].startswith("line 3: 'no link here': ")
    assert (summary.total("kept"), summary.total("failed"), summary.exit_code) == (1, 1, 3)


def test_direct_links_are_fenced_unless_allowed(site: Site) -> None:
    summary = site.fetch("/clip.mp4", settings=QUICK)
    assert (summary.total("failed"), site.asked) == (1, [])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"format": "bv[["}, "yt-dlp cannot start"),
        ({"rate_limit": "fast"}, "rate limit"),
        ({"extractor_args": ("youtube",)}, "extractor arguments"),
        ({"cookies": "/nowhere/cookies.txt"}, "cookie file"),
    ],
)
def test_a_setting_that_cannot_be_read_ends_the_run_and_writes_nothing(site: Site, change: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        site.fetch("/clip.mp4", settings=dataclasses.replace(DIRECT, **change))
    assert site.asked == []
    assert not site.workspace.table(Footage).exists()


def test_secrets_stay_out_of_the_table_and_the_cookie_file_as_it_was(site: Site, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    text = "# Netscape HTTP Cookie File\n.example.org\tTRUE\t/\tFALSE\t2000000000\tname\tvery-secret\n"
    cookies.write_text(text)
    secret = dataclasses.replace(DIRECT, cookies=str(cookies), extractor_args=("youtube:po_token=very-secret",))
    site.fetch("/clip.mp4", settings=secret)
    assert cookies.read_text() == text
    told = str(read_provenance(Footage, site.workspace.table(Footage)))
    assert "acquire youtube" in told
    assert "secret" not in told
    assert str(cookies) not in told


# --- YouTube's own pages ------------------------------------------------------------------------------------------------------------


def test_a_video_keeps_what_its_page_states(site: Site, pages: Youtube) -> None:
    pages.answers["abcdefghijk"] = video(site.url, title="Rain \x1b]0;pwned\x07../../\x1b[31mred $(rm -rf .)")
    assert youtube(["https://youtu.be/abcdefghijk"], QUICK, site.workspace).exit_code == 0
    (row,) = read_rows(Footage, site.workspace.table(Footage))
    assert (row.source_id, row.origin) == ("abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk")
    assert (row.title, row.channel) == ("Rain ../../red $(rm -rf .)", "Rain Watcher")
    assert (row.uploaded, row.licence) == ("2024-05-17", "Creative Commons Attribution license (reuse allowed)")
    assert row.format is not None
    assert row.format.startswith("137")
    assert "/audio.m4a" not in {one.path for one in site.asked}
    everything = {path.relative_to(site.workspace.root).as_posix() for path in site.workspace.root.rglob("*") if path.is_file()}
    assert {path for path in everything if not path.endswith(".lock")} == {f"footage/{row.footage_id}.mp4", "manifests/footage.parquet"}


def test_a_list_becomes_its_videos_each_once(site: Site, pages: Youtube) -> None:
    pages.lists["https://www.youtube.com/@rain"] = ["https://www.youtube.com/@rain/videos", "https://www.youtube.com/@rain/shorts"]
    pages.lists["https://www.youtube.com/@rain/videos"] = ["https://www.youtube.com/watch?v=aaaaaaaaaaa"]
    pages.lists["https://www.youtube.com/@rain/shorts"] = [
        "https://www.youtube.com/shorts/bbbbbbbbbbb",
        "https://www.youtube.com/shorts/aaaaaaaaaaa",
    ]
    pages.lists["https://www.youtube.com/playlist?list=PLgone"] = refusal("This playlist does not exist")
    pages.answers |= {"aaaaaaaaaaa": video(site.url), "bbbbbbbbbbb": refusal("Private video")}
    lines = ["https://www.youtube.com/@rain", "https://www.youtube.com/playlist?list=PLgone", "aaaaaaaaaaa"]
    summary = youtube(lines, QUICK, site.workspace)
    rows = {row.source_id: row for row in read_rows(Footage, site.workspace.table(Footage))}
    assert sorted(pages.asked) == ["aaaaaaaaaaa", "bbbbbbbbbbb"]
    assert rows["aaaaaaaaaaa"].status == "ok"
    assert rows["bbbbbbbbbbb"].error_kind == "private"
    assert rows["https://www.youtube.com/playlist?list=PLgone"].status == "failed"
    assert (summary.total("kept"), summary.total("failed")) == (1, 2)


@pytest.mark.parametrize(
    ("message", "kind", "hours"),
    [
        ("Sign in to confirm you’re not a bot.", "bot_check", 6),
        ("This content isn't available, try again later.", "rate_limited", 1),
    ],
)
def test_one_refusal_for_asking_too_much_stops_the_site_for_this_run_and_the_next(
    site: Site, pages: Youtube, message: str, kind: str, hours: int
) -> None:
    pages.answers |= {"aaaaaaaaaaa": refusal(message), "bbbbbbbbbbb": video(site.url)}
    lines = ["aaaaaaaaaaa", "bbbbbbbbbbb", f"{site.url}/clip.mp4"]
    settings = dataclasses.replace(QUICK, allow_generic=True)
    said: list[str] = []
    summary = youtube(lines, settings, site.workspace, say=said.append)
    assert pages.asked == ["aaaaaaaaaaa"]
    assert (summary.total("kept"), summary.total("failed"), summary.exit_code) == (1, 2, 3)  # another site is asked all the same
    row = next(row for row in read_rows(Footage, site.workspace.table(Footage)) if row.status == "failed")
    assert row.error_kind == kind
    assert row.next_attempt_at is not None
    assert timedelta(hours=hours, minutes=-5) < row.next_attempt_at - datetime.now(UTC) <= timedelta(hours=hours)
    assert any("youtube.com is not asked before" in line and f"{row.next_attempt_at.astimezone():%H:%M}" in line for line in said)

    assert youtube(lines, settings, site.workspace).exit_code == 3
    assert pages.asked == ["aaaaaaaaaaa"]

    pages.answers["aaaaaaaaaaa"] = video(site.url)
    insisting = dataclasses.replace(settings, retry=("bot_check", "rate_limited"))
    assert youtube(lines, insisting, site.workspace).exit_code == 0
    assert pages.asked == ["aaaaaaaaaaa", "aaaaaaaaaaa", "bbbbbbbbbbb"]


def test_an_interrupted_run_keeps_its_rows_and_goes_on(site: Site, pages: Youtube) -> None:
    pages.answers |= {"aaaaaaaaaaa": refusal("Private video"), "bbbbbbbbbbb": KeyboardInterrupt(), "ccccccccccc": video(site.url)}
    lines = ["aaaaaaaaaaa", "bbbbbbbbbbb", "ccccccccccc"]
    with pytest.raises(KeyboardInterrupt):
        youtube(lines, QUICK, site.workspace)
    assert [row.source_id for row in read_rows(Footage, site.workspace.table(Footage))] == ["aaaaaaaaaaa"]
    pages.answers["bbbbbbbbbbb"] = refusal("Video unavailable")
    youtube(lines, QUICK, site.workspace)
    assert pages.asked == ["aaaaaaaaaaa", "bbbbbbbbbbb", "bbbbbbbbbbb", "ccccccccccc"]


def test_two_runs_in_one_workspace_do_not_meet(site: Site) -> None:
    import filelock

    folder = site.workspace.root / "footage" / ".incoming"
    folder.mkdir(parents=True)
    with filelock.FileLock(folder / "youtube.lock"), pytest.raises(InputError, match="another `acquire youtube`"):
        site.fetch("/clip.mp4")


# --- the pace -----------------------------------------------------------------------------------------------------------------------

PATIENT = dataclasses.replace(QUICK, longest_wait_s=7200.0)
TOO_OFTEN = "This content isn't available, try again later."


def test_a_rate_limit_is_waited_out_and_what_was_refused_is_asked_for_again(site: Site, pages: Youtube) -> None:
    pages.answers |= {
        "aaaaaaaaaaa": refusal("Private video"),
        "bbbbbbbbbbb": [refusal(TOO_OFTEN), video(site.url)],
        "ccccccccccc": refusal("Video unavailable"),
    }
    time, said = FakeClock(), list[str]()
    summary = youtube(list(pages.answers), PATIENT, site.workspace, clock=time.clock, say=said.append)
    assert pages.asked == ["aaaaaaaaaaa", "bbbbbbbbbbb", "bbbbbbbbbbb", "ccccccccccc"]
    assert time.slept == [3600.0]
    assert any("youtube.com: waiting until" in line and "rate_limited" in line for line in said)
    assert [line for line in said if "not asked before" in line] == []
    assert (summary.total("kept"), summary.total("failed")) == (1, 2)  # the refusal that was made good is no failure
    assert of_pages(site)["bbbbbbbbbbb"].attempts == 2


def test_what_can_be_asked_meanwhile_is_not_kept_waiting(site: Site, pages: Youtube) -> None:
    pages.answers |= {"aaaaaaaaaaa": refusal(TOO_OFTEN), "bbbbbbbbbbb": refusal("Private video")}
    time, rows = FakeClock(), list[tuple[str, datetime]]()
    settings = dataclasses.replace(PATIENT, allow_generic=True)
    begin = time.time
    summary = youtube(
        ["aaaaaaaaaaa", "bbbbbbbbbbb", f"{site.url}/clip.mp4"],
        settings,
        site.workspace,
        clock=time.clock,
        on_row=lambda row: rows.append((row.source_id, time.time)),
    )
    assert rows == [("aaaaaaaaaaa", begin), (f"{site.url}/clip.mp4", begin), ("aaaaaaaaaaa", begin + timedelta(hours=1))]
    assert pages.asked == ["aaaaaaaaaaa"] * 2  # refused again right after the pause: left to a later run
    assert (summary.total("kept"), summary.total("failed")) == (1, 2)


def test_the_next_run_waits_for_what_the_last_one_was_told(site: Site, pages: Youtube) -> None:
    pages.answers |= {"aaaaaaaaaaa": [refusal(TOO_OFTEN), refusal("Private video")], "bbbbbbbbbbb": refusal("Video unavailable")}
    time = FakeClock()
    lines = ["aaaaaaaaaaa", "bbbbbbbbbbb"]
    youtube(lines, QUICK, site.workspace, clock=time.clock)
    assert (pages.asked, time.slept) == (["aaaaaaaaaaa"], [])
    time.spend(600)
    youtube(lines, PATIENT, site.workspace, clock=time.clock)
    assert pages.asked == ["aaaaaaaaaaa", "aaaaaaaaaaa", "bbbbbbbbbbb"]
    assert time.slept == [3000.0]


def test_a_list_that_is_refused_is_asked_for_again_after_the_pause(site: Site, pages: Youtube) -> None:
    playlist = "https://www.youtube.com/playlist?list=PLrain"
    pages.lists[playlist] = [refusal(TOO_OFTEN), [f"{WATCH}aaaaaaaaaaa"]]
    pages.answers["aaaaaaaaaaa"] = refusal("Private video")
    time = FakeClock()
    summary = youtube([playlist], PATIENT, site.workspace, clock=time.clock)
    assert time.slept == [3600.0]
    assert set(of_pages(site)) == {"aaaaaaaaaaa"}
    assert summary.total("failed") == 1


def test_runs_share_the_hours_budget(site: Site, pages: Youtube) -> None:
    names = [f"{index:011}" for index in range(5)]
    pages.answers |= dict.fromkeys(names, refusal("Private video"))
    settings = dataclasses.replace(QUICK, hourly_budget=3)
    time, said = FakeClock(), list[str]()
    youtube(names[:2], settings, site.workspace, clock=time.clock)
    time.spend(900)
    youtube(names, settings, site.workspace, clock=time.clock, say=said.append)
    assert time.slept == [2700.0]
    assert pages.asked == names
    assert any("3 links an hour" in line for line in said)


def test_the_time_that_is_left_is_told(site: Site, pages: Youtube) -> None:
    names = [f"{index:011}" for index in range(10)]
    time, said = FakeClock(), list[str]()
    pages.answers |= dict.fromkeys(names, refusal("Private video"))
    settings = dataclasses.replace(QUICK, hourly_budget=4, sleep_interval_s=10.0, max_sleep_interval_s=10.0)
    youtube(names, settings, site.workspace, clock=time.clock, say=said.append)
    first = next(line for line in said if line.startswith("links: 1/10"))
    ends = time.time.astimezone()
    assert f"until {ends:%Y-%m-%d %H:%M}" in first
    assert "about 2 h 0 min to go" in first


def test_ctrl_c_in_a_wait_ends_the_run_and_the_next_goes_on(site: Site, pages: Youtube) -> None:
    time = FakeClock()

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    pages.answers |= {"aaaaaaaaaaa": refusal("Private video"), "bbbbbbbbbbb": refusal("Video unavailable")}
    settings = dataclasses.replace(QUICK, hourly_budget=1)
    lines = ["aaaaaaaaaaa", "bbbbbbbbbbb"]
    with pytest.raises(KeyboardInterrupt):
        youtube(lines, settings, site.workspace, clock=Clock(lambda: time.time, interrupt))
    assert set(of_pages(site)) == {"aaaaaaaaaaa"}
    assert not site.workspace.table(Footage).with_name("footage.parquet.parts").exists()
    youtube(lines, settings, site.workspace, clock=time.clock)
    assert pages.asked == lines
    assert time.slept == [3600.0]


# --- every kind ---------------------------------------------------------------------------------------------------------------------

STRANGERS = [(kind, message) for kind, message in MESSAGES if kind not in ("bot_check", "rate_limited")]


def test_every_message_ends_in_a_row_of_its_kind_and_the_run_goes_on(site: Site, pages: Youtube) -> None:
    names = [f"{index:011}" for index in range(len(STRANGERS))]
    pages.answers |= {name: refusal(message) for name, (_, message) in zip(names, STRANGERS, strict=True)}
    summary = youtube(names, QUICK, site.workspace)
    rows = of_pages(site)
    assert {name: rows[name].error_kind for name in names} == {name: kind for name, (kind, _) in zip(names, STRANGERS, strict=True)}
    assert summary.total("failed") == len(names)
    assert all(not list(row_problems(row)) for row in rows.values())


def test_what_an_old_tool_or_a_missing_runtime_fails_at_is_told_as_such(site: Site, pages: Youtube) -> None:
    def without_javascript(extractor: Any) -> Any:
        extractor.report_warning("No supported JavaScript runtime could be found. Only deno is enabled by default")
        return refusal("Requested format is not available")

    pages.answers |= {
        "aaaaaaaaaaa": ExtractorError("Unable to extract initial player response", video_id="x"),
        "bbbbbbbbbbb": without_javascript,
    }
    youtube(list(pages.answers), QUICK, site.workspace)
    rows = of_pages(site)
    assert (rows["aaaaaaaaaaa"].error_kind, rows["aaaaaaaaaaa"].tool) == ("out_of_date", tool())
    assert rows["bbbbbbbbbbb"].error_kind == "no_javascript"
    youtube(list(pages.answers), QUICK, site.workspace)
    assert pages.asked == ["aaaaaaaaaaa", "bbbbbbbbbbb", "bbbbbbbbbbb"]  # the same version fails in the same way


def test_every_kind_is_met_somewhere() -> None:
    met = {kind for kind, _ in MESSAGES} | {case.kind for case in CASES} | {"out_of_date", "no_javascript"}
    assert met >= set(KINDS)


# --- what a source states -----------------------------------------------------------------------------------------------------------


def free(site: Site, licence: str | None) -> dict[str, Any]:
    """A page of a video under a licence."""
    return {**video(site.url), "license": licence}


def test_the_licence_filter_rejects_once_and_asks_again_when_it_is_lifted(site: Site, pages: Youtube) -> None:
    standard = "Standard YouTube License"
    pages.answers |= {"aaaaaaaaaaa": video(site.url), "bbbbbbbbbbb": free(site, standard), "ccccccccccc": free(site, None)}
    lines, said = list(pages.answers), list[str]()
    filtered = dataclasses.replace(QUICK, licence="creativecommon")

    def rejections(summary: Summary) -> dict[str, int]:
        return {reason: number for (outcome, reason), number in summary.counts.items() if outcome == "rejected"}

    summary = youtube(lines, filtered, site.workspace, say=said.append)
    assert (summary.total("kept"), rejections(summary), summary.exit_code) == (1, {"licence": 2}, 0)
    assert {one.path for one in site.asked} == {"/clip.mp4"}
    rows = of_pages(site)
    assert (rows["bbbbbbbbbbb"].status, rows["bbbbbbbbbbb"].reason) == ("rejected", f"licence: {standard}")
    assert (rows["ccccccccccc"].reason, rows["ccccccccccc"].title, rows["ccccccccccc"].error) == (
        "licence: none stated",
        "Rain on a tripod",
        None,
    )
    assert all(not list(row_problems(row)) for row in rows.values())

    assert rejections(youtube(lines, filtered, site.workspace)) == {"licence": 2}
    assert len(pages.asked) == 3  # neither is asked for again

    summary = youtube(lines, QUICK, site.workspace)
    assert (summary.total("kept"), rejections(summary)) == (2, {})
    assert [row.status for row in of_pages(site).values()] == ["ok"]  # the same bytes: one row
    (row,) = of_pages(site).values()
    assert row.also_at == ("bbbbbbbbbbb", "ccccccccccc")


def test_a_disk_without_room_ends_the_run_before_anything_is_asked_for(site: Site, pages: Youtube) -> None:
    pages.answers["aaaaaaaaaaa"] = video(site.url)
    with pytest.raises(InputError, match="least_free_bytes"):
        youtube(["aaaaaaaaaaa"], dataclasses.replace(QUICK, least_free_bytes=2**60), site.workspace)
    assert pages.asked == []


def test_ranges_of_a_video_are_rows_of_their_own(site: Site, pages: Youtube) -> None:
    pages.answers["aaaaaaaaaaa"] = video(site.url)
    lines = ["aaaaaaaaaaa", "aaaaaaaaaaa 0-0.5", "aaaaaaaaaaa 0.5-1", "youtu.be/aaaaaaaaaaa 00:00-00:00.5"]
    assert youtube(lines, QUICK, site.workspace).total("kept") == 3
    rows = of_pages(site)
    assert set(rows) == {"aaaaaaaaaaa", "aaaaaaaaaaa#t=0-0.5", "aaaaaaaaaaa#t=0.5-1"}
    assert {row.origin for row in rows.values()} == {f"{WATCH}aaaaaaaaaaa"}
    assert (rows["aaaaaaaaaaa"].clip_start_s, rows["aaaaaaaaaaa"].frames) == (None, 45)
    part = rows["aaaaaaaaaaa#t=0.5-1"]
    assert part.clip_end_s == pytest.approx(1.0, abs=0.05)
    assert part.duration_s == pytest.approx((part.clip_end_s or 0) - (part.clip_start_s or 0), abs=0.05)
    whole = [one for one in site.asked if one.path == "/clip.mp4" and one.byte_range != "bytes=0-0"]
    assert len(whole) == 1
    before = len(site.asked)
    youtube(lines, QUICK, site.workspace)
    assert len(site.asked) == before


def test_tables_of_links_are_lists_too(site: Site, pages: Youtube, tmp_path: Path) -> None:
    pages.answers |= {"aaaaaaaaaaa": refusal("Private video"), "bbbbbbbbbbb": refusal("Private video")}
    (tmp_path / "urls.csv").write_text("title;url\nrain;youtu.be/aaaaaaaaaaa\nsnow;nothing\n")
    said: list[str] = []
    summary = youtube(tmp_path / "urls.csv", QUICK, site.workspace, say=said.append)
    assert said[0].startswith("line 3: 'nothing'")
    assert summary.total("failed") == 2
    youtube(site.workspace.table(Footage), dataclasses.replace(QUICK, retry=("private",)), site.workspace)
    assert pages.asked == ["aaaaaaaaaaa", "aaaaaaaaaaa"]


def test_strict_asks_for_nothing_when_a_line_is_bad(site: Site, pages: Youtube) -> None:
    with pytest.raises(InputError, match=r"line 2: 'rain'.*--strict"):
        youtube(["aaaaaaaaaaa", "rain"], QUICK, site.workspace, strict=True)
    assert pages.asked == []
    assert not site.workspace.root.exists()
