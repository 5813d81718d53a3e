"""The directional gradient network: rain streaks have a few dominant directions (Cho et al. 2020, eq. 4-6, Fig. 5).

It regularises the streaks in training only. Directions are read as forward differences' angle in [-π/2, π/2]; pixels whose gradient is
too small to have one are left out of the mean, or counted at angle 0, which makes S = 0 the loss's minimum once a centre lies there.
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

    def forward(self, streaks: Tensor, mask: Tensor | None = None, flat_counted: bool = False) -> Tensor:
        """Lv (eq. 6) as a mean over pixels with a direction, or with `flat_counted` over all pixels, those without one being at θ = 0.

        `streaks` (B, C, H, W), every channel on its own; `mask` (B, 1, H, W), true where pixels count. Returns a scalar; 0 where no
        pixel counts.
        """
        orientation, directed = gradient_orientation(streaks, self.flat_gradient)
        seen = torch.ones_like(directed) if mask is None else (mask[:, :, :-1, :-1] & mask[:, :, :-1, 1:] & mask[:, :, 1:, :-1])
        orientation = orientation * seen  # or a neighbour's membership would see behind the mask
        counted = seen.expand_as(directed) if flat_counted else seen & directed
        orientation, counted = orientation.flatten(0, 1)[:, None], counted.flatten(0, 1)[:, None]
        membership = self.assignment(orientation).softmax(dim=1)
        distance = (orientation - self.centres[:, None, None]).abs()
        spread = (membership * distance).sum(dim=1, keepdim=True)
        loss: Tensor = (spread * counted).sum() / counted.sum().clamp(min=1)
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
