"""The README as data: its commands, its Python, its tree and its tables, so that tests can hold it to its word."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

from manifests.columns import columns
from manifests.tables import TABLES

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def blocks(language: str) -> list[str]:
    """The fenced code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every command line in the README's shell blocks, split as a shell would, comments dropped."""
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


def chain(begins: str = "acquire simulate") -> list[list[str]]:
    """The command lines of the block that begins so: of the chain, unless another is named."""
    (block,) = (block for block in blocks("bash") if block.lstrip().startswith(begins))
    return [words for words in (shlex.split(line, comments=True) for line in block.splitlines()) if words]


def tree() -> list[tuple[Path, str]]:
    """The annotated tree: each line's path and what the README says it is for."""
    (block,) = (block for block in blocks("text") if "pyproject.toml" in block)
    found: list[tuple[Path, str]] = []
    folders: list[str] = []
    for line in block.splitlines():
        entry, _, meaning = line.strip().partition("  ")
        depth = (len(line) - len(line.lstrip())) // 2
        folders = [*folders[:depth], entry]
        found.append((ROOT.joinpath(*folders), meaning.strip()))
    return found


def tables_in_markdown() -> str:
    """What the README's section on tables must say, from the row classes."""
    lines = ["| table | a row is | key | columns |", "|---|---|---|---|"]
    for name, row_class in TABLES.items():
        meaning = (row_class.__doc__ or "").strip().splitlines()[0]
        key, *rest = (field.name for field in dataclasses.fields(row_class))
        frame_lists = [column for column in rest if column.startswith("frame_") and column != "frame_index"]
        shown = [f"`{column}`" for column in rest if column not in frame_lists]
        if frame_lists:
            shown.append("per frame: " + ", ".join(f"`{column}`" for column in frame_lists))
        lines.append(f"| `{name}` | {meaning} | `{key}` | {', '.join(shown)} |")
    assert all(column.meaning for row_class in TABLES.values() for column in columns(row_class))
    return "\n".join(lines)
