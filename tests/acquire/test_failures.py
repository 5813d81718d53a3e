"""Kinds of failure, told from the errors that yt-dlp really raises."""

from __future__ import annotations

import errno
import io
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
import yt_dlp
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, ProxyError, SSLError, TransportError
from yt_dlp.utils import ExtractorError, GeoRestrictedError, UserNotLive

from acquire.failures import KINDS, WORDS, Failure, Refused, Words, classify, is_due
from acquire.youtube.settings import YoutubeSettings
from manifests.tables import ErrorKind, Footage
from tests.acquire.youtube.stand_in import stand_in_session

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
HINT = "Use --cookies-from-browser or --cookies for the authentication. See  https://github.com/yt-dlp/yt-dlp/wiki/FAQ  for how to."


def raised(error: Exception, tmp_path: Path) -> Failure:
    """What becomes of an error that the YouTube extractor raises, on its way through the real YoutubeDL."""
    with stand_in_session(YoutubeSettings(), tmp_path, error) as ydl, pytest.raises(Exception) as caught:
        ydl.extract_info("https://www.youtube.com/watch?v=abcdefghijk", download=False)
    return classify(caught.value)


def refusal(status: int, headers: dict[str, str] | None = None, redirect_loop: bool = False) -> HTTPError:
    """A server's answer as yt-dlp raises it."""
    return HTTPError(Response(io.BytesIO(), "http://127.0.0.1/", headers or {}, status), redirect_loop)


# As YouTube's page and yt-dlp's extractor word them; the apostrophes are YouTube's own.
MESSAGES: list[tuple[ErrorKind, str]] = [
    ("bot_check", f"Sign in to confirm you’re not a bot. {HINT}"),
    ("bot_check", "Something went wrong. YouTube is requiring a captcha challenge before playback"),
    ("age", f"Sign in to confirm your age. This video may be inappropriate for some users. {HINT}"),
    (
        "rate_limited",
        "Video unavailable. This content isn’t available, try again later. The current session has been rate-limited by YouTube.",
    ),
    ("private", f"Private video. Sign in if you've been granted access to this video. {HINT}"),
    ("private", "Video unavailable. This video is private"),
    ("members_only", "Join this channel to get access to members-only content like this video, and other exclusive perks."),
    ("members_only", "This video is available to this channel's members on level: Drizzle (or any higher level)."),
    ("geo", "Video unavailable. This video contains content from UMG, who has blocked it in your country on copyright grounds"),
    ("removed", "Video unavailable"),
    ("removed", "Video unavailable. This video has been removed by the uploader"),
    (
        "removed",
        "Video unavailable. This video is no longer available because the YouTube account associated with this video has been terminated.",
    ),
    ("removed", "This live stream recording is not available."),
    ("not_yet_live", "This live event will begin in 3 hours."),
    ("not_yet_live", "Premieres in 2 days"),
    ("login", f"Login details are needed to download this content. {HINT}"),
    ("unsupported", "This video is DRM protected"),
    ("format_missing", "Requested format is not available. Use --list-formats for a list of available formats"),
    ("decode", "Postprocessing: Error opening input files: Invalid data found when processing input"),
    ("unsupported", "file:// URLs are disabled by default in yt-dlp for security reasons."),
    ("unknown", "The elephant has left the building"),
]


@pytest.mark.parametrize(("kind", "message"), MESSAGES)
def test_youtubes_words(kind: ErrorKind, message: str, tmp_path: Path) -> None:
    failure = raised(ExtractorError(message, expected=True, video_id="abcdefghijk", ie="youtube"), tmp_path)
    assert failure.kind == kind
    assert message.split(".")[0].split("  ")[0] in failure.message


def test_an_error_that_yt_dlp_did_not_expect_means_that_it_is_out_of_date(tmp_path: Path) -> None:
    failure = raised(ExtractorError("Unable to extract initial player response", video_id="abcdefghijk"), tmp_path)
    assert "Confirm you are on the latest version" in failure.message  # and is no bot check for all that
    assert failure.kind == "out_of_date"


def test_the_exceptions_type_goes_before_its_words(tmp_path: Path) -> None:
    assert raised(GeoRestrictedError("Video unavailable", countries=["DE"]), tmp_path).kind == "geo"
    assert raised(UserNotLive(video_id="abcdefghijk"), tmp_path).kind == "not_yet_live"
    assert raised(OSError(errno.ENOSPC, "No space left on device"), tmp_path).kind == "disk_full"
    assert classify(Refused("decode", "Video unavailable")).kind == "decode"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES])
def test_what_cannot_be_written_is_told_by_the_systems_number(number: int, tmp_path: Path) -> None:
    assert raised(OSError(number, "x"), tmp_path).kind == "disk_full"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SSLError(msg="x"), "network"),
        (ProxyError(msg="x"), "network"),
        (TransportError(cause=OSError(errno.EACCES, "a firewall's refusal")), "network"),
        (IncompleteRead(1, 2), "network"),
        (refusal(302, redirect_loop=True), "network"),
        (refusal(408), "network"),
        (refusal(410), "removed"),
        (refusal(500), "network"),
        (refusal(502), "network"),
    ],
)
def test_what_a_connection_comes_to(error: Exception, kind: ErrorKind, tmp_path: Path) -> None:
    assert raised(ExtractorError("Unable to download webpage", cause=error), tmp_path).kind == kind
    wrapped = RuntimeError("x")
    wrapped.__cause__ = error
    assert classify(wrapped).kind == kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "Fri, 17 May 2024 12:10:00 GMT", "Date": "Fri, 17 May 2024 12:00:00 GMT"}, 600),
        ({"Retry-After": "Fri, 17 May 2024 11:00:00 GMT", "Date": "Fri, 17 May 2024 12:00:00 GMT"}, 60),
        ({"Retry-After": "0"}, 60),
        ({"Retry-After": "9" * 400}, 86400),
        ({"Retry-After": "Fri, 17 May 9999 12:00:00 GMT"}, 86400),
        ({"Retry-After": "soon"}, 3600),
        ({"Retry-After": "-5"}, 3600),
        ({"Retry-After": "²"}, 3600),
        ({}, 3600),
    ],
)
def test_when_a_server_wants_to_be_asked_again(headers: dict[str, str], seconds: int) -> None:
    failure = classify(refusal(429, headers))
    assert failure.kind == "rate_limited"
    assert failure.next_attempt_at(NOW) == NOW + timedelta(seconds=seconds)


def test_a_site_beyond_the_fence_is_unsupported(tmp_path: Path) -> None:
    with stand_in_session(YoutubeSettings(), tmp_path, ValueError()) as ydl, pytest.raises(yt_dlp.utils.DownloadError) as caught:
        ydl.extract_info("https://vimeo.com/123456", download=False)
    assert classify(caught.value).kind == "unsupported"


def test_formats_missing_for_want_of_javascript(tmp_path: Path) -> None:
    error = ExtractorError("Requested format is not available", expected=True)
    assert classify(error, ["[youtube] No supported JavaScript runtime could be found. Only deno is enabled"]).kind == "no_javascript"
    assert classify(error, ["[youtube] something else"]).kind == "format_missing"


def test_an_announced_time_is_when_to_ask_again() -> None:
    failure = classify(ExtractorError("This live event will begin in 3 hours.", expected=True))
    assert failure.next_attempt_at(NOW) == NOW + timedelta(hours=3)


@cache
def installed_source() -> str:
    """The Python source of the installed yt-dlp that can word an error of YouTube's or of a download."""
    root = Path(yt_dlp.__file__).parent
    files = [root / "YoutubeDL.py", root / "extractor" / "common.py", root / "extractor" / "generic.py"]
    files += [file for part in ("extractor/youtube", "downloader", "utils", "networking") for file in (root / part).rglob("*.py")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files).replace("\\'", "'").replace("’", "'").casefold()


@pytest.mark.parametrize("words", [words for words in WORDS if words.said_by == "yt-dlp"], ids=lambda words: words.phrase)
def test_the_installed_yt_dlp_still_words_it_so(words: Words) -> None:
    assert words.phrase.casefold() in installed_source()


@pytest.mark.parametrize("words", [words for words in WORDS if words.said_by != "yt-dlp"], ids=lambda words: words.phrase)
def test_what_is_said_to_be_the_sites_own_words_stands_nowhere_in_yt_dlp(words: Words) -> None:
    """Else it could be held to yt-dlp's source, and should be."""
    assert words.phrase.casefold() not in installed_source()


def test_every_phrase_tells_its_own_kind() -> None:
    for words in WORDS:
        assert classify(ExtractorError(words.phrase, expected=True)).kind == words.kind


def test_every_kind_of_the_table_is_handled() -> None:
    assert set(KINDS) == set(get_args(ErrorKind))
    for kind, handling in KINDS.items():
        assert handling.advice
        assert handling.retryable or handling.wait is None, kind


def failed(kind: ErrorKind, **changes: object) -> Footage:
    values = {"error_kind": kind, "error": "x", "retryable": KINDS[kind].retryable, "tool": "yt-dlp 1", **changes}
    return Footage("failed-0", "youtube", "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk", "failed", NOW, **values)  # type: ignore[arg-type]


def test_what_is_due() -> None:
    assert is_due(failed("network"), NOW, "yt-dlp 1")
    assert not is_due(failed("private"), NOW, "yt-dlp 1")
    assert is_due(failed("private"), NOW, "yt-dlp 1", forced=["private"])
    later = failed("rate_limited", next_attempt_at=NOW + timedelta(minutes=1))
    assert not is_due(later, NOW, "yt-dlp 1")
    assert is_due(later, NOW + timedelta(minutes=2), "yt-dlp 1")
    assert is_due(later, NOW, "yt-dlp 1", forced=["rate_limited"])
    assert not is_due(failed("out_of_date"), NOW, "yt-dlp 1")
    assert is_due(failed("out_of_date"), NOW, "yt-dlp 2")


def test_a_servers_wish_to_wait_is_bounded() -> None:
    assert Failure("rate_limited", "x", timedelta(seconds=90)).next_attempt_at(NOW) == NOW + timedelta(seconds=90)
    assert Failure("rate_limited", "x", timedelta(days=400)).next_attempt_at(NOW) == NOW + timedelta(days=1)
    assert Failure("private", "x", timedelta(seconds=90)).next_attempt_at(NOW) is None
