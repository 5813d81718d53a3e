"""Tiles of a picture against the whole of it."""

import tracemalloc
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from train.fusion import GLOBAL
from train.inference import remove_rain
from train.network import DerainingNetwork
from train.presets import Color, Deconv, Fusion, NetworkSettings
from train.tiling import largest_tile_px, most_pixels, reach_px, streaks_by_tiles

LIKENESS = 1e-4  # of intensities in [0, 1]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)


def trained_like(given: NetworkSettings, seed: int = 0) -> DerainingNetwork:
    """A network whose filters depend on the picture and whose streaks are of a trained one's size."""
    torch.manual_seed(seed)
    network = DerainingNetwork(given)
    with torch.no_grad():
        if isinstance(network.fusion, GLOBAL):
            network.fusion.generator.weight.mul_(100)
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.05 * torch.randn_like(parameter))
        streaks = network(torch.rand(1, given.channels, 64, 64))
        last = [module for module in network.decoder.modules() if isinstance(module, nn.Conv2d)][-1]
        last.weight.mul_(0.1 / streaks.std())
    return network.eval()


def worst(network: DerainingNetwork, height: int, width: int, tile_px: int) -> float:
    picture = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height))
    _, whole = remove_rain(network, picture, tile_px=4096)
    _, tiled = remove_rain(network, picture, tile_px=tile_px)
    assert tiled.shape == whole.shape
    return (tiled - whole).abs().max().item()


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("deconv", get_args(Deconv))
def test_tiles_equal_the_whole(fusion: Fusion, deconv: Deconv) -> None:
    network = trained_like(NetworkSettings(width=2, kernels=(3, 5), fusion=fusion, head="linear", deconv=deconv))
    assert worst(network, 203, 141, 64) < LIKENESS


@pytest.mark.parametrize("color", get_args(Color))
def test_tiles_equal_the_whole_with_the_papers_kernels(color: Color) -> None:
    network = trained_like(NetworkSettings(width=2, kernels=(3, 5, 7), head="linear", color=color))
    assert worst(network, 248, 250, 40) < LIKENESS


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([8, 24, 56]))
def test_tiles_equal_the_whole_at_any_size(height: int, width: int, tile_px: int) -> None:
    assert worst(trained_like(NetworkSettings(width=2, kernels=(3,), head="linear")), height, width, tile_px) < LIKENESS


def test_tiles_with_filters_of_their_own_would_differ() -> None:
    """The test above can fail: the likeness is lost as soon as tiles are seen by themselves."""
    network = trained_like(NetworkSettings(width=2, kernels=(3,), head="linear"))
    picture = torch.rand(1, 1, 200, 96)
    picture[:, :, :100] *= 0.3
    whole, part = network(picture), network(picture[:, :, :104])
    assert (whole[:, :, :40] - part[:, :, :40]).abs().max().item() > 5 * LIKENESS


@pytest.mark.parametrize("kernels", [(3,), (1,), (5,), (3, 7)])
def test_the_reach_is_how_far_a_pixel_is_felt(kernels: tuple[int, ...]) -> None:
    """A bright pixel on black, through weights that are all positive, with no filter of the whole picture."""
    network = DerainingNetwork(NetworkSettings(width=2, kernels=kernels, fusion="concat", head="linear")).double()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.0 if parameter.ndim == 1 else 1 / parameter[0].numel())
    furthest = 0
    for pixel in range(104, 112):
        picture = torch.zeros(1, 1, 8, 216, dtype=torch.float64)
        picture[..., pixel] = 1
        felt = (network(picture)[0, 0].amax(dim=0) > 0).nonzero()
        furthest = max(furthest, pixel - int(felt.min()), int(felt.max()) - pixel)
    assert reach_px(kernels) == furthest


def test_the_papers_reach() -> None:
    assert reach_px((3, 5, 7)) == reach_px((7,)) == 93


@pytest.mark.parametrize("color", get_args(Color))
def test_planes_of_every_depth_are_the_same_picture(color: Color) -> None:
    network = trained_like(NetworkSettings(width=2, kernels=(3,), head="linear", color=color))
    eight = np.random.default_rng(0).integers(0, 256, (3, 61, 83), dtype=np.uint8)
    forms = [eight, eight.astype(np.uint16) * 257, (eight / 255).astype(np.float32)]
    _, expected = remove_rain(network, torch.from_numpy(forms[2])[None])
    for planes in forms:
        found = np.full((network.settings.channels, 61, 83), np.nan, dtype=np.float32)
        for tile in streaks_by_tiles(network, planes, tile_px=32):  # type: ignore[arg-type]
            assert np.isnan(found[:, tile.rows, tile.columns]).all()  # no tile comes twice
            found[:, tile.rows, tile.columns] = tile.streaks.numpy()
        assert np.abs(found - expected[0].numpy()).max() < LIKENESS


def test_in_half_precision_tiles_stay_close() -> None:
    network = trained_like(NetworkSettings(width=2, kernels=(3,), head="linear"))
    picture = torch.rand(1, 1, 130, 70)
    whole = remove_rain(network, picture)[0]
    assert (remove_rain(network, picture, torch.bfloat16, tile_px=64)[0] - whole).abs().max().item() < 0.02


@pytest.mark.parametrize("tile_px", [0, 4, 100, -8])
def test_a_tiles_side_is_a_multiple_of_8(tile_px: int) -> None:
    network = DerainingNetwork(NetworkSettings(width=2, kernels=(3,)))
    with pytest.raises(ValueError, match=f"tile_px={tile_px}"):
        next(streaks_by_tiles(network, torch.rand(1, 128, 16), tile_px=tile_px))


def test_a_large_picture_is_read_part_by_part() -> None:
    """No copy of the whole is ever made of it."""
    network = DerainingNetwork(NetworkSettings(width=2, kernels=(3,), fusion="concat", head="linear"))
    planes = np.zeros((3, 640, 640), dtype=np.uint8)
    tracemalloc.start()
    try:
        tiles = sum(1 for _ in streaks_by_tiles(network, planes, tile_px=64))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tiles == 100
    assert peak < planes.nbytes


def test_wide_networks_and_full_precision_take_smaller_tiles() -> None:
    narrow, wide = (DerainingNetwork(NetworkSettings(width=width, kernels=(3,), fusion="sum")) for width in (2, 8))
    assert largest_tile_px(wide, torch.float32) < largest_tile_px(narrow, torch.float32) < largest_tile_px(narrow, torch.bfloat16)
    assert largest_tile_px(wide, torch.float32) % 8 == 0


@pytest.mark.parametrize("fusion", ["dynamic", "concat"])
def test_what_memory_does_not_allow_is_seen_by_tiles_unasked(fusion: Fusion, monkeypatch: pytest.MonkeyPatch) -> None:
    network = trained_like(NetworkSettings(width=2, kernels=(3,), fusion=fusion, head="linear"))
    picture = torch.rand(1, 3, 150, 290)
    whole, _ = remove_rain(network, picture)
    seen: list[int] = []
    network.decoder.register_forward_hook(lambda _module, _inputs, streaks: seen.append(streaks[0, 0].numel()))
    remove_rain(network, picture)
    monkeypatch.setattr("train.tiling.CPU_BYTES", 40_000 * 100)
    assert most_pixels(network, torch.float32) < 150 * 290
    tiled, _ = remove_rain(network, picture)
    assert len(seen) == 1 + 2 * 3
    assert max(seen[1:]) < seen[0]
    assert (tiled - whole).abs().max().item() < LIKENESS


def test_many_pictures_that_are_too_large_together_are_seen_one_by_one() -> None:
    network = trained_like(NetworkSettings(width=2, kernels=(3,), head="linear"))
    pictures = torch.rand(5, 3, 48, 40)
    together, one_by_one = remove_rain(network, pictures)[0], remove_rain(network, pictures, tile_px=48)[0]
    torch.testing.assert_close(one_by_one, together)
