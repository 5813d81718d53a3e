"""What a list asks for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.youtube.links import Link, host, read_link
from acquire.youtube.lists import read_links
from manifests.errors import InputError

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
    ],
)
def test_what_is_no_link_says_why(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_link(text, allow_generic=True)


@given(st.text() | st.text("youtbe.cm/w?v=&#:@[]%1aA \x1b").map(lambda tail: "https://" + tail))
def test_any_text_is_a_link_or_a_reason_and_a_link_reads_as_itself(text: str) -> None:
    links, bad = read_links(["abcdefghijk", text], allow_generic=True)
    assert len(links) + len(bad) <= 2
    assert all(line.reason for line in bad)
    for link in links:
        assert dataclasses.replace(read_link(link.url, allow_generic=True), line=link.line) == link
        assert link.url.isprintable()
        assert host(link.url) == link.host != ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_list_as_editors_save_it(tmp_path: Path, encoding: str, newline: str) -> None:
    lines = [
        "# rain",
        "",
        "abcdefghijk",
        "  https://youtu.be/abcdefghijk  # again",
        "not a link",
        "-_345678901",
        "ytsearch3:rain # x",
        "https://x.org/a",
    ]
    (tmp_path / "urls.txt").write_bytes(newline.join(lines).encode(encoding))
    links, bad = read_links(tmp_path / "urls.txt")
    assert [(link.line, link.source_id) for link in links] == [(3, "abcdefghijk"), (6, "-_345678901"), (7, "ytsearch3:rain")]
    assert [(line.line, line.text) for line in bad] == [(5, "not a link"), (8, "https://x.org/a")]
    assert str(bad[0]) == "line 5: 'not a link': neither a web address nor a video's id of 11 characters"


def test_a_list_that_asks_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    for source in (tmp_path / "empty.txt", tmp_path / "missing.txt", tmp_path):
        with pytest.raises(InputError, match=r"holds no link|cannot be read"):
            read_links(source)


def test_a_binary_file_gives_bad_lines_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_bytes(bytes(range(256)) * 4)
    links, bad = read_links(tmp_path / "urls.txt")
    assert links == []
    assert bad
    assert all(str(line).isprintable() for line in bad)
