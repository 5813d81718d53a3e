"""Against a scene's temporal median, rainy pixels and the others are told apart as a literal version does."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result

from manifests.errors import InputError
from manifests.media import read_picture, write_png
from manifests.tables import Scene
from tests.worlds import World, make_world, write_world
from train.cli import main
from train.evaluate.real_rain import impulses, real_rain
from train.metrics import luma
from train.network import build
from train.presets import SMALL

Picture = npt.NDArray[np.uint8]


def darker(_network: object, picture: Picture) -> npt.NDArray[np.float32]:
    """Stands in for a network: six levels darker, which is right for some pixels and wrong for most."""
    return np.asarray((picture.astype(np.float32) - 6).clip(0) / 255, dtype=np.float32)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("train.evaluate.real_rain.load_network", lambda _path: build(SMALL))
    monkeypatch.setattr("train.evaluate.real_rain.derain_picture", darker)
    monkeypatch.chdir(tmp_path)
    for name in ("net", "net.safetensors"):
        Path(name).write_bytes(b"weights")
    return make_world(tmp_path / "work")


def literal(world: World, number: int) -> dict[str, float]:
    """Pixel by pixel, in plain Python."""
    scene = world.scenes[number]
    frames = [read_picture(world.workspace.resolve(frame)) for frame in scene.frames]
    assert scene.mask is not None
    mask = read_picture(world.workspace.resolve(scene.mask), grey=True)
    median = luma(np.median(np.stack(frames), axis=0) / 255).tolist()
    lumas = [luma(frame).tolist() for frame in frames]
    squares: dict[str, list[tuple[float, float]]] = {"rainy": [], "elsewhere": []}
    for before, frame, after, picture in zip(lumas, lumas[1:], lumas[2:], frames[1:], strict=False):
        made = luma(darker(None, picture)).tolist()
        for y, x in np.ndindex(mask.shape):
            if mask[y, x] == 255:
                kind = "rainy" if frame[y][x] - max(before[y][x], after[y][x]) > 3 else "elsewhere"
                squares[kind].append(((made[y][x] - median[y][x]) ** 2, (frame[y][x] - median[y][x]) ** 2))
    found = {"rainy_share": len(squares["rainy"]) / sum(map(len, squares.values()))}
    for kind, errors in squares.items():
        for place, name in enumerate((f"psnr_{kind}", f"psnr_{kind}_input")):
            found[name] = 10 * math.log10(255**2 / statistics.fmean(error[place] for error in errors))
    return found


def test_scenes_are_measured_as_the_literal_version_does(world: World) -> None:
    (measured,) = real_rain(Path("net"), world.workspace.table(Scene), split="train").scenes
    assert (measured.scene_id, measured.frames) == (world.scenes[0].scene_id, 3)
    for name, expected in literal(world, 0).items():
        assert getattr(measured, name) == pytest.approx(expected), name
    assert 0 < measured.rainy_share < 0.5


def test_an_impulse_is_brighter_than_both_neighbours() -> None:
    frame = np.array([[100.0, 100, 100, 100]])
    before, after = np.array([[90.0, 100, 90, 97]]), np.array([[90.0, 90, 100, 97]])
    assert impulses(before, frame, after).tolist() == [[True, False, False, False]]  # three levels are not above three


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_the_command_prints_scenes_and_their_means(world: World) -> None:
    world.scenes[1] = replace(world.scenes[1], split="train")
    write_world(world)
    asked = ("net.safetensors", world.workspace.table(Scene), "--real-rain", "--split", "train")
    mean, about = command(*asked).stdout.splitlines()[-2:]
    assert (mean.split()[0], about[:27]) == ("mean", f"checkpoint {hashlib.sha256(b'weights').hexdigest()[:16]}")
    *scenes, mean = [json.loads(line) for line in command(*asked, "--json").stdout.splitlines()]
    assert {scene["scene_id"] for scene in scenes} == {scene.scene_id for scene in world.scenes[:2]}
    assert mean["psnr_rainy"] == pytest.approx(statistics.fmean(scene["psnr_rainy"] for scene in scenes))
    assert mean["frames"] == 6
    assert f"split {mean['split']}, data {mean['data']}, {mean['device']}; {mean['versions']}" in about
    for wrong in (("--pairs", "."), ("--protocol", "rgb")):
        assert command(*asked, *wrong).exit_code == 2


def test_other_frames_are_other_data(world: World) -> None:
    asked = (Path("net"), world.workspace.table(Scene))
    before = real_rain(*asked, split="train")
    world.scenes[0] = replace(world.scenes[0], frames=world.scenes[0].frames[:-1], sha256=world.scenes[0].sha256[:-1])
    write_world(world)
    assert (before.split, before.checkpoint) == ("train", hashlib.sha256(b"weights").hexdigest()[:16])
    assert real_rain(*asked, split="train").data != before.data


def test_a_still_scene_has_no_rainy_pixels_and_a_damaged_one_is_named(world: World) -> None:
    world.scenes[1] = replace(world.scenes[1], split="train")
    for frame in world.scenes[0].frames:
        write_png(world.workspace.resolve(frame), np.full((40, 48, 3), 90, np.uint8))
    world.scenes[0] = replace(world.scenes[0], sha256=())
    world.workspace.resolve(world.scenes[1].frames[2]).unlink()
    write_world(world)
    asked = (Path("net"), world.workspace.table(Scene))
    found = real_rain(*asked, split="train")
    (still,) = found.scenes
    assert (still.rainy_share, still.psnr_rainy, still.psnr_rainy_input, still.psnr_elsewhere_input) == (0, None, None, None)
    assert still.psnr_elsewhere == pytest.approx(10 * math.log10(255**2 / (6 * 219 / 255) ** 2))
    assert "000002.png: no such picture" in found.failed[0]
    assert command("net.safetensors", asked[1], "--real-rain", "--split", "train").exit_code == 3
    with pytest.raises(InputError, match="no kept scene of split test"):
        real_rain(*asked, split="test")
