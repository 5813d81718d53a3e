"""One link to one file: ranges of a video that comes once, and what neither a link nor a disk may bring about."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from acquire.failures import Refused
from acquire.youtube import YoutubeSettings, download, youtube
from acquire.youtube.archive import Archive
from acquire.youtube.links import Link
from manifests.files import read_rows
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.acquire.youtube.stand_in import stand_in
from tests.acquire.youtube.test_faults import FRAMES, noise_clip
from tests.loopback import Asked, Fault, as_hls, live, serve

SETTINGS = YoutubeSettings(
    allow_generic=True,
    retries=1,
    tries=1,
    retry_sleep_s=0.0,
    least_free_bytes=0,
    sleep_interval_s=0.0,
    max_sleep_interval_s=0.0,
    sleep_requests_s=0.0,
)


@dataclass
class Web:
    """A clip on the web."""

    folder: Path
    url: str
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noise_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 1)


@pytest.fixture
def web(tmp_path: Path, clip: Path) -> Iterator[Web]:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(clip.read_bytes())
    faults: dict[str, Fault] = {}
    asked: list[Asked] = []
    with serve(folder, faults, asked) as url:
        yield Web(folder, url, faults, asked)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What YouTube's stand-in answers, by video id."""
    answers: dict[str, Any] = {}
    real = download.session
    monkeypatch.setattr(download, "session", lambda *known, **more: stand_in(real(*known, **more), answers))
    return answers


def video(web: Web, **changes: Any) -> dict[str, Any]:
    return {
        "title": "Rain",
        "formats": [{"format_id": "137", "url": f"{web.url}/clip.mp4", "vcodec": "avc1", "acodec": "none", "ext": "mp4", **changes}],
    }


def rows(workspace: Workspace) -> dict[str, Footage]:
    return {row.source_id: row for row in read_rows(Footage, workspace.table(Footage))}


def test_a_video_and_two_ranges_of_it_come_once(web: Web, pages: dict[str, Any], tmp_path: Path) -> None:
    pages["abcdefghijk"] = video(web)
    workspace = Workspace(tmp_path / "work")
    lines = ["abcdefghijk", "abcdefghijk 0:01-0:02", "https://youtu.be/abcdefghijk 2.5-", "abcdefghijk 1:00-2:00"]
    youtube(lines, SETTINGS, workspace)
    assert len([one for one in web.asked if one.byte_range != "bytes=0-0"]) == 1
    found = rows(workspace)
    assert {name: (row.status, row.frames, row.clip_start_s, row.clip_end_s) for name, row in found.items()} == {
        "abcdefghijk": ("ok", FRAMES, None, None),
        "abcdefghijk#t=1-2": ("ok", 30, 1.0, 2.0),
        "abcdefghijk#t=2.5-": ("ok", 45, 2.5, None),
        "abcdefghijk#t=60-120": ("failed", None, None, None),
    }
    assert {row.origin for row in found.values()} == {"https://www.youtube.com/watch?v=abcdefghijk"}
    failed = found["abcdefghijk#t=60-120"]
    assert failed.error_kind == "unsupported"
    assert "last is at 3.97 s" in (failed.error or "")
    assert sorted(path.name for path in (workspace.root / "footage").iterdir() if path.is_file()) == sorted(
        Path(row.path).name for row in found.values() if row.path
    )
    assert list((workspace.root / "footage" / ".incoming").glob("*/*")) == []
    web.asked.clear()
    youtube(lines, SETTINGS, workspace)
    assert web.asked == []


@pytest.mark.parametrize("written", [False, True])
def test_a_kill_about_the_row_asks_for_no_media_again(written: bool, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Just before the row is written, or just after it and before what it came from is swept away."""
    workspace, save = Workspace(tmp_path / "work"), Archive.save

    def killed(self: Archive, row: Footage) -> None:
        if written:
            save(self, row)
        raise KeyboardInterrupt

    monkeypatch.setattr(Archive, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        youtube([f"{web.url}/clip.mp4"], SETTINGS, workspace)
    assert list((workspace.root / "footage" / ".incoming").glob("*/*")) != []
    monkeypatch.undo()
    web.asked.clear()
    youtube([f"{web.url}/clip.mp4"], SETTINGS, workspace)
    assert {one.byte_range for one in web.asked} == (set() if written else {"bytes=0-0"})
    assert [row.frames for row in rows(workspace).values()] == [FRAMES]
    assert list((workspace.root / "footage" / ".incoming").glob("*/*")) == []


def test_a_range_of_what_is_still_live_is_refused(web: Web, clip: Path, tmp_path: Path) -> None:
    with live(clip, web.folder / "live", shown=8) as index:
        link = Link(f"{web.url}/live/{index.name}", "x#t=1-2", "direct", start_s=1.0, end_s=2.0)
        with download.session(SETTINGS, download.Log(), tmp_path, direct=True) as ydl, pytest.raises(Refused, match="still live"):
            download.fetch(link, ydl, tmp_path / "arriving", SETTINGS, lambda _offer: None)


def test_a_youtube_stream_that_is_live_is_recorded_by_hls(web: Web, pages: dict[str, Any], clip: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    with live(clip, web.folder / "live", shown=8) as index:
        hls = {
            "format_id": "96",
            "url": f"{web.url}/live/{index.name}",
            "protocol": "m3u8_native",
            "vcodec": "avc1",
            "acodec": "mp4a",
            "ext": "mp4",
        }
        pages["abcdefghijk"] = {**video(web, protocol="http_dash_segments"), "is_live": True}
        pages["abcdefghijk"]["formats"].append(hls)
        pages["lmnopqrstuv"] = {**video(web, protocol="http_dash_segments"), "is_live": True}
        youtube(["abcdefghijk", "lmnopqrstuv"], replace(SETTINGS, live_window_s=1.0), workspace)
    found = rows(workspace)
    assert found["abcdefghijk"].frames == 30
    assert found["lmnopqrstuv"].error_kind == "unsupported"
    assert "not by HLS" in (found["lmnopqrstuv"].error or "")


@pytest.mark.parametrize(
    "change",
    [
        {"ext": "../../../../evil"},
        {"ext": "sh"},
        {"format_id": "../../evil", "format": "../../evil"},
        {"url": "file:///etc/passwd"},
        {"protocol": "../evil"},
    ],
)
def test_nothing_of_a_sources_names_leads_out_of_the_workspace(
    change: dict[str, str], web: Web, pages: dict[str, Any], tmp_path: Path
) -> None:
    pages["abcdefghijk"] = {**video(web, **change), "id": "../../../evil", "title": "../../evil", "ext": change.get("ext", "mp4")}
    before = outside(tmp_path)
    workspace = Workspace(tmp_path / "deep" / "er" / "work")
    youtube(["abcdefghijk"], SETTINGS, workspace)
    (row,) = rows(workspace).values()
    assert row.error_kind is not None or row.path == f"footage/{row.footage_id}.mp4"
    assert outside(tmp_path) == before
    assert list(workspace.root.rglob("*evil*")) == []


def outside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "work" not in path.parts and path.suffix != ".lock")


@pytest.mark.parametrize(
    "path", ["/..%2f..%2f..%2fclip.mp4", "/clip.mp4%00.sh", "/%2e%2e/clip.mp4", "/clip.mp4?name=../../evil", "/" + "a" * 3000 + ".mp4"]
)
def test_nor_do_direct_links(path: str, web: Web, tmp_path: Path) -> None:
    before = outside(tmp_path)
    workspace = Workspace(tmp_path / "deep" / "er" / "work")
    youtube([web.url + path], SETTINGS, workspace)
    (row,) = rows(workspace).values()
    assert row.error_kind is not None or (row.path or "").startswith("footage/")
    assert outside(tmp_path) == before


@pytest.mark.parametrize("length", [-5, 0, 10**30])
def test_absurd_lengths_are_named_failures(length: int, web: Web, tmp_path: Path) -> None:
    web.faults["/clip.mp4"] = Fault(length=length, ranges=False)
    workspace = Workspace(tmp_path / "work")
    youtube([f"{web.url}/clip.mp4"], SETTINGS, workspace)
    (row,) = rows(workspace).values()
    assert row.error_kind in ("disk_full", "network", "decode", "unsupported")
    assert not list((workspace.root / "footage").glob("[!.]*.*"))


# --- disks --------------------------------------------------------------------------------------------------------------------------


def command(web: Web, work: Path, path: str = "/clip.mp4") -> list[str]:
    urls = web.folder / "urls.txt"
    urls.write_text(f"{web.url}{path}\n")
    settings = ["--set", "least_free_bytes=0", "--set", "retry_sleep_s=0", "--allow-generic"]
    script = "from acquire.cli import main; main()"
    return [sys.executable, "-c", script, "youtube", str(urls), "-C", str(work), *settings]


def said(words: list[str], **more: Any) -> tuple[int, list[str]]:
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, **more)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_file_that_the_system_cuts_off_ends_the_run_and_leaves_no_footage(web: Web, tmp_path: Path) -> None:
    exit_code, lines = said(command(web, tmp_path / "work"), preexec_fn=small_files)
    assert exit_code == 1
    assert "File too large" in lines[-1]
    assert "run again" in lines[-1]
    (row,) = rows(Workspace(tmp_path / "work")).values()
    assert (row.error_kind, row.retryable) == ("disk_full", True)
    assert not list((tmp_path / "work" / "footage").glob("[!.]*.*"))
    youtube([f"{web.url}/clip.mp4"], SETTINGS, Workspace(tmp_path / "work"))  # with room, it goes on
    assert [row.frames for row in rows(Workspace(tmp_path / "work")).values()] == [FRAMES]


def in_a_disk_of(kilobytes: int, flags: str = "") -> list[str] | None:
    """Words before a command that give it `$DISK`, a disk of its own; None where the system does not let us."""
    setup = f'mount -t tmpfs -o size={kilobytes}k{flags} none "$DISK" && exec "$@"'
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", setup, "sh"]
    try:
        allowed = subprocess.run([*words, "true"], env={**os.environ, "DISK": "/mnt"}, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return None
    return words if allowed else None


@pytest.mark.parametrize(("flags", "told"), [("", "No space left on device"), (",ro", "Read-only file system")])
def test_a_disk_that_is_full_or_read_only_is_one_line(flags: str, told: str, web: Web, tmp_path: Path) -> None:
    words = in_a_disk_of(200, flags)
    if words is None:
        pytest.skip("no mounts of one's own here (unshare)")
    (tmp_path / "disk").mkdir()
    as_hls(web.folder / "clip.mp4", web.folder / "hls")  # whose index does not say how large it is
    fetching = command(web, tmp_path / "disk" / "work", "/hls/index.m3u8")
    exit_code, lines = said([*words, *fetching], env={**os.environ, "DISK": str(tmp_path / "disk")})
    assert exit_code == 1
    assert told in lines[-1]
    assert len([line for line in lines if line.startswith("Error: ")]) == 1


def test_a_workspace_that_cannot_be_made_is_one_line(web: Web, tmp_path: Path) -> None:
    exit_code, lines = said(command(web, Path("/proc/work")))
    assert exit_code == 1
    assert lines[-1].startswith("Error: /proc/work")


def test_a_page_is_not_read_without_end(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LARGEST_PAGE_BYTES", 1000)
    reading: Callable[[int | None], bytes]
    with download.session(SETTINGS, download.Log(), tmp_path, direct=True) as ydl:
        reading = ydl.urlopen(f"{web.url}/clip.mp4").read
        with pytest.raises(Refused, match="more than 1000 bytes"):
            reading(None)
        assert len(ydl.urlopen(f"{web.url}/clip.mp4").read(5000)) == 5000  # media come in blocks


def test_what_was_opened_is_closed_when_a_link_has_been_looked_at(web: Web, tmp_path: Path) -> None:
    with download.session(SETTINGS, download.Log(), tmp_path, direct=True) as ydl:
        download.look(Link(f"{web.url}/clip.mp4", "x", "direct"), ydl)
        assert ydl.answers == []
