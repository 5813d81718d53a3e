"""What one download may take: time, patience and disk, held to while whatever does the work is busy or waits.

A slow drip keeps every read of a socket alive for ever, and a file is joined by a child process: neither comes by a place where we could
look. So a thread looks on, and interrupts the work as Ctrl-C would, by a signal; hence only in a process's main thread.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from acquire.failures import Refused
from acquire.shown import shown_size
from acquire.youtube.settings import YoutubeSettings

LOOKS_A_SECOND = 4


class _Stopped(BaseException):
    """As Ctrl-C: no handler of mere exceptions on the way keeps it."""


@dataclass
class Bounds:
    """The bounds of one download, and how it stands."""

    folder: Path  # where it arrives
    name: str  # what messages call it
    settings: YoutubeSettings
    resting: Callable[[], bool]  # whether it waits of its own will
    began: float = field(default_factory=time.monotonic)
    _size: int = 0
    _grown: deque[tuple[float, int]] = field(default_factory=deque)  # by when, and how much

    def broken(self) -> Exception | None:
        """The error that a broken bound is; None while all of them hold."""
        now = time.monotonic()
        if now - self.began > self.settings.deadline_s:
            return Refused("network", f"{self.name}: not done within its time (deadline_s); what came is kept, and a rerun goes on with it")
        try:
            room(self.folder, self.name, self.settings)
        except Refused as full:
            return full
        slow = self._slow(now)
        return TimeoutError(f"{self.name}: {slow}") if slow else None

    def _slow(self, now: float) -> str | None:
        size = _size(self.folder)
        self._grown.append((now, abs(size - self._size)))  # files made from others may also shrink: that, too, is work
        self._size = size
        if self.resting():
            self._grown.clear()
            return None
        while self._grown and now - self._grown[0][0] > self.settings.stall_s:
            self._grown.popleft()
            floor = self.settings.slowest_bytes_per_s * self.settings.stall_s
            if (came := sum(grown for _, grown in self._grown)) < floor:
                return f"timed out: {came} bytes came in {self.settings.stall_s:g} s (stall_s, slowest_bytes_per_s)"
        return None


@contextlib.contextmanager
def held(broken: Callable[[], Exception | None]) -> Iterator[None]:
    """Raise in the body what `broken`, asked a few times a second, gives. Off the main thread, where no signal arrives, nothing is held."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over = threading.Event()
    found: list[Exception] = []
    ours = threading.get_ident()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not over.is_set():
            raise _Stopped

    def look_on() -> None:
        while not over.wait(1 / LOOKS_A_SECOND):
            if not found and (error := broken()) is not None:
                found.append(error)
            if found:  # again and again: a destructor, say, swallows what is raised in it
                signal.pthread_kill(ours, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, stop)
    looker = threading.Thread(target=look_on, daemon=True)
    looker.start()
    try:
        try:
            yield
        finally:
            over.set()
    except _Stopped:
        raise found[0] from None
    finally:
        over.set()
        looker.join()
        signal.signal(signal.SIGUSR1, before)


def within(limit_s: float, what: str) -> Callable[[], Exception | None]:
    """For `held`: an end after so many seconds."""
    ends = time.monotonic() + limit_s
    return lambda: TimeoutError(f"{what}: timed out after {limit_s:g} s") if time.monotonic() > ends else None


def room(folder: Path, name: str, settings: YoutubeSettings, needed_bytes: int = 0) -> None:
    """Raise Refused (`disk_full`) where a disk would be left with less than the settings want once `needed_bytes` more are on it."""
    free = shutil.disk_usage(folder).free
    if free - needed_bytes < settings.least_free_bytes:
        wanted = f"{shown_size(needed_bytes)} wanted, " if needed_bytes > 0 else ""
        kept = f"{shown_size(settings.least_free_bytes)} are to stay free (least_free_bytes)"
        raise Refused("disk_full", f"{name}: {wanted}{shown_size(free)} free at {folder}, and {kept}")


def _size(folder: Path) -> int:
    size = 0
    with contextlib.suppress(OSError):  # files come and go meanwhile
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                size += entry.stat().st_size
    return size
