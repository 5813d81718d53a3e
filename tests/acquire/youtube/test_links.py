"""What a link asks for, however it is spelled."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.youtube.links import Link, host, read_link, read_range, with_range

VIDEO_IDS = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-", min_size=11, max_size=11)
SPELLINGS = [
    "{}",
    "https://www.youtube.com/watch?v={}",
    "http://youtube.com/watch?v={}",
    "youtube.com/watch?v={}",
    "HTTPS://WWW.YouTube.com/watch?v={}",
    "https://m.youtube.com/watch?feature=share&v={}",
    "https://music.youtube.com/watch?v={}&list=RDAMVM",
    "https://www.youtube.com/watch?v={}&list=PL0123456789&index=3&t=90s",
    "https://youtu.be/{}",
    "youtu.be/{}?si=abcdef&t=12",
    "https://www.youtube.com/shorts/{}",
    "https://www.youtube.com/live/{}?feature=share",
    "https://www.youtube.com/embed/{}",
    "https://www.youtube-nocookie.com/embed/{}",
    "https://www.youtube.com/v/{}",
]


@given(VIDEO_IDS)
def test_every_spelling_of_a_video_is_one_link(video_id: str) -> None:
    links = {read_link(spelling.format(video_id)) for spelling in SPELLINGS}
    assert links == {Link(f"https://www.youtube.com/watch?v={video_id}", video_id, "video")}


@pytest.mark.parametrize("spelling", [spelling for spelling in SPELLINGS if spelling.startswith("http")])
def test_yt_dlp_reads_the_same_id_from_every_spelling(spelling: str) -> None:
    from yt_dlp.extractor.youtube import YoutubeIE

    address = spelling.format("aB3-_678901")
    if "list=" not in address:  # with a list, it takes the page for the list's
        assert YoutubeIE.suitable(address)
        assert YoutubeIE.extract_id(address) == "aB3-_678901"
    assert YoutubeIE.extract_id(read_link(address).url) == "aB3-_678901"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://www.youtube.com/playlist?list=PL12_-x", "https://www.youtube.com/playlist?list=PL12_-x"),
        ("youtube.com/playlist?list=PL12&si=zz", "https://www.youtube.com/playlist?list=PL12"),
        ("https://www.youtube.com/watch?list=PL12", "https://www.youtube.com/playlist?list=PL12"),
        ("https://www.youtube.com/@RainWatcher", "https://www.youtube.com/@RainWatcher"),
        ("youtube.com/@RainWatcher/videos?view=0", "https://www.youtube.com/@RainWatcher/videos"),
        ("https://www.youtube.com/channel/UCabc/streams", "https://www.youtube.com/channel/UCabc/streams"),
        ("https://www.youtube.com/user/rain", "https://www.youtube.com/user/rain"),
        ("https://www.youtube.com/results?search_query=rain+tripod", "https://www.youtube.com/results?search_query=rain+tripod"),
        ("ytsearch20:heavy  rain tripod", "ytsearch20:heavy rain tripod"),
        ("ytsearch: rain", "ytsearch:rain"),
        ("ytsearchall:rain", "ytsearchall:rain"),
    ],
)
def test_lists(text: str, url: str) -> None:
    link = read_link(text)
    assert (link.url, link.source_id, link.kind, link.host) == (url, url, "list", "youtube.com")


@pytest.mark.parametrize(
    "text",
    [
        "https://www.youtube.com/playlist?list=PL12",
        "youtube.com/@Rain/videos",
        "ytsearch5:rain",
        "https://www.youtube.com/results?search_query=a",
    ],
)
def test_yt_dlp_takes_the_lists_with_what_the_fence_allows(text: str) -> None:
    import re

    from yt_dlp.extractor import gen_extractor_classes

    from acquire.youtube.download import _YOUTUBE_ALONE

    allowed = [ie for ie in gen_extractor_classes() if any(re.fullmatch(name, ie.IE_NAME.lower()) for name in _YOUTUBE_ALONE)]
    assert any(ie.suitable(read_link(text).url) for ie in allowed)


def test_direct_links_need_the_users_word() -> None:
    with pytest.raises(ValueError, match="--allow-generic"):
        read_link("https://example.org/rain.mp4")
    link = read_link("HTTP://Example.org:80/Rain.mp4?key=1#t=3", allow_generic=True)
    assert link == Link("http://example.org/Rain.mp4?key=1", "http://example.org/Rain.mp4?key=1", "direct")
    assert read_link("http://127.0.0.1:8080/a.mp4", allow_generic=True).host == "127.0.0.1:8080"
    assert read_link("http://[::1]:8080/a.mp4", allow_generic=True).url == "http://[::1]:8080/a.mp4"


@pytest.mark.parametrize(
    "text",
    [
        "rain",
        "https://www.youtube.com/watch?v=short",
        "https://www.youtube.com/",
        "https://www.youtube.com/feed/history",
        ":ythistory",
        "ytuser:rain",
        "ftp://example.org/rain.mp4",
        "file:///etc/passwd",
        "/etc/passwd",
        "../../rain.mp4",
        "https://",
        "http://[broken",
        "http://example.org:99999/a",
        "http://name:secret@example.org/a.mp4",
        "https://example.org/a.mp4 https://example.org/b.mp4",
        "https://example.org/\x1b[31m.mp4",
        "$(rm -rf .)",
        "watch?v=abcdefghijk",
        "ytsearch5:rain\x1b[31m",
        "../../../../etc/passwd#abcdefghijk",
        "https://www.youtube.com/watch?v=../../../../..",
        "https://youtu.be/..%2F..%2Fetc%2F",
    ],
)
def test_what_is_no_link_says_why(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_link(text, allow_generic=True)


# --- time ranges --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "start_s", "end_s", "name"),
    [
        ("00:10:00-00:25:00", 600.0, 1500.0, "600-1500"),
        ("10:00-25:00", 600.0, 1500.0, "600-1500"),
        ("600-1500", 600.0, 1500.0, "600-1500"),
        ("10:00 \u2013 25:00", 600.0, 1500.0, "600-1500"),
        ("00:10:00-", 600.0, None, "600-"),
        ("0-1:02:03.5", 0.0, 3723.5, "0-3723.5"),
        ("90:00-1:40:00.125", 5400.0, 6000.125, "5400-6000.125"),
    ],
)
def test_a_range_behind_a_link(text: str, start_s: float, end_s: float | None, name: str) -> None:
    link = read_link(f"https://youtu.be/abcdefghijk  {text}")
    assert (link.start_s, link.end_s, link.source_id, link.whole_id) == (start_s, end_s, f"abcdefghijk#t={name}", "abcdefghijk")
    assert link.url == "https://www.youtube.com/watch?v=abcdefghijk"
    direct = read_link(f"https://example.org/a.mp4#t=3 {text}", allow_generic=True)
    assert (direct.url, direct.source_id) == ("https://example.org/a.mp4", f"https://example.org/a.mp4#t={name}")


def test_all_of_a_video_is_the_video() -> None:
    assert read_link("abcdefghijk 0-") == read_link("abcdefghijk")
    assert read_link("abcdefghijk 0-60").source_id == "abcdefghijk#t=0-60"


@given(st.integers(0, 359_999_000), st.integers(1, 10_000_000) | st.none())
def test_every_spelling_of_a_range_is_one(start_ms: int, length_ms: int | None) -> None:
    end_ms = None if length_ms is None else start_ms + length_ms

    def seconds(ms: int | None) -> str:
        return "" if ms is None else f"{ms / 1000:.3f}"

    def minutes(ms: int | None) -> str:
        return "" if ms is None else f"{ms // 60_000}:{ms % 60_000 / 1000:06.3f}"

    def clock(ms: int | None) -> str:
        return "" if ms is None else f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms % 60_000 / 1000:06.3f}"

    spellings = [seconds, clock] + ([minutes] if max(start_ms, end_ms or 0) < 60_000 * 1000 else [])
    links = {read_link(f"abcdefghijk {spell(start_ms)}-{spell(end_ms)}") for spell in spellings}
    assert links == {with_range(read_link("abcdefghijk"), start_ms / 1000, None if end_ms is None else end_ms / 1000)}
    (link,) = links
    if link.start_s is not None:
        assert round(link.start_s * 1000) == start_ms
        assert read_range(link.source_id.partition("#t=")[2]) == (link.start_s, link.end_s)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("abcdefghijk 25:00-10:00", "ends at 600 s, and begins at 1500 s"),
        ("abcdefghijk 10-10", "ends at 10 s"),
        ("abcdefghijk 00:75:00-01:20:00", "60 minutes"),
        ("abcdefghijk 10:75-20:00", "60 seconds"),
        ("abcdefghijk 10:00", "no time range"),
        ("abcdefghijk -10:00", "no time range"),
        ("abcdefghijk nan-inf", "no time range"),
        ("abcdefghijk bcdefghijka", "no time range"),
        ("abcdefghijk 1e3-2e3", "no time range"),
        ("https://www.youtube.com/@rain 10:00-20:00", "belongs to one video"),
        ("ytsearch5:rain 10:00-20:00", "belongs to one video"),
    ],
)
def test_what_is_no_range_says_why(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_link(text)


def test_years_belong_to_a_search() -> None:
    assert read_link("ytsearch5:rain 2019-2020").url == "ytsearch5:rain 2019-2020"


@given(
    st.text()
    | st.text("youtbe.cm/w?v=&#:@[]%1aA \x1b").map(lambda tail: "https://" + tail)
    | st.text("0123456789:-. ").map("abcdefghijk {}".format)
)
def test_any_text_is_a_link_or_a_reason_and_a_link_reads_as_itself(text: str) -> None:
    try:
        link = read_link(text, 7, allow_generic=True)
    except ValueError:
        return
    whole = dataclasses.replace(link, source_id=link.whole_id, start_s=None, end_s=None)
    assert read_link(link.url, 7, allow_generic=True) == whole
    assert link.source_id.isprintable()
    assert link.url.isprintable()
    assert host(link.url) == link.host != ""
