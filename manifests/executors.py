"""Run a function over rows: in this process, or in child processes that a crash or a time-out can end without ending the run.

Executors know nothing of stages: they get a picklable function from a row to rows, a way to save what comes out, and a way to turn an
error into failed rows. Each row is saved as it is done, so an interrupted run loses only what was in hand; which rows remain is for the
caller to know (by content and settings, never by position).

The standard library's process pool breaks as a whole when one child dies, which a hostile file can bring about; so each slot here has
a child of its own, replaced when it dies.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from manifests.errors import InputError, first_line

RowIn = TypeVar("RowIn")
RowOut = TypeVar("RowOut")

_STARTED = "started"  # what a child says before its first row, so that its start-up does not count against a row's time


def run_rows(
    work: Callable[[RowIn], Sequence[RowOut]],
    rows: Sequence[RowIn],
    *,
    name: Callable[[RowIn], str],
    on_error: Callable[[RowIn, str], Sequence[RowOut]],
    save: Callable[[Sequence[RowOut]], None],
    workers: int,
    timeout_s: float,
    label: str,
) -> None:
    """Call `work` on each row and `save` what it gives, as each row is done.

    With `workers` >= 1, rows run in that many child processes; `work` must be picklable. A row whose function raises, whose process dies
    or that takes longer than `timeout_s` becomes what `on_error(row, message)` gives, and the run goes on; children that cannot even start
    raise InputError. With `workers` = 0 all happens
    in this process, without a time-out. Ctrl-C stops the children and is raised again: what was saved stays saved.
    """
    if not rows:
        return
    done = _in_process(work, rows) if workers == 0 else _in_children(work, rows, min(workers, len(rows)), timeout_s)
    with _progress(label, len(rows)) as advance:
        for row, outcome in done:
            save(on_error(row, outcome.error) if outcome.error is not None else outcome.rows)
            advance(name(row))


def call_in_child(work: Callable[[RowIn], RowOut], argument: RowIn, *, timeout_s: float) -> RowOut:
    """One call in a child process of its own. Raises InputError when it raises, dies or takes longer than `timeout_s`."""
    for _, outcome in _in_children(_Single(work), [argument], 1, timeout_s):
        if outcome.error is not None:
            raise InputError(outcome.error)
        return outcome.rows[0]
    raise AssertionError("a child gives one outcome a row")


@dataclass(frozen=True)
class _Single(Generic[RowIn, RowOut]):
    work: Callable[[RowIn], RowOut]

    def __call__(self, argument: RowIn) -> Sequence[RowOut]:
        return [self.work(argument)]


@dataclass(frozen=True)
class _Outcome(Generic[RowOut]):
    rows: Sequence[RowOut] = ()
    error: str | None = None


def _attempt(work: Callable[[RowIn], Sequence[RowOut]], row: RowIn) -> _Outcome[RowOut]:
    try:
        return _Outcome(list(work(row)))
    except InputError as error:
        return _Outcome(error=first_line(error))
    except Exception as error:  # whatever a row's function raises is that row's failure, and the run goes on
        return _Outcome(error=f"{type(error).__name__}: {first_line(error)}")


def _in_process(work: Callable[[RowIn], Sequence[RowOut]], rows: Sequence[RowIn]) -> Iterator[tuple[RowIn, _Outcome[RowOut]]]:
    for row in rows:
        yield row, _attempt(work, row)


# --- child processes ----------------------------------------------------------------------------------------------------------------


@dataclass
class _Slot(Generic[RowIn]):
    """One child and the row that it has in hand."""

    process: Any = None
    connection: Connection | None = None
    row: RowIn | None = None
    started: bool = False  # whether the child has come as far as asking for rows
    since: float = field(default_factory=time.monotonic)


def _in_children(
    work: Callable[[RowIn], Sequence[RowOut]], rows: Sequence[RowIn], workers: int, timeout_s: float
) -> Iterator[tuple[RowIn, _Outcome[RowOut]]]:
    waiting = list(reversed(rows))
    slots: list[_Slot[RowIn]] = []
    try:
        for _ in range(workers):
            slots.append(_start(work))  # one by one, so that those begun are ended where Ctrl-C comes in between
        for slot in slots:
            _hand(slot, waiting)
        while busy := [slot for slot in slots if slot.connection is not None]:
            wait([slot.connection for slot in busy if slot.connection], timeout=0.2)
            for slot in busy:
                outcome: _Outcome[RowOut] | None = _outcome(slot, timeout_s)
                if outcome is None:
                    continue
                row = slot.row
                if slot.process is None:  # it died or was killed; its successor takes the next row
                    fresh = _start(work) if waiting else _Slot[RowIn]()
                    slot.process, slot.connection, slot.started = fresh.process, fresh.connection, False
                if slot.connection is not None:
                    _hand(slot, waiting)
                assert row is not None
                yield row, outcome
    finally:
        for slot in slots:
            _stop(slot)


def _start(work: Callable[[Any], Sequence[Any]]) -> _Slot[Any]:
    # Spawn, not fork: a forked child inherits locks of threads (torch, decoders) in whatever state they are.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, theirs), daemon=True)
    with _ctrl_c_held_back():
        process.start()
    theirs.close()
    return _Slot(process, ours)


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Ctrl-C reaches a whole group of processes. A child that is born here never feels it, not even while it starts, when it would tell
    of it in a traceback; its parent feels it afterwards, and ends its children itself."""
    resource_tracker.ensure_running()  # else starting a process does, and lets signals in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(work: Callable[[Any], Sequence[Any]], connection: Connection) -> None:
    """A child's life: take a row, give its outcome, until there is no more."""
    connection.send(_STARTED)
    while True:
        try:
            row = connection.recv()
        except EOFError:
            return
        connection.send(_attempt(work, row))


def _hand(slot: _Slot[RowIn], waiting: list[RowIn]) -> None:
    """Give the slot its next row, or end its child when there is none."""
    if not waiting:
        _stop(slot)
        return
    assert slot.connection is not None
    slot.row = waiting.pop()
    slot.since = time.monotonic()
    with suppress(OSError):  # a child that died meanwhile is found by its closed pipe
        slot.connection.send(slot.row)


def _outcome(slot: _Slot[Any], timeout_s: float) -> _Outcome[Any] | None:
    """What the slot's row came to, or None while it runs. A dead or killed child leaves `slot.process` None."""
    assert slot.connection is not None
    try:
        while slot.connection.poll():
            message = slot.connection.recv()
            if message == _STARTED:
                slot.started, slot.since = True, time.monotonic()
                continue
            return message  # type: ignore[no-any-return]
    except (EOFError, OSError) as gone:
        slot.process.join()
        code = slot.process.exitcode
        _stop(slot)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if not slot.started:  # no row's fault
            raise InputError(
                f'a child process ended before its first row ({how}); in a script of your own, begin under `if __name__ == "__main__":`, '
                "or work in one process with workers=0"
            ) from gone
        return _Outcome(error=f"the process that worked on it died ({how}): the file may be hostile to its decoder, or memory ran out")
    if time.monotonic() - slot.since > timeout_s:
        _stop(slot)
        return _Outcome(error=f"took longer than {timeout_s:g} s and was stopped")
    return None


def _stop(slot: _Slot[Any]) -> None:
    if slot.process is not None:
        if slot.process.is_alive():
            slot.process.kill()
        slot.process.join()
    if slot.connection is not None:
        slot.connection.close()
    slot.process = slot.connection = None


# --- progress -----------------------------------------------------------------------------------------------------------------------


@contextmanager
def _progress(label: str, total: int) -> Iterator[Callable[[str], None]]:
    """Progress on stderr: a bar with ETA on a terminal, a line a tenth of the way elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        count = 0

        def say(_name: str) -> None:
            nonlocal count
            count += 1
            if count == total or count * 10 // total > (count - 1) * 10 // total:
                console.print(f"{label}: {count}/{total}", highlight=False)

        yield say
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[row]}"), console=console, transient=True) as progress:
        task = progress.add_task(label, total=total, row="")
        yield lambda name: progress.update(task, advance=1, row=name)
