"""What a link asks for: one text, in any spelling, to one link; or the reason why it is none.

Knows YouTube's spellings by their form alone and asks nobody. A video is named by its id, so that `youtu.be/ID`, `/shorts/ID`, `/live/ID`
and the bare id are one link; playlists, channels and searches are lists, which `expansion.expand` turns into videos; any other web address
is a direct link, named by itself. Behind a video or a direct link a time range may stand: two ranges of one video are two links.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

from acquire.shown import printable

YOUTUBE = "youtube.com"

_VIDEO_ID = re.compile(r"[0-9A-Za-z_-]{11}")
_SEARCH = re.compile(r"(?P<how>ytsearch(?:\d+|all)?:)\s*(?P<words>\S.*)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SHORT_HOSTS = ("youtu.be", "www.youtu.be")
_VIDEO_PATHS = ("shorts", "live", "embed", "v", "e")
_CHANNEL_PATHS = ("channel", "c", "user")
_TIME = r"(?:(?:(?P<{0}_h>\d{{1,3}}):)?(?P<{0}_m>\d{{1,3}}):)?(?P<{0}_s>\d{{1,7}}(?:\.\d{{1,6}})?)"
_RANGE = re.compile(_TIME.format("start") + "[-\u2013\u2014]" + f"(?:{_TIME.format('end')})?")
_CLOCK_RANGE = re.compile(r"\s\d[\d:.]*:[\d:.]*\s*[-\u2013\u2014]\s*[\d:.]*$")
_NO_RANGE = "a time range belongs to one video, and this is a list of them"


@dataclass(frozen=True, slots=True)
class Link:
    """One thing to ask for."""

    url: str  # in its one spelling: what is asked for, and the row's `origin`; a time range is no part of it
    source_id: str  # a video's id, the URL itself for a list or a direct link; with its time range: `ID#t=600-1500`
    kind: Literal["video", "list", "direct"]
    line: int = 0  # where it stands in its list, from 1
    start_s: float | None = None  # only from there on, in seconds of the source's own time; None: from its beginning
    end_s: float | None = None  # and only up to there; None: to its end

    @property
    def host(self) -> str:
        """Whom asking for it burdens: what the breaker opens for."""
        return host(self.url)

    @property
    def whole_id(self) -> str:
        """The source's id without the time range: what all ranges of one video share."""
        return self.source_id.partition("#t=")[0]


def read_link(text: str, line: int = 0, *, allow_generic: bool = False) -> Link:
    """One link in its one spelling, with the time range behind it. Raises ValueError with the reason and the cure where it is none."""
    if not text.isprintable():
        raise ValueError("holds control characters")
    if search := _SEARCH.fullmatch(text.strip()):
        if _CLOCK_RANGE.search(text):
            raise ValueError(_NO_RANGE)
        # yt-dlp takes `ytsearch20:words` as it stands; only the spaces are made one.
        address = search["how"] + " ".join(search["words"].split())
        return Link(address, address, "list", line)
    address, *behind = text.split(maxsplit=1) or [""]
    link = _read_whole(address, line, allow_generic)
    return with_range(link, *read_range(behind[0])) if behind else link


def read_range(text: str) -> tuple[float, float | None]:
    """Start and end of a time range in seconds: `00:10:00-00:25:00`, `10:00-25:00`, `600-1500`, `600-` (to the end). Raises ValueError."""
    read = _RANGE.fullmatch("".join(text.split()))
    if read is None:
        raise ValueError(f"{printable(text.strip(), 40)!r} behind the link is no time range; write 00:10:00-00:25:00, and one link a line")
    return _seconds(read, "start"), _seconds(read, "end") if read["end_s"] else None


def with_range(link: Link, start_s: float | None, end_s: float | None) -> Link:
    """The part of a video from `start_s` to `end_s`, to a millisecond; the link itself where that is all of it. Raises ValueError."""
    start, end = round(start_s or 0.0, 3), None if end_s is None else round(end_s, 3)
    if not (math.isfinite(start) and (end is None or math.isfinite(end))) or start < 0:
        raise ValueError(f"a time range from {start:g} s to {end} s; times are seconds from zero up")
    if end is not None and end <= start:
        raise ValueError(f"the time range ends at {end:g} s, and begins at {start:g} s")
    if start == 0 and end is None:
        return link
    if link.kind == "list":
        raise ValueError(_NO_RANGE)
    name = f"{link.source_id}#t={_shown_s(start)}-{'' if end is None else _shown_s(end)}"
    return dataclasses.replace(link, source_id=name, start_s=start, end_s=end)


def _read_whole(text: str, line: int, allow_generic: bool) -> Link:
    if _VIDEO_ID.fullmatch(text):
        return _video(text, line)
    address = text if _SCHEME.match(text) else f"https://{text}"
    try:
        parts = urlsplit(address)
        name, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise ValueError("not a web address") from None
    if parts.scheme not in ("http", "https") or not ("." in name or _SCHEME.match(text)):
        raise ValueError("neither a web address nor a video's id of 11 characters")
    if name in (YOUTUBE, "youtube-nocookie.com", *_SHORT_HOSTS) or name.endswith((f".{YOUTUBE}", ".youtube-nocookie.com")):
        return _on_youtube(name, parts.path, parse_qs(parts.query), line)
    if not _SCHEME.match(text):
        raise ValueError("neither a web address (with http:// or https://) nor a video's id of 11 characters")
    if not allow_generic:
        raise ValueError("not on YouTube; --allow-generic fetches direct links to videos")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password, which would be kept in the table; give them by --cookies")
    if not name:
        raise ValueError("a web address without a host")
    shown_port = "" if port is None or port == {"http": 80, "https": 443}[parts.scheme] else f":{port}"
    shown_name = f"[{name}]" if ":" in name else name
    address = urlunsplit((parts.scheme, shown_name + shown_port, parts.path or "/", parts.query, ""))
    return Link(address, address, "direct", line)


def host(url: str) -> str:
    """The host that a link burdens: `youtube.com` for all of YouTube, else host and port."""
    if url.startswith("ytsearch"):
        return YOUTUBE
    parts = urlsplit(url)
    name = (parts.hostname or "").lower()
    return YOUTUBE if name == YOUTUBE or name.endswith(f".{YOUTUBE}") else parts.netloc.lower()


def _seconds(read: re.Match[str], name: str) -> float:
    hours, minutes, seconds = (float(read[f"{name}_{unit}"] or 0) for unit in "hms")
    if (read[f"{name}_m"] and seconds >= 60) or (read[f"{name}_h"] and minutes >= 60):
        raise ValueError(f"{read[0]!r}: a clock has 60 minutes and 60 seconds")
    return hours * 3600 + minutes * 60 + seconds


def _shown_s(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def _video(video_id: str, line: int) -> Link:
    return Link(f"https://www.youtube.com/watch?v={video_id}", video_id, "video", line)


def _list(address: str, line: int) -> Link:
    return Link(address, address, "list", line)


def _on_youtube(name: str, path: str, query: dict[str, list[str]], line: int) -> Link:
    steps = [step for step in path.split("/") if step]
    if name in _SHORT_HOSTS and steps:
        return _video_checked(steps[0], line)
    if "v" in query and steps[:1] in ([], ["watch"]):
        return _video_checked(query["v"][0], line)
    if len(steps) >= 2 and steps[0] in _VIDEO_PATHS:
        return _video_checked(steps[1], line)
    if "list" in query:
        return _list(f"https://www.youtube.com/playlist?list={quote(query['list'][0], safe='')}", line)
    if steps and steps[0] == "results" and (words := query.get("search_query") or query.get("q")):
        return _list(f"https://www.youtube.com/results?{urlencode({'search_query': words[0]})}", line)
    if (steps and steps[0].startswith("@") and len(steps[0]) > 1) or (len(steps) >= 2 and steps[0] in _CHANNEL_PATHS):
        kept = steps[:2] if steps[0].startswith("@") else steps[:3]  # the channel, and its tab where one is named
        return _list("https://www.youtube.com/" + "/".join(quote(step, safe="@%") for step in kept), line)
    raise ValueError("a page of YouTube that is no video, playlist, channel or search")


def _video_checked(video_id: str, line: int) -> Link:
    if not _VIDEO_ID.fullmatch(video_id):
        raise ValueError(f"a video's id has 11 characters out of A-Z a-z 0-9 _ -, and this one is {printable(video_id, 40)!r}")
    return _video(video_id, line)
