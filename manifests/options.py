"""What the commands share: options, one summary at the end, one line for an error.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import math
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import click

from manifests.columns import Column, columns
from manifests.errors import InputError
from manifests.workspace import Workspace

Command = TypeVar("Command", bound=Callable[..., Any])
Settings = TypeVar("Settings")

EXIT_SOME_FAILED = 3  # done, but some rows failed; 0 all done, 1 the command failed, 2 wrong usage


class Commands(click.Group):
    """A group whose commands turn an InputError, a disk that is full or closed to us, Ctrl-C or its like into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; see the class."""
        try:
            with _terminated_as_by_ctrl_c():
                return super().invoke(ctx)
        except InputError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise  # whoever read our output has gone: click ends quietly
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{where}{error.strerror or error}; mend that (space, permissions) and run again") from error
        except KeyboardInterrupt:
            raise click.ClickException("interrupted; what was done is kept: run the same command again to go on") from None


@contextlib.contextmanager
def _terminated_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM (of a batch system, of a shutdown) and SIGHUP (of a terminal that closes) end the work as Ctrl-C does, instead of at once
    and in the middle of it; not where they are ignored, as `nohup` wants."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, signal.default_int_handler) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workspace_option(command: Command) -> Command:
    """`-C DIR`: passes `workspace`."""
    return click.option(
        "-C",
        "--workspace",
        "workspace",
        type=click.Path(file_okay=False, path_type=Path),
        callback=lambda _ctx, _option, root: Workspace(root),
        default=Path(),
        show_default="the current folder",
        help="The folder with manifests/, footage/, scenes/ and runs/.",
    )(command)


def workers_option(command: Command) -> Command:
    """`--workers N`: passes `workers`; 0 stays in this process."""
    return click.option(
        "--workers",
        type=click.IntRange(0),
        default=usable_cores,
        show_default="usable cores",
        help="Child processes that work side by side; 0: this process alone, without time-out.",
    )(command)


def dry_run_option(command: Command) -> Command:
    """`--dry-run`: passes `dry_run`."""
    return click.option("--dry-run", is_flag=True, help="Say what would be done, and how large it would be; do nothing.")(command)


def json_option(command: Command) -> Command:
    """`--json`: passes `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line instead of text.")(command)


def settings_option(settings_class: type) -> Callable[[Command], Command]:
    """`--set name=value`, repeatable: passes `settings`, an instance of the class, whose fields are the only list of settings."""
    listing = "\n".join(f"  {column.name}={_shown(column.default)}  {column.meaning}" for column in columns(settings_class))

    def callback(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> Any:
        return parse_settings(settings_class, given)

    def decorate(command: Command) -> Command:
        command.__doc__ = f"{inspect.cleandoc(command.__doc__ or '')}\n\n\b\nSettings (--set NAME=VALUE):\n{listing}\n"
        return click.option(
            "--set", "settings", multiple=True, metavar="NAME=VALUE", callback=callback, help="Change a setting, listed above."
        )(command)

    return decorate


def parse_settings(settings_class: type[Settings], given: tuple[str, ...], base: Settings | None = None) -> Settings:
    """The settings with `name=value` texts applied to the defaults (or to `base`). Raises click.BadParameter (exit code 2)."""
    known = {column.name: column for column in columns(settings_class)}
    changes: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise click.BadParameter(f"{text!r}: write NAME=VALUE with a NAME out of: {', '.join(known)}")
        changes[name] = _parsed(known[name], value)
    try:
        if base is not None:
            return dataclasses.replace(base, **changes)  # type: ignore[type-var]
        return settings_class(**changes)
    except ValueError as error:  # a settings class checks its own values
        raise click.BadParameter(str(error)) from error


def _parsed(column: Column, text: str) -> Any:
    if column.many:
        return tuple(_parsed_one(column, part.strip()) for part in text.split(",") if part.strip())
    if text == "none" and not column.required:
        return None
    return _parsed_one(column, text)


def _parsed_one(column: Column, text: str) -> Any:
    if column.choices and text not in column.choices:
        raise click.BadParameter(f"{column.name}: {text!r} is none of {', '.join(column.choices)}")
    if column.kind is bool:
        if text.lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise click.BadParameter(f"{column.name}: {text!r} is neither true nor false")
        return text.lower() in ("true", "yes", "1")
    try:
        value = column.kind(text)
    except ValueError:
        raise click.BadParameter(f"{column.name}: {text!r} is no {column.type_name}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise click.BadParameter(f"{column.name}: {text!r} is no finite number")
    return value


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(str(value) for value in default)
    return "none" if default is None else str(default)


class Judged(Protocol):
    """A row of a derived table, as far as its outcome goes."""

    @property
    def reason(self) -> str | None:
        """Why it was rejected; None when kept."""

    @property
    def error(self) -> str | None:
        """Why it could not be judged."""


def reason_class(reason: str) -> str:
    """What like reasons and errors have in common: without a path before and without the numbers behind a colon."""
    first, colon, rest = reason.partition(": ")
    return (rest if colon and "/" in first else first).partition(":")[0]


@dataclass
class Summary:
    """What a run did, printed once at its end: how many rows were kept, rejected by reason, failed by kind."""

    what: str  # of what: "footage", "segments", "scenes"
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, what: str, rows: Iterable[Judged]) -> Summary:
        """The summary of a derived table's rows: an error is a failure, a reason a rejection."""
        summary = cls(what)
        for row in rows:
            if row.error is not None:
                summary.add("failed", row.error)
            else:
                summary.add("kept" if row.reason is None else "rejected", row.reason)
        return summary

    def add(self, outcome: Literal["kept", "rejected", "failed"], reason: str | None = None, number: int = 1) -> None:
        """Count a row; like reasons count together (`reason_class`)."""
        self.counts[outcome, reason_class(reason or "")] += number

    def total(self, outcome: str) -> int:
        """How many rows had this outcome."""
        return sum(number for (known, _), number in self.counts.items() if known == outcome)

    @property
    def exit_code(self) -> int:
        """0 all done; 3 done, but some rows failed."""
        return EXIT_SOME_FAILED if self.total("failed") else 0

    def show(self, as_json: bool = False) -> None:
        """Print the summary to stdout: a few lines, or with `as_json` one JSON object."""
        if as_json:
            reasons = {
                outcome: {reason: number for (known, reason), number in sorted(self.counts.items()) if known == outcome and reason}
                for outcome in ("rejected", "failed")
            }
            totals = {outcome: self.total(outcome) for outcome in ("kept", "rejected", "failed")}
            click.echo(json.dumps({"summary": self.what, **totals, "reasons": reasons}))
            return
        click.echo(f"{self.what}: {self.total('kept')} kept, {self.total('rejected')} rejected, {self.total('failed')} failed")
        for (outcome, reason), number in sorted(self.counts.items(), key=lambda entry: (entry[0][0], -entry[1], entry[0][1])):
            if reason:
                click.echo(f"  {outcome:8} {number:5}  {reason}")

    def finish(self, as_json: bool = False) -> None:
        """Print the summary and leave the command with its exit code."""
        self.show(as_json)
        click.get_current_context().exit(self.exit_code)
