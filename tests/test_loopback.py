"""The tests' own web server: what other tests rely on."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from http.client import IncompleteRead
from pathlib import Path

import av
import pytest

from tests.loopback import Asked, Fault, Sent, as_dash, as_hls, live, serve
from tests.manifests.clips import encode

CONTENT = bytes(range(256)) * 1000


def get(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
        return answer.status, answer.read(), dict(answer.headers)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    (tmp_path / "secret.txt").write_text("outside")
    (tmp_path / "web" / "clip.mp4").write_bytes(CONTENT)
    return tmp_path / "web"


def test_files_ranges_and_etags(folder: Path) -> None:
    asked: list[Asked] = []
    with serve(folder, asked=asked) as url:
        status, body, headers = get(f"{url}/clip.mp4")
        assert (status, body, headers["Content-Type"], headers["Accept-Ranges"]) == (200, CONTENT, "video/mp4", "bytes")
        status, body, partial = get(f"{url}/clip.mp4", Range="bytes=100-199")
        assert (status, body, partial["Content-Range"]) == (206, CONTENT[100:200], f"bytes 100-199/{len(CONTENT)}")
        assert get(f"{url}/clip.mp4", Range="bytes=255900-")[1] == CONTENT[255900:]
        assert get(f"{url}/clip.mp4", Range="bytes=100-199", If_Range='"another"')[0] == 200
        assert partial["ETag"] == headers["ETag"]
        (folder / "clip.mp4").write_bytes(b"changed")
        assert get(f"{url}/clip.mp4")[2]["ETag"] != headers["ETag"]
    assert asked[1] == Asked("GET", "/clip.mp4", "bytes=100-199")


@pytest.mark.parametrize("path", ["/missing.mp4", "/../secret.txt", "/%2e%2e/secret.txt", "/"])
def test_only_the_folders_files_are_served(folder: Path, path: str) -> None:
    with serve(folder) as url, pytest.raises(urllib.error.HTTPError, match="404"):
        get(url + path)


def test_faults(folder: Path) -> None:
    faults = {"/clip.mp4": Fault(status=503, times=2, headers=(("Retry-After", "7"),))}
    with serve(folder, faults) as url:
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError, match="503") as caught:
                get(f"{url}/clip.mp4")
            assert caught.value.headers["Retry-After"] == "7"
        assert get(f"{url}/clip.mp4")[1] == CONTENT
        faults["/clip.mp4"] = Fault(drop_after=1000)
        with pytest.raises(IncompleteRead) as broken:
            get(f"{url}/clip.mp4")
        assert broken.value.partial == CONTENT[:1000]
        faults["/clip.mp4"] = Fault(ranges=False)
        assert get(f"{url}/clip.mp4", Range="bytes=100-199")[:2] == (200, CONTENT)


def test_an_answer_may_go_well_at_first_and_leave_another_file_behind(folder: Path) -> None:
    sent: list[Sent] = []
    with serve(folder, {"*": Fault(drop_after=1000, becomes=b"changed", skip=1)}, sent=sent) as url:
        assert get(f"{url}/clip.mp4")[1] == CONTENT
        with pytest.raises(IncompleteRead):
            get(f"{url}/clip.mp4")
        assert get(f"{url}/clip.mp4")[1] == b"changed"
    assert sum(one.end - one.first for one in sent) == len(CONTENT) + 1000 + len(b"changed")


def test_a_length_may_be_a_lie_and_if_range_be_ignored(folder: Path) -> None:
    faults = {"/clip.mp4": Fault(length=2 * len(CONTENT))}
    with serve(folder, faults) as url:
        assert get(f"{url}/clip.mp4", Range="bytes=0-0")[2]["Content-Range"] == f"bytes 0-0/{2 * len(CONTENT)}"
        with pytest.raises(IncompleteRead):
            get(f"{url}/clip.mp4")
        faults["/clip.mp4"] = Fault(if_range=False)
        assert get(f"{url}/clip.mp4", Range="bytes=100-199", If_Range='"another"')[:2] == (206, CONTENT[100:200])


@pytest.mark.parametrize("ends", [False, True])
def test_a_live_stream_grows_and_forgets(ends: bool, tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.mp4", [number / 25 for number in range(50)])
    seen: list[list[str]] = []
    with live(clip, tmp_path / "live", segment_s=0.4, every_s=0.02, shown=2, ends=ends) as index:
        until = time.monotonic() + 20
        while time.monotonic() < until and (
            not seen or len(list(index.parent.glob("*.ts"))) < len(list((index.parent / "whole").glob("*.ts")))
        ):
            seen.append(index.read_text().splitlines())
        time.sleep(0.05)
        last = index.read_text().splitlines()
    assert all(sum(line.endswith(".ts") for line in lines) <= 2 for lines in seen)
    assert len({tuple(lines) for lines in seen}) > 1
    assert ("#EXT-X-ENDLIST" in last) == ends


def test_streams_are_cut_from_and_to_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clip = encode(Path("clip.mp4"), [number / 25 for number in range(50)])
    with av.open(as_hls(clip, Path("hls"))) as stream:  # by FFmpeg itself: a playlist is not taken as a clip
        assert sum(1 for _ in stream.decode(video=0)) == 50
    assert "SegmentTemplate" in as_dash(clip, Path("dash")).read_text()
    assert len(list(Path("dash").glob("chunk-*.m4s"))) >= 2
