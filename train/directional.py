"""The directional gradient network: rain streaks have a few dominant directions (Cho et al. 2020, eq. 4-6, Fig. 5).

It regularises the streaks in training only. Directions are read as forward differences' angle in [-π/2, π/2]; pixels whose gradient is
too small to have one are left out of the mean.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

CENTRES = 4


class DirectionalGradientNetwork(nn.Module):
    """Four trained centres of orientation and the soft assignment of each pixel to them: 44 parameters."""

    def __init__(self, flat_gradient: float) -> None:
        super().__init__()
        self.flat_gradient = flat_gradient
        self.assignment = nn.Conv2d(1, CENTRES, 3, padding=1)
        self.centres = nn.Parameter(math.pi / 8 * torch.tensor([-3.0, -1.0, 1.0, 3.0]))

    def forward(self, streaks: Tensor, mask: Tensor | None = None) -> Tensor:
        """Lv (eq. 6) as a mean over pixels with a direction.

        `streaks` (B, C, H, W), every channel on its own; `mask` (B, 1, H, W), true where pixels count. Returns a scalar; 0 where no
        pixel has a direction.
        """
        orientation, directed = gradient_orientation(streaks, self.flat_gradient)
        if mask is not None:
            directed = directed & mask[:, :, :-1, :-1] & mask[:, :, :-1, 1:] & mask[:, :, 1:, :-1]
            orientation = orientation * directed  # or a neighbour's membership would see behind the mask
        orientation, directed = orientation.flatten(0, 1)[:, None], directed.flatten(0, 1)[:, None]
        membership = self.assignment(orientation).softmax(dim=1)
        distance = (orientation - self.centres[:, None, None]).abs()
        spread = (membership * distance).sum(dim=1, keepdim=True)
        loss: Tensor = (spread * directed).sum() / directed.sum().clamp(min=1)
        return loss


def gradient_orientation(streaks: Tensor, flat_gradient: float) -> tuple[Tensor, Tensor]:
    """θ = atan(∇y S / ∇x S) in radians, and where it is defined: both (B, C, H-1, W-1), 0 and false on flat pixels.

    Its derivative is finite everywhere: flat pixels are replaced before the division, and a vertical gradient needs none.
    """
    across = streaks[:, :, :-1, 1:] - streaks[:, :, :-1, :-1]
    down = streaks[:, :, 1:, :-1] - streaks[:, :, :-1, :-1]
    directed = across.square() + down.square() >= flat_gradient**2
    across = torch.where(directed, across, 1.0)
    down = torch.where(directed, down, 0.0)
    sign = torch.where(across < 0, -1.0, 1.0)
    return torch.atan2(down * sign, across * sign), directed
