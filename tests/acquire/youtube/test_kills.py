"""`acquire youtube` killed at any moment, then run again: the same files, no row lost or doubled, and hardly a byte asked for twice."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from acquire.youtube import YoutubeSettings, youtube
from manifests.files import read_rows
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.acquire.youtube.test_faults import noise_clip
from tests.loopback import Fault, Sent, as_dash, as_hls, serve

LINKS = ("/clip.mp4", "/hls/index.m3u8", "/dash/index.mpd")
SETTINGS = ("retry_sleep_s=0", "least_free_bytes=0", "socket_timeout_s=60")


@dataclass
class Site:
    """Three kinds of video on the web, and what has gone out of them."""

    url: str
    sent: list[Sent] = field(default_factory=list)

    def bytes_sent(self) -> int:
        return sum(one.end - one.first for one in self.sent)

    def bytes_twice(self) -> int:
        """What went out beyond each byte's first time."""
        twice = 0
        for path in {one.path for one in self.sent}:
            reached = 0
            for first, end in sorted((one.first, one.end) for one in self.sent if one.path == path):
                twice += min(end, max(reached, first)) - first
                reached = max(reached, end)
        return twice


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """Small videos; `weigh` makes them heavy."""
    folder = tmp_path / "web"
    folder.mkdir()
    clip = noise_clip(folder / "clip.mp4", 1)
    as_hls(clip, folder / "hls", segment_s=0.4)
    as_dash(clip, folder / "dash", segment_s=0.4)
    return folder


def weigh(web: Path, megabytes: float) -> int:
    """Add stuffing that decoders pass over: a `free` box to MP4, null packets to MPEG streams. Gives the size of all media, bytes."""
    noise = random.Random(0)
    files = [web / "clip.mp4", *sorted((web / "hls").glob("*.ts")), *sorted((web / "dash").glob("chunk*.m4s"))]
    shares = {".mp4": 1, ".ts": len(list((web / "hls").glob("*.ts"))), ".m4s": len(list((web / "dash").glob("chunk*.m4s")))}
    for file in files:
        size = int(megabytes * 1e6 / 3 / shares[file.suffix])
        if file.suffix == ".ts":
            stuffing = b"".join(b"\x47\x1f\xff\x10" + noise.randbytes(184) for _ in range(size // 188))
        else:
            stuffing = struct.pack(">I4s", size + 8, b"free") + noise.randbytes(size)
        with file.open("ab") as written:
            written.write(stuffing)
    return sum(file.stat().st_size for file in files)


@pytest.fixture
def site(web: Path) -> Iterator[Site]:
    sent: list[Sent] = []
    # As a good line is, 4 MB a second: slower than any client, so that little is on its way when the client dies.
    with serve(web, {"*": Fault(piece=8192, delay_s=0.002)}, sent=sent) as url:
        yield Site(url, sent)


def undisturbed(site: Site, work: Path) -> Path:
    """What a run gives that nothing disturbs."""
    settings = YoutubeSettings(allow_generic=True, least_free_bytes=0)
    assert youtube([site.url + link for link in LINKS], settings, Workspace(work)).exit_code == 0
    return work


def started(site: Site, work: Path) -> subprocess.Popen[str]:
    """The command, as the leader of a group of its own."""
    work.mkdir(exist_ok=True)
    (work / "urls.txt").write_text("\n".join(site.url + link for link in LINKS))
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    command = ["youtube", str(work / "urls.txt"), "-C", str(work), "--allow-generic", *settings]
    script = "from acquire.cli import main; main()"
    pipe = subprocess.PIPE
    environment = {**os.environ, "TMPDIR": str(work)}  # a killed run leaves its private folder there
    words = [sys.executable, "-c", script, *command]
    return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, start_new_session=True, env=environment)


def finished(site: Site, work: Path) -> None:
    """A run to the end."""
    run = started(site, work)
    told, errors = run.communicate(timeout=200)
    assert run.returncode == 0, told + errors


def interrupted(site: Site, work: Path, number: signal.Signals, after_bytes: int, after_s: float) -> str | None:
    """A run that a signal to its whole group ends once so many bytes have gone out and so much time has passed; what it said, or None
    where it was done before."""
    before, began = site.bytes_sent(), time.monotonic()
    run = started(site, work)
    while run.poll() is None and (site.bytes_sent() - before < after_bytes or time.monotonic() - began < after_s):
        time.sleep(0.002)
    early = run.poll() is None
    if early:
        os.killpg(run.pid, number)
    _, errors = run.communicate(timeout=60)
    return errors if early else None


def outcome(work: Path) -> tuple[dict[str, bytes], list[Footage]]:
    """The media by name, and the rows without what may differ from run to run."""
    workspace = Workspace(work)
    media = {file.name: file.read_bytes() for file in (work / "footage").iterdir() if file.is_file()}
    rows = [dataclasses.replace(row, acquired_at=None, attempts=0) for row in read_rows(Footage, workspace.table(Footage))]  # type: ignore[arg-type]
    return media, sorted(rows, key=lambda row: row.origin)


def left_over(work: Path) -> list[Path]:
    return [path for path in (work / "footage" / ".incoming").rglob("*") if path.is_file() and path.suffix != ".lock"]


def assert_same(work: Path, expected: Path) -> None:
    media, rows = outcome(work)
    expected_media, expected_rows = outcome(expected)
    assert [row.origin for row in rows] == [row.origin for row in expected_rows]
    assert rows == expected_rows
    assert media == expected_media
    assert left_over(work) == []


def test_killed_terminated_and_interrupted_it_goes_on(web: Path, site: Site, tmp_path: Path) -> None:
    size = weigh(web, 3)
    expected = undisturbed(site, tmp_path / "undisturbed")
    site.sent.clear()
    for number, share in ((signal.SIGKILL, 0.2), (signal.SIGTERM, 0.3), (signal.SIGINT, 0.3)):
        said = interrupted(site, tmp_path / "work", number, int(share * size), 0.0)
        assert said is not None
        if number != signal.SIGKILL:
            assert said.splitlines()[-1] == "Error: interrupted; what was done is kept: run the same command again to go on"
            assert "Traceback" not in said
    finished(site, tmp_path / "work")
    assert_same(tmp_path / "work", expected)
    assert site.bytes_twice() < 4 * 300_000  # a block in hand and the beginning of each page, in each of four runs


@pytest.mark.torture
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [0, 1])
def test_thirty_kills_cost_at_most_two_per_cent(seed: int, web: Path, site: Site, tmp_path: Path) -> None:
    kills, rng = 30, random.Random(seed)
    size = weigh(web, 240)
    expected = undisturbed(site, tmp_path / "undisturbed")
    site.sent.clear()
    hit = 0
    while hit < kills:
        # One in four anywhere in the start, before and while the first bytes come; the others anywhere between there and the end.
        start = rng.random() < 0.25
        goal = 0 if start else int(rng.uniform(0, 2) * size / kills)
        if interrupted(site, tmp_path / "work", signal.SIGKILL, goal, rng.uniform(0.0, 3.0) if start else 0.0) is None:
            break
        hit += 1
    finished(site, tmp_path / "work")
    assert_same(tmp_path / "work", expected)
    share = site.bytes_twice() / size
    print(f"seed {seed}: {hit} kills, {site.bytes_twice()} of {size} bytes sent twice: {100 * share:.2f} %")
    assert hit >= 20
    assert share <= 0.02
