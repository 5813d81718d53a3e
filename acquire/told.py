"""What the commands print about footage: as one JSON object a line for machines, as text for people."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

import click

from acquire.shown import printable, shown_size
from acquire.status import Group, Waiting
from acquire.youtube.pacing import local
from acquire.youtube.preview import Coming
from manifests.options import EXIT_SOME_FAILED
from manifests.tables import Footage


def tell_row(row: Footage) -> None:
    """One row of footage, as JSON."""
    click.echo(json.dumps(dataclasses.asdict(row), default=str))


# --- a dry run ----------------------------------------------------------------------------------------------------------------------


def tell_coming(coming: Iterable[Coming], as_json: bool) -> int:
    """What links would bring, one by one, and all together; the exit code."""
    told: list[Coming] = []
    for one in coming:
        told.append(one)
        click.echo(json.dumps(dataclasses.asdict(one)) if as_json else _coming(one))
    wanted = [one for one in told if one.error is None and one.reason is None]
    fetched = {one.url: one for one in wanted}.values()  # a video is fetched once for all its time ranges
    failed = sum(one.error is not None for one in told)
    total = {
        "videos": len(wanted),
        "hours": round(sum(one.duration_s or 0.0 for one in wanted) / 3600, 3),
        "of_unknown_length": sum(one.duration_s is None for one in wanted),
        "bytes": sum(one.bytes or 0 for one in fetched),
        "estimated_bytes": sum(one.bytes or 0 for one in fetched if one.estimated),
        "of_unknown_size": sum(one.bytes is None for one in fetched),
        "rejected": sum(one.reason is not None for one in told),
        "failed": failed,
    }
    if as_json:
        click.echo(json.dumps({"summary": "coming", **total}))
    else:
        estimated = f" ({shown_size(total['estimated_bytes'])} of them estimated)" if total["estimated_bytes"] else ""
        unknown = f"; length unknown of {total['of_unknown_length']}, size of {total['of_unknown_size']}"
        click.echo(f"{len(wanted)} videos, {total['hours']:.2f} h, {shown_size(total['bytes'])}{estimated}{unknown}")
        click.echo(f"{total['rejected']} not wanted, {failed} cannot be had")
    return EXIT_SOME_FAILED if failed else 0


def _coming(one: Coming) -> str:
    if one.error is not None:
        return printable(f"{one.source_id or one.url}: {one.error_kind}: {one.error}")
    length = "length unknown" if one.duration_s is None else f"{one.duration_s / 60:.1f} min"
    large = "size unknown" if one.bytes is None else f"about {shown_size(one.bytes)}" if one.estimated else shown_size(one.bytes)
    unwanted = "" if one.reason is None else f"not wanted ({one.reason}): "
    return printable(f"{one.source_id}: {unwanted}{one.title} ({length}, {large}{f', {one.format}' if one.format else ''})")


# --- the status ---------------------------------------------------------------------------------------------------------------------


def tell_groups(groups: Iterable[Group], as_json: bool) -> None:
    """What is there, what failed and what can be done about it."""
    for group in groups:
        if as_json:
            click.echo(json.dumps(dataclasses.asdict(group), default=str))
            continue
        name = group.error_kind or (f"rejected: {group.reason}" if group.reason else group.status)
        click.echo(f"{group.source:10} {group.number:6}  {name}  {_outcome(group)}")
        if group.example is not None:
            click.echo(f"{'':19}such as {_example(group.example)}")


def tell_rows(rows: Sequence[Footage], waiting: Sequence[Waiting], as_json: bool) -> None:
    """Rows that brought nothing, one by one, with the tool's own words."""
    for row, when in zip(rows, waiting, strict=True):
        if as_json:
            click.echo(json.dumps({**dataclasses.asdict(row), **dataclasses.asdict(when)}, default=str))
        else:
            click.echo(f"{row.error_kind or row.status:14} {_when(when.due, when.next_attempt_at):22} {_example(row)}")


def _outcome(group: Group) -> str:
    if group.status == "ok":
        return f"{group.duration_s / 3600:.2f} h, {shown_size(group.bytes)}"
    if group.status == "rejected":
        return "not asked for again while --licence stands" if group.reason == "licence" else "not asked for again"
    again = f"{group.due} due now" if group.retryable else "never by itself"
    later = "" if group.next_attempt_at is None else f", next after {local(group.next_attempt_at)}"
    return f"asked again: {again}{later}; {group.attempts} attempts so far: {group.advice}"


def _example(row: Footage) -> str:
    attempts = f"{row.attempts} attempt{'s' if row.attempts > 1 else ''}"
    return printable(
        f"{row.source_id} ({attempts}, last {local(row.acquired_at)}, {row.tool or 'tool unknown'}): {row.error or row.reason}"
    )


def _when(due: bool, next_attempt_at: datetime | None) -> str:
    return "due" if due else "not by itself" if next_attempt_at is None else f"after {local(next_attempt_at)}"
