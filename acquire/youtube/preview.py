"""`acquire youtube --dry-run`: what a list of links would bring, and how large it is. Asks, and keeps nothing."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acquire.youtube.archive import Archive
from acquire.youtube.asking import Asking, Say
from acquire.youtube.links import YOUTUBE, Link
from acquire.youtube.lists import read_links
from acquire.youtube.pacing import WALL_CLOCK, Clock
from acquire.youtube.settings import YoutubeSettings, permits
from manifests.tables import ErrorKind
from manifests.workspace import Workspace

if TYPE_CHECKING:
    from acquire.youtube.download import Offer

SAMPLE = 5  # videos of lists whose pages are asked for; the size of the others is told from their length


@dataclass(frozen=True, slots=True)
class Coming:
    """What one link would bring, as its source states it; or why nothing."""

    url: str
    source_id: str
    title: str | None = None
    channel: str | None = None
    uploaded: str | None = None
    licence: str | None = None
    format: str | None = None
    duration_s: float | None = None  # of the time range, where there is one
    bytes: int | None = None  # to be fetched: of the whole video, whatever the time range
    estimated: bool = False  # bytes: from the length, at the rate of other videos
    reason: str | None = None  # not wanted
    error_kind: ErrorKind | None = None
    error: str | None = None


def preview(
    urls: Path | Iterable[str],
    settings: YoutubeSettings,
    workspace: Workspace,
    *,
    strict: bool = False,
    clock: Clock = WALL_CLOCK,
    say: Say = lambda _line: None,
) -> Iterator[Coming]:
    """What `youtube` would fetch, link by link. Stops where a site wants no more questions. Raises as `youtube` does.

    Of the videos of a list only a few are asked for: the list itself states their length, and the sizes that are known give a rate.
    """
    links, bad = read_links(urls, allow_generic=settings.allow_generic, strict=strict)
    for line in bad:
        say(str(line))
        yield Coming(line.text, "", error_kind="unsupported", error=str(line))
    archive = Archive(workspace, settings)
    with Asking.opened(links, settings, archive, clock, say) as asking:
        stated: dict[Link, Offer | None] = {}
        for link in links:
            if link.kind != "list":
                stated[link] = None
            elif archive.is_due(link, asking.now()) and asking.wait(link):
                try:
                    stated |= asking.expand(link)
                except Exception as error:  # any error is this list's answer
                    yield _failed(asking, link, error)
        due, not_due, there = asking.sorted_out(stated)
        if there or not_due:
            say(f"{there} links: there already; {len(not_due)}: not due yet, or not wanted")
        if (pages := sum(stated[link] is None for link in due)) > SAMPLE:
            say(f"{pages} videos are asked for one by one, at most {settings.hourly_budget} an hour of those on YouTube; Ctrl-C ends it")
        rates = [row.bytes / row.duration_s for row in archive.rows.values() if row.source == "youtube" and row.bytes and row.duration_s]
        for link in due:
            offer = stated[link]
            if offer is not None and offer.duration_s is not None and len(rates) >= SAMPLE and settings.licence is None:
                size = round(statistics.fmean(rates) * offer.duration_s)
                yield _coming(link, dataclasses.replace(offer, bytes=size), settings, estimated=True)
            elif asking.wait(link):
                coming = _looked_at(asking, link)
                if coming.bytes and coming.duration_s and link.host == YOUTUBE:
                    rates.append(coming.bytes / coming.duration_s)
                yield coming


def _looked_at(asking: Asking, link: Link) -> Coming:
    from acquire.youtube.download import look
    from acquire.youtube.resuming import remotes, stated_bytes

    ydl, _log = asking.session(link)
    try:
        offer, info = look(link, ydl)
        if offer.bytes is None and info.get("protocol") in ("http", "https"):  # a file, whose server knows its size
            offer = dataclasses.replace(offer, bytes=stated_bytes(remotes(info, ydl)) or None)
    except Exception as error:  # any error is this link's answer
        return _failed(asking, link, error)
    asking.pace.note_ended(link, None, 0.0)
    return _coming(link, offer, asking.settings)


def _failed(asking: Asking, link: Link, error: Exception) -> Coming:
    failure = asking.failure(link, error)
    asking.pace.note_ended(link, failure, 0.0)
    return Coming(link.url, link.source_id, error_kind=failure.kind, error=failure.message)


def _coming(link: Link, offer: Offer, settings: YoutubeSettings, estimated: bool = False) -> Coming:
    duration_s = offer.duration_s
    if duration_s is not None:
        duration_s = max(0.0, min(duration_s, duration_s if link.end_s is None else link.end_s) - (link.start_s or 0.0))
    stated = {field.name: getattr(offer, field.name) for field in dataclasses.fields(Coming) if hasattr(offer, field.name)}
    reason = None if permits(settings.licence, offer.licence) else f"licence: {offer.licence or 'none stated'}"
    return Coming(link.url, link.source_id, **{**stated, "duration_s": duration_s}, estimated=estimated, reason=reason)
