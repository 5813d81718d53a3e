"""Ctrl-C, SIGTERM and SIGHUP (of a terminal that closes), such that a step in hand ends and what was done is saved."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ECHO_S = 2.0  # the terminal sends Ctrl-C to every process, and torchrun passes on what it gets itself


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether to stop. A second signal, later than an echo of the first, raises KeyboardInterrupt at once.

    Signals that are ignored, as `nohup` and a shell's background want it, stay so.
    """
    caught: list[float] = []

    def catch(_number: int, _frame: FrameType | None) -> None:
        if caught and time.monotonic() - caught[0] > ECHO_S:
            raise KeyboardInterrupt
        caught.append(time.monotonic())

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield lambda: False
        return
    heeded = [number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, catch) for number in heeded}
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
