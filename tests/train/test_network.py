"""The network against Tables I and II: counts, multiply-adds, shapes, and what a picture's size may be."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from train.network import DerainingNetwork, DynamicFusion, build
from train.presets import DEFAULT, PAPER, SMALL, Color, Fusion, Head, NetworkSettings

TINY = NetworkSettings(width=4, kernels=(3, 5), head="linear")


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def multiply_adds(network: DerainingNetwork, picture: Tensor) -> int:
    """Counted from the layers' weights and outputs as they run; the fusion's matrix product from its definition."""
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


def test_full_width_runs_with_the_papers_multiply_adds() -> None:
    with torch.device("meta"):
        network = build(PAPER)
    network.to_empty(device="cpu")
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    assert multiply_adds(network, torch.zeros(1, 1, 128, 128)) / 1e9 == pytest.approx(38.4, abs=0.05)


@pytest.mark.parametrize("fusion", ["dynamic", "concat"])
@pytest.mark.parametrize("color", ["luma", "rgb"])
@pytest.mark.parametrize(("height", "width"), [(32, 40), (33, 47), (9, 70), (5, 3)])
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


@pytest.mark.parametrize(("head", "low"), [("relu", 0.0), ("softplus", 0.0), ("linear", -torch.inf)])
def test_heads(head: Head, low: float) -> None:
    torch.manual_seed(1)
    network = DerainingNetwork(dataclasses.replace(TINY, head=head))
    streaks = network(torch.rand(4, 1, 32, 32))
    assert streaks.min().item() >= low
    assert (streaks.min().item() < 0) == (head == "linear")


def test_dynamic_fusion_is_a_filter_of_each_picture() -> None:
    torch.manual_seed(0)
    fusion = DynamicFusion(6, 2)
    nn.init.normal_(fusion.generator.weight)
    features = torch.rand(2, 6, 3, 4)
    for one, fused in zip(features, fusion(features), strict=True):
        pooled = one.mean(dim=(1, 2))
        matrix = (fusion.generator.weight @ pooled + fusion.generator.bias).reshape(2, 6)
        expected = torch.stack([matrix @ one[:, y, x] for y in range(3) for x in range(4)], dim=1).reshape(2, 3, 4).clamp(min=0)
        torch.testing.assert_close(fused, expected)


def test_dynamic_fusion_starts_as_a_xavier_filter() -> None:
    torch.manual_seed(0)
    fusion = DynamicFusion(96, 32)
    filters = fusion.generator(torch.rand(96))
    assert filters.std().item() == pytest.approx((2 / (96 + 32)) ** 0.5, rel=0.05)
    torch.testing.assert_close(filters, fusion.generator.bias, atol=0.01, rtol=0)


def test_the_filter_is_made_in_float32_under_autocast() -> None:
    seen = []
    network = DerainingNetwork(TINY)
    network.fusion.get_submodule("generator").register_forward_hook(
        lambda _module, inputs, output: seen.append((inputs[0].dtype, output.dtype))
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(torch.rand(1, 1, 32, 32)).dtype == torch.bfloat16
    assert seen == [(torch.float32, torch.float32)]


def test_every_parameter_learns_from_the_start() -> None:
    torch.manual_seed(0)
    network = DerainingNetwork(TINY)
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
