"""How good is a network on scenes without ground truth: four measures that need none.

A network that removes rain gives every frame of a scene the same background, close to the frames' temporal median (which is clean where
rain covers a pixel in fewer than half of the frames), and keeps its contrast. None of them is enough alone: a constant picture is
perfectly consistent, and the identity keeps all contrast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from train.inference import remove_rain
from train.network import DerainingNetwork
from train.scenes import SceneFrames

FRAMES = 4  # of each scene, evenly spread over it
LARGEST_SIDE_PX = 512  # of the central window that is looked at


@dataclass(frozen=True)
class LabelFree:
    """Means over scenes; intensities in [0, 1]."""

    pair_gap: float  # mean |B_m - B_n|
    median_distance: float  # mean |B_m - temporal median|
    mean_streaks: float  # mean S
    contrast_kept: float  # std(B) / std of the temporal median


def validate(network: DerainingNetwork, scenes: Sequence[SceneFrames], device: torch.device, precision: torch.dtype) -> LabelFree:
    """Measure a network on scenes; only where their masks let training look."""
    per_scene = [_validate_scene(network, scene, device, precision) for scene in scenes]
    return LabelFree(*torch.stack(per_scene).mean(dim=0).tolist())


def _validate_scene(network: DerainingNetwork, scene: SceneFrames, device: torch.device, precision: torch.dtype) -> Tensor:
    count, height, width = scene.size
    rows, columns = _central(height), _central(width)
    chosen = torch.linspace(0, count - 1, min(FRAMES, count)).round().long()
    median = scene.frames[:, :, rows, columns].to(device).float().quantile(0.5, dim=0) / 255
    pictures = scene.frames[chosen][:, :, rows, columns].to(device).float() / 255
    background, streaks = remove_rain(network, pictures, precision)
    seen = scene.mask[:, rows, columns].to(device).expand_as(median)
    visible = background[:, seen]  # (frames, pixels)
    others = visible.roll(1, dims=0)
    kept = visible.std(dim=1).mean() / median[seen].std().clamp(min=1e-6)
    return torch.stack(
        [(visible - others).abs().mean(), (visible - median[seen]).abs().mean(), streaks[:, seen[: streaks.shape[1]]].mean(), kept]
    )


def _central(length: int) -> slice:
    start = max(0, (length - LARGEST_SIDE_PX) // 2)
    return slice(start, min(length, start + LARGEST_SIDE_PX))
