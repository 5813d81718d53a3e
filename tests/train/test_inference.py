"""Taking rain out of pictures: one achromatic layer from every channel, clamped."""

import dataclasses

import pytest
import torch
from torch import Tensor

from train.inference import remove_rain
from train.luma import luma
from train.network import DerainingNetwork
from train.presets import Color, NetworkSettings

TINY = NetworkSettings(width=2, kernels=(3,), head="linear")


class Constant(DerainingNetwork):
    """A luma network whose streaks are a given share of what it sees."""

    def __init__(self, share: float) -> None:
        super().__init__(TINY)
        self.share = share

    def forward(self, picture: Tensor, filters: Tensor | None = None) -> Tensor:
        return picture * self.share


def test_one_achromatic_layer_leaves_every_channel() -> None:
    pictures = torch.rand(2, 3, 9, 13) * 0.5 + 0.5
    background, streaks = remove_rain(Constant(0.1), pictures)
    expected = 0.1 * (0.299 * pictures[:, 0] + 0.587 * pictures[:, 1] + 0.114 * pictures[:, 2])[:, None]
    torch.testing.assert_close(streaks, expected)
    torch.testing.assert_close(background, pictures - expected)


@pytest.mark.parametrize(("share", "bound"), [(20.0, 0.0), (-20.0, 1.0)])
def test_the_background_is_clamped_at_both_ends(share: float, bound: float) -> None:
    background, _ = remove_rain(Constant(share), torch.rand(1, 3, 8, 8) + 0.1)
    assert bool((background == bound).all())


def test_a_grey_picture_is_its_own_luma() -> None:
    pictures = torch.rand(1, 1, 8, 8)
    assert torch.equal(luma(pictures), pictures)
    background, streaks = remove_rain(Constant(0.25), pictures)
    assert background.shape == streaks.shape == pictures.shape
    torch.testing.assert_close(luma(torch.rand(1, 1, 8, 8).expand(-1, 3, -1, -1).clone()).shape, pictures.shape)


@pytest.mark.parametrize(("color", "channels", "layers"), [("luma", 3, 1), ("luma", 1, 1), ("rgb", 3, 3), ("rgb", 1, 1)])
def test_shapes_of_both_kinds_of_network(color: Color, channels: int, layers: int) -> None:
    network = DerainingNetwork(dataclasses.replace(TINY, color=color))
    background, streaks = remove_rain(network, torch.rand(2, channels, 21, 10))
    assert background.shape == (2, channels, 21, 10)
    assert streaks.shape == (2, layers, 21, 10)


def test_half_precision_stays_close() -> None:
    torch.manual_seed(0)
    network = DerainingNetwork(TINY)
    pictures = torch.rand(1, 3, 32, 32)
    exact, close = remove_rain(network, pictures)[0], remove_rain(network, pictures, torch.bfloat16)[0]
    assert close.dtype == torch.float32
    assert float((exact - close).abs().max()) < 0.02
