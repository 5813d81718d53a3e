"""Rain out of pictures with a trained network: what `evaluate`, `derain` and label-free validation share."""

from __future__ import annotations

import torch
from torch import Tensor

from train.network import DerainingNetwork

LUMA = (0.299, 0.587, 0.114)  # BT.601, full range


@torch.inference_mode()
def remove_rain(network: DerainingNetwork, pictures: Tensor, precision: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Background and streaks of pictures, on the device of `pictures`, in float32.

    `pictures`: intensities in [0, 1], (B, C, H, W), C = 3 (RGB) or 1 (grey). Returns the background, clamped to [0, 1] and of the same
    shape, and the streaks: (B, 1, H, W) from a luma network, of which each colour channel loses the same; (B, C, H, W) from an RGB one.
    """
    seen = luma(pictures) if network.settings.color == "luma" else pictures.expand(-1, 3, -1, -1)
    with torch.autocast(pictures.device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
        streaks = network(seen.contiguous(memory_format=torch.channels_last)).float()
    if streaks.shape[1] > pictures.shape[1]:
        streaks = luma(streaks)
    return torch.clamp(pictures - streaks, 0, 1), streaks


def luma(pictures: Tensor) -> Tensor:
    """BT.601 full-range luma of (B, C, H, W), C = 3 or 1: (B, 1, H, W)."""
    if pictures.shape[1] == 1:
        return pictures
    weights = torch.tensor(LUMA, dtype=pictures.dtype, device=pictures.device)
    return (pictures * weights[:, None, None]).sum(dim=1, keepdim=True)
