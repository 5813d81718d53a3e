"""A web server on 127.0.0.1 that serves a folder as a video host does, and fails on demand.

Files come with their length, an ETag and byte ranges (`If-Range` too); `.m3u8` and `.mpd` with the types that tell HLS and DASH. `as_hls`
and `as_dash` cut a clip into such streams without encoding it again.
"""

from __future__ import annotations

import contextlib
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
    delay_s: float = 0.0  # before each 64 KiB
    ranges: bool = True  # False: byte ranges are ignored
    times: int | None = None  # how often; None: always


@dataclass(frozen=True)
class Asked:
    """One request that came in."""

    method: str
    path: str
    byte_range: str | None


@contextlib.contextmanager
def serve(folder: Path, faults: MutableMapping[str, Fault] | None = None, asked: list[Asked] | None = None, port: int = 0) -> Iterator[str]:
    """Serve a folder while the body runs; gives the server's URL, without a slash at its end.

    `faults` (by path, `/clip.mp4`) may change meanwhile; requests are noted in `asked`. Port 0: any that is free.
    """
    handler = type("Handler", (_Handler,), {"folder": folder.resolve(), "faults": {} if faults is None else faults, "asked": asked})
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
                self._send(file, fault, body)

    def _fault(self, path: str) -> Fault:
        fault = self.faults.get(path)
        if fault is None or fault.times == 0:
            return Fault()
        if fault.times is not None:
            fault.times -= 1
        return fault

    def _refuse(self, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", "0")):
            self.send_header(name, value)
        self.end_headers()

    def _send(self, file: Path, fault: Fault, body: bool) -> None:
        content = file.read_bytes()
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        first, end = 0, len(content)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        partial = wanted is not None and fault.ranges and self.headers.get("If-Range", etag) == etag
        if partial and wanted is not None:
            first, end = int(wanted[1]), min(int(wanted[2]) + 1, len(content)) if wanted[2] else len(content)
            if first >= len(content):
                self._refuse(416, (("Content-Range", f"bytes */{len(content)}"),))
                return
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(content)}")
        if fault.ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", TYPES.get(file.suffix.lower(), "application/octet-stream"))
        self.send_header("Content-Length", str(end - first))
        self.send_header("ETag", etag)
        self.end_headers()
        if not body:
            return
        stop = end if fault.drop_after is None else min(end, first + fault.drop_after)
        for start in range(first, stop, 65536):
            time.sleep(fault.delay_s)
            self.wfile.write(content[start : min(start + 65536, stop)])
        if stop < end:
            self.close_connection = True  # in the middle of what was promised
