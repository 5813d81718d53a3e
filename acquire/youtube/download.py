"""yt-dlp, embedded: one link to one file in a private folder, resumed where that is safe, and bounded in time and disk.

What is set here against yt-dlp's own defaults, and why: embedded it retries nothing; it leaves out lost fragments and calls that success;
it continues a `.part` without asking whether the remote is still the same file (see `resuming`); a fragment whose arrival a kill cut off is
appended twice, so fragments are kept until the end and joined anew; it follows a live stream to its end (see `live`); it cuts time ranges
at key frames (see `clip`); it writes cookies back to the file that it was given; and it looks for files of its own among all sites, which
the list of allowed extractors forbids.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yt_dlp

from acquire.failures import Refused
from acquire.shown import printable
from acquire.youtube.clip import Clip, cut
from acquire.youtube.guard import Bounds, held, room, within
from acquire.youtube.links import Link
from acquire.youtube.live import record
from acquire.youtube.resuming import bind, clear, keep_or_clear, remotes, resumable, stated_bytes
from acquire.youtube.settings import YoutubeSettings
from manifests.errors import InputError, first_line
from manifests.executors import call_in_child
from manifests.tables import ErrorKind
from manifests.video import CONTAINERS

LARGEST_PAGE_BYTES = 64 * 2**20  # of what is read as a whole: pages, playlists; media come in blocks

_LARGEST_STATED = 1e100  # bytes or seconds: more, less than none, or NaN is a length of nothing

_YOUTUBE_ALONE = ["youtube", "youtube:(tab|playlist|search|search_url|user)"]
_GENERIC_ALONE = ["generic"]
# What arrived may say that it is a playlist of other files: ffmpeg, too, is to open it alone. AAC: of a format with sound.
_OF_THE_FILE_ALONE = ("-protocol_whitelist", "file", "-format_whitelist", f"{CONTAINERS},aac")
_FFMPEG_STEPS = ("fixupm3u8", "fixupm4a", "fixuptimestamp", "fixupduration", "fixupduplicatemoov", "fixupstretched", "merger")


@dataclass
class Log:
    """yt-dlp's talk, kept instead of printed; its warnings help to tell what went wrong."""

    warnings: list[str] = field(default_factory=list)
    rests_until: float = 0.0  # by the monotonic clock: a pause of yt-dlp's own will is no stall

    def resting(self) -> bool:
        """Whether yt-dlp pauses of its own will."""
        return time.monotonic() < self.rests_until

    def debug(self, _message: str) -> None:
        """Progress and details: not kept."""

    def info(self, _message: str) -> None:
        """Not kept."""

    def warning(self, message: str) -> None:
        """Kept."""
        self.warnings.append(message)

    def error(self, _message: str) -> None:
        """Not kept: an error arrives as an exception, too."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a link leads to, as its source states it. Times, sizes and rights are the source's word, not ours."""

    title: str | None
    channel: str | None
    uploaded: str | None  # YYYY-MM-DD
    licence: str | None
    format: str | None
    duration_s: float | None
    bytes: int | None  # often an estimate


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a link: its file, and what part of the source's video that is."""

    offer: Offer
    file: Path
    clip_start_s: float | None = None  # in the source's own time; None where the file is the whole
    clip_end_s: float | None = None


def session(settings: YoutubeSettings, log: Log, private: Path, *, direct: bool) -> Any:
    """A YoutubeDL that may run YouTube's extractors alone, or (`direct`) the generic one alone; one serves a whole run.

    `private` is a folder for its cache and its copy of the cookies. Raises InputError when a setting is one that yt-dlp cannot read.
    """
    try:
        return _Session(_options(settings, log, private, direct), settings.page_timeout_s)
    except (SyntaxError, ValueError, yt_dlp.cookies.CookieLoadError) as error:
        raise InputError(f"yt-dlp cannot start with these settings: {printable(first_line(error))}") from error


def look(link: Link, ydl: Any) -> tuple[Offer, dict[str, Any]]:
    """What a link leads to, without fetching it; also yt-dlp's own record, for `fetch`. Raises Refused or yt-dlp's errors."""
    try:
        with held(within(ydl.page_timeout_s, link.url)):
            info = ydl.extract_info(link.url, download=False)
    except (ValueError, OverflowError) as error:
        if "cannot convert float" not in str(error):  # NaN or infinity, which a page stated
            raise
        raise Refused("unsupported", f"{link.url}: states numbers that cannot be ({first_line(error)})") from error
    finally:
        ydl.hang_up()
    if not info:
        raise Refused("unsupported", f"{link.url}: yt-dlp found nothing there, and no error")
    if info.get("_type", "video") != "video":
        raise Refused("unsupported", f"{link.url}: a page with several videos; give each one's own link")
    return offer_of(info), info


def fetch(link: Link, ydl: Any, folder: Path, settings: YoutubeSettings, accept: Callable[[Offer], None]) -> Fetched:
    """Download a link into `folder`, going on with what an earlier attempt left there if the remote is still the same.

    `folder` belongs to the whole video: links to further ranges of it come with the same one, one after the other. `accept` is told what
    is offered before any of it is asked for, and raises where it is not wanted. Raises what `accept` raises, Refused or yt-dlp's errors.
    """
    with held(within(settings.page_timeout_s, link.url)):
        begun = resumable(folder, ydl) if link.kind == "direct" else None
    offered, info = look(link, ydl) if begun is None else (offer_of(begun), begun)
    accept(offered)
    folder.mkdir(parents=True, exist_ok=True)
    ydl.params["paths"]["home"] = str(folder)
    if info.get("is_live") or info.get("live_status") == "is_live":
        return Fetched(offered, _recorded(link, info, ydl, folder, settings).file)
    with held(Bounds(folder, link.url, settings, ydl.params["logger"].resting).broken):
        file = _whole(link, info, ydl, folder, settings, offered.bytes or 0)
    if link.start_s is None and link.end_s is None:
        return Fetched(offered, file)
    clip = _cut(file, link.start_s, link.end_s, link, settings)
    return Fetched(offered, clip.file, clip.start_s, clip.end_s)


def _whole(link: Link, info: dict[str, Any], ydl: Any, folder: Path, settings: YoutubeSettings, stated: int) -> Path:
    now = remotes(info, ydl)
    # Of a direct link the page is the media: looking at it anew costs what is to be saved. YouTube's links last for hours alone.
    keep_or_clear(folder, now, ydl.sanitize_info(info) if link.kind == "direct" else None)
    there = sum(file.stat().st_size for file in folder.iterdir())
    room(folder, link.url, settings, max(stated, stated_bytes(now)) - there)
    bind(info, now)
    done = ydl.process_ie_result(info, download=True)
    files = [Path(download["filepath"]) for download in done.get("requested_downloads") or () if download.get("filepath")]
    if not files or not files[0].is_file():
        raise Refused("unsupported", f"{link.url}: yt-dlp gave no file, and no error")
    if remotes(info, ydl) != now:
        clear(folder)
        raise ConnectionError(f"{link.url}: the file on the server changed while it was fetched; it is begun anew")
    return files[0]


def _recorded(link: Link, info: dict[str, Any], ydl: Any, folder: Path, settings: YoutubeSettings) -> Clip:
    """What a live stream brings from now on. A recording that was cut off is not gone on with: the stream has."""
    if link.start_s is not None or link.end_s is not None:
        raise Refused("unsupported", f"{link.url}: a time range of a stream that is still live; it can be had when it has ended")
    clear(folder)
    bounds = replace(settings, deadline_s=settings.deadline_s + settings.stall_s)  # `record` ends in time; this is for what hangs
    try:
        with held(Bounds(folder, link.url, bounds, lambda: False).broken):
            file = record(info, ydl, folder, settings, time.monotonic() + settings.deadline_s)
    except TimeoutError:
        file = folder / "live.ts"
        if not file.is_file() or not file.stat().st_size:
            raise
    return _cut(file, None, settings.live_window_s, link, settings)


def _cut(file: Path, start_s: float | None, end_s: float | None, link: Link, settings: YoutubeSettings) -> Clip:
    """`cut`, in a child process, which a hostile file may bring down."""
    room(file.parent, link.url, settings, file.stat().st_size)
    clip = call_in_child(_cut_or_refusal, (file, start_s, end_s), timeout_s=settings.decode_timeout_s)
    if isinstance(clip, Clip):
        return clip
    raise Refused(clip[0], f"{link.url}: {clip[1]}")


def _cut_or_refusal(wanted: tuple[Path, float | None, float | None]) -> Clip | tuple[ErrorKind, str]:
    try:
        return cut(*wanted)
    except Refused as refused:
        return refused.kind, str(refused)


class _Session(yt_dlp.YoutubeDL):  # type: ignore[misc]
    """yt-dlp, which would read pages of any size into memory, and leaves servers sending what it has seen enough of."""

    def __init__(self, options: dict[str, Any], page_timeout_s: float) -> None:
        super().__init__(options)
        self.page_timeout_s = page_timeout_s
        self.answers: list[Any] = []
        self.asked_at = time.monotonic()  # for a page, last

    def hang_up(self) -> None:
        """End what is still being sent."""
        while self.answers:
            self.answers.pop().close()

    def urlopen(self, req: Any) -> Any:
        """As ever, but `read` without a number of bytes gives up on more than LARGEST_PAGE_BYTES."""
        self.asked_at = time.monotonic()
        response = super().urlopen(req)
        self.answers = [*(answer for answer in self.answers if not answer.closed), response]
        read = response.read

        def bounded(amt: int | None = None) -> bytes:
            if amt is not None:
                return bytes(read(amt))
            pieces: list[bytes] = []
            while piece := read(2**20):
                pieces.append(piece)
                if sum(map(len, pieces)) > LARGEST_PAGE_BYTES:
                    raise Refused("unsupported", f"{response.url}: a page or playlist of more than {LARGEST_PAGE_BYTES} bytes")
            return b"".join(pieces)

        response.read = bounded
        return response


# --- settings and provenance --------------------------------------------------------------------------------------------------------


def _options(settings: YoutubeSettings, log: Log, private: Path, direct: bool) -> dict[str, Any]:
    def pause(n: int) -> float:
        length_s = float(min(settings.retry_sleep_s * 2**n, 30.0))
        log.rests_until = time.monotonic() + length_s
        return length_s

    return {
        "allowed_extractors": _GENERIC_ALONE if direct else _YOUTUBE_ALONE,
        "paths": {"home": str(private)},  # `fetch` puts the link's own folder there
        "cachedir": str(private / "cache"),  # not in the user's home
        "outtmpl": {"default": "media.%(ext)s"},  # nothing of the source's names a file
        "restrictfilenames": True,
        "overwrites": False,
        "continuedl": True,
        "nopart": False,
        "updatetime": False,
        "keep_fragments": True,
        "skip_unavailable_fragments": False,
        "fixup": "force",  # after a kill, too, when the download itself is found done
        "ffmpeg_location": _ffmpeg(),
        "postprocessor_args": {f"{name}+ffmpeg_i": list(_OF_THE_FILE_ALONE) for name in _FFMPEG_STEPS},
        "format": settings.format,
        "noplaylist": True,
        "extract_flat": "in_playlist",
        "retries": settings.retries,
        "fragment_retries": settings.retries,
        "extractor_retries": settings.retries,
        "file_access_retries": 3,
        "retry_sleep_functions": {"http": pause, "fragment": pause, "extractor": pause, "file_access": pause},
        "socket_timeout": settings.socket_timeout_s,
        "sleep_interval_requests": 0 if direct else settings.sleep_requests_s,
        "buffersize": 65536,  # with noresizebuffer, so that a dropped connection wastes little
        "noresizebuffer": True,
        "http_chunk_size": 10 * 2**20,
        "ratelimit": _bytes_per_second(settings.rate_limit),
        "proxy": settings.proxy,
        "extractor_args": _extractor_args(settings.extractor_args),
        "cookiefile": _private_copy(settings.cookies, private),
        "logger": log,
        "noprogress": True,
        "color": "never",
    }


def _private_copy(cookies: str | None, private: Path) -> str | None:
    """yt-dlp writes its cookies back: hand it a copy, in a folder that only this user may enter."""
    if cookies is None:
        return None
    try:
        return str(shutil.copyfile(cookies, private / "cookies.txt"))
    except OSError as error:
        raise InputError(f"{cookies}: the cookie file cannot be read ({error.strerror}); export it anew, or leave --cookies out") from error


def _ffmpeg() -> str:
    import imageio_ffmpeg

    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())


def _bytes_per_second(text: str | None) -> int | None:
    if text is None:
        return None
    read = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([kKmMgG]?)", text.strip())
    if read is None or float(read[1]) == 0:
        raise InputError(f"rate limit {text!r}: not a number of bytes per second; write 500K or 4M")
    return int(float(read[1]) * 1024 ** " kmg".index(read[2].lower() or " "))


def _extractor_args(texts: tuple[str, ...]) -> dict[str, dict[str, list[str]]]:
    """As yt-dlp's own option reads it: EXTRACTOR:NAME=VALUE,VALUE;NAME=VALUE."""
    read: dict[str, dict[str, list[str]]] = {}
    for text in texts:
        extractor, colon, rest = text.partition(":")
        pairs = [pair.partition("=") for pair in rest.split(";") if pair]
        if not colon or not pairs or not all(name for name, _, _ in pairs):
            raise InputError(f"extractor arguments {text!r}: write EXTRACTOR:NAME=VALUE, as in youtube:player_client=web")
        known = read.setdefault(extractor.strip().lower().replace("-", "_"), {})
        known.update({name.strip().lower().replace("-", "_"): value.split(",") for name, _, value in pairs})
    return read


def offer_of(info: Mapping[str, Any]) -> Offer:
    def text(*names: str) -> str | None:
        return next((printable(str(info[name])) for name in names if info.get(name)), None)

    def number(name: str) -> float | None:
        value = info.get(name)
        return float(value) if isinstance(value, int | float) and 0 <= value < _LARGEST_STATED else None

    day = text("upload_date")
    size = number("filesize") or number("filesize_approx")
    return Offer(
        title=text("title"),
        channel=text("channel", "uploader"),
        uploaded=f"{day[:4]}-{day[4:6]}-{day[6:]}" if day and re.fullmatch(r"[0-9]{8}", day) else None,
        licence=text("license"),
        format=text("format"),
        duration_s=number("duration"),
        bytes=None if size is None else int(size),
    )
