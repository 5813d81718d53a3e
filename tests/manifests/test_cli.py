from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from manifests.cli import main
from manifests.files import Provenance, write_rows
from manifests.tables import TABLES, Footage, Segment
from manifests.workspace import Workspace
from tests.manifests.rows import FOOTAGE, SEGMENT


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    rows = [dataclasses.replace(FOOTAGE, footage_id=key, title=f"clip \x1b[31m{key}") for key in ("a", "b", "c")]
    write_rows(Footage, workspace.table(Footage), rows, Provenance("by hand", {"limit": 2}))
    return workspace


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


def test_show_prints_rows_that_cannot_steer_the_terminal(workspace: Workspace) -> None:
    code, text = call("show", "footage", "-C", str(workspace.root), "--limit", "2")
    assert code == 0
    assert "origin: card/yard.mp4" in text
    assert "3 rows, 2 shown" in text
    assert "\x1b" not in text


def test_show_filters_and_gives_json(workspace: Workspace) -> None:
    code, text = call("show", "footage", "-C", str(workspace.root), "--columns", "footage_id,iso", "--where", "footage_id=b", "--json")
    assert (code, json.loads(text)) == (0, {"footage_id": "b", "iso": None})
    code, text = call("show", "footage", "-C", str(workspace.root), "--columns", "size")
    assert code == 2
    assert "footage has no column 'size'; it has: footage_id" in text


def test_show_provenance(workspace: Workspace) -> None:
    _, text = call("show", "footage", "-C", str(workspace.root), "--provenance", "--json")
    assert json.loads(text)["settings"] == {"limit": 2}


def test_show_without_a_table_is_one_line(tmp_path: Path) -> None:
    code, text = call("show", "scenes", "-C", str(tmp_path))
    assert code == 1
    assert text.startswith("Error: ")
    assert "`curate sequences` makes it" in text


def test_check_tells_and_exits_by_what_it_found(workspace: Workspace) -> None:
    code, text = call("check", "-C", str(workspace.root))
    assert (code, text) == (0, "3 rows in footage: all holds\n")
    write_rows(Segment, workspace.table(Segment), [SEGMENT], Provenance("by hand"))
    code, text = call("check", "-C", str(workspace.root), "--json")
    assert code == 3
    finding, summary = (json.loads(line) for line in text.splitlines())
    assert finding["table"] == "segments"
    assert summary == {"tables": {"footage": 3, "segments": 1}, "findings": 1}


def test_schema_tells_every_column_of_every_table() -> None:
    _, text = call("schema")
    for row_class in TABLES.values():
        for field in dataclasses.fields(row_class):
            assert f"  {field.name}  (" in text
    _, lines = call("schema", "scenes", "--json")
    first = json.loads(lines.splitlines()[0])
    assert (first["table"], first["column"], first["required"]) == ("scenes", "scene_id", True)
