"""Rain out of pictures with a trained network: what `evaluate`, `derain` and label-free validation share."""

from __future__ import annotations

import torch
from torch import Tensor

from train.luma import luma, seen_as
from train.network import DerainingNetwork
from train.tiling import most_pixels, streaks_by_tiles


@torch.inference_mode()
def remove_rain(
    network: DerainingNetwork, pictures: Tensor, precision: torch.dtype = torch.float32, tile_px: int | None = None
) -> tuple[Tensor, Tensor]:
    """Background and streaks of pictures, on the device of `pictures` (and of the network), in float32.

    `pictures`: intensities in [0, 1], (B, C, H, W), C = 3 (RGB) or 1 (grey). Returns the background, clamped to [0, 1] and of the same
    shape, and the streaks: (B, 1, H, W) from a luma network, of which each colour channel loses the same; (B, C, H, W) from an RGB one.
    What is too large to be seen at once, or larger than `tile_px`, is seen by tiles, with the same result.
    """
    batch, _, height, width = pictures.shape
    if batch * height * width <= (most_pixels(network, precision) if tile_px is None else tile_px**2):
        seen = seen_as(network.settings.color, pictures).contiguous(memory_format=torch.channels_last)
        with torch.autocast(pictures.device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            streaks = network(seen).float()
    else:
        streaks = pictures.new_empty(batch, network.settings.channels, height, width, dtype=torch.float32)
        for planes, filled in zip(pictures, streaks, strict=True):
            for tile in streaks_by_tiles(network, planes, tile_px=tile_px, precision=precision):
                filled[:, tile.rows, tile.columns] = tile.streaks
    if streaks.shape[1] > pictures.shape[1]:
        streaks = luma(streaks)
    return torch.clamp(pictures - streaks, 0, 1), streaks
