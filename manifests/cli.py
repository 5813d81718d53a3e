"""`manifests`: look at a workspace's tables, and check that they hold."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from manifests.columns import columns, key_name
from manifests.options import EXIT_SOME_FAILED, Commands, json_option, workers_option, workspace_option
from manifests.tables import SCHEMA_VERSION, TABLES
from manifests.workspace import Workspace


@click.group(cls=Commands)
@click.version_option(package_name="rainlapse")
def main() -> None:
    """The tables between the stages: what they promise, what they hold, whether it is true."""


@main.command()
@click.argument("table", type=click.Choice(list(TABLES)))
@workspace_option
@click.option("--columns", "names", help="Comma-separated columns to show; otherwise the key and what is not empty.")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Rows to show; 0: all.")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Only rows whose column holds this text (`null` for null).")
@click.option("--provenance", is_flag=True, help="Show what made the rows (command, settings, versions, inputs) instead.")
@json_option
def show(table: str, workspace: Workspace, names: str | None, limit: int, where: tuple[str, ...], provenance: bool, as_json: bool) -> None:
    """Show a table's rows."""
    from manifests.files import read_provenance, read_rows

    row_class = TABLES[table]
    if provenance:
        for record in read_provenance(row_class, workspace.table(row_class)):
            click.echo(json.dumps(record, indent=None if as_json else 2))
        return
    known = [column.name for column in columns(row_class)]
    chosen = [name.strip() for name in names.split(",")] if names else known
    conditions = [tuple(condition.split("=", 1)) for condition in where]
    for name in [*chosen, *(condition[0] for condition in conditions)]:
        if name not in known:
            raise click.BadParameter(f"{table} has no column {name!r}; it has: {', '.join(known)}")
    if any(len(condition) != 2 for condition in conditions):
        raise click.BadParameter("write --where COLUMN=VALUE")
    stored: list[Any] = read_rows(row_class, workspace.table(row_class))
    rows = [row for row in stored if all(_text(getattr(row, name)) == value for name, value in conditions)]
    for row in rows[: limit or None]:
        values = {name: getattr(row, name) for name in chosen}
        if as_json:
            click.echo(json.dumps(values, default=str))
        else:
            _print_row(values, str(getattr(row, key_name(row_class))), everything=names is not None)
    if not as_json:
        click.echo(f"{len(rows)} rows" + (f", {limit} shown" if limit and len(rows) > limit else ""))


@main.command()
@workspace_option
@click.option("--media", is_flag=True, help="Open again what rows name: decode footage whole, hash frames.")
@workers_option
@json_option
def check(workspace: Workspace, media: bool, workers: int, as_json: bool) -> None:
    """Check every row, the keys across tables and, with --media, the files. Exits 3 when something does not hold."""
    from manifests import checks

    counts, findings = checks.check(workspace, media=media, workers=workers)
    for finding in findings:
        line = json.dumps(dataclasses.asdict(finding)) if as_json else f"{finding.table} {finding.key}: {finding.problem}"
        click.echo(line)
    summary = {"tables": counts, "findings": len(findings)}
    text = f"{sum(counts.values())} rows in {', '.join(counts)}: " + (f"{len(findings)} findings" if findings else "all holds")
    click.echo(json.dumps(summary) if as_json else text)
    click.get_current_context().exit(EXIT_SOME_FAILED if findings else 0)


@main.command()
@workspace_option
@click.option("--delete", "really", is_flag=True, help="Remove what is listed; without it nothing is touched.")
@json_option
def prune(workspace: Workspace, really: bool, as_json: bool) -> None:
    """List what no table refers to: scenes, masks and measures that were replaced, and leftovers of killed runs. Never footage."""
    from manifests import prune as pruning

    found = [(path, pruning.size(path)) for path in pruning.unreferred(workspace)]
    for path, size in found:
        if really:
            pruning.delete(path)
        stored = workspace.relative(path)
        click.echo(json.dumps({"path": stored, "bytes": size}) if as_json else f"{_text(stored)}  {size / 1e6:.1f} MB")
    total = {"paths": len(found), "bytes": sum(size for _, size in found), "deleted": really}
    how = "deleted" if really else "to delete with --delete"
    click.echo(json.dumps(total) if as_json else f"{len(found)} {how}, {total['bytes'] / 1e6:.1f} MB")


@main.command()
@click.argument("table", type=click.Choice(list(TABLES)), required=False)
@json_option
def schema(table: str | None, as_json: bool) -> None:
    """What each table promises, column by column."""
    for name in [table] if table else list(TABLES):
        row_class = TABLES[name]
        if not as_json:
            click.echo(f"{name} (schema version {SCHEMA_VERSION}): {(row_class.__doc__ or '').strip().splitlines()[0]}")
        for column in columns(row_class):
            if as_json:
                entry = {"table": name, "column": column.name, "type": column.type_name, "required": column.required}
                click.echo(json.dumps({**entry, "meaning": column.meaning}))
            else:
                null = "" if column.required else ", may be null"
                click.echo(f"  {column.name}  ({column.type_name}{null})  {column.meaning}")


def _print_row(values: dict[str, Any], key: str, everything: bool) -> None:
    click.echo(click.style(key, bold=True))
    for name, value in values.items():
        if everything or value not in (None, (), "", key):
            text = _text(value)
            click.echo(f"  {name}: {text if len(text) <= 200 else text[:197] + '…'}")


def _text(value: Any) -> str:
    """A value as one line that cannot steer the terminal."""
    if value is None:
        return "null"
    if isinstance(value, tuple):
        return f"[{len(value)}] " + ", ".join(_text(entry) for entry in value[:8]) + (", …" if len(value) > 8 else "")
    if isinstance(value, float):
        return f"{value:g}"
    return "".join(character if character.isprintable() else "�" for character in str(value))
