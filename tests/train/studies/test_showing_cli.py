"""The commands of the studies that train nothing."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from tests.worlds import World
from train.cli import main


def test_speed(tmp_path: Path) -> None:
    arguments = ["study", "speed", "-C", str(tmp_path), "--preset", "small", "--precision", "float32", "--side-px", "8", "--pictures", "1"]
    found = CliRunner().invoke(main, [*arguments, "--json"])
    assert found.exit_code == 0, found.output
    (row,) = [json.loads(line) for line in found.stdout.splitlines()]
    assert (row["preset"], row["side_px"], row["pictures"]) == ("small", 8, 1)
    assert {path.name for path in (tmp_path / "studies" / "speed").iterdir()} == {"table.parquet", "table.md", "figure.png"}


def test_features_of_a_held_out_frame_unless_a_picture_is_named(world: World, checkpoint: Path) -> None:
    for picture in ([], [str(world.workspace.resolve(world.scenes[0].frames[0]))]):
        found = CliRunner().invoke(main, ["study", "features", str(checkpoint), *picture, "-C", str(world.workspace.root)])
        assert found.exit_code == 0, found.output
        assert "| encoder 3x3 | 2 |" in found.stdout


def test_failures_of_a_folder_of_pairs(world: World, checkpoint: Path, tmp_path: Path) -> None:
    scene = world.scenes[1]
    clean = world.workspace.resolve(scene.frames[0])
    for folder, source in (("input", scene.frames[1]), ("target", scene.frames[0])):
        path = tmp_path / "pairs" / folder / "1.png"
        path.parent.mkdir(parents=True)
        path.write_bytes((clean if folder == "target" else world.workspace.resolve(source)).read_bytes())
    arguments = ["study", "failures", str(checkpoint), "--pairs", str(tmp_path / "pairs"), "-C", str(tmp_path), "--quick"]
    found = CliRunner().invoke(main, arguments)
    assert found.exit_code == 0, found.output
    assert "| 1.png |" in found.stdout


def test_a_detector_that_is_not_there_is_one_clear_line(world: World, checkpoint: Path) -> None:
    arguments = ["study", "detection", str(checkpoint), "-C", str(world.workspace.root), "--detector", "no_such_module:find"]
    found = CliRunner().invoke(main, arguments)
    assert found.exit_code == 1
    assert "--detector no_such_module:find: cannot be loaded" in found.stderr


def test_a_table_of_scenes_leads_to_its_workspace(world: World, checkpoint: Path) -> None:
    table = world.workspace.root / "manifests" / "scenes.parquet"
    found = CliRunner().invoke(main, ["study", "failures", str(checkpoint), "--scenes", str(table), "--quick"])
    assert found.exit_code == 0, found.output
    assert (world.workspace.root / "studies" / "failures" / "table.md").exists()
