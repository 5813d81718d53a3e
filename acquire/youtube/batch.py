"""`acquire youtube`: a list of links to rows of footage, one link at a time, nothing asked for twice.

The footage table is the archive: a link that has an ok row whose file is there is done, and a failed one waits until it is due. Every
attempt ends in a row before the next begins. Asking is not done side by side: a site counts requests by address, and one worker is what it
bears; cores are for decoding.
"""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from acquire.failures import KINDS, Failure, Refused
from acquire.intake import (
    decode_whole,
    failed_id,
    failed_row,
    footage_folder,
    footage_id,
    incoming_folder,
    make_ready,
    probed,
    settle,
    sweep,
)
from acquire.youtube.archive import Archive
from acquire.youtube.asking import Asking, Say
from acquire.youtube.links import Link
from acquire.youtube.lists import read_links
from acquire.youtube.pacing import WALL_CLOCK, Clock, local
from acquire.youtube.settings import YoutubeSettings, permits
from acquire.youtube.tool import tool
from manifests.errors import InputError
from manifests.options import Summary
from manifests.tables import Footage
from manifests.workspace import Workspace

if TYPE_CHECKING:
    from acquire.youtube.download import Fetched, Offer

Outcome = Literal["kept", "rejected", "failed"]


class Unwanted(Exception):
    """Offered, and not what the user wants."""

    def __init__(self, offer: Offer, reason: str) -> None:
        super().__init__(reason)
        self.offer = offer
        self.reason = reason


def youtube(
    urls: Path | Iterable[str],
    settings: YoutubeSettings,
    workspace: Workspace,
    *,
    strict: bool = False,
    clock: Clock = WALL_CLOCK,
    say: Say = lambda _line: None,
    on_row: Callable[[Footage], None] = lambda _row: None,
) -> Summary:
    """Fetch what a list of links asks for and is not there yet; every attempt becomes a row.

    `urls` is a file (see `lists.read_links`; with `strict` one bad line refuses it) or lines of one. `say` is told in words what a user
    should know, `on_row` gets each row as it is written. Raises InputError when the list, a setting, the proxy or the disk does not allow
    to go on.
    """
    import filelock

    links, bad = read_links(urls, allow_generic=settings.allow_generic, strict=strict)
    lock = filelock.FileLock(make_ready(workspace) / "youtube.lock", timeout=0)
    try:
        with lock, Asking.opened(links, settings, Archive(workspace, settings), clock, say) as asking:
            batch = Batch(asking, on_row)
            batch.outcomes |= {str(line): ("failed", "malformed line") for line in bad}
            for line in bad:
                say(str(line))
            batch.run(links)
    except filelock.Timeout:
        raise InputError(f"{lock.lock_file}: another `acquire youtube` is at work in this workspace; let it end") from None
    return batch.summary()


@dataclass
class Batch:
    """One run over one list."""

    asking: Asking
    on_row: Callable[[Footage], None]
    outcomes: dict[str, tuple[Outcome, str | None]] = field(default_factory=dict)  # by source id: what the summary counts

    def run(self, links: list[Link]) -> None:
        """Fetch what is due, row by row."""
        from acquire.youtube.progress import progress

        asking = self.asking
        asking.archive.compact()
        waiting = deque(self.due([video for link in links for video in self.expanded(link)]))
        total = len(waiting)
        try:
            with progress(total, lambda: asking.pace.left_s(waiting), asking.pace.clock, asking.say) as tell:
                while waiting:
                    self.step(waiting)
                    tell(total - len(waiting))
        finally:
            asking.archive.compact()
        self.tell_closed_sites()

    def due(self, videos: list[Link]) -> list[Link]:
        """Those to ask for, each once; the others are counted and told of."""
        due, not_due, there = self.asking.sorted_out(videos)
        number = len(due) + len(not_due) + there
        if there:
            self.asking.say(f"{there} of {number} links: there already")
        if not_due:
            self.asking.say(f"{len(not_due)} of {number} links: not due yet, or not wanted (see `acquire status`; --retry KIND insists)")
        for link in not_due:
            self.not_asked(link)
        archive = self.asking.archive
        # A run that was killed after it wrote a row leaves what that came from.
        sweep(archive.workspace, "youtube", {name.partition("#t=")[0] for name in archive.there} - {link.whole_id for link in due})
        return due

    def step(self, waiting: deque[Link]) -> None:
        """Take one link: the first whose site may be asked now, or else the one whose site opens first."""
        pace = self.asking.pace
        link = waiting[0]
        if pace.opens_at(link) > self.asking.now():
            link = min(waiting, key=lambda one: (not pace.gives_up(one), pace.opens_at(one)))
        waiting.remove(link)
        if not self.asking.wait(link):
            self.not_asked(link)
            return
        began = self.asking.now()
        failure = self.attempt(link, keep=any(other.whole_id == link.whole_id for other in waiting))
        pace.note_ended(link, failure, (self.asking.now() - began).total_seconds())
        if failure is not None and pace.pauses(link):
            waiting.appendleft(link)  # asked for anew after the pause

    def expanded(self, link: Link) -> list[Link]:
        """The videos of a list; none, and a failed row, where the list itself cannot be had. A video is itself."""
        if link.kind != "list":
            return [link]
        asking, breaker = self.asking, self.asking.pace.breaker
        if not asking.archive.is_due(link, asking.now()) or not asking.wait(link):
            self.not_asked(link)
            return []
        try:
            videos = list(asking.expand(link))
        except Exception as error:  # any error is this list's answer
            failure = asking.failure(link, error)
            breaker.note(link, failure, asking.now())
            self.save(self.failed(link, failure))
            return self.expanded(link) if failure.kind == "rate_limited" else []
        breaker.note(link, None, asking.now())
        asking.archive.drop(link.source_id)
        self.outcomes.pop(link.source_id, None)
        return videos

    def attempt(self, link: Link, keep: bool) -> Failure | None:
        """Ask for one video; its row, ok, failed or rejected, is written. `keep`: leave what arrived for another link to the same video.

        Raises InputError where the disk is too full for any link.
        """
        self.demand_room()
        folder = incoming_folder(self.asking.archive.workspace, "youtube", link.whole_id)
        failure, full = None, False
        try:
            row = self.fetched(link, folder)
        except Unwanted as unwanted:
            row = self.rejected(link, unwanted)
        except Exception as error:  # any error is this link's failure, and the run goes on
            failure = self.asking.failure(link, error)
            full = failure.kind == "disk_full" and not isinstance(error, Refused)  # Refused: there is room, and too little for this link
            row = self.failed(link, failure)
        self.save(row)
        if not keep and (failure is None or not failure.retryable):  # only now: what arrived is needed again when the row was not written
            shutil.rmtree(folder, ignore_errors=True)
        if full:
            raise InputError(f"{footage_folder(self.asking.archive.workspace)}: {row.error}: {KINDS['disk_full'].advice}")
        return failure

    def fetched(self, link: Link, folder: Path) -> Footage:
        """The row of a video that came whole."""
        from manifests.files import file_sha256

        settings, workspace = self.asking.settings, self.asking.archive.workspace
        arrived = self._persistently(link, folder)
        found = decode_whole(arrived.file, link.url, settings.decode_timeout_s)
        sha256, size = file_sha256(arrived.file), arrived.file.stat().st_size
        if (refusal := self.asking.archive.refusal(link, footage_id(sha256))) is not None:
            raise Unwanted(arrived.offer, refusal)
        place = settle(arrived.file, sha256, workspace)
        return self._row(
            link,
            arrived.offer,
            footage_id=footage_id(sha256),
            status="ok",
            path=workspace.relative(place),
            sha256=sha256,
            bytes=size,
            clip_start_s=arrived.clip_start_s,
            clip_end_s=arrived.clip_end_s,
            **probed(found),
        )

    def rejected(self, link: Link, unwanted: Unwanted) -> Footage:
        """The row of a video that the user's own filter leaves out; should the filter change, it is asked for."""
        return self._row(link, unwanted.offer, footage_id=failed_id("youtube", link.source_id), status="rejected", reason=unwanted.reason)

    def failed(self, link: Link, failure: Failure) -> Footage:
        """The row of a failure."""
        earlier = self.asking.archive.earlier(link)
        return failed_row("youtube", link.source_id, link.url, failure, self.asking.now(), earlier, tool())

    def save(self, row: Footage) -> None:
        """Write a row and tell of it."""
        self.asking.archive.save(row)
        self.outcomes[row.source_id] = ("kept" if row.status == "ok" else row.status, row.error_kind or row.reason)
        self.on_row(row)
        if row.status != "ok":
            self.asking.say(f"{row.origin}: {row.reason or f'{row.error_kind}: {row.error}'}")

    def not_asked(self, link: Link) -> None:
        """Count a link that waits: for its own failure's time, or for its site's."""
        earlier, refusal = self.asking.archive.earlier(link), self.asking.archive.refusal(link)
        if refusal is not None:
            self.outcomes[link.source_id] = ("rejected", refusal)
        elif earlier is not None and earlier.status == "rejected":
            self.outcomes[link.source_id] = ("rejected", earlier.reason)
        elif link.source_id not in self.outcomes:
            kind = earlier.error_kind if earlier is not None else self.asking.pace.breaker.because.get(link.host)
            self.outcomes[link.source_id] = ("failed", f"{kind} (not asked now)")

    def summary(self) -> Summary:
        """What the run did, each link counted once, as it ended last."""
        summary = Summary("footage")
        for outcome, reason in self.outcomes.values():
            summary.add(outcome, reason)
        return summary

    def tell_closed_sites(self) -> None:
        """Which sites are left alone, until when, and what the user can do."""
        breaker = self.asking.pace.breaker
        for site, until in breaker.closed_until.items():
            if until > self.asking.now():
                kind = breaker.because[site]
                self.asking.say(f"{site} is not asked before {local(until)} ({kind}): {KINDS[kind].advice}")

    def demand_room(self) -> None:
        """Raise InputError where the disk has less room than any download is to leave."""
        folder, least = footage_folder(self.asking.archive.workspace), self.asking.settings.least_free_bytes
        free = shutil.disk_usage(folder).free
        if free < least:
            told = f"{free / 1e9:.2f} GB are free, and {least / 1e9:.2f} GB are to stay so (least_free_bytes)"
            raise InputError(f"{folder}: {told}; free some space and run again")

    def _persistently(self, link: Link, folder: Path) -> Fetched:
        """Fetch, with further tries where one may help at once: a connection comes back, expired media links are extracted anew."""
        from acquire.youtube.download import fetch

        settings, ydl = self.asking.settings, self.asking.session(link)[0]

        def accept(offer: Offer) -> None:
            if not permits(settings.licence, offer.licence):
                raise Unwanted(offer, f"licence: {offer.licence or 'none stated'}")

        began = self.asking.now()
        for number in itertools.count(1):
            left_s = settings.deadline_s - (self.asking.now() - began).total_seconds()
            try:
                return fetch(link, ydl, folder, dataclasses.replace(settings, deadline_s=max(left_s, 1.0)), accept)
            except (Unwanted, Refused):
                raise  # no better at once
            except Exception as error:  # whatever its kind is, it is told by `attempt`
                if number >= {"network": settings.tries, "forbidden": 2}.get(self.asking.failure(link, error).kind, 1):
                    raise
            self.asking.pace.clock.sleep(min(settings.retry_sleep_s * 2**number, 60.0))
        raise AssertionError("the loop ends by return or raise")

    def _row(self, link: Link, offer: Offer, **columns: Any) -> Footage:
        """The row of what was offered, with the source's own word on it."""
        earlier = self.asking.archive.earlier(link)
        stated = {name: getattr(offer, name) for name in ("format", "title", "channel", "uploaded", "licence")}
        return Footage(
            source="youtube",
            source_id=link.source_id,
            origin=link.url,
            acquired_at=self.asking.now(),
            attempts=1 + (earlier.attempts if earlier is not None else 0),
            tool=tool(),
            **stated,
            **columns,
        )
