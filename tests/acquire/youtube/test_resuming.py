"""Going on with what an earlier run left, and when not to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acquire.youtube.download import Log, session
from acquire.youtube.resuming import Remote, bind, keep_or_clear, remotes, resumable, stated_bytes
from acquire.youtube.settings import YoutubeSettings
from tests.loopback import Asked, Fault, serve

SETTINGS = YoutubeSettings(allow_generic=True)


@pytest.fixture
def ydl(tmp_path: Path) -> Iterator[Any]:
    with session(SETTINGS, Log(), tmp_path, direct=True) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "arriving").mkdir()
    return tmp_path / "arriving"


def remote(**changes: str | None) -> Remote:
    return {"format": "137", "etag": '"a"', "length": "9", "modified": None, **changes}


def link(url: str, **changes: Any) -> dict[str, Any]:
    return {"format_id": "137", "url": url, "protocol": "http", **changes}


def test_a_remote_is_told_by_one_byte(ydl: Any, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(bytes(5000))
    asked: list[Asked] = []
    with serve(tmp_path, asked=asked) as url:
        (told,) = remotes(link(f"{url}/clip.mp4", http_headers={"If-Range": "x"}), ydl)
    assert (told["format"], told["length"], asked[0].byte_range) == ("137", "5000", "bytes=0-0")
    assert (told["etag"] or "").startswith('"')
    assert stated_bytes([told, remote(length=None), remote(length="-5")]) == 5000


@pytest.mark.parametrize("change", [{"etag": '"b"'}, {"length": "8"}, {"modified": "today"}, {"format": "136"}])
def test_parts_of_another_remote_are_cleared(change: dict[str, str], folder: Path) -> None:
    keep_or_clear(folder, [remote()], None)
    (folder / "media.mp4.part").write_bytes(b"half")
    keep_or_clear(folder, [remote()], None)
    assert (folder / "media.mp4.part").exists()
    keep_or_clear(folder, [remote(**change)], None)
    assert not (folder / "media.mp4.part").exists()
    (folder / "media.mp4.part").write_bytes(b"half")
    keep_or_clear(folder, [remote(**change), remote()], None)  # a second file, now
    assert not (folder / "media.mp4.part").exists()


def test_what_nothing_tells_is_never_gone_on_with(folder: Path) -> None:
    untold = remote(etag=None, length=None)
    keep_or_clear(folder, [untold], None)
    (folder / "media.mp4.part").write_bytes(b"half")
    keep_or_clear(folder, [untold], None)
    assert not (folder / "media.mp4.part").exists()


@pytest.mark.parametrize("note", ["", "no json", "[]", '{"remotes": 3}', "null", '{"info": {}}'])
def test_a_note_that_cannot_be_read_is_none(note: str, folder: Path, ydl: Any) -> None:
    (folder / "remote.json").write_text(note)
    assert resumable(folder, ydl) is None
    keep_or_clear(folder, [remote()], None)
    assert json.loads((folder / "remote.json").read_text())["remotes"] == [remote()]


def test_a_half_joined_stream_is_joined_anew_from_its_fragments(folder: Path) -> None:
    keep_or_clear(folder, [remote()], None)
    for name in ("media.mp4.ytdl", "media.mp4.part", "media.mp4.part-Frag1", "media.mp4.part-Frag2.part"):
        (folder / name).write_bytes(b"x")
    keep_or_clear(folder, [remote()], None)
    assert sorted(path.name for path in folder.iterdir()) == ["media.mp4.part-Frag1", "media.mp4.part-Frag2.part", "remote.json"]


def test_a_link_is_gone_on_with_as_long_as_its_remote_is_the_same(folder: Path, ydl: Any, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(bytes(5000))
    faults: dict[str, Fault] = {}
    with serve(tmp_path, faults) as url:
        info = link(f"{url}/clip.mp4")
        keep_or_clear(folder, remotes(info, ydl), info)
        assert resumable(folder, ydl) == info
        (tmp_path / "clip.mp4").write_bytes(bytes(6000))
        assert resumable(folder, ydl) is None
        (tmp_path / "clip.mp4").write_bytes(bytes(5000))
        assert resumable(folder, ydl) == info
        faults["/clip.mp4"] = Fault(status=403)
        assert resumable(folder, ydl) is None


@pytest.mark.parametrize(
    ("told", "validator"),
    [
        (remote(), '"a"'),
        (remote(etag='W/"a"', modified="Fri, 17 May 2024 12:00:00 GMT"), "Fri, 17 May 2024 12:00:00 GMT"),
        (remote(etag='W/"a"'), None),
        (remote(etag=None), None),
    ],
)
def test_servers_are_asked_for_the_rest_of_that_file_alone(told: Remote, validator: str | None) -> None:
    offered = link("http://host/a", http_headers={"Referer": "r"})
    other = link("http://host/b")
    info = {**offered, "formats": [offered, other]}
    bind(info, [told])
    assert info["http_headers"] == {"Referer": "r", **({"If-Range": validator} if validator else {})} == offered["http_headers"]
    assert "http_headers" not in other
    stream = link("http://host/index.m3u8", protocol="m3u8_native")
    bind(stream, [told])
    assert "http_headers" not in stream  # a fragment is another file than its index
