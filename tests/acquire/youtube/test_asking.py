"""What no link could be asked with ends the run in one clear line: proxies and cookies. And what a list of links comes to."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import filelock
import pytest

from acquire.youtube import YoutubeSettings, youtube
from acquire.youtube.settings import proxy_address
from manifests.errors import InputError
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.acquire.youtube.site import DIRECT, QUICK, Site, Youtube, refusal


@pytest.fixture
def nobody() -> int:
    """A port where nothing answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class _Guarded(BaseHTTPRequestHandler):
    """A proxy that wants a password."""

    def do_CONNECT(self) -> None:
        self.send_error(407)

    do_GET = do_CONNECT

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        """Keep quiet."""


@pytest.fixture
def guarded() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Guarded)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks4a"])
def test_a_proxy_that_does_not_answer_ends_the_run(site: Site, nobody: int, scheme: str) -> None:
    settings = dataclasses.replace(DIRECT, proxy=f"{scheme}://user:very-secret@127.0.0.1:{nobody}")
    with pytest.raises(InputError, match=f"proxy 127.0.0.1:{nobody}: does not answer") as caught:
        site.fetch("/clip.mp4", settings=settings)
    assert "secret" not in str(caught.value)
    assert site.asked == []
    assert not site.workspace.table(Footage).exists()


@pytest.mark.parametrize("link", ["http://127.0.0.1:9/a.mp4", "https://127.0.0.1:9/a.mp4"])
def test_a_proxy_that_lets_nobody_in_ends_the_run_and_is_no_links_failure(site: Site, guarded: int, link: str) -> None:
    settings = dataclasses.replace(DIRECT, proxy=f"http://user:very-secret@127.0.0.1:{guarded}")
    with pytest.raises(InputError, match=rf"proxy 127.0.0.1:{guarded}: .*407") as caught:
        youtube([link], settings, site.workspace)
    assert "secret" not in str(caught.value)
    assert not site.workspace.table(Footage).exists()


@pytest.mark.parametrize("proxy", ["nope", "htp://a:1", "http://", "http://[x", "http://h:99999", "", "127.0.0.1:8080"])
def test_what_is_no_proxys_address_is_wrong_usage(proxy: str) -> None:
    with pytest.raises(ValueError, match="write SCHEME://HOST:PORT"):
        YoutubeSettings(proxy=proxy)


def test_a_proxys_address_has_its_usual_port() -> None:
    assert proxy_address("socks5h://h") == ("h", 1080)
    assert proxy_address(" http://u:p@h:8080 ") == ("h", 8080)


@pytest.mark.parametrize("content", [b'{"name": "value"}\n', b"\x92\xff\x00", b"# Netscape HTTP Cookie File\n\x92\n"])
def test_cookies_that_cannot_be_read_end_the_run(site: Site, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cookies.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"cookies\.txt: no use as a cookie file"):
        site.fetch("/clip.mp4", settings=dataclasses.replace(DIRECT, cookies=str(tmp_path / "cookies.txt")))
    assert site.asked == []
    assert not site.workspace.table(Footage).exists()


def test_runs_that_ask_youtube_from_one_address_queue_up_whatever_their_workspace(
    pages: Youtube, tmp_path: Path, temporary_files: Path
) -> None:
    pages.answers |= {"aaaaaaaaaaa": refusal("Private video")}
    said, told = list[str](), threading.Event()

    def say(line: str) -> None:
        said.append(line)
        told.set()

    lock = temporary_files / f"rainlapse-{os.getuid()}-youtube.lock"
    run = threading.Thread(target=youtube, args=(["aaaaaaaaaaa"], QUICK, Workspace(tmp_path / "work")), kwargs={"say": say})
    with filelock.FileLock(lock):
        run.start()
        assert told.wait(30)
        assert "waiting for it to end" in said[0]
        assert pages.asked == []
    run.join(30)
    assert pages.asked == ["aaaaaaaaaaa"]


def test_direct_links_do_not_queue_up(site: Site, temporary_files: Path) -> None:
    with filelock.FileLock(temporary_files / f"rainlapse-{os.getuid()}-youtube.lock"):
        assert site.fetch("/gone.mp4").total("failed") == 1


def test_a_list_that_drips_is_given_up(site: Site, pages: Youtube) -> None:
    pages.lists["https://www.youtube.com/playlist?list=PL1"] = Drip()
    settings = dataclasses.replace(QUICK, page_timeout_s=0.4)
    summary = youtube(["https://www.youtube.com/playlist?list=PL1"], settings, site.workspace)
    assert summary.counts == {("failed", "network"): 1}
    (row,) = site.rows().values()
    assert "timed out after 0.4 s (page_timeout_s)" in (row.error or "")


class Drip:
    """A list whose entries come more and more slowly."""

    def __iter__(self) -> Iterator[str]:
        while True:
            time.sleep(0.05)
            yield "https://www.youtube.com/watch?v=abcdefghijk"


def test_what_killed_runs_leave_of_cookies_goes(site: Site, temporary_files: Path) -> None:
    left, in_use, just_begun, other = (temporary_files / f"rainlapse-{name}" for name in ("private-a", "private-b", "private-c", "d"))
    for folder in (left, in_use, just_begun, other):
        folder.mkdir(mode=0o700)
        (folder / "cookies.txt").write_text("secret")
        if folder != just_begun:
            os.utime(folder, (0, 0))
    (temporary_files / "rainlapse-private-link").symlink_to(other)
    descriptor = os.open(in_use, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    site.fetch("/clip.mp4")
    os.close(descriptor)
    assert sorted(path.name for path in temporary_files.iterdir() if path.is_dir()) == [
        "rainlapse-d",
        "rainlapse-private-b",
        "rainlapse-private-c",
        "rainlapse-private-link",
    ]
    assert (other / "cookies.txt").exists()
