"""A release unpacked is a workspace that training reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from curate.cli import main
from curate.release.build import build
from curate.release.unpack import unpack
from manifests.checks import check
from manifests.errors import InputError
from manifests.files import read_rows
from manifests.media import read_picture
from manifests.tables import Scene
from manifests.workspace import Workspace
from tests.curate.release.releases import built, contents
from tests.curate.release.tampering import flip
from tests.worlds import World, write_world
from train.scenes import load_scene, scenes_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    return built(tmp_path_factory.mktemp("made"))


def test_training_loads_the_very_pictures(made: tuple[World, Path], tmp_path: Path) -> None:
    world, folder = made
    before = contents(folder)
    assert unpack(folder, Workspace(tmp_path), workers=1) == (3, 0)
    assert contents(folder) == before
    rows = read_rows(Scene, Workspace(tmp_path).table(Scene))
    assert check(Workspace(tmp_path), media=True, workers=0)[1] == []
    (train,) = scenes_of(rows, "train")
    ours, original = load_scene(train, Workspace(tmp_path), False), load_scene(world.scenes[0], world.workspace, False)
    assert np.array_equal(ours.frames.numpy(), original.frames.numpy())
    assert np.array_equal(ours.mask.numpy(), original.mask.numpy())


def test_a_scene_without_a_mask_gets_one_that_leaves_nothing_out(made: tuple[World, Path], tmp_path: Path) -> None:
    world = made[0]
    kept = world.scenes[0]
    world.scenes[0] = replace(kept, mask=None)
    write_world(world)
    folder = build(world.workspace, profile="own").folder
    world.scenes[0] = kept
    write_world(world)
    unpack(folder, Workspace(tmp_path))
    (row,) = (row for row in read_rows(Scene, Workspace(tmp_path).table(Scene)) if row.scene_id == kept.scene_id)
    assert row.mask is not None
    mask = read_picture(tmp_path / row.mask, grey=True)
    assert (mask.shape, mask.min()) == ((40, 48), 255)


def test_only_scenes_with_pixels_are_unpacked(made: tuple[World, Path], tmp_path: Path) -> None:
    world = made[0]
    old = world.footage[1]
    world.footage[1] = replace(old, source="youtube", origin="https://example.org/a")
    write_world(world)
    folder = build(world.workspace, profile="own").folder
    links = build(world.workspace).folder
    world.footage[1] = old
    write_world(world)
    assert unpack(folder, Workspace(tmp_path / "own")) == (2, 1)
    assert len(read_rows(Scene, Workspace(tmp_path / "own").table(Scene))) == 2
    with pytest.raises(InputError, match="holds no pixels"):
        unpack(links, Workspace(tmp_path / "links"))


def test_damage_leaves_no_table_and_scenes_are_not_overwritten(made: tuple[World, Path], tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(made[1], tmp_path / "0.1.0")
    flip(folder / "shards" / "train-000000.tar", 0.3)
    result = CliRunner().invoke(main, ["release", "unpack", str(folder), "-C", str(tmp_path / "w"), "--workers", "0"])
    assert result.exit_code == 1
    assert "has changed" in result.stderr.splitlines()[-1]
    assert not Workspace(tmp_path / "w").table(Scene).exists()
    told = CliRunner().invoke(main, ["release", "unpack", str(made[1]), "-C", str(tmp_path / "w"), "--workers", "0", "--json"])
    assert json.loads(told.stdout) == {"workspace": str(tmp_path / "w"), "scenes": 3, "without_pixels": 0}
    with pytest.raises(InputError, match="there are scenes already"):
        unpack(made[1], Workspace(tmp_path / "w"))
