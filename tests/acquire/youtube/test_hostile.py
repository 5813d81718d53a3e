"""What a stranger's server may send to get at files of this machine, or to bring a run down: a named failure, and nothing left of it."""

from __future__ import annotations

import math

import pytest

from acquire.youtube import preview
from acquire.youtube.download import offer_of
from acquire.youtube.resuming import stated_bytes
from manifests.tables import ErrorKind
from tests.acquire.youtube.site import DIRECT, QUICK, Site, Youtube, video
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
