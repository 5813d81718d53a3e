"""A window of a live stream, from now on: HLS segments followed as they appear, one after the other, none left out.

ffmpeg, to which yt-dlp hands live streams, follows them to their end and goes over a segment that it missed. Here the recording
ends at its window, at the stream's end, or where the stream was lost or changes its coding: what was recorded has no hole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import parse_m3u8_attributes

from acquire.failures import Refused
from acquire.youtube.settings import YoutubeSettings
from manifests.errors import first_line

LARGEST_PLAYLIST_BYTES = 4 * 2**20
LARGEST_SEGMENT_BYTES = 256 * 2**20
SILENT_SEGMENTS = 6  # a stream that brings nothing new for the time of so many segments has fallen silent


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of a stream."""

    number: int  # in the stream, not in the playlist
    url: str
    duration_s: float
    breaks: bool  # whether its times or its coding do not go on from the one before it


@dataclass(frozen=True, slots=True)
class Playlist:
    """What a live stream offers at a time."""

    segments: tuple[Segment, ...]
    target_s: float  # no segment is longer
    initialisation: str | None  # a URL; fragmented MP4 begins with it
    ended: bool


def record(info: Mapping[str, Any], ydl: Any, folder: Path, settings: YoutubeSettings, until: float) -> Path:
    """Record a live stream into a file in `folder` until its window is full, or the monotonic clock shows `until`.

    Raises Refused where the stream is none that can be recorded, and what its server answers where not one segment comes.
    """
    chosen = _hls(info)
    asked = _Asked(ydl, dict(chosen.get("http_headers") or {}), settings, until)
    target = folder / "live.ts"
    recorded_s = 0.0
    with target.open("wb") as file:
        for segment in _segments(asked, str(chosen["url"]), file):
            try:
                asked.into(segment.url, file)
            except (HTTPError, TransportError):
                if not recorded_s:
                    raise
                break
            recorded_s += segment.duration_s
            if recorded_s >= settings.live_window_s or time.monotonic() > until:
                break
    if not recorded_s:
        raise Refused("unsupported", f"{chosen['url']}: a live stream that ended before anything of it came")
    return target


def _segments(asked: _Asked, url: str, file: BinaryIO) -> Iterator[Segment]:
    """The newest segment of a stream and those that follow it, as long as none is missing; what all of them need goes into `file`."""
    following, changed = None, time.monotonic()
    while time.monotonic() < asked.until:
        try:
            playlist = read_playlist(asked.text(url), url)
        except (HTTPError, TransportError):
            if following is None:
                raise
            return
        new = playlist.segments[-1:] if following is None else [one for one in playlist.segments if one.number >= following]
        if following is None and new and playlist.initialisation:
            asked.into(playlist.initialisation, file)
        for segment in new:
            if following is not None and (segment.number != following or segment.breaks):
                return
            yield segment
            following, changed = segment.number + 1, time.monotonic()
        if playlist.ended:
            return
        if time.monotonic() - changed > SILENT_SEGMENTS * playlist.target_s:
            if following is None:
                raise Refused("network", f"{url}: timed out: a live stream that brings nothing")
            return
        time.sleep(playlist.target_s / (1 if new else 2))


def read_playlist(text: str, url: str) -> Playlist:
    """A media playlist (RFC 8216). Raises Refused where it is none, or asks for a key."""
    try:
        return _read_playlist(text, url)
    except (ValueError, KeyError) as error:
        raise Refused("unsupported", f"{url}: a playlist that cannot be read ({first_line(error)})") from error


def _read_playlist(text: str, url: str) -> Playlist:
    if not text.lstrip("\ufeff").startswith("#EXTM3U"):
        raise Refused("unsupported", f"{url}: no HLS playlist")
    number, duration_s, breaks, target_s, initialisation = 0, 0.0, False, 0.0, None
    segments: list[Segment] = []
    for line in map(str.strip, text.splitlines()):
        name, _, value = line.partition(":")
        if name == "#EXT-X-MEDIA-SEQUENCE":
            number = int(value)
        elif name == "#EXT-X-TARGETDURATION":
            target_s = _seconds(value)
        elif name == "#EXTINF":
            duration_s = _seconds(value.partition(",")[0])
        elif (name == "#EXT-X-KEY" and parse_m3u8_attributes(value).get("METHOD") != "NONE") or name == "#EXT-X-BYTERANGE":
            raise Refused("unsupported", f"{url}: a live stream that is encrypted, or in pieces of one file")
        elif name == "#EXT-X-MAP":
            initialisation = urljoin(url, parse_m3u8_attributes(value)["URI"])
        elif name == "#EXT-X-DISCONTINUITY":
            breaks = True
        elif line and not line.startswith("#"):
            segments.append(Segment(number, urljoin(url, line), duration_s, breaks))
            number, breaks = number + 1, False
    return Playlist(tuple(segments), min(max(target_s, 0.1), 60.0), initialisation, "#EXT-X-ENDLIST" in text)


def _seconds(text: str) -> float:
    if not 0 < (seconds := float(text)) < 3600:
        raise ValueError(f"{text} s is no length of a segment")
    return seconds


def _hls(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """The format to record: what was selected where that is HLS, else the best HLS that is offered."""
    offered = [*(info.get("formats") or ()), *(info.get("requested_formats") or [info])]
    found = [one for one in offered if str(one.get("protocol", "")).startswith("m3u8") and one.get("vcodec") != "none" and one.get("url")]
    if not found:
        raise Refused("unsupported", f"{info.get('webpage_url')}: a live stream, and not by HLS; it can be had when it has ended")
    return dict(found[-1])


@dataclass(frozen=True, slots=True)
class _Asked:
    """How a stream's server is asked."""

    ydl: Any
    headers: dict[str, str]
    settings: YoutubeSettings
    until: float

    def text(self, url: str) -> str:
        """A playlist."""
        return str(self._persistently(lambda: self._read(url, LARGEST_PLAYLIST_BYTES)), "utf-8", "replace")

    def into(self, url: str, file: BinaryIO) -> None:
        """A segment, appended to a file when it has come whole: what is in the file is never half of one."""
        file.write(self._persistently(lambda: self._read(url, LARGEST_SEGMENT_BYTES)))
        file.flush()

    def _read(self, url: str, most: int) -> bytes:
        with self.ydl.urlopen(Request(url, headers=self.headers)) as answer:
            data: bytes = answer.read(most + 1)
        if len(data) > most:
            raise Refused("unsupported", f"{url}: more than {most} bytes")
        return data

    def _persistently(self, ask: Callable[[], Any]) -> Any:
        for number in range(self.settings.retries + 1):
            try:
                return ask()
            except (HTTPError, TransportError) as error:
                passing = not isinstance(error, HTTPError) or error.status >= 500 or error.status == 404  # 404: not there yet
                if number == self.settings.retries or not passing or time.monotonic() > self.until:
                    raise
            time.sleep(min(self.settings.retry_sleep_s * 2**number, 2.0))
        raise AssertionError("the loop ends by return or raise")
