"""Every command, path, tree line and table in the README is true."""

from __future__ import annotations

import re
import subprocess

import click
import pytest

from tests import readme
from tests.commands import TOOLS, tool
from train.presets import PRESETS


@pytest.mark.parametrize("words", readme.commands(), ids=" ".join)
def test_every_command_is_one_that_exists(words: list[str]) -> None:
    """Commands of ours parse, options and all; make targets exist; what else stands there is a usual program."""
    program, *arguments = words
    if program == "make":
        subprocess.run(["make", "--dry-run", *arguments], check=True, cwd=readme.ROOT, capture_output=True)
        return
    if program not in TOOLS:
        assert program in ("git", "cd", "pip", "python3", "sha256sum", "torchrun"), words
        return
    command: click.Command = tool(program)
    context = click.Context(command)
    while isinstance(command, click.Group):
        name, *arguments = arguments
        found = command.get_command(context, name)
        assert found is not None, f"no command {name}"
        command = found
        context = click.Context(command, parent=context)
    command.make_parser(context).parse_args(list(arguments))


def test_a_wrong_option_would_be_caught() -> None:
    command = tool("curate").commands["sequences"]
    with pytest.raises(click.NoSuchOption):
        command.make_parser(click.Context(command)).parse_args(["--no-such-option"])


def test_every_tree_line_is_there_and_says_what_it_is_for() -> None:
    lines = readme.tree()
    assert len(lines) > 40
    for path, meaning in lines:
        assert path.exists(), path
        assert meaning, path


def test_the_tree_names_every_module() -> None:
    told = {path for path, _ in readme.tree()}
    folders = {path for path in told if path.is_dir()}
    for package in TOOLS:
        for module in (readme.ROOT / package).rglob("*.py"):
            if module.name == "__init__.py":
                continue
            inside = any(folder in module.parents and not any(path.parent == folder for path in told) for folder in folders)
            assert module in told or inside, f"{module.relative_to(readme.ROOT)} is not in the README's tree"


def test_paths_named_in_the_text_are_there() -> None:
    text = re.sub(r"^```.*?^```", "", readme.README.read_text(), flags=re.MULTILINE | re.DOTALL)
    named = [
        name for name in re.findall(r"`([\w./-]+)`", text) if "/" in name and name.partition("/")[0] in (*TOOLS, "tests", "docs", ".ci")
    ]
    named += re.findall(r"\]\((?!http)([\w./-]+)\)", text)
    tables = {f"manifests/{table}.parquet" for table in ("footage", "segments", "rain", "scenes", "truth", "scores", "reviews")}
    assert named
    for name in set(named) - tables:
        assert (readme.ROOT / name).exists(), name


def test_the_tables_are_the_row_classes() -> None:
    assert readme.tables_in_markdown() in readme.README.read_text()


def test_presets_are_named() -> None:
    text = readme.README.read_text()
    assert all(f"`{preset}`" in text for preset in PRESETS)
