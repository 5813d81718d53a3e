"""Training reads a release out of its shards, as it lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from manifests.errors import InputError
from manifests.files import read_frozen_rows
from manifests.tables import Scene
from tests.curate.release.releases import built, contents
from tests.worlds import World
from train.cli import main
from train.released import ReleasedPictures, released_pictures
from train.scenes import load_scene, scenes_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    return built(tmp_path_factory.mktemp("made"))


def test_the_pictures_are_those_that_were_packed(made: tuple[World, Path]) -> None:
    world, folder = made
    pictures = released_pictures(folder / "scenes.parquet")
    assert pictures is not None
    (row,) = scenes_of(read_frozen_rows(Scene, folder / "scenes.parquet"), "train")
    ours, original = load_scene(row, pictures, False), load_scene(world.scenes[0], world.workspace, False)
    assert np.array_equal(ours.frames.numpy(), original.frames.numpy())
    assert np.array_equal(ours.mask.numpy(), original.mask.numpy())


def test_a_table_of_a_workspace_is_no_release(made: tuple[World, Path]) -> None:
    assert released_pictures(made[0].workspace.table(Scene)) is None


def test_fit_trains_on_a_release_and_leaves_it_alone(made: tuple[World, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = contents(made[1])
    small = ["crop_px=32", "window_from_px=32", "window_to_px=36", "width=4", "pairs=1"]
    crop = [word for setting in small for word in ("--set", setting)]
    result = CliRunner().invoke(main, ["fit", str(made[1] / "scenes.parquet"), "--preset", "small", "--steps", "2", *crop])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "runs/small/checkpoint.safetensors").is_file()
    assert contents(made[1]) == before


def test_a_run_never_lies_in_a_release(made: tuple[World, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made[1])
    result = CliRunner().invoke(main, ["fit", "scenes.parquet", "--preset", "small", "--steps", "2"])
    assert result.exit_code == 1
    assert "stays as it is" in result.output


def test_scenes_without_pixels_are_left_out(made: tuple[World, Path]) -> None:
    table = made[1] / "scenes.parquet"
    rows = read_frozen_rows(Scene, table)
    pictures = released_pictures(table)
    assert pictures is not None
    first = rows[0].frames
    some = ReleasedPictures(pictures.folder, {name: place for name, place in pictures.places.items() if name not in first})
    assert some.with_pixels(rows) == rows[1:]
    with pytest.raises(InputError, match="holds no pixels"):
        ReleasedPictures(pictures.folder, {}).with_pixels(rows)


def test_what_is_not_there_is_named(made: tuple[World, Path], tmp_path: Path) -> None:
    pictures = released_pictures(made[1] / "scenes.parquet")
    assert pictures is not None
    with pytest.raises(InputError, match=r"holds no pixels of scenes/none\.png"):
        pictures.read("scenes/none.png")
    name, (shard, _, size) = next(iter(pictures.places.items()))
    short = ReleasedPictures(pictures.folder, {name: (shard, (made[1] / shard).stat().st_size - 1, size)})
    with pytest.raises(InputError, match="ends within"):
        short.read(name)
    elsewhere = tmp_path / "secret.tar"
    elsewhere.write_bytes(bytes(100))
    outside = ReleasedPictures(pictures.folder, {name: (str(elsewhere), 0, 10)})
    with pytest.raises(InputError, match="cannot be read"):
        outside.read(name)
