"""`acquire youtube`: a list of links to rows of footage, one link at a time, nothing asked for twice.

The footage table is the archive: a link that has an ok row whose file is there is done, and a failed one waits until it is due. Every
attempt ends in a row before the next begins. Asking is not done side by side: a site counts requests by address, and one worker is what it
bears; cores are for decoding.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acquire.failures import KINDS, Failure, Refused, classify, is_due
from acquire.intake import (
    also_at,
    decode_whole,
    failed_id,
    failed_row,
    footage_folder,
    footage_id,
    incoming_folder,
    make_ready,
    probed,
    read_footage,
    settle,
    sweep,
)
from acquire.youtube.links import YOUTUBE, Link
from acquire.youtube.lists import read_links
from acquire.youtube.pacing import Breaker, pause_s
from acquire.youtube.settings import YoutubeSettings
from manifests.errors import InputError
from manifests.options import Summary
from manifests.tables import Footage
from manifests.workspace import Workspace

SECRETS = ("cookies", "proxy", "extractor_args")  # kept out of provenance, which travels with the table


def youtube(
    urls: Path | Iterable[str],
    settings: YoutubeSettings,
    workspace: Workspace,
    *,
    say: Callable[[str], None] = lambda _line: None,
    on_row: Callable[[Footage], None] = lambda _row: None,
) -> Summary:
    """Fetch what a list of links asks for and is not there yet; every attempt becomes a row.

    `urls` is a text file (see `links.read_links`) or lines of one. `say` is told in words what a user should know, `on_row` gets each
    row as it is written. Raises InputError when the list, a setting or the disk does not allow to go on.
    """
    with _batch(urls, settings, workspace, say, on_row) as batch:
        batch.run()
    return batch.summary


def preview(
    urls: Path | Iterable[str], settings: YoutubeSettings, workspace: Workspace, *, say: Callable[[str], None] = lambda _line: None
) -> Iterator[dict[str, object]]:
    """What `youtube` would fetch, as its sources state it: asks them, keeps nothing. Stops where a site wants no more questions."""
    from acquire.youtube.download import look

    with _batch(urls, settings, workspace, say, lambda _row: None, writes=False) as batch:
        for link in batch.due():
            if not batch.breaker.allows(link, batch.now()):
                continue
            batch.pause(link)
            ydl, log = batch.session(link)
            try:
                offer, _info = look(link, ydl)
            except Exception as error:  # any error is this link's answer
                failure = classify(error, log.warnings)
                batch.breaker.note(link, failure, batch.now())
                yield {"url": link.url, "error_kind": failure.kind, "error": failure.message}
            else:
                yield {"url": link.url, **dataclasses.asdict(offer)}


@contextlib.contextmanager
def _batch(
    urls: Path | Iterable[str],
    settings: YoutubeSettings,
    workspace: Workspace,
    say: Callable[[str], None],
    on_row: Callable[[Footage], None],
    writes: bool = True,
) -> Iterator[_Batch]:
    """A run with its private folder; one at a time in a workspace, where it writes."""
    import filelock

    links, bad = read_links(urls, allow_generic=settings.allow_generic)
    summary = Summary("footage")
    for line in bad:
        say(str(line))
        summary.add("failed", "malformed line")
    with contextlib.ExitStack() as stack:
        if writes:
            lock = filelock.FileLock(make_ready(workspace) / "youtube.lock", timeout=0)
            try:
                stack.enter_context(lock)
            except filelock.Timeout:
                raise InputError(f"{lock.lock_file}: another `acquire youtube` is at work in this workspace; let it end") from None
        private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rainlapse-")))
        batch = _Batch(links, settings, workspace, say, on_row, summary, private, stack, writes)
        for link in links[:1]:
            batch.session(link)  # a setting that yt-dlp cannot read ends the run here, instead of failing every link
        yield batch


@dataclass
class _Batch:
    """One run over one list."""

    links: Sequence[Link]
    settings: YoutubeSettings
    workspace: Workspace
    say: Callable[[str], None]
    on_row: Callable[[Footage], None]
    summary: Summary
    private: Path  # gone after the run
    stack: contextlib.ExitStack
    writes: bool  # False: a dry run
    sessions: dict[bool, tuple[Any, Any]] = field(default_factory=dict)
    rows: dict[str, Footage] = field(default_factory=dict)
    breaker: Breaker = field(default_factory=Breaker)
    rng: random.Random = field(default_factory=random.Random)
    before: Link | None = None  # the link on YouTube that was asked for last
    pending: Counter[str] = field(default_factory=Counter)  # links that are yet to be asked for, by the video that they share

    def __post_init__(self) -> None:
        self.rows = {row.footage_id: row for row in read_footage(self.workspace)}
        self.breaker = Breaker.of_rows(self.rows.values(), self.now(), self.settings.retry)

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    def run(self) -> None:
        """Fetch what is due, row by row."""
        from manifests.executors import run_rows
        from manifests.files import compact, table_exists

        try:
            run_rows(
                self.attempt,
                self.due(),
                name=lambda link: link.source_id,
                on_error=_defect,
                save=self.save,
                workers=0,
                timeout_s=0.0,
                label="links",
            )
        finally:
            if table_exists(self.workspace.table(Footage)):
                compact(Footage, self.workspace.table(Footage))
        for site, until in self.breaker.closed_until.items():
            kind = self.breaker.because[site]
            self.say(f"{site} is not asked before {until.astimezone():%Y-%m-%d %H:%M} ({kind}): {KINDS[kind].advice}")

    def due(self) -> list[Link]:
        """The videos to ask for now: lists made into videos, what is there left out, and failures that must wait."""
        videos: dict[str, Link] = {}
        for link in self.links:
            found = self.expanded(link) if link.kind == "list" else [link]
            for video in found:
                videos.setdefault(video.source_id, video)
        have = {name for row in self.rows.values() if self._is_there(row) for name in (row.source_id, *row.also_at)}
        asked = [link for link in videos.values() if link.source_id not in have]
        waiting = [link for link in asked if not self._is_due(link)]
        if there := len(videos) - len(asked):
            self.say(f"{there} of {len(videos)} links: there already")
        if waiting:
            self.say(f"{len(waiting)} of {len(videos)} links: failed before and not due (see `acquire status`; --retry KIND insists)")
        for link in waiting:
            self.not_asked(link)
        left_out = set(waiting)
        due = [link for link in asked if link not in left_out]
        self.pending = Counter(link.whole_id for link in due)
        if self.writes:  # a run that was killed after it wrote a row leaves what that came from
            sweep(self.workspace, "youtube", {name.partition("#t=")[0] for name in have} - set(self.pending))
        return due

    def expanded(self, link: Link) -> list[Link]:
        """The videos of a list; none, and a failed row, where the list itself cannot be had."""
        from acquire.youtube.expansion import expand

        if not self.breaker.allows(link, self.now()) or not self._is_due(link):
            self.not_asked(link)
            return []
        self.pause(link)
        ydl, log = self.session(link)
        try:
            videos = list(expand(link, ydl))
        except Exception as error:  # any error is this list's answer
            self.save([self.failed(link, classify(error, log.warnings))])
            return []
        self.say(f"{link.url}: {len(videos)} videos")
        if failed_id("youtube", link.source_id) in self.rows:
            self.save([], (failed_id("youtube", link.source_id),))
        return videos

    def attempt(self, link: Link) -> list[Footage]:
        """Ask for one video; its row, ok or failed. None where its site wants no more questions."""
        if not self.breaker.allows(link, self.now()):
            self.not_asked(link)
            return []
        self.pause(link)
        self.pending[link.whole_id] -= 1
        folder = incoming_folder(self.workspace, "youtube", link.whole_id)
        ydl, log = self.session(link)
        try:
            return [self.fetched(link, ydl, folder)]
        except Exception as error:  # any error is this link's failure, and the run goes on
            failure = classify(error, log.warnings)
        if not failure.retryable and not self.pending[link.whole_id]:
            shutil.rmtree(folder, ignore_errors=True)
        return [self.failed(link, failure)]

    def fetched(self, link: Link, ydl: Any, folder: Path) -> Footage:
        """The row of a video that came whole."""
        from acquire.youtube.download import TOOL
        from manifests.files import file_sha256

        fetched = self._persistently(link, ydl, folder)
        offer, arrived = fetched.offer, fetched.file
        found = decode_whole(arrived, link.url, self.settings.decode_timeout_s)
        sha256, size = file_sha256(arrived), arrived.stat().st_size
        place = settle(arrived, sha256, self.workspace)
        earlier = self.rows.get(failed_id("youtube", link.source_id))
        return Footage(
            footage_id=footage_id(sha256),
            source="youtube",
            source_id=link.source_id,
            origin=link.url,
            status="ok",
            acquired_at=self.now(),
            path=self.workspace.relative(place),
            attempts=1 + (earlier.attempts if earlier else 0),
            sha256=sha256,
            bytes=size,
            format=offer.format,
            title=offer.title,
            channel=offer.channel,
            uploaded=offer.uploaded,
            licence=offer.licence,
            clip_start_s=fetched.clip_start_s,
            clip_end_s=fetched.clip_end_s,
            tool=TOOL,
            **probed(found),
        )

    def failed(self, link: Link, failure: Failure) -> Footage:
        """The row of a failure, which may close the site."""
        from acquire.youtube.download import TOOL

        now = self.now()
        self.breaker.note(link, failure, now)
        earlier = self.rows.get(failed_id("youtube", link.source_id))
        return failed_row("youtube", link.source_id, link.url, failure, now, earlier, TOOL)

    def save(self, rows: Sequence[Footage], drop: Sequence[str] = ()) -> None:
        """Write rows, and drop the failure that an ok one makes good. Content that is there already only notes its further link."""
        from manifests.files import Provenance, append_rows

        written = [self._joined(row) for row in rows]
        made_good = [failed_id("youtube", row.source_id) for row in rows if row.status == "ok"]
        dropped = [key for key in (*made_good, *drop) if key in self.rows]
        settings = {name: value for name, value in dataclasses.asdict(self.settings).items() if name not in SECRETS}
        if self.writes:
            append_rows(Footage, self.workspace.table(Footage), written, Provenance("acquire youtube", settings), dropped)
        for key in dropped:
            self.rows.pop(key)
        self.rows.update((row.footage_id, row) for row in written)
        arrived = {row.source_id.partition("#t=")[0] for row in rows if row.status == "ok"}
        sweep(self.workspace, "youtube", {name for name in arrived if not self.pending[name]})
        for row in written:
            self.summary.add("kept" if row.status == "ok" else "failed", row.error_kind)
            self.on_row(row)
            if row.status == "failed":
                self.say(f"{row.origin}: {row.error_kind}: {row.error}")
            if row.error_kind == "disk_full":
                raise InputError(f"{footage_folder(self.workspace)}: {row.error}: {KINDS['disk_full'].advice}")

    def session(self, link: Link) -> tuple[Any, Any]:
        """yt-dlp for a link, and what it says. One for all of YouTube: what it has learned of the site is not asked for again."""
        from acquire.youtube.download import Log, session

        direct = link.kind == "direct"
        if direct not in self.sessions:
            log = Log()
            self.sessions[direct] = self.stack.enter_context(session(self.settings, log, self.private, direct=direct)), log
        return self.sessions[direct]

    def not_asked(self, link: Link) -> None:
        """Count a link that waits: for its own failure's time, or for its site's."""
        earlier = self.rows.get(failed_id("youtube", link.source_id))
        kind = earlier.error_kind if earlier is not None else self.breaker.because.get(link.host)
        self.summary.add("failed", f"{kind} (not asked now)")

    def pause(self, link: Link) -> None:
        """Wait as the site's pace wants it."""
        time.sleep(pause_s(link, self.before, self.settings, self.rng))
        if link.host == YOUTUBE:
            self.before = link

    def _persistently(self, link: Link, ydl: Any, folder: Path) -> Any:
        """Fetch, with further tries where one may help at once: a connection comes back, expired media links are extracted anew."""
        from acquire.youtube.download import fetch

        for number in itertools.count(1):
            try:
                return fetch(link, ydl, folder, self.settings, lambda _offer: None)
            except Refused:
                raise  # ours to refuse, and no better at once
            except Exception as error:  # whatever its kind is, it is told by `attempt`
                if number >= {"network": self.settings.tries, "forbidden": 2}.get(classify(error).kind, 1):
                    raise
            time.sleep(min(self.settings.retry_sleep_s * 2**number, 60.0))
        raise AssertionError("the loop ends by return or raise")

    def _is_due(self, link: Link) -> bool:
        from acquire.youtube.download import TOOL

        earlier = self.rows.get(failed_id("youtube", link.source_id))
        return earlier is None or is_due(earlier, self.now(), TOOL, self.settings.retry)

    def _joined(self, row: Footage) -> Footage:
        earlier = self.rows.get(row.footage_id)
        return also_at(earlier, row.source_id) if earlier is not None and self._is_there(earlier) else row

    def _is_there(self, row: Footage) -> bool:
        return row.status == "ok" and row.path is not None and self.workspace.resolve(row.path).exists()


def _defect(_link: Link, message: str) -> list[Footage]:
    raise AssertionError(message)  # `attempt` makes a row of every error that a link can have
