"""How the links of one run are asked for: what is known of them, at which pace, through which yt-dlp."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquire.failures import Failure, classify
from acquire.shown import printable
from acquire.youtube.archive import Archive
from acquire.youtube.links import YOUTUBE, Link
from acquire.youtube.pacing import Clock, Pace
from acquire.youtube.proxy import demand_answer, demand_no_fault
from acquire.youtube.settings import YoutubeSettings, proxy_address
from manifests.errors import InputError, first_line
from manifests.folder_lock import hold_folder

if TYPE_CHECKING:
    from acquire.youtube.download import Offer

Say = Callable[[str], None]

_PRIVATE = "rainlapse-private-"  # how the folders of runs are called in the system's temporary one
_JUST_BEGUN_S = 60.0  # a folder that is younger may not be held yet


@dataclass
class Asking:
    """What a run and a dry run have in common."""

    settings: YoutubeSettings
    archive: Archive
    pace: Pace
    say: Say
    private: Path  # gone after the run
    stack: contextlib.ExitStack
    sessions: dict[bool, tuple[Any, Any]] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def opened(cls, links: list[Link], settings: YoutubeSettings, archive: Archive, clock: Clock, say: Say) -> Iterator[Asking]:
        """For one run over these links. Settings that no link could be asked for with end it here (InputError)."""
        with contextlib.ExitStack() as stack:
            if any(link.host == YOUTUBE for link in links):
                _queue_up(stack, settings.proxy, say)
            private = _private_folder(stack)
            asking = cls(settings, archive, Pace.of_rows(archive.rows.values(), settings, clock), say, private, stack)
            for link in links[:1]:
                asking.session(link)
            if settings.proxy is not None:
                demand_answer(settings.proxy, settings.socket_timeout_s)
            yield asking

    def now(self) -> datetime:
        """The time."""
        return self.pace.clock.now()

    def session(self, link: Link) -> tuple[Any, Any]:
        """yt-dlp for a link, and what it says. One for all of YouTube: what it has learned of the site is not asked for again."""
        from yt_dlp.utils import DownloadError

        from acquire.youtube.download import Log, session

        direct = link.kind == "direct"
        if direct not in self.sessions:
            log = Log()
            try:
                ydl = session(self.settings, log, self.private, direct=direct)
                ydl.cookiejar  # noqa: B018  it is read when it is first looked at
            except DownloadError as error:
                told = printable(first_line(error).removeprefix("ERROR: "))
                raise InputError(
                    f"{self.settings.cookies}: no use as a cookie file ({told}); export it anew in Netscape's format"
                ) from error
            self.sessions[direct] = self.stack.enter_context(ydl), log
        return self.sessions[direct]

    def wait(self, link: Link) -> bool:
        """Wait until the link may be asked for, and count it as asked; False where this run leaves it to a later one."""
        if self.pace.gives_up(link):
            return False
        self.pace.wait(link, self.say)
        self.pace.note_asked(link)
        return True

    def expand(self, link: Link) -> dict[Link, Offer]:
        """The videos of a list, with what the list states of each. Raises yt-dlp's errors, and TimeoutError."""
        from acquire.youtube.expansion import expand
        from acquire.youtube.guard import held

        ydl = self.session(link)[0]
        began = time.monotonic()

        def overdue() -> TimeoutError | None:
            now, page_s, deadline_s = time.monotonic(), self.settings.page_timeout_s, self.settings.deadline_s
            if now - max(began, ydl.asked_at) > page_s:  # each of its pages anew: a channel may have hundreds
                return TimeoutError(f"{link.url}: timed out after {page_s:g} s (page_timeout_s)")
            return TimeoutError(f"{link.url}: a list without end? Timed out after {deadline_s:g} s") if now - began > deadline_s else None

        try:
            with held(overdue):
                videos = expand(link, ydl)
        finally:
            ydl.hang_up()
        self.say(f"{link.url}: {len(videos)} videos")
        return videos

    def failure(self, link: Link, error: Exception) -> Failure:
        """What an error says of its link. Raises InputError where it is the proxy's, and says nothing of any link."""
        demand_no_fault(self.settings.proxy, error)
        return classify(error, self.session(link)[1].warnings)

    def sorted_out(self, videos: Iterable[Link]) -> tuple[list[Link], list[Link], int]:
        """Of these links, each once: those to ask for, those that are not due, and how many are there already.

        Parts of a video go before the whole of it, one after the other, so that it is fetched once for all of them.
        """
        once = {link.source_id: link for link in reversed(list(videos))}.values()
        links = [link for link in reversed(list(once)) if not self.archive.is_there(link)]
        now = self.now()
        due = [link for link in links if self.archive.is_due(link, now)]
        place = {link.whole_id: number for number, link in reversed(list(enumerate(due)))}
        due.sort(key=lambda link: (place[link.whole_id], link.source_id == link.whole_id))
        not_due = [link for link in links if not self.archive.is_due(link, now)]
        return due, not_due, len(once) - len(links)


def _private_folder(stack: contextlib.ExitStack) -> Path:
    """A folder for this run alone, gone after it. Those of runs that were killed, with their copies of cookies, go now."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PRIVATE}*"):
        with contextlib.suppress(OSError):  # another user's, in use, or gone meanwhile
            found = left.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and time.time() - found.st_mtime > _JUST_BEGUN_S:
                with contextlib.ExitStack() as held:
                    hold_folder(left, held)
                    shutil.rmtree(left, ignore_errors=True)
    private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_PRIVATE)))
    hold_folder(private, stack)
    return private


def _queue_up(stack: contextlib.ExitStack, proxy: str | None, say: Say) -> None:
    """Wait for this user's other runs, in whatever workspace, that ask YouTube from the same address on the network."""
    import filelock

    address = "" if proxy is None else re.sub(r"[^\w.-]", "_", "-{}-{}".format(*proxy_address(proxy)))
    lock = filelock.FileLock(Path(tempfile.gettempdir()) / f"rainlapse-{os.getuid()}-youtube{address}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        say("another `acquire youtube` on this machine asks YouTube; waiting for it to end (Ctrl-C ends this one)")
        lock.acquire(poll_interval=0.5)
    stack.callback(lock.release)
