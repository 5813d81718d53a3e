"""How far a run over links has come, and how long it will go on: on a terminal a line that stays, elsewhere a line a tenth of the way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta

from acquire.youtube.pacing import Clock, local


@contextlib.contextmanager
def progress(total: int, left_s: Callable[[], float | None], clock: Clock, say: Callable[[str], None]) -> Iterator[Callable[[int], None]]:
    """Gives what to tell after each link: how many are done. `left_s` tells how many seconds the rest will take."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    def left(done: int) -> str:
        seconds = left_s() if done < total else None
        return "" if seconds is None else f"about {span(seconds)} to go, until {local(clock.now() + timedelta(seconds=seconds))}"

    console = Console(stderr=True)
    if not console.is_terminal:
        told = 0

        def tell(done: int) -> None:
            nonlocal told
            if done > told and (told == 0 or done == total or done * 10 // total > told * 10 // total):
                told = done
                say(f"links: {done}/{total} {left(done)}".rstrip())

        yield tell
        return
    columns = (TextColumn("links"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    # Standard output is left alone: it carries the rows, and may lead elsewhere.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("links", total=total, left="")
        yield lambda done: bar.update(task, completed=done, left=left(done))


def span(seconds: float) -> str:
    """A length of time as people say it: `40 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24} h"
