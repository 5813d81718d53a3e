"""The losses over two frames of one scene, without ground truth (Cho et al. 2020, eq. 2-8).

Each term is a mean over the pixels that count, so that the ratios are those of the paper's sums; both directions of a pair are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from train.directional import DirectionalGradientNetwork
from train.presets import LossSettings

EQUAL_AT = 0.05  # intensity: the difference that squared and absolute ones count the same


@dataclass(frozen=True)
class Losses:
    """The weighted sum and its terms before weighting: scalars. `structure` has γ inside, as eq. 3 has."""

    total: Tensor
    background: Tensor
    structure: Tensor
    directional: Tensor
    reconstruction: Tensor


def losses(
    pictures: tuple[Tensor, Tensor],
    streaks: tuple[Tensor, Tensor],
    mask: Tensor | None,
    directional: DirectionalGradientNetwork,
    settings: LossSettings,
    gamma: float,
    target: Tensor | None = None,
) -> Losses:
    """Of pairs of frames m != n: `pictures` I and `streaks` S are two tensors (B, C, H, W); `mask` (B, 1, H, W), where
    pixels count; `target` (B, C, H, W), what the structure similarity loss holds both backgrounds against, in place of the other frames.

    A term of weight 0 is told and has no part in the gradient, except the directional one, which is not computed and told as 0.
    """
    first, second = pictures
    first_background, second_background = background(first, streaks[0]), background(second, streaks[1])
    consistency = _mean((first_background - second_background).abs(), mask)
    of_first, of_second = (second, first) if target is None else (target, target)
    distance = torch.abs if settings.structure_distance == "absolute" else _squared
    across = _mean(distance(of_second - second_background) + distance(of_first - first_background), mask) / 2
    structure = gamma * across
    remainder = (first - (first_background + streaks[0])).abs() + (second - (second_background + streaks[1])).abs()
    reconstruction = _mean(remainder, mask) / 2
    if settings.directional_weight:
        counted = settings.flat_pixels == "counted"
        direction = (directional(streaks[0], mask, counted) + directional(streaks[1], mask, counted)) / 2
    else:  # its parameters have a gradient all the same: optimisers and data parallelism count on one
        direction = torch.stack([0 * parameter.sum() for parameter in directional.parameters()]).sum()
    weighted = [
        (settings.background_weight, consistency),
        (settings.structure_weight, structure),
        (settings.reconstruction_weight, reconstruction),
    ]
    total = sum((weight * term for weight, term in weighted if weight), start=(settings.directional_weight or 1) * direction)
    return Losses(total, consistency, structure, direction, reconstruction)


def background(picture: Tensor, streaks: Tensor) -> Tensor:
    """B = max(I - S, 0): the rain model with its clipping layer (eq. 1, Fig. 4)."""
    return torch.clamp(picture - streaks, min=0)


def gamma_at(progress: float, settings: LossSettings) -> float:
    """γ of eq. 3 when `progress` (0 to 1) of the run is done: falls linearly, then stays."""
    fallen = min(progress / settings.gamma_fall, 1.0) if settings.gamma_fall > 0 else 1.0
    return settings.gamma_start + (settings.gamma_end - settings.gamma_start) * fallen


def _squared(differences: Tensor) -> Tensor:
    return differences.square() / EQUAL_AT


def _mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over the pixels that count; 0 where none does."""
    if mask is None:
        return values.mean()
    return (values * mask).sum() / (mask.sum() * values.shape[1]).clamp(min=1)
