"""Compiling where it works, and a word where it does not."""

import pytest
import torch
from torch import Tensor, nn

from train.fit.compiled import compiled
from train.network import build
from train.presets import SMALL, changed

PRESET = changed(SMALL, ["width=2"])
EXAMPLE = torch.rand(2, 1, 16, 16)


class Broken(nn.Module):
    """What a compiler that fails at the first call leaves behind."""

    def __init__(self, network: nn.Module, error: Exception) -> None:
        super().__init__()
        self.network, self.error = network, error

    def forward(self, pictures: Tensor) -> Tensor:
        """Raises."""
        raise self.error


def test_nothing_is_compiled_on_a_cpu_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", None)
    network, said = build(PRESET), list[str]()
    assert compiled(network, "auto", EXAMPLE, torch.float32, said.append) is network
    assert compiled(network, "off", EXAMPLE, torch.float32, said.append) is network
    assert not said


def test_where_compiling_fails_the_network_goes_on_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network, dynamic: Broken(network, RuntimeError("no compiler\nat all")))
    network, said = build(PRESET), list[str]()
    assert compiled(network, "on", EXAMPLE, torch.float32, said.append) is network
    assert said == ["torch.compile fails here (no compiler); going on without it"]


def test_too_little_memory_is_no_failure_of_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network, dynamic: Broken(network, torch.OutOfMemoryError("full")))
    with pytest.raises(torch.OutOfMemoryError):
        compiled(build(PRESET), "on", EXAMPLE, torch.float32, print)


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_a_compiled_network_is_the_network() -> None:
    """Streaks and gradients; of a small one, since every kernel takes a C++ compiler half a minute."""
    network, said = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 1, 3, padding=1)), list[str]()
    faster = compiled(network, "on", EXAMPLE, torch.float32, said.append)
    assert not said
    assert faster is not network
    assert all(parameter.grad is None for parameter in network.parameters())
    gradients = []
    for computed in (network, faster):
        streaks = computed(EXAMPLE)
        streaks.square().sum().backward()
        gradients.append([streaks.detach(), *(parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None)])
        network.zero_grad()
    assert len(gradients[0]) == 1 + len(list(network.parameters()))
    for plain, quick in zip(*gradients, strict=True):
        torch.testing.assert_close(quick, plain, atol=1e-4, rtol=1e-3)
