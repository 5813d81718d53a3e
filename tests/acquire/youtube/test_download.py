"""Downloads with the real yt-dlp, against a server on loopback: what comes whole, what fails, what is gone on with."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import av
import numpy as np

from acquire.youtube import youtube
from acquire.youtube.tool import tool
from manifests.media import probe
from tests.acquire.youtube.site import BLOCK, DIRECT, FRAMES, Site, incoming, noise_clip
from tests.loopback import Fault, as_dash, as_hls

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
    assert row.tool == tool()
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
