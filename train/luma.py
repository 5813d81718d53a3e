"""Luma, what a luma network sees of a picture."""

from __future__ import annotations

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # BT.601, full range


def luma(pictures: Tensor) -> Tensor:
    """BT.601 full-range luma of (B, C, H, W), C = 3 or 1: (B, 1, H, W)."""
    if pictures.shape[1] == 1:
        return pictures
    weights = torch.tensor(LUMA, dtype=pictures.dtype, device=pictures.device)
    return (pictures * weights[:, None, None]).sum(dim=1, keepdim=True)


def seen_as(color: str, pictures: Tensor) -> Tensor:
    """What a network of that `color` ("luma" or "rgb") sees of RGB or grey pictures (B, C, H, W)."""
    return luma(pictures) if color == "luma" else pictures.expand(-1, 3, -1, -1)
