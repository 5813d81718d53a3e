"""What a list asks for: each line of `urls.txt` as a link in one spelling, or the reason why it is none.

Knows YouTube's spellings by their form alone and asks nobody. A video is named by its id, so that `youtu.be/ID`, `/shorts/ID`, `/live/ID`
and the bare id are one link; playlists, channels and searches are lists, which `download.expand` turns into videos; any other web address
is a direct link, named by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

from acquire.shown import printable
from manifests.errors import InputError

YOUTUBE = "youtube.com"

_VIDEO_ID = re.compile(r"[0-9A-Za-z_-]{11}")
_SEARCH = re.compile(r"ytsearch(?:\d+|all)?:\s*(?P<words>\S.*)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SHORT_HOSTS = ("youtu.be", "www.youtu.be")
_VIDEO_PATHS = ("shorts", "live", "embed", "v", "e")
_CHANNEL_PATHS = ("channel", "c", "user")


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


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that asks for nothing that can be had."""

    line: int  # from 1
    text: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {printable(self.text, 200)!r}: {self.reason}"


def read_links(source: Path | Iterable[str], *, allow_generic: bool = False) -> tuple[list[Link], list[BadLine]]:
    """The links of a text file, or of lines, each once, in order; and the lines that are none.

    A line holds one link. Blank lines and comments (`#` at the start or after a space) are skipped. Raises InputError when the file cannot
    be read or asks for nothing at all.
    """
    links: dict[str, Link] = {}
    bad: list[BadLine] = []
    for number, line in enumerate(_lines(source), start=1):
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if not text:
            continue
        try:
            link = read_link(text, number, allow_generic=allow_generic)
        except ValueError as error:
            bad.append(BadLine(number, text, str(error)))
        else:
            links.setdefault(link.source_id, link)
    if not links and not bad:
        raise InputError(f"{source if isinstance(source, Path) else 'the list'}: holds no link; write one link a line")
    return list(links.values()), bad


def read_link(text: str, line: int = 0, *, allow_generic: bool = False) -> Link:
    """One link in its one spelling. Raises ValueError with the reason and the cure where the text is none."""
    if _VIDEO_ID.fullmatch(text):
        return _video(text, line)
    if search := _SEARCH.fullmatch(text):
        # yt-dlp takes `ytsearch20:words` as it stands; only the spaces are made one.
        address = text[: search.start("words")].strip() + " ".join(search["words"].split())
        return Link(address, address, "list", line)
    if len(text.split()) > 1:
        raise ValueError("more than one word; write one link a line")
    if not text.isprintable():
        raise ValueError("holds control characters")
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


def _lines(source: Path | Iterable[str]) -> Iterator[str]:
    if not isinstance(source, Path):
        yield from source
        return
    try:
        data = source.read_bytes()
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror}); name a text file with one link a line") from error
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")  # how some Windows editors save "Unicode"
    text = data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")
    yield from re.split(r"\r\n|\n|\r", text)
