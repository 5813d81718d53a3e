from __future__ import annotations

from pathlib import Path

import pytest

from manifests.tables import Footage, Scene
from manifests.workspace import Workspace


def test_tables_lie_in_manifests(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.table(Scene) == tmp_path / "manifests" / "scenes.parquet"
    assert Workspace.of_table(workspace.table(Scene)).root == tmp_path.resolve()
    with pytest.raises(KeyError):
        workspace.table(int)


def test_paths_inside_are_relative_and_outside_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(Path())
    inside = Path("footage") / "a.mp4"
    assert workspace.relative(inside) == "footage/a.mp4"
    assert workspace.relative(tmp_path / inside) == "footage/a.mp4"
    assert workspace.relative(tmp_path.parent / "b.mp4") == (tmp_path.parent / "b.mp4").as_posix()
    for path in (inside, tmp_path.parent / "b.mp4"):
        assert workspace.resolve(workspace.relative(path)).absolute() == path.absolute()


def test_a_moved_workspace_still_resolves(tmp_path: Path) -> None:
    stored = Workspace(tmp_path / "old").relative(tmp_path / "old" / "footage" / "a.mp4")
    assert Workspace(tmp_path / "new").resolve(stored) == tmp_path / "new" / "footage" / "a.mp4"
    assert Workspace(tmp_path).table(Footage).parent.name == "manifests"
