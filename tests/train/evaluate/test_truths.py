"""A scene finds the clean picture behind it, however its clip was served, fetched or renamed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from manifests.errors import InputError
from manifests.tables import Scene, Truth
from tests.worlds import CROP_LEFT, CROP_TOP, World, make_world, write_world
from train.evaluate.truths import Crop, clip_names, scenes_with_truth


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path, frames=2)


def tables(world: World) -> tuple[Path, Path]:
    return world.workspace.table(Scene), world.workspace.table(Truth)


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:1/rain-003-coffee.m3u8",
        "http://127.0.0.1:1/rain-003-coffee.mp4?token=a.b#t=1",
        "https://example.org/a/rain-003-coffee/index.mpd",
        "https://example.org/rain-003-coffee/dash/manifest.mpd",
        "/media/card/rain-003-coffee.MP4",
        "C:\\clips\\rain-003-coffee.mp4",
        "rain-003-coffee",
        "https://example.org/x/rain-003-coffee/",
    ],
)
def test_a_clip_keeps_its_name_in_the_origin(origin: str) -> None:
    assert "rain-003-coffee" in clip_names(origin)


def test_no_name_is_no_error() -> None:
    assert clip_names("") == []


def test_scenes_of_the_split_come_with_frames_crop_and_truth(world: World) -> None:
    found = scenes_with_truth(*tables(world), "train")
    assert found.without_truth == ()
    (scene,) = found.scenes
    assert scene.scene_id == world.scenes[0].scene_id
    assert scene.crop == Crop(CROP_LEFT, CROP_TOP, 48, 40)
    assert scene.truth == world.workspace.root / "truth" / "rain-000.png"
    assert [path.is_file() for path in scene.frames] == [True, True]


def test_a_copy_of_other_bytes_is_found_by_its_name(world: World) -> None:
    world.truth[0] = replace(world.truth[0], footage_id="another")
    world.footage[0] = replace(world.footage[0], source="youtube", origin="http://127.0.0.1:1/rain-000/index.m3u8", source_id="x")
    write_world(world)
    assert scenes_with_truth(*tables(world), "train").scenes[0].truth.name == "rain-000.png"


def test_the_footage_id_goes_before_the_name(world: World) -> None:
    world.truth[0] = replace(world.truth[0], clip_id="renamed")
    world.truth[1] = replace(world.truth[1], clip_id="rain-000")
    write_world(world)
    assert scenes_with_truth(*tables(world), "train").scenes[0].truth.name == "rain-000.png"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_id": "other", "footage_id": "other"}, "knows neither its footage nor a clip of its name"),
        ({"clean": None}, "background of clip rain-000 changes"),
        ({"width": 99}, "rendered at 99x50, its footage is 58x50"),
    ],
)
def test_a_scene_without_truth_is_said_and_none_at_all_is_an_error(world: World, changes: dict[str, object], message: str) -> None:
    world.truth[0] = replace(world.truth[0], **changes)  # type: ignore[arg-type]
    world.scenes[1] = replace(world.scenes[1], split="train")
    write_world(world)
    found = scenes_with_truth(*tables(world), "train")
    assert [scene.scene_id for scene in found.scenes] == [world.scenes[1].scene_id]
    assert len(found.without_truth) == 1
    assert message in found.without_truth[0]
    world.scenes[1] = replace(world.scenes[1], split="val")
    write_world(world)
    with pytest.raises(InputError, match=message):
        scenes_with_truth(*tables(world), "train")


def test_an_empty_split_names_the_table_and_the_cure(world: World) -> None:
    world.scenes[:] = world.scenes[:1]
    write_world(world)
    with pytest.raises(InputError, match=r"scenes\.parquet: no kept scene of split test"):
        scenes_with_truth(*tables(world), "test")
