"""What no table refers to is listed, and deleted on request alone; footage and what is fresh never."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from manifests.cli import main
from manifests.files import Provenance, write_rows
from manifests.prune import unreferred
from manifests.tables import Footage, Scene, Segment
from manifests.workspace import Workspace
from tests.manifests.rows import FOOTAGE, SEGMENT

BY_HAND = Provenance("by hand")
OLD = 1_600_000_000
REFERRED = ["scenes/one/000001.png", "scenes/one/median.png", "masks/kept.png", "measures/known.npz", "footage/clip.mp4"]
STRAY = ["scenes/two/000001.png", "scenes/.s-000000.unfinished/1.png", "masks/gone.png", "measures/gone.npz", "masks/.kept.png.x1.tmp"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    write_rows(Footage, workspace.table(Footage), [dataclasses.replace(FOOTAGE, footage_id="known")], BY_HAND)
    write_rows(Segment, workspace.table(Segment), [dataclasses.replace(SEGMENT, mask="masks/kept.png")], BY_HAND)
    scene = Scene("one", "s", "known", "source", frames=("scenes/one/000001.png",), median="scenes/one/median.png", split="train")
    write_rows(Scene, workspace.table(Scene), [scene], BY_HAND)
    for name in [*REFERRED, *STRAY, "footage/unknown.mp4"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    age(tmp_path)
    return workspace


def age(root: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, (OLD, OLD))


def call(*arguments: str) -> list[str]:
    result = CliRunner().invoke(main, ["prune", *arguments])
    assert result.exit_code == 0
    return result.output.splitlines()


def test_what_no_table_refers_to_is_listed_and_nothing_is_touched(workspace: Workspace) -> None:
    found = {path.relative_to(workspace.root).as_posix() for path in unreferred(workspace)}
    assert found == {"scenes/two", "scenes/.s-000000.unfinished", "masks/gone.png", "measures/gone.npz", "masks/.kept.png.x1.tmp"}
    lines = call("-C", str(workspace.root), "--json")
    assert json.loads(lines[-1]) == {"paths": 5, "bytes": 25, "deleted": False}
    assert all((workspace.root / name).exists() for name in [*REFERRED, *STRAY])


def test_it_is_deleted_on_request_and_the_rest_stays(workspace: Workspace) -> None:
    assert call("-C", str(workspace.root), "--delete")[-1] == "5 deleted, 0.0 MB"
    assert not any((workspace.root / name).exists() for name in STRAY)
    assert all((workspace.root / name).exists() for name in [*REFERRED, "footage/unknown.mp4"])
    assert call("-C", str(workspace.root)) == ["0 to delete with --delete, 0.0 MB"]


def test_what_is_fresh_is_left_to_its_run(workspace: Workspace) -> None:
    for name in ("scenes/two", "masks/gone.png"):
        os.utime(workspace.root / name)
    assert {path.name for path in unreferred(workspace)} == {".s-000000.unfinished", "gone.npz", ".kept.png.x1.tmp"}


def test_a_folder_without_its_table_is_left_alone(workspace: Workspace) -> None:
    workspace.table(Scene).unlink()
    workspace.table(Footage).unlink()
    assert {path.name for path in unreferred(workspace)} == {"gone.png", ".kept.png.x1.tmp"}
