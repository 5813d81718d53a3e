"""The four command lines and every command in them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import click

TOOLS = ("manifests", "acquire", "curate", "train")


def tool(name: str) -> click.Group:
    """The click group behind one of the four commands."""
    group = importlib.import_module(f"{name}.cli").main
    assert isinstance(group, click.Group)
    return group


def every_command() -> Iterator[tuple[str, ...]]:
    """`("curate", "release", "build")` and so on, groups included."""
    for name in TOOLS:
        yield from _below((name,), tool(name))


def _below(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from _below((*path, name), child)
