"""Scenes in memory and the pairs drawn from them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from manifests.errors import InputError
from manifests.media import read_picture, write_png
from manifests.tables import Scene
from tests.worlds import World, make_world
from train.presets import PairSettings, Target
from train.scenes import PairDraws, SceneFrames, cut_pairs, draw_pairs, load_scene, scenes_of, with_target

CPU = torch.device("cpu")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path, scenes=4)


# --- loading ------------------------------------------------------------------------------------------------------------------------


def test_frames_are_decoded_as_they_are(world: World) -> None:
    row = world.scenes[0]
    colour, grey = load_scene(row, world.workspace, grey=False), load_scene(row, world.workspace, grey=True)
    pictures = [read_picture(world.workspace.resolve(stored)) for stored in row.frames]
    assert colour.size == grey.size == (len(row.frames), row.height, row.width)
    assert colour.frames.dtype == torch.uint8
    for index, picture in enumerate(pictures):
        assert np.array_equal(colour.frames[index].permute(1, 2, 0).numpy(), picture)
        luma = picture @ np.array([0.299, 0.587, 0.114])
        assert np.abs(grey.frames[index, 0].numpy() - luma).max() < 1
    assert bool(colour.mask.all()) == (row.mask is None)


def test_the_mask_says_where_training_may_look(world: World) -> None:
    row = world.scenes[0]
    mask = np.zeros((row.height or 0, row.width or 0), dtype=np.uint8)
    mask[5:20, 7:] = 255
    write_png(world.workspace.root / "masks" / "one.png", mask)
    loaded = load_scene(dataclasses.replace(row, mask="masks/one.png"), world.workspace, grey=True)
    assert np.array_equal(loaded.mask[0].numpy(), mask == 255)


def test_only_kept_scenes_of_the_split_in_order_of_id(world: World) -> None:
    kept = [row for row in world.scenes if row.reason is None and row.error is None and row.split == "train"]
    assert len(kept) == 2
    assert scenes_of(world.scenes[::-1], "train") == sorted(kept, key=lambda row: row.scene_id)
    rejected = dataclasses.replace(kept[0], reason="frozen")
    failed = dataclasses.replace(kept[1], error="no such file")
    assert scenes_of([rejected, failed], "train") == []


def lonely(world: World, row: Scene) -> Scene:
    return dataclasses.replace(row, frames=row.frames[:1])


def missing(world: World, row: Scene) -> Scene:
    world.workspace.resolve(row.frames[2]).unlink()
    return row


def damaged(world: World, row: Scene) -> Scene:
    world.workspace.resolve(row.frames[1]).write_bytes(b"no picture")
    return row


def of_two_sizes(world: World, row: Scene) -> Scene:
    write_png(world.workspace.resolve(row.frames[1]), np.zeros((10, 12, 3), dtype=np.uint8))
    return row


def altered(world: World, row: Scene) -> Scene:
    path = world.workspace.resolve(row.frames[1])
    write_png(path, 255 - read_picture(path))
    return row


def black(world: World, row: Scene) -> Scene:
    for index, stored in enumerate(row.frames):
        write_png(world.workspace.resolve(stored), np.full((30, 40, 3), index % 2, dtype=np.uint8))
    return row


def frozen(world: World, row: Scene) -> Scene:
    picture = read_picture(world.workspace.resolve(row.frames[0])).copy()
    for index, stored in enumerate(row.frames):
        picture[0, 0] = index  # a counter in the corner is no rain
        write_png(world.workspace.resolve(stored), picture)
    return row


def masked_out(world: World, row: Scene) -> Scene:
    write_png(world.workspace.root / "masks" / "none.png", np.zeros((row.height or 0, row.width or 0), dtype=np.uint8))
    return dataclasses.replace(row, mask="masks/none.png")


def masked_by_another(world: World, row: Scene) -> Scene:
    write_png(world.workspace.root / "masks" / "other.png", np.full((3, 4), 255, dtype=np.uint8))
    return dataclasses.replace(row, mask="masks/other.png")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lonely, "1 frames"),
        (missing, "no such picture"),
        (damaged, "cannot be read"),
        (of_two_sizes, "12x10"),
        (altered, "has changed since the scene was made"),
        (black, "shows nothing"),
        (frozen, "frozen"),
        (masked_out, "leaves no pixel"),
        (masked_by_another, "4x3"),
    ],
)
def test_a_scene_that_cannot_be_trained_on_is_named_with_its_cure(world: World, spoil: Callable[[World, Scene], Scene], words: str) -> None:
    row = spoil(world, world.scenes[0])
    with pytest.raises(InputError, match=words) as raised:
        load_scene(row, world.workspace, grey=True)
    assert row.scene_id in str(raised.value)
    assert "curate sequences" in str(raised.value)
    assert "\n" not in str(raised.value)


# --- drawing ------------------------------------------------------------------------------------------------------------------------

sizes = st.lists(st.tuples(st.integers(2, 9), st.integers(20, 60), st.integers(20, 60)), min_size=1, max_size=7)


@st.composite
def pair_settings(draw: st.DrawFn) -> PairSettings:
    least = draw(st.integers(8, 70))
    most = draw(st.one_of(st.none(), st.integers(least, 90)))
    return PairSettings(draw(st.integers(1, 9)), 16, least, most, draw(st.booleans()))


def listed(draws: PairDraws) -> list[tuple[int, ...]]:
    """One tuple a pair: scene, first, second, top, left, side, mirrored."""
    return list(zip(*(getattr(draws, field.name).tolist() for field in dataclasses.fields(draws)), strict=True))


def drawn(*pairs: tuple[int, int, int, int, int, int, bool]) -> PairDraws:
    scene, first, second, top, left, side, mirrored = np.array(pairs).T
    return PairDraws(scene, first, second, top, left, side, mirrored.astype(bool))


@given(sizes, pair_settings(), st.integers(0, 2**40), st.integers(0, 10**9))
def test_draws_keep_their_promises(sizes: list[tuple[int, int, int]], settings: PairSettings, seed: int, step: int) -> None:
    draws = draw_pairs(sizes, settings, seed, step)
    assert len(draws) == settings.pairs
    assert listed(draws) == listed(draw_pairs(sizes, settings, seed, step))
    counts = [int((draws.scene == scene).sum()) for scene in range(len(sizes))]
    assert max(counts) - min(counts) <= 1  # distinct scenes as long as there are enough
    for scene, first, second, top, left, side, mirrored in listed(draws):
        frames, height, width = sizes[scene]
        assert first != second
        assert 0 <= min(first, second) <= max(first, second) < frames
        assert 0 <= top <= height - side
        assert 0 <= left <= width - side
        short = min(height, width)
        assert min(settings.window_from_px, short) <= side <= min(settings.window_to_px or short, short)
        assert settings.mirror or not mirrored


def test_draws_differ_by_step_and_seed_and_reach_everything() -> None:
    sizes = [(3, 12, 14), (4, 12, 14), (5, 12, 14)]
    settings = PairSettings(pairs=2, crop_px=8, window_from_px=10, window_to_px=12, mirror=True)
    assert listed(draw_pairs(sizes, settings, 0, 0)) != listed(draw_pairs(sizes, settings, 0, 1))
    assert listed(draw_pairs(sizes, settings, 0, 0)) != listed(draw_pairs(sizes, settings, 1, 0))
    pairs = [pair for step in range(1200) for pair in listed(draw_pairs(sizes, settings, 0, step))]
    scenes, sides = [pair[0] for pair in pairs], [pair[5] for pair in pairs]
    assert np.bincount(scenes) / len(pairs) == pytest.approx(1 / 3, abs=0.04)
    for frames in (3, 4, 5):  # every ordered pair of frames alike
        found = [pair[1:3] for pair in pairs if pair[0] == frames - 3]
        shares = [found.count((m, n)) / len(found) for m in range(frames) for n in range(frames) if m != n]
        assert shares == pytest.approx([1 / (frames * (frames - 1))] * len(shares), abs=0.04)
    assert np.bincount(sides)[10:] / len(pairs) == pytest.approx([1 / 3] * 3, abs=0.04)
    assert {pair[4] for pair in pairs if pair[5] == 12} == {0, 1, 2}
    assert {pair[6] for pair in pairs} == {True, False}


# --- cutting ------------------------------------------------------------------------------------------------------------------------


def scene_of(height: int = 40, width: int = 50, frames: int = 4) -> SceneFrames:
    random = np.random.default_rng(0)
    pictures = torch.from_numpy(random.integers(0, 256, (frames, 1, height, width), dtype=np.uint8))
    return SceneFrames("scene", pictures, torch.from_numpy(random.random((1, height, width)) < 0.9))


def test_windows_are_cut_from_both_frames_and_the_mask_alike() -> None:
    scene = scene_of()
    batch = cut_pairs([scene], drawn((0, 1, 3, 5, 9, 16, False), (0, 2, 0, 24, 34, 16, True)), 16, CPU)
    assert batch.first.shape == batch.second.shape == batch.mask.shape == (2, 1, 16, 16)
    torch.testing.assert_close(batch.first[0] * 255, scene.frames[1, :, 5:21, 9:25].float())
    torch.testing.assert_close(batch.second[0] * 255, scene.frames[3, :, 5:21, 9:25].float())
    assert torch.equal(batch.mask[0], scene.mask[:, 5:21, 9:25])
    torch.testing.assert_close(batch.second[1] * 255, scene.frames[0, :, 24:40, 34:50].flip(-1).float())
    assert torch.equal(batch.mask[1], scene.mask[:, 24:40, 34:50].flip(-1))


@pytest.mark.parametrize("crop_px", [8, 16, 24, 40])
def test_windows_of_all_sizes_are_resized_as_torch_does(crop_px: int) -> None:
    """Shrunk, as they are, enlarged; side by side with windows of other sizes."""
    scene = scene_of(frames=5)
    draws = drawn((0, 1, 3, 5, 9, 16, False), (0, 2, 0, 0, 0, 40, True), (0, 4, 1, 7, 2, 24, False), (0, 4, 2, 7, 3, 23, True))
    batch = cut_pairs([scene], draws, crop_px, CPU)
    for place, (_, first, second, top, left, side, mirrored) in enumerate(listed(draws)):
        for frame, found in ((first, batch.first[place]), (second, batch.second[place])):
            window = scene.frames[frame, None, :, top : top + side, left : left + side].float() / 255
            expected = functional.interpolate(window, size=(crop_px, crop_px), mode="bilinear", antialias=True, align_corners=False)[0]
            torch.testing.assert_close(found, expected.flip(-1) if mirrored else expected, atol=1e-5, rtol=0)


def test_shrinking_averages_instead_of_skipping() -> None:
    """A checkerboard shrunk by four is grey; picking single pixels of it would not be."""
    board = ((torch.arange(32)[:, None] + torch.arange(32)) % 2 * 255).to(torch.uint8)
    scene = SceneFrames("board", board.expand(2, 1, 32, 32), torch.ones(1, 32, 32, dtype=torch.bool))
    batch = cut_pairs([scene], drawn((0, 0, 1, 0, 0, 32, False)), 8, CPU)
    assert float((batch.first - 0.5).abs().max()) < 0.02


def test_a_resized_mask_counts_only_where_every_pixel_did() -> None:
    mask = torch.ones(1, 32, 32, dtype=torch.bool)
    mask[:, 10, 20] = False
    scene = SceneFrames("masked", scene_of(32, 32).frames, mask)
    batch = cut_pairs([scene], drawn((0, 0, 1, 0, 0, 32, False)), 16, CPU)
    assert not bool(batch.mask[0, 0, 5, 10])
    assert bool(batch.mask[0, 0, :3].all())
    assert int((~batch.mask).sum()) <= 9


TARGETS: tuple[Target, ...] = ("rain_free", "median")


def test_rain_in_half_of_the_frames_does_not_lift_what_a_scene_is_without_rain() -> None:
    """Noise of one grey level. The median is lifted by half of the rain's 40."""
    noise = torch.randn(30, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    chance = torch.rand(30, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    for cover, most_off in ((0.0, 0.3), (0.3, 0.6), (0.5, 1.1)):
        frames = (100 + noise + 40 * (chance < cover)).round().byte()
        scene = SceneFrames("scene", frames, torch.ones(1, 64, 64, dtype=torch.bool))
        off = {}
        for target in TARGETS:
            told = with_target(scene, target).target
            assert told is not None
            off[target] = float(told.float().mean()) - 100
        assert abs(off["rain_free"]) < most_off
    assert off["median"] > 15
