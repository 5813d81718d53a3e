"""The store of frames: the same pictures and pairs wherever it lies, and clear words where it finds no room."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.media import write_png
from tests.worlds import World, make_world
from train.fit.frame_store import FrameStore, bytes_of, load_scenes
from train.fit.memory import Place
from train.presets import PairSettings, Target
from train.scenes import crops_of, cut_pairs, load_scene

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Scenes of different sizes, one without a mask."""
    world = make_world(tmp_path_factory.mktemp("world"), scenes=3)
    wide = make_world(tmp_path_factory.mktemp("wide"), scenes=1, frames=7, width=70, height=33, seed=5)
    (row, *_) = wide.scenes
    frames = tuple(str(wide.workspace.resolve(stored)) for stored in row.frames)
    world.scenes.insert(1, dataclasses.replace(row, frames=frames, mask=None))
    return world


def stored(world: World, grey: bool = True, place: Place = "host", target: Target = "frame") -> FrameStore:
    rows = world.scenes[:4]
    return load_scenes(rows, world.workspace, grey, target=target, place=place, device=CPU, folder=world.workspace.root / "runs")


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("place", ["device", "host", "file"])
def test_the_store_holds_what_scenes_hold(world: World, grey: bool, place: Place) -> None:
    store = stored(world, grey, place)
    assert store.bytes.numel() == bytes_of(world.scenes[:4], grey, "frame")
    for row, scene in zip(world.scenes[:4], store.scenes, strict=True):
        alone = load_scene(row, world.workspace, grey)
        assert scene.scene_id == row.scene_id
        assert torch.equal(scene.frames, alone.frames)
        assert torch.equal(scene.mask, alone.mask)
        assert scene.frames.untyped_storage().data_ptr() == store.bytes.untyped_storage().data_ptr()
        assert scene.target is None
    assert not list((world.workspace.root / "runs").glob("*"))  # its file has no name


def rain_free(frames: Any, axis: int) -> Any:
    """The lower quartile, raised by what normal noise lowers it by, and by a grey level at most."""
    quartile, tenth = np.quantile(frames, [0.25, 0.1], axis=axis)
    normal = NormalDist()
    raised = normal.inv_cdf(0.75) / (normal.inv_cdf(0.9) - normal.inv_cdf(0.75)) * (quartile - tenth)
    return np.minimum(quartile + np.minimum(raised, 1.0), 255)


@pytest.mark.parametrize(("target", "expected"), [("median", np.median), ("mean", np.mean), ("rain_free", rain_free)])
def test_the_store_holds_what_backgrounds_are_held_against(world: World, target: Target, expected: Callable[..., Any]) -> None:
    store = stored(world, grey=False, target=target)
    assert store.bytes.numel() == bytes_of(world.scenes[:4], False, target)
    for row, scene in zip(world.scenes[:4], store.scenes, strict=True):
        alone = load_scene(row, world.workspace, False)
        assert torch.equal(scene.frames, alone.frames)
        assert torch.equal(scene.mask, alone.mask)
        assert scene.target is not None
        assert np.abs(scene.target.numpy() - expected(alone.frames.numpy(), axis=0)).max() <= 0.5001
    draws = store.draw_pairs(PairSettings(5, 20, 20, 20, True), 0, 0)
    cut = store.cut_pairs(draws, 20, CPU)
    assert cut.target is not None
    for place in range(5):
        whole = store.scenes[draws.scene[place]].target
        assert whole is not None
        top, left = draws.top[place], draws.left[place]
        window = whole[:, top : top + 20, left : left + 20]
        assert torch.equal((cut.target[place] * 255).round().byte(), window.flip(-1) if draws.mirrored[place] else window)


@settings(max_examples=30, deadline=None)
@given(st.booleans(), st.integers(0, 10**6), st.integers(8, 33), st.booleans(), st.sampled_from(get_args(Target)))
def test_pairs_gathered_on_the_device_are_those_cut_in_memory(
    world: World, grey: bool, step: int, least: int, resized: bool, target: Target
) -> None:
    store = stored(world, grey, target=target)
    pairs = PairSettings(6, 16, least, None if resized else least, True)
    draws = store.draw_pairs(pairs, 3, step)
    gathered, cut = crops_of(*store.gathered(draws), draws, 16), cut_pairs(store.scenes, draws, 16, CPU)
    torch.testing.assert_close(gathered.first, cut.first, atol=1e-6, rtol=0)
    torch.testing.assert_close(gathered.second, cut.second, atol=1e-6, rtol=0)
    assert torch.equal(gathered.mask, cut.mask)
    assert (gathered.target is None) == (cut.target is None) == (target == "frame")
    if gathered.target is not None:
        torch.testing.assert_close(gathered.target, cut.target, atol=1e-6, rtol=0)


def test_parts_of_a_step_are_the_step(world: World) -> None:
    """What processes cut side by side is what one would cut alone."""
    store = stored(world)
    draws = store.draw_pairs(PairSettings(4, 16, 12, 30, True), 0, 7)
    whole = store.cut_pairs(draws, 16, CPU)
    parts = [store.cut_pairs(draws.part(slice(start, start + 2)), 16, CPU) for start in (0, 2)]
    torch.testing.assert_close(torch.cat([part.first for part in parts]), whole.first, atol=1e-6, rtol=0)
    assert torch.equal(torch.cat([part.mask for part in parts]), whole.mask)


def test_frames_of_another_size_than_the_table_says_are_named(world: World) -> None:
    row = dataclasses.replace(world.scenes[0], width=50)
    with pytest.raises(InputError, match=r"5 of 48x40, and the table says 5 of 50x40; run `curate sequences`"):
        load_scenes([row], world.workspace, True, place="host", device=CPU, folder=world.workspace.root)


def test_a_table_without_sizes_is_named(world: World) -> None:
    row = dataclasses.replace(world.scenes[0], height=None)
    with pytest.raises(InputError, match="5 of 48x40, and the table says 5 of 48x0"):
        load_scenes([row], world.workspace, True, place="host", device=CPU, folder=world.workspace.root)


def test_frames_beside_a_gpu_lie_in_common_memory(world: World, tmp_path: Path) -> None:
    """Pinned they would take up to twice their size, since pinned memory is given in powers of two."""
    store = load_scenes(world.scenes[:1], world.workspace, True, place="host", device=torch.device("cuda"), folder=tmp_path)
    assert not store.bytes.is_pinned()


def test_of_many_scenes_the_one_that_cannot_be_read_is_named(world: World, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    write_png(bad, load_scene(world.scenes[0], world.workspace, False).frames[0].permute(1, 2, 0).numpy())
    bad.write_bytes(bad.read_bytes()[:200])
    row = dataclasses.replace(world.scenes[2], frames=(*world.scenes[2].frames[:-1], str(bad)))
    with pytest.raises(InputError, match=f"scene {row.scene_id}: .*bad.png"):
        load_scenes([*world.scenes[:2], row], world.workspace, True, place="host", device=CPU, folder=tmp_path)


def test_a_disk_without_room_for_the_frames_is_an_error_and_no_crash(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match=r"no room for 0.0 GB of frames.*No space left"):
        load_scenes(world.scenes[:1], world.workspace, True, place="file", device=CPU, folder=tmp_path)
