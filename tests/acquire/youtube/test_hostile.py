"""What a stranger's server may send to get at files of this machine, or to bring a run down: a named failure, and nothing left of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from acquire.youtube import preview, youtube
from acquire.youtube.download import offer_of
from acquire.youtube.resuming import stated_bytes
from manifests.tables import ErrorKind
from tests.acquire.youtube.site import DIRECT, QUICK, Site, Youtube, of_pages, refusal, video
from tests.loopback import Fault


def playlist(segment: str, *lines: str) -> str:
    return "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:1", *lines, "#EXTINF:1,", segment, "#EXT-X-ENDLIST", ""])


def assert_refused(site: Site, path: str, kind: ErrorKind, shows: str) -> None:
    """The link ends in this kind of failure, and no file is left."""
    site.fetch(path, settings=DIRECT)
    row = site.rows()[path]
    assert (row.status, row.error_kind) == ("failed", kind), row.error
    assert shows in (row.error or "")
    assert [file for file in (site.workspace.root / "footage").rglob("*") if file.is_file() and file.suffix != ".lock"] == []


def test_a_playlist_called_a_video(site: Site) -> None:
    (site.folder / "list.mp4").write_text("ffconcat version 1.0\nfile remote.json\n")
    assert_refused(site, "/list.mp4", "decode", "playlist")


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile remote.json\n", playlist("file:///etc/hostname"), "no video at all" * 99])
def test_a_playlist_inside_a_fragment(text: str, site: Site) -> None:
    (site.folder / "part.ts").write_text(text)
    (site.folder / "list.m3u8").write_text(playlist("part.ts"))
    assert_refused(site, "/list.m3u8", "decode", "Error opening input")


def test_a_playlist_of_files_on_this_machine(site: Site) -> None:
    secret = site.workspace.root.parent / "secret.ts"
    secret.write_text("secret")
    (site.folder / "list.m3u8").write_text(playlist(secret.as_uri()))
    assert_refused(site, "/list.m3u8", "unsupported", "file://")


def test_a_key_on_this_machine(site: Site) -> None:
    (site.folder / "list.m3u8").write_text(playlist("part.ts", '#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/hostname"'))
    (site.folder / "part.ts").write_bytes(bytes(1880))
    assert_refused(site, "/list.m3u8", "unsupported", "file://")


def test_a_redirection_to_this_machine(site: Site) -> None:
    site.faults["/clip.mp4"] = Fault(status=302, headers=(("Location", "file:///etc/hostname"),))
    assert_refused(site, "/clip.mp4", "unsupported", "file:///etc/hostname")


def test_an_empty_file(site: Site) -> None:
    (site.folder / "empty.mp4").write_bytes(b"")
    assert_refused(site, "/empty.mp4", "decode", "an empty file")


@pytest.mark.parametrize("length", ["nan", "inf", "1e999"])
def test_a_playlist_of_impossible_lengths(length: str, site: Site) -> None:
    (site.folder / "list.m3u8").write_text(playlist("part.ts", f"#EXTINF:{length},", "part.ts"))
    assert_refused(site, "/list.m3u8", "unsupported", "numbers that cannot be")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -5, 10**400, 1e300, "5", None])
def test_lengths_and_sizes_that_cannot_be_are_not_stated(number: object) -> None:
    offer = offer_of({"duration": number, "filesize": number, "filesize_approx": 7.0, "upload_date": "²²²²²²²²"})
    assert (offer.duration_s, offer.bytes, offer.uploaded) == (None, 7, None)


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3", "²", "", None])
def test_a_length_that_a_server_cannot_mean_counts_nothing(length: str | None) -> None:
    assert stated_bytes([{"format": "x", "etag": None, "length": length, "modified": None}]) == 0


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_page_of_impossible_lengths(number: float, site: Site, pages: Youtube) -> None:
    pages.answers["abcdefghijk"] = {**video(site.url), "duration": number}
    (coming,) = preview(["abcdefghijk"], QUICK, site.workspace)
    assert coming.error_kind == "unsupported"
    assert "numbers that cannot be" in (coming.error or "")


# --- what a page says -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    [
        "$(touch pwned); `touch pwned` | touch pwned & > pwned",
        "../../../../etc/passwd\x00.mp4",
        "\x1b]0;pwned\x07\x1b[2J\u202egpj.niar\u2066",
        "rain " * 2000,
        "雨" * 3000,
        "-rf --help",
        "\ud800 lone",
    ],
    ids=["shell", "traversal", "escapes", "10 kB", "wide", "option", "surrogate"],
)
def test_no_title_does_anything(site: Site, pages: Youtube, title: str, tmp_path: Path, temporary_files: Path) -> None:
    pages.answers["aaaaaaaaaaa"] = {**video(site.url, title), "id": "../../../../pwned", "ext": "/../../pwned", "channel": title}
    said: list[str] = []
    youtube(["aaaaaaaaaaa"], QUICK, site.workspace, say=said.append)
    (row,) = of_pages(site).values()
    assert row.status == "ok"
    assert (row.title or "").isprintable()
    assert len(row.title or "") <= 2000
    assert all(line.isprintable() for line in said)
    ours = (site.workspace.root, site.folder, temporary_files)
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and not any(path.is_relative_to(folder) for folder in ours)]
    assert outside == []
    assert [path for path in temporary_files.iterdir() if path.suffix != ".lock"] == []
    inside = {
        path.relative_to(site.workspace.root).as_posix()
        for path in site.workspace.root.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }
    assert inside == {f"footage/{row.footage_id}.mp4", "manifests/footage.parquet"}


def test_ids_that_climb_out_of_a_list_are_no_videos(site: Site, pages: Youtube) -> None:
    address = "https://www.youtube.com/playlist?list=PLrain"
    pages.lists[address] = [
        "https://www.youtube.com/watch?v=../../../../x",
        {"url": "https://www.youtube.com/watch?v=aaaaaaaaaaa", "id": "../../../../pwned", "title": "\x1b[2J"},
        "file:///etc/passwd",
        "https://example.org/a.mp4",
    ]
    pages.answers["aaaaaaaaaaa"] = refusal("Private video")
    youtube([address], QUICK, site.workspace)
    assert set(of_pages(site)) == {"aaaaaaaaaaa"}


@pytest.mark.parametrize("size", [10**13, 10**30])
def test_a_size_that_no_disk_can_hold_is_refused_and_the_run_goes_on(site: Site, pages: Youtube, size: int) -> None:
    huge = video(site.url)
    huge["formats"][1]["filesize"] = size
    pages.answers |= {"aaaaaaaaaaa": huge, "bbbbbbbbbbb": refusal("Private video")}
    summary = youtube(["aaaaaaaaaaa", "bbbbbbbbbbb"], QUICK, site.workspace)
    kinds: dict[str, ErrorKind | None] = {name: row.error_kind for name, row in of_pages(site).items()}
    assert kinds == {"aaaaaaaaaaa": "disk_full", "bbbbbbbbbbb": "private"}
    assert summary.total("failed") == 2
    assert max((one.byte_range or "all" for one in site.asked), default="bytes=0-0") == "bytes=0-0"


@pytest.mark.parametrize("size", [-5, "many", None])
def test_sizes_that_are_none_are_not_believed(site: Site, pages: Youtube, size: object) -> None:
    page = video(site.url)
    page["formats"][1]["filesize"] = size
    pages.answers["aaaaaaaaaaa"] = {**page, "duration": -3, "license": ["a", "list"]}
    youtube(["aaaaaaaaaaa"], QUICK, site.workspace)
    (row,) = of_pages(site).values()
    assert (row.status, row.licence) == ("ok", "['a', 'list']")


@pytest.mark.parametrize(
    "odd", [{"duration": float("nan")}, {"duration": float("inf")}, {"upload_date": "tomorrow"}, {"formats": "none"}, {"formats": []}]
)
def test_a_page_that_makes_no_sense_is_one_failed_row(site: Site, pages: Youtube, odd: dict[str, Any]) -> None:
    pages.answers |= {"aaaaaaaaaaa": {**video(site.url), **odd}, "bbbbbbbbbbb": refusal("Private video")}
    youtube(["aaaaaaaaaaa", "bbbbbbbbbbb"], QUICK, site.workspace)
    rows = of_pages(site)
    assert rows["aaaaaaaaaaa"].error
    assert rows["bbbbbbbbbbb"].error_kind == "private"
