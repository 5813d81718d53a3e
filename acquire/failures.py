"""What went wrong: a closed list of kinds, which of them may be retried and when, and what a user can do about each.

A kind is told by the exception's type first, then by the HTTP status, and by words only where both are silent: YouTube's refusals reach
us as one exception class whose text is all there is. The words are either yt-dlp's own (a test searches the installed source for each,
and fails when the wording is gone) or YouTube's, which yt-dlp passes on and which no source at hand can vouch for.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from acquire.shown import printable
from manifests.errors import InputError
from manifests.tables import ErrorKind, Footage

LONGEST_WAIT = timedelta(days=1)  # no server's Retry-After binds us for longer
SHORTEST_WAIT = timedelta(minutes=1)  # nor is "Retry-After: 0" leave to ask at once what was asked too often


@dataclass(frozen=True, slots=True)
class Handling:
    """What follows from a kind of failure."""

    retryable: bool
    wait: timedelta | None  # before the next attempt; None: at any time, or never
    advice: str  # what the user can do


KINDS: dict[ErrorKind, Handling] = {
    "private": Handling(False, None, "the uploader keeps it private; nothing to be done"),
    "removed": Handling(False, None, "it is gone; nothing to be done"),
    "geo": Handling(False, None, "not shown in this country; --proxy and --retry geo where you may use one"),
    "age": Handling(False, None, "shown to adults who are signed in; --cookies FILE and --retry age"),
    "login": Handling(False, None, "shown to users who are signed in; --cookies FILE and --retry login"),
    "members_only": Handling(False, None, "shown to the channel's members; --cookies FILE and --retry members_only"),
    "bot_check": Handling(True, timedelta(hours=6), "the site doubts that a person asks; wait, ask more slowly, or give --cookies FILE"),
    "rate_limited": Handling(True, timedelta(hours=1), "asked too often; wait, then ask more slowly (--set sleep_interval_s=30)"),
    "forbidden": Handling(True, timedelta(hours=1), "the server refuses; try later, or from where a browser can play it"),
    "format_missing": Handling(True, timedelta(days=1), "no such format is offered; try another --format, or later"),
    "not_yet_live": Handling(True, timedelta(hours=6), "it has not begun; run again when it is over"),
    "unsupported": Handling(False, None, "not something that can be used here; see its message"),
    "network": Handling(True, None, "the connection failed; run again"),
    "decode": Handling(False, None, "the file is damaged or no video; its source may have a better copy"),
    "disk_full": Handling(
        True, None, "no space left, or the folder is closed to us; free some space or mend its permissions, and run again"
    ),
    "out_of_date": Handling(True, None, "the site has changed; upgrade yt-dlp (pip install -U yt-dlp) and run again"),
    "no_javascript": Handling(True, None, "no JavaScript runtime found; install one (pip install 'yt-dlp[default,deno]') and run again"),
    "unknown": Handling(True, timedelta(hours=1), "not recognised; see its message"),
}


class Refused(InputError):
    """Ours to refuse: the source gave something, and it cannot be used."""

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt's end."""

    kind: ErrorKind
    message: str  # the failing tool's own
    retry_after: timedelta | None = None  # as the server or the message asked

    @property
    def retryable(self) -> bool:
        """Whether another attempt may succeed without the user's doing."""
        return KINDS[self.kind].retryable

    def next_attempt_at(self, now: datetime) -> datetime | None:
        """Not to be asked for before; None: at any time, or never."""
        wait = KINDS[self.kind].wait if self.retry_after is None else max(min(self.retry_after, LONGEST_WAIT), SHORTEST_WAIT)
        return now + wait if self.retryable and wait is not None else None


@dataclass(frozen=True, slots=True)
class Words:
    """A phrase that tells a kind, and whose it is."""

    kind: ErrorKind
    phrase: str
    said_by: Literal["yt-dlp", "youtube", "ffmpeg", "requests", "system"] = "yt-dlp"


# Searched in this order. What is special stands before what is general: "Sign in to confirm your age" is no bot check, and "Video
# unavailable. This video is private" is not removed.
WORDS: tuple[Words, ...] = (
    Words("age", "confirm your age"),
    Words("age", "age-restricted"),
    Words("age", "inappropriate for some users", "youtube"),
    Words("bot_check", "Sign in to confirm you", "youtube"),
    Words("bot_check", "captcha challenge"),
    Words("rate_limited", "try again later"),
    Words("rate_limited", "rate-limited by YouTube"),
    Words("members_only", "members-only"),
    Words("members_only", "Join this channel", "youtube"),
    Words("members_only", "available to this channel's members", "youtube"),
    Words("private", "Private video"),
    Words("private", "This video is private", "youtube"),
    Words("geo", "not made this video available in your country"),
    Words("geo", "in your country"),
    Words("geo", "from your location"),
    Words("not_yet_live", "live event will begin", "youtube"),
    Words("not_yet_live", "Premieres in"),
    Words("not_yet_live", "not currently live"),
    Words("unsupported", "DRM protected"),
    Words("unsupported", "Unsupported URL"),
    Words("unsupported", "No suitable extractor"),
    Words("unsupported", "is not a valid URL"),
    Words("unsupported", "URLs are disabled by default"),  # file:, to which a playlist may lead
    Words("unsupported", "No connection adapters were found", "requests"),  # for what a redirect leads to
    Words("removed", "Video unavailable"),
    Words("removed", "This video has been removed"),
    Words("removed", "This video is not available"),
    Words("removed", "This video does not exist"),
    Words("removed", "This video isn't available anymore", "youtube"),
    Words("removed", "account associated with this video has been terminated", "youtube"),
    Words("removed", "live stream recording is not available", "youtube"),
    Words("format_missing", "Requested format is not available"),
    Words("format_missing", "No video formats found"),
    Words("format_missing", "forcing SABR"),
    Words("format_missing", "missing a URL"),
    Words("login", "Login details are needed"),
    Words("login", "only available for registered users"),
    Words("login", "sign in"),
    Words("disk_full", "No space left on device", "system"),
    Words("disk_full", "unable to open for writing"),
    Words("disk_full", "unable to write data"),
    Words("network", "Giving up after"),
    Words("network", "not found, unable to continue"),
    Words("network", "Did not get any data blocks"),
    Words("network", "content too short"),
    Words("network", "Got error:"),  # of a download, or of one fragment: no status tells that the whole is gone
    Words("network", "timed out"),
    Words("decode", "Invalid data found when processing input", "ffmpeg"),
    Words("decode", "Error opening input files: Invalid argument", "ffmpeg"),
    Words("no_javascript", "No supported JavaScript runtime"),
    # Last: yt-dlp ends every error that it did not foresee with a request to report it.
    Words("out_of_date", "please report this issue on"),
)

_STATUS: dict[int, ErrorKind] = {
    401: "login",
    403: "forbidden",
    404: "removed",
    408: "network",
    410: "removed",
    429: "rate_limited",
    451: "geo",
}
# The disk is full, its quota or its largest file; it or the folder is read-only or not ours.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}


def classify(error: BaseException, warnings: Iterable[str] = ()) -> Failure:
    """What kind of failure an exception of yt-dlp, of the system or of ours is. `warnings` are what yt-dlp said before it."""
    message = printable(str(error) or type(error).__name__)
    kind, retry_after = _of_type(error)
    if kind is None:
        kind = _of_words(message)
    if kind == "format_missing" and any(_has(warning, "No supported JavaScript runtime") for warning in warnings):
        kind = "no_javascript"  # without one YouTube offers few formats
    if kind == "not_yet_live" and (told := re.search(r"in (\d+) (minute|hour|day)s?\b", message)):
        retry_after = timedelta(seconds=int(told[1][:6]) * _UNITS[told[2]])
    return Failure(kind, message, retry_after)


def is_due(row: Footage, now: datetime, tool: str, forced: Collection[ErrorKind] = ()) -> bool:
    """Whether a failed row's source is to be asked for again: its time has come, or the user insists on its kind."""
    if row.error_kind in forced:
        return True
    if not row.retryable or (row.next_attempt_at is not None and row.next_attempt_at > now):
        return False
    return row.error_kind != "out_of_date" or row.tool != tool  # the same version fails in the same way


def _of_type(error: BaseException) -> tuple[ErrorKind | None, timedelta | None]:
    """By exception type, then by HTTP status, of the error or of what caused it."""
    from yt_dlp.networking.exceptions import HTTPError, TransportError
    from yt_dlp.utils import ContentTooShortError, GeoRestrictedError, RegexNotFoundError, UnsupportedError, UserNotLive

    by_class: tuple[tuple[type[BaseException], ErrorKind], ...] = (
        (GeoRestrictedError, "geo"),
        (UserNotLive, "not_yet_live"),
        (UnsupportedError, "unsupported"),
        (RegexNotFoundError, "out_of_date"),
        (ContentTooShortError, "network"),
        (TransportError, "network"),
        (ConnectionError, "network"),
        (TimeoutError, "network"),
    )
    for cause in _chain(error):
        if isinstance(cause, Refused):
            return cause.kind, None
        if isinstance(cause, OSError) and cause.errno in _UNWRITABLE:
            return "disk_full", None
        for known, kind in by_class:
            if isinstance(cause, known):
                return kind, None
        if isinstance(cause, HTTPError):
            passing = cause.status >= 500 or cause.redirect_loop
            return _STATUS.get(cause.status, "network" if passing else None), _retry_after(cause.response.headers)
    return None, None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what caused it, as yt-dlp hands it on: in `exc_info` or `cause`; its wrapper of OSError relies on Python's own."""
    from yt_dlp.utils import UnavailableVideoError

    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or any(cause is known for known in seen):
            continue
        seen.append(cause)
        yield cause
        exc_info = getattr(cause, "exc_info", None)
        waiting += [exc_info[1] if exc_info else None, getattr(cause, "cause", None), cause.__cause__]
        if isinstance(cause, UnavailableVideoError):
            waiting.append(cause.__context__)


def _of_words(message: str) -> ErrorKind:
    # A fragment's error comes as text alone. Its 404 does not say that the video is gone; but these say the same of all of it.
    status = re.search(r"HTTP Error (401|403|429|451)\b", message)
    if status is not None:
        return _STATUS[int(status[1])]
    return next((words.kind for words in WORDS if _has(message, words.phrase)), "unknown")


def _has(text: str, phrase: str) -> bool:
    return phrase.casefold() in text.replace("’", "'").casefold()


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Retry-After (RFC 9110, 10.2.3): seconds, or a date, which is read against the server's own clock where it states one."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=int(text[:9]))
    until, now = _date(text), _date(headers.get("Date") or "") or datetime.now(UTC)
    return None if until is None else max(until - now, timedelta(0))


def _date(text: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
