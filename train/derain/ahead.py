"""One step of a chain in a thread of its own, so that decoding, the network and encoding go on side by side."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_LOOK_S = 0.1  # how often a thread that waits looks whether anyone still wants its items


def ahead(items: Iterator[Item], most: int) -> Generator[Item, None, None]:
    """The items in order, up to `most` of them made before they are asked for. An error comes at its place among them.

    The thread ends with the iteration, also where that is left before its end (by `close`, or when nothing refers to it any more).
    """
    made: queue.Queue[tuple[Item] | BaseException | None] = queue.Queue(most)
    left = threading.Event()

    def put(item: tuple[Item] | BaseException | None) -> bool:
        while not left.is_set():
            with contextlib.suppress(queue.Full):
                made.put(item, timeout=_LOOK_S)
                return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item,)):
                    return
        except BaseException as error:  # whatever it is, it is raised where the items are wanted
            put(error)
        else:
            put(None)
        finally:
            if close := getattr(items, "close", None):  # a generator's own threads and files
                close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (got := made.get()) is not None:
            if isinstance(got, BaseException):
                raise got
            yield got[0]
    finally:
        left.set()
        thread.join()
