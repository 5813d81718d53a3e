"""A web server on 127.0.0.1 that serves a folder as a video host does, and fails on demand.

Files come with their length, an ETag and byte ranges (`If-Range` too); `.m3u8` and `.mpd` with the types that tell HLS and DASH. `as_hls`
and `as_dash` cut a clip into such streams without encoding it again; `live` lets an HLS stream grow while somebody watches.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

TYPES = {
    ".mp4": "video/mp4",
    ".avi": "video/x-msvideo",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".mpd": "application/dash+xml",
    ".m4s": "video/iso.segment",
    ".html": "text/html",
}


@dataclass
class Fault:
    """What goes wrong with one path."""

    status: int | None = None  # answered in place of the file
    headers: tuple[tuple[str, str], ...] = ()  # sent with that status
    drop_after: int | None = None  # the connection breaks after so many bytes of an answer
    delay_s: float = 0.0  # before each piece
    piece: int = 65536  # bytes sent at once
    ranges: bool = True  # False: byte ranges are ignored
    if_range: bool = True  # False: they are sent of whatever the file has become
    length: int | None = None  # of the whole file, as stated
    becomes: bytes | None = None  # what the file holds after this answer; those after it do not break
    skip: int = 0  # answers that go well before the first that does not
    times: int | None = None  # how often; None: always


@dataclass(frozen=True)
class Asked:
    """One request that came in."""

    method: str
    path: str
    byte_range: str | None


@dataclass(frozen=True)
class Sent:
    """Bytes of one file that went out in one answer."""

    path: str
    first: int
    end: int


@contextlib.contextmanager
def serve(
    folder: Path,
    faults: MutableMapping[str, Fault] | None = None,
    asked: list[Asked] | None = None,
    port: int = 0,
    sent: list[Sent] | None = None,
) -> Iterator[str]:
    """Serve a folder while the body runs; gives the server's URL, without a slash at its end.

    `faults` (by path, `/clip.mp4`, or `*` for those without one of their own) may change meanwhile; requests are noted in `asked`, what
    went out in `sent`. Port 0: any that is free.
    """
    known = {"folder": folder.resolve(), "faults": {} if faults is None else faults, "asked": asked, "sent": sent}
    handler = type("Handler", (_Handler,), known)
    server = _Server(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_hls(clip: Path, folder: Path, segment_s: float = 1.0) -> Path:
    """Cut a clip into an HLS stream in `folder`; gives its `index.m3u8`."""
    segments = str(folder.resolve() / "part%03d.ts")
    return _remux(clip, folder / "index.m3u8", {"f": "hls", "hls_time": segment_s, "hls_list_size": 0, "hls_segment_filename": segments})


def as_dash(clip: Path, folder: Path, segment_s: float = 1.0) -> Path:
    """Cut a clip into a DASH stream in `folder`; gives its `index.mpd`."""
    return _remux(clip, folder / "index.mpd", {"f": "dash", "seg_duration": segment_s, "use_timeline": 1, "use_template": 1})


@contextlib.contextmanager
def live(clip: Path, folder: Path, *, segment_s: float = 0.4, every_s: float = 0.1, shown: int = 3, ends: bool = False) -> Iterator[Path]:
    """An HLS stream of a clip that brings a segment each `every_s`, the last few of them in its playlist; gives its `index.m3u8`.

    It says that it has ended after the clip's last segment with `ends`; else it falls silent there.
    """
    whole = as_hls(clip, folder / "whole", segment_s)
    lines = [line for line in whole.read_text().splitlines() if line.startswith("#EXTINF") or not line.startswith("#")]
    pieces = [(lines[at], lines[at + 1]) for at in range(0, len(lines), 2)]
    index, over = folder / "index.m3u8", threading.Event()

    def publish(number: int) -> None:
        (folder / pieces[number][1]).write_bytes((whole.parent / pieces[number][1]).read_bytes())
        first = max(0, number + 1 - shown)
        told = [line for piece in pieces[first : number + 1] for line in piece]
        last = ["#EXT-X-ENDLIST"] if ends and number == len(pieces) - 1 else []
        text = "\n".join(["#EXTM3U", f"#EXT-X-TARGETDURATION:{segment_s:g}", f"#EXT-X-MEDIA-SEQUENCE:{first}", *told, *last, ""])
        index.with_suffix(".new").write_text(text)
        index.with_suffix(".new").replace(index)

    def grow() -> None:
        for number in range(2, len(pieces)):
            if over.wait(every_s):
                return
            publish(number)

    publish(0)
    publish(1)
    grower = threading.Thread(target=grow, daemon=True)
    grower.start()
    try:
        yield index
    finally:
        over.set()
        grower.join()


@functools.lru_cache(maxsize=64)
def _content(file: Path, _changed: int) -> tuple[bytes, str]:
    content = file.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def _remux(clip: Path, target: Path, options: dict[str, Any]) -> Path:
    import ffmpeg
    import imageio_ffmpeg

    target.parent.mkdir(parents=True, exist_ok=True)
    graph = ffmpeg.input(str(clip.resolve())).output(str(target.resolve()), map="0:v:0", c="copy", v="error", **options).overwrite_output()
    subprocess.run(graph.compile(cmd=imageio_ffmpeg.get_ffmpeg_exe()), check=True, timeout=60, cwd=target.parent, stdin=subprocess.DEVNULL)
    return target


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    faults: MutableMapping[str, Fault]
    asked: list[Asked] | None
    sent: list[Sent] | None

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it so)
        """Keep quiet."""

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if self.asked is not None:
            self.asked.append(Asked(self.command, path, self.headers.get("Range")))
        fault = self._fault(path)
        file = (self.folder / path.lstrip("/")).resolve()
        if fault.status is not None:
            self._refuse(fault.status, fault.headers)
        elif not file.is_relative_to(self.folder) or not file.is_file():
            self._refuse(404)
        else:
            with contextlib.suppress(ConnectionError):
                self._send(path, file, fault, body)

    def _fault(self, path: str) -> Fault:
        fault = self.faults.get(path, self.faults.get("*"))
        if fault is None or fault.times == 0:
            return Fault()
        if fault.skip:
            fault.skip -= 1
            return Fault()
        if fault.times is not None:
            fault.times -= 1
        return fault

    def _refuse(self, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", "0")):
            self.send_header(name, value)
        self.end_headers()

    def _send(self, path: str, file: Path, fault: Fault, body: bool) -> None:
        content, etag = _content(file, file.stat().st_mtime_ns)
        stated = len(content) if fault.length is None else fault.length
        first, end = 0, len(content)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        partial = wanted is not None and fault.ranges and (not fault.if_range or self.headers.get("If-Range", etag) == etag)
        if partial and wanted is not None:
            first, end = int(wanted[1]), min(int(wanted[2]) + 1, len(content)) if wanted[2] else len(content)
            if first >= len(content):
                self._refuse(416, (("Content-Range", f"bytes */{len(content)}"),))
                return
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{stated}")
        if fault.ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", TYPES.get(file.suffix.lower(), "application/octet-stream"))
        self.send_header("Content-Length", str(end - first if partial else stated))
        self.send_header("ETag", etag)
        self.end_headers()
        if not body:
            return
        stop = end if fault.drop_after is None else min(end, first + fault.drop_after)
        try:
            for start in range(first, stop, fault.piece):
                time.sleep(fault.delay_s)
                self.wfile.write(content[start : min(start + fault.piece, stop)])
                self._note(path, start, min(start + fault.piece, stop))
        finally:
            if fault.becomes is not None:
                file.write_bytes(fault.becomes)
                fault.becomes = fault.drop_after = None
        if stop < end or stated != len(content):
            self.close_connection = True  # in the middle of what was promised

    def _note(self, path: str, first: int, end: int) -> None:
        if self.sent is not None:
            self.sent.append(Sent(path, first, end))
