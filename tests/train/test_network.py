"""The network against Tables I and II: counts, multiply-adds, shapes, and what a picture's size may be."""

import dataclasses
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from train.fusion import DynamicFusion
from train.network import DerainingNetwork, build, multiply_adds, reflected
from train.presets import DEFAULT, PAPER, SMALL, Color, Fusion, Head, NetworkSettings

TINY = NetworkSettings(width=4, kernels=(3, 5), head="linear")
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def multiply_adds_by_layer(network: DerainingNetwork, picture: Tensor) -> int:
    """Another way to count: from the layers' weights and outputs as they run; the fusion's matrix product from its definition."""
    counted = []

    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            counted.append(output.numel() * module.weight[0].numel())
        elif isinstance(module, nn.Linear):
            counted.append(output.numel() * module.in_features)
        elif isinstance(module, DynamicFusion):
            counted.append(output.numel() * module.inputs)

    handles = [module.register_forward_hook(hook) for module in network.modules()]
    with torch.inference_mode():
        network(picture)
    for handle in handles:
        handle.remove()
    return sum(counted)


def test_full_width_has_the_papers_counts() -> None:
    with torch.device("meta"):
        network = build(PAPER)
    assert [parameters(encoder) for encoder in network.encoders] == [1_734_336, 4_815_552, 9_437_376]
    assert parameters(network.fusion) == 151_191_552
    assert parameters(network.decoder) == 4_831_105
    assert parameters(network) == 172_009_921
    with torch.device("meta"):
        assert parameters(build(DEFAULT)) == 172_009_921


@pytest.mark.parametrize(
    ("fusion", "parameters_of_fusion", "giga_at_128", "giga_at_512"),
    [
        ("dynamic", 151_191_552, 38.4, 612),
        ("dynamic_local", 151_191_552, 76.9, 1_231),
        ("dynamic_lowrank", 6_496_256, 38.3, 612),
        ("concat", 196_864, 38.3, 612),
        ("sum", 0, 38.2, 611),
        ("product", 0, 38.2, 611),
    ],
)
def test_fusions_at_full_width(fusion: Fusion, parameters_of_fusion: int, giga_at_128: float, giga_at_512: float) -> None:
    settings = dataclasses.replace(PAPER.network, fusion=fusion)
    with torch.device("meta"):
        network = DerainingNetwork(settings)
    assert parameters(network.fusion) == parameters_of_fusion
    assert parameters(network) - parameters_of_fusion == 1_734_336 + 4_815_552 + 9_437_376 + 4_831_105
    assert multiply_adds(settings, 128, 128) / 1e9 == pytest.approx(giga_at_128, abs=0.05)
    assert multiply_adds(settings, 512, 512) / 1e9 == pytest.approx(giga_at_512, abs=0.5)


@pytest.mark.parametrize("settings", [TINY, SMALL.network], ids=["tiny", "small"])
@pytest.mark.parametrize(("height", "width"), [(40, 24), (13, 9)])
def test_multiply_adds_equal_those_counted_layer_by_layer(settings: NetworkSettings, height: int, width: int) -> None:
    picture = torch.zeros(1, settings.channels, height, width)
    assert multiply_adds(settings, height, width) == multiply_adds_by_layer(DerainingNetwork(settings), picture)


def test_counting_touches_no_random_numbers() -> None:
    before = torch.get_rng_state()
    multiply_adds(TINY, 16, 16)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("color", ["luma", "rgb"])
@pytest.mark.parametrize(("height", "width"), [(32, 40), (33, 47), (5, 3), (1, 1)])
def test_streaks_have_the_pictures_size(fusion: Fusion, color: Color, height: int, width: int) -> None:
    settings = dataclasses.replace(TINY, fusion=fusion, color=color)
    picture = torch.rand(2, settings.channels, height, width)
    assert DerainingNetwork(settings)(picture).shape == picture.shape


def test_odd_sizes_are_padded_by_reflection_and_cropped_back() -> None:
    torch.manual_seed(0)
    network = DerainingNetwork(TINY)
    picture = torch.rand(1, 1, 30, 37)
    reflected = torch.cat([picture, picture[:, :, 27:29].flip(2)], dim=2)
    reflected = torch.cat([reflected, reflected[..., 33:36].flip(3)], dim=3)
    assert torch.equal(network(picture), network(reflected)[:, :, :30, :37])


@given(st.integers(1, 20), st.integers(0, 40))
def test_reflection_is_numpys(length: int, beyond: int) -> None:
    line = np.arange(length)
    expected = np.pad(line, (0, beyond), mode="reflect")
    assert reflected(torch.arange(length + beyond), length).tolist() == expected.tolist()


def test_the_literal_deconvolution_is_a_transposed_convolution_that_shifts() -> None:
    kernel = torch.tensor([0.5, 1.0, 0.5])
    features = torch.rand(2, 4, 5, 7)
    weight = torch.outer(kernel, kernel).expand(4, 1, 3, 3)
    expected = functional.conv_transpose2d(features, weight, stride=2, padding=1, output_padding=1, groups=4)
    doubled = DerainingNetwork(dataclasses.replace(TINY, deconv="bilinear3")).decoder.doubled
    torch.testing.assert_close(doubled(features), expected)
    ones = doubled(torch.ones(1, 1, 3, 3))
    assert bool((ones[..., :-1, :-1] == 1).all())
    assert ones[0, 0, -1].tolist() == [0.5] * 5 + [0.25]


def test_both_deconvolutions_build_the_same_weights() -> None:
    torch.manual_seed(0)
    one = DerainingNetwork(TINY).state_dict()
    torch.manual_seed(0)
    other = DerainingNetwork(dataclasses.replace(TINY, deconv="bilinear3"))
    assert one.keys() == other.state_dict().keys()
    assert all(torch.equal(one[name], value) for name, value in other.state_dict().items())
    picture = torch.rand(1, 1, 17, 23)
    assert other(picture).shape == picture.shape


@pytest.mark.parametrize(("head", "low"), [("relu", 0.0), ("softplus", 0.0), ("linear", -torch.inf)])
def test_heads(head: Head, low: float) -> None:
    torch.manual_seed(1)
    network = DerainingNetwork(dataclasses.replace(TINY, head=head))
    streaks = network(torch.rand(4, 1, 32, 32))
    assert streaks.min().item() >= low
    assert (streaks.min().item() < 0) == (head == "linear")


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_parameter_learns_from_the_start(fusion: Fusion) -> None:
    torch.manual_seed(0)
    network = DerainingNetwork(dataclasses.replace(TINY, fusion=fusion))
    network(torch.rand(2, 1, 32, 32)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max().item() > 0, name


def test_the_same_seed_builds_the_same_network() -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([parameter.flatten() for parameter in build(SMALL).parameters()])

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_a_softplus_head_begins_near_no_streaks() -> None:
    torch.manual_seed(0)
    network = DerainingNetwork(NetworkSettings(width=4, kernels=(3,), head="softplus"))
    assert 0 < float(network(torch.rand(2, 1, 32, 32)).detach().mean()) < 0.1
