"""How YouTube is asked: every setting of `acquire youtube`, with its one default."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from manifests.columns import refuse_outside
from manifests.tables import ErrorKind


@dataclass(frozen=True, slots=True)
class YoutubeSettings:
    """How links are asked for. Secrets (cookies, a proxy's password, extractor arguments) never reach a table."""

    allow_generic: Annotated[bool, "fetch direct links of any other site too, by yt-dlp's generic extractor alone"] = False
    # Video without audio, H.264 first since it decodes fastest; a file that holds both where nothing else is offered.
    format: Annotated[str, "yt-dlp's format selection"] = "bv[vcodec^=avc1]/bv/bv*[vcodec^=avc1]/b/bv*"
    cookies: Annotated[str | None, "a cookie file in Netscape's format; yt-dlp works on a private copy"] = None
    proxy: Annotated[str | None, "URL of a proxy (http, https, socks5)"] = None
    rate_limit: Annotated[str | None, "bytes per second at most: 500K, 4M"] = None
    extractor_args: Annotated[tuple[str, ...], "passed to yt-dlp's extractors: youtube:player_client=web"] = ()
    licence: Annotated[Literal["creativecommon"] | None, "keep only what its source states to be under such a licence"] = None
    live_window_s: Annotated[float, "how much of a live stream is recorded, from now on, s"] = 1200.0
    deadline_s: Annotated[float, "how long one link may take in all, s"] = 21600.0
    least_free_bytes: Annotated[int, "disk space that a download leaves free, bytes"] = 2_000_000_000
    hourly_budget: Annotated[int, "links on YouTube asked for in an hour; a guest is allowed about 300"] = 300
    longest_wait_s: Annotated[float, "how long a run waits for a site that was asked too often, s; else it leaves it to a later run"] = (
        7200.0
    )
    retry: Annotated[tuple[ErrorKind, ...], "kinds of failure to ask for again although not due"] = ()
    sleep_interval_s: Annotated[float, "shortest pause between two links on YouTube, s"] = 5.0
    max_sleep_interval_s: Annotated[float, "longest pause between two links on YouTube, s"] = 10.0
    sleep_requests_s: Annotated[float, "pause between the requests that one link on YouTube needs, s"] = 1.0
    retries: Annotated[int, "how often yt-dlp takes up a broken connection again, by file and by fragment"] = 10
    retry_sleep_s: Annotated[float, "pause before the first such retry, s; doubles each time up to 30 s"] = 1.0
    tries: Annotated[int, "how often one link is tried in one run when the connection fails"] = 3
    socket_timeout_s: Annotated[float, "how long a silent connection is waited for, s"] = 20.0
    page_timeout_s: Annotated[float, "how long a link may take to say what it offers, s"] = 300.0
    stall_s: Annotated[float, "a download that is slower than slowest_bytes_per_s for so long has stalled, s"] = 60.0
    slowest_bytes_per_s: Annotated[float, "see stall_s, bytes a second"] = 1000.0
    decode_timeout_s: Annotated[float, "how long decoding one file whole may take, s"] = 3600.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.format.strip() in ("", "-"):
            raise ValueError(f"format: {self.format!r} selects nothing (and '-' would ask at the keyboard)")
        if self.max_sleep_interval_s < self.sleep_interval_s:
            raise ValueError(f"max_sleep_interval_s {self.max_sleep_interval_s} is less than sleep_interval_s {self.sleep_interval_s}")
        if self.tries < 1:
            raise ValueError(f"tries: {self.tries} is less than one")
        refuse_outside(self, _ABOVE_ZERO, zero=False)
        refuse_outside(self, _FROM_ZERO)
        if self.proxy is not None:
            proxy_address(self.proxy)


_ABOVE_ZERO = ("live_window_s", "deadline_s", "hourly_budget", "page_timeout_s", "stall_s")
_FROM_ZERO = (
    "longest_wait_s",
    "sleep_interval_s",
    "sleep_requests_s",
    "retries",
    "retry_sleep_s",
    "least_free_bytes",
    "slowest_bytes_per_s",
)
_PROXY_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
_CREATIVE_COMMONS = re.compile(r"creative\s?commons|\bcc[ -]?(?:by|0|zero)\b", re.IGNORECASE)


def proxy_address(proxy: str) -> tuple[str, int]:
    """A proxy's host and port. Raises ValueError, without the password that may stand in it, where there is none."""
    try:
        parts = urlsplit(proxy.strip())
        usual = _PROXY_PORTS[parts.scheme]
        port = parts.port or usual
    except (ValueError, KeyError):
        port = 0
    if not port or not parts.hostname:
        raise ValueError(f"proxy: not the address of one; write SCHEME://HOST:PORT with a scheme out of {', '.join(_PROXY_PORTS)}")
    return parts.hostname, port


def permits(licence: Literal["creativecommon"] | None, stated: str | None) -> bool:
    """Whether footage whose source states this licence may be kept under a filter; what is not stated passes only no filter."""
    return licence is None or (stated is not None and _CREATIVE_COMMONS.search(stated) is not None)
