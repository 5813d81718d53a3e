"""A stack of convolutions of PReNet's cost (Ren et al., Progressive Image Deraining Networks, CVPR 2019), from its published layer shapes.

A peer for speed alone: its weights are random. Six stages share their weights; each sees the rainy picture beside the last stage's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STAGES, CHANNELS, RESIDUAL_BLOCKS = 6, 32, 5
PARAMETERS = 168_963  # as published


class PReNet(nn.Module):
    """Six recursive stages of a convolutional LSTM and five residual blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _convolution(6, CHANNELS)
        self.gates = nn.ModuleList(_convolution(2 * CHANNELS, CHANNELS) for _ in range(4))
        self.residual = nn.ModuleList(
            nn.Sequential(_convolution(CHANNELS, CHANNELS), nn.ReLU(), _convolution(CHANNELS, CHANNELS), nn.ReLU())
            for _ in range(RESIDUAL_BLOCKS)
        )
        self.last = _convolution(CHANNELS, 3)

    def forward(self, rainy: Tensor) -> Tensor:
        """(B, 3, H, W) to the same."""
        batch, _, height, width = rainy.shape
        hidden = cell = rainy.new_zeros(batch, CHANNELS, height, width)
        background = rainy
        for _ in range(STAGES):
            seen = functional.relu(self.first(torch.cat([rainy, background], dim=1)))
            taken, forgotten, added, given = (gate(torch.cat([seen, hidden], dim=1)) for gate in self.gates)
            cell = torch.sigmoid(forgotten) * cell + torch.sigmoid(taken) * torch.tanh(added)
            features = hidden = torch.sigmoid(given) * torch.tanh(cell)
            for block in self.residual:
                features = functional.relu(block(features) + features)
            background = self.last(features)
        return background


def multiply_adds(height: int, width: int) -> int:
    """Of a picture: every stage's 3x3 convolutions."""
    channels = 6 * CHANNELS + 4 * 2 * CHANNELS * CHANNELS + 2 * RESIDUAL_BLOCKS * CHANNELS**2 + CHANNELS * 3
    return STAGES * 9 * channels * height * width


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
