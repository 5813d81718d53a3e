"""Everything that a server can do to a download, what becomes of it, and the README's table of that."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from acquire.failures import KINDS
from acquire.youtube.settings import YoutubeSettings
from manifests.tables import ErrorKind
from tests.loopback import Fault, as_hls, live, serve

SETTINGS = YoutubeSettings(
    allow_generic=True,
    retries=2,
    tries=2,
    retry_sleep_s=0.0,
    longest_wait_s=0.0,
    least_free_bytes=0,
    socket_timeout_s=5.0,
    stall_s=1.0,
    live_window_s=1.2,
)
MEDIA = 2  # answers before the media's own: the page, and one byte that tells what the media are


@dataclass
class Stage:
    """A folder on the web and what goes wrong there."""

    folder: Path
    url: str
    faults: dict[str, Fault]
    clip: Path  # `/clip.mp4` there is a copy of it
    other: Path  # another clip


@dataclass(frozen=True)
class Case:
    """One fault. `arrange` brings it about and gives the link to ask for; the fault lasts while its context does."""

    name: str
    kind: ErrorKind | None  # None: the video comes whole
    shows: str  # a part of the row's message; what comes, where the kind is None
    arrange: Callable[[Stage], contextlib.AbstractContextManager[str]]
    settings: YoutubeSettings = SETTINGS


def _fault(fault: Fault, path: str = "/clip.mp4") -> Callable[[Stage], contextlib.AbstractContextManager[str]]:
    @contextlib.contextmanager
    def arrange(stage: Stage) -> Iterator[str]:
        stage.faults[path] = replace(fault)
        yield f"{stage.url}/clip.mp4"

    return arrange


def _file(name: str, content: Callable[[Stage], bytes]) -> Callable[[Stage], contextlib.AbstractContextManager[str]]:
    @contextlib.contextmanager
    def arrange(stage: Stage) -> Iterator[str]:
        (stage.folder / name).write_bytes(content(stage))
        yield f"{stage.url}/{name}"

    return arrange


def _address(address: Callable[[Stage], str]) -> Callable[[Stage], contextlib.AbstractContextManager[str]]:
    return lambda stage: contextlib.nullcontext(address(stage))


def _playlist(*lines: str) -> Callable[[Stage], bytes]:
    return lambda _stage: "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:1", *lines, "#EXTINF:1,", "part.ts", "#EXT-X-ENDLIST"]).encode()


@contextlib.contextmanager
def _growing(stage: Stage, ends: bool) -> Iterator[str]:
    with live(stage.clip, stage.folder / "live", segment_s=0.4, every_s=0.1, shown=8, ends=ends) as index:
        yield f"{stage.url}/live/{index.name}"


@contextlib.contextmanager
def _fragment(stage: Stage, fault: Fault) -> Iterator[str]:
    as_hls(stage.clip, stage.folder / "hls", segment_s=0.4)
    stage.faults["/hls/part001.ts"] = replace(fault)
    yield f"{stage.url}/hls/index.m3u8"


@contextlib.contextmanager
def _changing(stage: Stage, if_range: bool) -> Iterator[str]:
    stage.faults["/clip.mp4"] = Fault(drop_after=20_000, becomes=stage.other.read_bytes(), if_range=if_range, skip=MEDIA)
    yield f"{stage.url}/clip.mp4"


@contextlib.contextmanager
def _unencrypted(stage: Stage) -> Iterator[str]:
    yield stage.url.replace("http:", "https:") + "/clip.mp4"


@contextlib.contextmanager
def _closed(_stage: Stage) -> Iterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused
        yield f"http://127.0.0.1:{held.getsockname()[1]}/clip.mp4"


@contextlib.contextmanager
def _elsewhere(stage: Stage) -> Iterator[str]:
    with serve(stage.folder, {"/clip.mp4": Fault(status=302, headers=(("Location", f"{stage.url}/clip.mp4"),))}) as other:
        stage.faults["/clip.mp4"] = Fault(status=302, headers=(("Location", f"{other}/clip.mp4"),))
        yield f"{stage.url}/clip.mp4"


def _status(status: int, *headers: tuple[str, str]) -> Callable[[Stage], contextlib.AbstractContextManager[str]]:
    return _fault(Fault(status=status, headers=headers))


WHOLE = "the whole video"
CASES: tuple[Case, ...] = (
    Case("the connection drops, and the server goes on at a byte", None, WHOLE, _fault(Fault(drop_after=30_000, skip=MEDIA, times=2))),
    Case("it drops every time, and the server begins anew", "network", "", _fault(Fault(drop_after=30_000, ranges=False, skip=MEDIA))),
    Case("401", "login", "HTTP Error 401", _status(401)),
    Case("403, on the page", "forbidden", "HTTP Error 403", _status(403)),
    Case("403, on the media", "forbidden", "HTTP Error 403", _fault(Fault(status=403, skip=1))),
    Case("404", "removed", "HTTP Error 404", _status(404)),
    Case("408", "network", "HTTP Error 408", _status(408)),
    Case("410", "removed", "HTTP Error 410", _status(410)),
    Case("429, with Retry-After (not before it)", "rate_limited", "HTTP Error 429", _status(429, ("Retry-After", "120"))),
    Case("451", "geo", "HTTP Error 451", _status(451)),
    Case("503 on the page", "network", "HTTP Error 503", _status(503)),
    Case("503 on the media, for a while", None, WHOLE, _fault(Fault(status=503, skip=MEDIA, times=2))),
    Case("503 on the media", "network", "HTTP Error 503", _fault(Fault(status=503, skip=1))),
    Case("a fragment is missing", "network", "Giving up after", lambda stage: _fragment(stage, Fault(status=404))),
    Case("a fragment is missing for a while", None, WHOLE, lambda stage: _fragment(stage, Fault(status=503, times=1))),
    Case("a slow drip", "network", "timed out", _fault(Fault(piece=10, delay_s=0.1, skip=MEDIA))),
    Case(
        "a page that drips",
        "network",
        "timed out after",
        _file("page.html", lambda stage: stage.faults.update({"/page.html": Fault(piece=1, delay_s=0.1)}) or b"<html>" + b" " * 9999),
        replace(SETTINGS, page_timeout_s=1.0, tries=1),
    ),
    Case(
        "no end within the deadline",
        "network",
        "deadline_s",
        _fault(Fault(piece=2000, delay_s=0.2, skip=MEDIA)),
        replace(SETTINGS, deadline_s=1.0),
    ),
    Case("the file changes while it is fetched", None, "the whole new video", lambda stage: _changing(stage, if_range=True)),
    Case("the same, and the server sends its rest", None, "the whole new video", lambda stage: _changing(stage, if_range=False)),
    Case("a redirect loop", "network", "redirect", _elsewhere),
    Case("no such host", "network", "resolve", _address(lambda _stage: "http://no-such-host.invalid/clip.mp4")),
    Case("the connection is refused", "network", "refused", _closed),
    Case("TLS fails", "network", "SSL", _unencrypted),
    Case("a live stream without end", None, "its window (`--live-window`)", lambda stage: _growing(stage, ends=False)),
    Case(
        "a live stream that ends within its window",
        None,
        "what came until then",
        lambda stage: _growing(stage, ends=True),
        replace(SETTINGS, live_window_s=60.0),
    ),
    Case(
        "a live stream that falls silent",
        None,
        "what came until then",
        lambda stage: _growing(stage, ends=False),
        replace(SETTINGS, live_window_s=60.0),
    ),
    Case("a playlist without end", "unsupported", "bytes", _file("large.m3u8", lambda _stage: b"#EXTM3U\n" + b"#" * (65 * 2**20))),
    Case(
        "DRM",
        "unsupported",
        "DRM",
        _file("drm.m3u8", _playlist('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"')),
    ),
    Case(
        "a page without video", "unsupported", "Unsupported URL", _file("page.html", lambda _stage: b"<html><body>no video</body></html>")
    ),
    Case("what comes is no video", "decode", "", _file("garbage.mp4", lambda _stage: b"not a video at all" * 1000)),
    Case("what comes breaks off", "decode", "", _file("half.mp4", lambda stage: stage.clip.read_bytes()[:-20_000])),
    Case(
        "more than the disk can hold",
        "disk_full",
        "wanted",
        _fault(Fault(length=10**15)),
        replace(SETTINGS, least_free_bytes=10**9),
    ),
)


def in_markdown() -> str:
    """The README's table of them."""
    lines = ["| case | kind | asked for again | what you see |", "|---|---|---|---|"]
    for case in CASES:
        shows = case.shows if case.kind is None else f"“… {case.shows} …”" if case.shows else "the tool's own words"
        lines.append(f"| {case.name} | {'–' if case.kind is None else f'`{case.kind}`'} | {_again(case.kind)} | {shows} |")
    return "\n".join(lines)


def _again(kind: ErrorKind | None) -> str:
    if kind is None:
        return "in this run, where needed"
    handling = KINDS[kind]
    if not handling.retryable:
        return "with `--retry` alone"
    if handling.wait is None:
        return "by the next run" if kind != "network" else "in this run, and by the next"
    return f"after {handling.wait.total_seconds() / 3600:g} h"
