"""Networks whose streaks are known: constants, made of a real network without weights."""

from __future__ import annotations

import torch

from train.network import DerainingNetwork, build
from train.presets import SMALL, changed


def takes_out(levels: float, *settings: str) -> DerainingNetwork:
    """A network whose streaks are `levels` of 255 everywhere."""
    network = build(changed(SMALL, ("width=2", "fusion=concat", *settings)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        *_, last = (parameter for name, parameter in network.decoder.named_parameters() if name.endswith("bias"))
        last.add_(levels / 255)
    return network.eval()


def random_network(*settings: str, strength: float = 1) -> DerainingNetwork:
    """A tiny network as it is before training, its streaks so many times as strong."""
    torch.manual_seed(0)
    network = build(changed(SMALL, ("width=2", *settings))).eval()
    *_, last = (parameter for name, parameter in network.decoder.named_parameters() if name.endswith("weight"))
    with torch.no_grad():
        last.mul_(strength)
    return network
