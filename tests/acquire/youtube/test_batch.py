"""`acquire youtube` with the real yt-dlp: against a server on loopback, and with a stand-in for YouTube's own pages."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from yt_dlp.utils import ExtractorError

from acquire.youtube import YoutubeSettings, download, preview, youtube
from manifests.errors import InputError
from manifests.files import read_provenance, read_rows
from manifests.media import probe
from manifests.options import Summary
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.acquire.youtube.stand_in import stand_in
from tests.loopback import Asked, Fault, as_dash, as_hls, serve
from tests.manifests.clips import encode

DIRECT = YoutubeSettings(allow_generic=True, retry_sleep_s=0.0, retries=3, tries=2, longest_wait_s=0.0)
QUICK = YoutubeSettings(sleep_interval_s=0.0, max_sleep_interval_s=0.0, sleep_requests_s=0.0, retry_sleep_s=0.0, longest_wait_s=0.0)
FRAMES = 45
BLOCK = 65536  # bytes that yt-dlp reads at once: what a broken connection loses at most


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("clip") / "clip.mp4", [index / 30 for index in range(FRAMES)])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip many times longer than the blocks in which yt-dlp reads."""
    return noise_clip(tmp_path_factory.mktemp("large") / "large.mp4", seed=1)


def noise_clip(path: Path, seed: int) -> Path:
    noise = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, width=320, height=240, pix_fmt="yuv420p", options={"crf": "28", "g": "12"})
        for _ in range(FRAMES):
            picture = noise.integers(0, 256, (240, 320, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    assert path.stat().st_size > 10 * BLOCK
    return path


@dataclasses.dataclass
class Site:
    """A folder on the web, and the workspace that fetches from it."""

    folder: Path
    url: str
    faults: dict[str, Fault]
    asked: list[Asked]
    workspace: Workspace

    def fetch(self, *paths: str, settings: YoutubeSettings = DIRECT) -> Summary:
        return youtube([self.url + path for path in paths], settings, self.workspace)

    def rows(self) -> dict[str, Footage]:
        """By path on the site."""
        return {row.origin.removeprefix(self.url): row for row in read_rows(Footage, self.workspace.table(Footage))}


@pytest.fixture
def site(tmp_path: Path, clip: Path, large: Path) -> Iterator[Site]:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(clip.read_bytes())
    (folder / "large.mp4").write_bytes(large.read_bytes())
    faults: dict[str, Fault] = {}
    asked: list[Asked] = []
    with serve(folder, faults, asked) as url:
        yield Site(folder, url, faults, asked, Workspace(tmp_path / "work"))


def incoming(workspace: Workspace) -> list[Path]:
    """What lies in the private folders of downloads."""
    return [path for path in (workspace.root / "footage" / ".incoming").glob("*/*") if path.is_file()]


# --- what comes whole ---------------------------------------------------------------------------------------------------------------


def test_a_direct_file_becomes_footage_named_by_its_content(site: Site, clip: Path) -> None:
    summary = site.fetch("/clip.mp4")
    assert (summary.total("kept"), summary.exit_code) == (1, 0)
    row = site.rows()["/clip.mp4"]
    sha256 = hashlib.sha256(clip.read_bytes()).hexdigest()
    assert (row.footage_id, row.sha256, row.bytes) == (sha256[:16], sha256, clip.stat().st_size)
    assert (row.source, row.source_id, row.status, row.error) == ("youtube", f"{site.url}/clip.mp4", "ok", None)
    assert (row.frames, row.width, row.height, row.codec, row.media) == (FRAMES, 96, 64, "h264", "video")
    assert row.path == f"footage/{sha256[:16]}.mp4"
    assert row.title == "clip"
    assert row.tool == download.TOOL
    assert site.workspace.resolve(row.path).read_bytes() == clip.read_bytes()
    assert incoming(site.workspace) == []


def test_hls_and_dash_come_with_every_frame(site: Site, clip: Path) -> None:
    as_hls(clip, site.folder / "hls", segment_s=0.4)
    as_dash(clip, site.folder / "dash", segment_s=0.4)
    assert site.fetch("/hls/index.m3u8", "/dash/index.mpd").exit_code == 0
    assert len([one for one in site.asked if one.path.startswith("/hls/part")]) >= 3
    for row in site.rows().values():
        assert row.frames == FRAMES
        assert row.path is not None
        assert probe(site.workspace.resolve(row.path)).frames == FRAMES


def test_a_second_run_asks_nothing(site: Site) -> None:
    site.fetch("/clip.mp4", "/gone.mp4")
    before = site.rows()
    site.asked.clear()
    said: list[str] = []
    summary = youtube([f"{site.url}/clip.mp4", f"{site.url}/gone.mp4"], DIRECT, site.workspace, say=said.append)
    assert site.asked == []
    assert site.rows() == before
    assert summary.exit_code == 3  # the gone one is still gone
    assert any("there already" in line for line in said)


def test_media_that_were_deleted_are_fetched_again(site: Site) -> None:
    site.fetch("/clip.mp4")
    path = site.workspace.resolve(site.rows()["/clip.mp4"].path or "")
    path.unlink()
    assert site.fetch("/clip.mp4").total("kept") == 1
    assert path.is_file()


def test_two_links_to_the_same_bytes_are_one_file_and_one_row(site: Site, clip: Path) -> None:
    (site.folder / "copy.mp4").write_bytes(clip.read_bytes())
    assert site.fetch("/clip.mp4", "/copy.mp4").total("kept") == 2
    (row,) = site.rows().values()
    assert (row.source_id, row.also_at) == (f"{site.url}/clip.mp4", (f"{site.url}/copy.mp4",))
    assert len(list((site.workspace.root / "footage").glob("*.mp4"))) == 1
    site.asked.clear()
    site.fetch("/copy.mp4")
    assert site.asked == []


# --- what fails, and goes on --------------------------------------------------------------------------------------------------------


def test_each_failure_is_a_row_of_its_kind_and_the_run_goes_on(site: Site) -> None:
    (site.folder / "garbage.mp4").write_bytes(b"not a video at all" * 100)
    (site.folder / "page.html").write_text("<html><body>no video here</body></html>")
    site.faults.update({"/secret.mp4": Fault(status=403), "/dead.mp4": Fault(status=410), "/busy.mp4": Fault(status=503)})
    summary = site.fetch("/gone.mp4", "/secret.mp4", "/dead.mp4", "/busy.mp4", "/garbage.mp4", "/page.html", "/clip.mp4")
    rows = site.rows()
    assert {path: row.error_kind for path, row in rows.items()} == {
        "/gone.mp4": "removed",
        "/secret.mp4": "forbidden",
        "/dead.mp4": "removed",
        "/busy.mp4": "network",
        "/garbage.mp4": "decode",
        "/page.html": "unsupported",
        "/clip.mp4": None,
    }
    assert (summary.total("kept"), summary.total("failed"), summary.exit_code) == (1, 6, 3)
    failed = rows["/gone.mp4"]
    assert failed.footage_id == "failed-" + hashlib.sha256(f"youtube:{site.url}/gone.mp4".encode()).hexdigest()[:12]
    assert "HTTP Error 404" in (failed.error or "")
    assert (failed.path, failed.retryable, failed.attempts, failed.next_attempt_at) == (None, False, 1, None)
    assert rows["/busy.mp4"].retryable
    assert len([one for one in site.asked if one.path == "/busy.mp4"]) == DIRECT.tries


def test_a_failure_made_good_leaves_one_ok_row(site: Site) -> None:
    site.faults["/clip.mp4"] = Fault(status=503, times=DIRECT.tries)
    site.fetch("/clip.mp4")
    assert site.rows()["/clip.mp4"].error_kind == "network"
    site.fetch("/clip.mp4")
    (row,) = site.rows().values()
    assert (row.status, row.attempts) == ("ok", 2)


def test_what_is_not_due_is_asked_for_when_the_user_insists(site: Site) -> None:
    site.faults["/clip.mp4"] = Fault(status=404, times=1)
    site.fetch("/clip.mp4")
    assert site.fetch("/clip.mp4").total("kept") == 0
    assert site.fetch("/clip.mp4", settings=dataclasses.replace(DIRECT, retry=("removed",))).total("kept") == 1
    assert [row.status for row in site.rows().values()] == ["ok"]


def test_a_picture_too_small_to_use_is_refused_with_both_numbers(site: Site, tmp_path: Path) -> None:
    with av.open(str(site.folder / "small.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=48, height=80, pix_fmt="yuv420p")
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((80, 48, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    site.fetch("/small.avi")
    row = site.rows()["/small.avi"]
    assert row.error_kind == "unsupported"
    assert "48x80 px" in (row.error or "")
    assert "64 px" in (row.error or "")
    assert list((site.workspace.root / "footage").glob("*.avi")) == []


# --- resuming -----------------------------------------------------------------------------------------------------------------------


def test_a_dropped_connection_is_taken_up_where_it_broke(site: Site, large: Path) -> None:
    half = large.stat().st_size // 2
    site.faults["/large.mp4"] = Fault(drop_after=half)
    assert site.fetch("/large.mp4").exit_code == 0
    assert half // BLOCK * BLOCK in [int((one.byte_range or "bytes=0").split("=")[1].split("-")[0]) for one in site.asked]
    assert site.workspace.resolve(site.rows()["/large.mp4"].path or "").read_bytes() == large.read_bytes()


def begin(site: Site, path: str, drop_after: int) -> None:
    """A run that breaks off for good after some bytes."""
    site.faults[path] = Fault(drop_after=drop_after)
    site.fetch(path, settings=dataclasses.replace(DIRECT, retries=0, tries=1))
    assert site.rows()[path].error_kind == "network"
    assert any(file.name.endswith(".part") for file in incoming(site.workspace))
    site.faults.clear()
    site.asked.clear()


def test_the_next_run_goes_on_at_the_byte_where_the_last_one_stopped(site: Site, large: Path) -> None:
    begin(site, "/large.mp4", 3 * BLOCK + 5000)
    assert site.fetch("/large.mp4").exit_code == 0
    starts = [int((one.byte_range or "bytes=0").split("=")[1].split("-")[0]) for one in site.asked]
    assert 3 * BLOCK in starts
    assert site.workspace.resolve(site.rows()["/large.mp4"].path or "").read_bytes() == large.read_bytes()


def test_a_remote_that_changed_meanwhile_is_begun_anew_and_not_spliced(site: Site, large: Path, tmp_path: Path) -> None:
    begin(site, "/large.mp4", 3 * BLOCK + 5000)
    other = noise_clip(tmp_path / "other.mp4", seed=2)
    (site.folder / "large.mp4").write_bytes(other.read_bytes())
    assert site.fetch("/large.mp4").exit_code == 0
    assert site.workspace.resolve(site.rows()["/large.mp4"].path or "").read_bytes() == other.read_bytes()


def test_a_missing_fragment_fails_the_stream_and_the_others_are_not_asked_for_again(site: Site, large: Path) -> None:
    as_hls(large, site.folder / "hls", segment_s=0.4)
    site.faults["/hls/part002.ts"] = Fault(status=404)
    site.fetch("/hls/index.m3u8", settings=dataclasses.replace(DIRECT, retries=0, tries=1))
    assert site.rows()["/hls/index.m3u8"].error_kind == "network"
    site.faults.clear()
    site.asked.clear()
    assert site.fetch("/hls/index.m3u8").exit_code == 0
    assert site.rows()["/hls/index.m3u8"].frames == FRAMES
    asked = {one.path for one in site.asked}
    assert "/hls/part002.ts" in asked
    assert not asked & {"/hls/part000.ts", "/hls/part001.ts"}


def test_a_fragment_joined_just_before_a_kill_is_not_joined_twice(site: Site, large: Path) -> None:
    """yt-dlp writes a fragment to the file, then that it has done so; a kill in between makes it write the fragment again."""
    as_hls(large, site.folder / "hls", segment_s=0.4)
    site.faults["/hls/part002.ts"] = Fault(status=404)
    site.fetch("/hls/index.m3u8", settings=dataclasses.replace(DIRECT, retries=0, tries=1))
    (state,) = [file for file in incoming(site.workspace) if file.suffix == ".ytdl"]
    state.write_text(state.read_text().replace('"index": 2', '"index": 1'))
    site.faults.clear()
    site.fetch("/hls/index.m3u8")
    assert site.rows()["/hls/index.m3u8"].frames == FRAMES


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


def test_a_dry_run_tells_what_would_come_and_writes_nothing(site: Site) -> None:
    offers = list(preview([f"{site.url}/clip.mp4", f"{site.url}/gone.mp4"], DIRECT, site.workspace))
    assert [offer.title for offer in offers] == ["clip", None]
    assert offers[1].error_kind == "removed"
    assert not site.workspace.root.exists()


# --- YouTube's own pages ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Youtube:
    """The stand-in's answers, and what was asked for."""

    answers: dict[str, Any]
    lists: dict[str, Any]
    asked: list[str]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Youtube:
    known = Youtube({}, {}, [])
    real = download.session

    def session(*args: Any, **kwargs: Any) -> Any:
        ydl = real(*args, **kwargs)
        return ydl if kwargs["direct"] else stand_in(ydl, known.answers, known.lists, known.asked)

    monkeypatch.setattr(download, "session", session)
    return known


def refusal(message: str) -> ExtractorError:
    return ExtractorError(message, expected=True, video_id="x", ie="youtube")


def video(url: str, title: str = "Rain on a tripod") -> dict[str, Any]:
    return {
        "title": title,
        "channel": "Rain Watcher",
        "upload_date": "20240517",
        "license": "Creative Commons Attribution license (reuse allowed)",
        "formats": [
            {"format_id": "140", "url": f"{url}/audio.m4a", "vcodec": "none", "acodec": "mp4a", "ext": "m4a"},
            {
                "format_id": "137",
                "url": f"{url}/clip.mp4",
                "vcodec": "avc1.640028",
                "acodec": "none",
                "ext": "mp4",
                "width": 96,
                "height": 64,
            },
        ],
    }


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


def test_a_servers_own_wait_is_respected(site: Site) -> None:
    site.faults["/a.mp4"] = Fault(status=429, headers=(("Retry-After", "120"),))
    site.fetch("/a.mp4", "/clip.mp4")
    assert {one.path for one in site.asked} == {"/a.mp4"}
    wait = (site.rows()["/a.mp4"].next_attempt_at or datetime.now(UTC)) - datetime.now(UTC)
    assert timedelta(seconds=90) < wait <= timedelta(seconds=120)


def test_a_live_stream_is_refused(site: Site, pages: Youtube) -> None:
    pages.answers["abcdefghijk"] = {**video(site.url), "is_live": True}
    youtube(["abcdefghijk"], QUICK, site.workspace)
    (row,) = read_rows(Footage, site.workspace.table(Footage))
    assert row.error_kind == "unsupported"
    assert "live" in (row.error or "")


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


def test_direct_links_are_fetched_without_a_pause(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    site.fetch("/gone.mp4", "/none.mp4", settings=YoutubeSettings(allow_generic=True))
    assert sum(waits) == 0
