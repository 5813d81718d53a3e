"""Pictures of any size in bounded memory: the streaks of one tile after the other, the same as those of the whole picture.

Where the fusion's filter depends on the whole picture, the encoders' features are first summed over all tiles, each position once, and
the filter that they make is handed to every tile: tiles that made their own would differ from one another. Each tile is seen with as
much of the picture around it as its streaks depend on, and the picture's own end is padded as the whole picture's is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from train.fusion import GLOBAL
from train.luma import seen_as
from train.network import CONVOLUTIONS_A_BLOCK, STRIDE, DerainingNetwork, reflected

Planes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]

CPU_BYTES = 4 * 2**30  # what the network's maps may take
CUDA_SHARE = 0.25  # of the GPU's memory, for the same


@dataclass(frozen=True)
class Tile:
    """A part of a picture and its streaks, (C, rows, columns) in float32 on the network's device."""

    rows: slice
    columns: slice
    streaks: Tensor


@dataclass(frozen=True)
class _Part:
    """A tile along one axis: what is wanted of it, what is read for that (past the picture's end: the padding), in px."""

    start: int
    stop: int
    read_from: int
    read_to: int

    @property
    def wanted(self) -> slice:
        """Within what is read."""
        return slice(self.start - self.read_from, self.stop - self.read_from)

    @property
    def wanted_cells(self) -> slice:
        """The same at 1/8, where features are fused."""
        return slice((self.start - self.read_from) // STRIDE, (self.stop - self.read_from) // STRIDE)


@torch.inference_mode()
def streaks_by_tiles(
    network: DerainingNetwork, planes_CHW: Planes | Tensor, *, tile_px: int | None = None, precision: torch.dtype = torch.float32
) -> Iterator[Tile]:
    """The streaks of a picture, tile by tile, row by row from its upper left corner.

    `planes_CHW`: one grey or three RGB planes of 8 or 16 bits or of intensities in [0, 1]; it is read part by part and may be
    memory-mapped. `tile_px`: side of a tile, a multiple of 8; as large as memory allows unless given. Raises ValueError for another one.
    """
    height, width = planes_CHW.shape[1:]
    whole = _round_up(max(height, width)) if height * width <= most_pixels(network, precision) else None
    side = tile_px if tile_px is not None else whole or largest_tile_px(network, precision)
    if side < STRIDE or side % STRIDE:
        raise ValueError(f"tile_px={tile_px}: a multiple of {STRIDE}")
    filters = None
    if isinstance(network.fusion, GLOBAL) and max(height, width) > side:
        filters = network.fusion.filters(_pooled(network, planes_CHW, side, precision))
    reach = _round_up(reach_px(network.settings.kernels))
    for rows in _parts(height, side, reach):
        for columns in _parts(width, side, reach):
            part = _read(network, planes_CHW, rows, columns)
            with _autocast(part, precision):
                streaks = network.streaks(part, filters)
            wanted = streaks[0, :, rows.wanted, columns.wanted][:, : height - rows.start, : width - columns.start]
            yield Tile(slice(rows.start, min(rows.stop, height)), slice(columns.start, min(columns.stop, width)), wanted.float())


def reach_px(kernels: Sequence[int]) -> int:
    """How far from a pixel of the streaks the picture still matters to it, but for a filter of the whole picture: 93 px with 3, 5, 7."""
    furthest = 0
    for pixel in range(STRIDE):
        low = high = pixel
        for convolutions in CONVOLUTIONS_A_BLOCK:  # the decoder backwards: its convolutions, then the pixels that doubling looks at
            low, high = low - convolutions - 1, high + convolutions + 1
            low, high = (low - 1) // 2, (high - 1) // 2 + 1
        low, high = _encoded_from(low, high, kernels)
        furthest = max(furthest, pixel - low, high - pixel)
    return furthest


def most_pixels(network: DerainingNetwork, precision: torch.dtype) -> int:
    """How many pixels the network may see at once: in 4 GiB on a CPU, in a quarter of a GPU's memory."""
    device = next(network.parameters()).device
    memory = torch.cuda.get_device_properties(device).total_memory * CUDA_SHARE if device.type == "cuda" else CPU_BYTES
    values = (4 + 3.5 * len(network.settings.kernels)) * network.settings.width  # a pixel, at the peak; measured
    return int(memory / (values * precision.itemsize + 64))


def largest_tile_px(network: DerainingNetwork, precision: torch.dtype) -> int:
    """Side of the largest tile that the network may see with what lies around it; at least 128."""
    around = 2 * _round_up(reach_px(network.settings.kernels))
    return max(128, (math.isqrt(most_pixels(network, precision)) - around) // STRIDE * STRIDE)


def _pooled(network: DerainingNetwork, planes_CHW: Planes | Tensor, side: int, precision: torch.dtype) -> Tensor:
    """The mean over the whole picture of the features that are fused: (1, inputs)."""
    height, width = planes_CHW.shape[1:]
    low, high = _encoded_from(0, 0, network.settings.kernels)
    reach = _round_up(max(-low, high - STRIDE + 1))
    total: Tensor | None = None
    for rows in _parts(height, side, reach):
        for columns in _parts(width, side, reach):
            part = _read(network, planes_CHW, rows, columns)
            with _autocast(part, precision):
                features = network.features(part)
            of_tile = features[:, :, rows.wanted_cells, columns.wanted_cells].float().sum(dim=(2, 3)).cpu().double()
            total = of_tile if total is None else total + of_tile
    assert total is not None
    cells = (_round_up(height) // STRIDE) * (_round_up(width) // STRIDE)
    return (total / cells).to(next(network.parameters()).device, torch.float32)


def _encoded_from(low: int, high: int, kernels: Sequence[int]) -> tuple[int, int]:
    """The first and last pixel that features from `low` to `high` at 1/8 depend on."""
    for convolutions in reversed(CONVOLUTIONS_A_BLOCK):
        reach = convolutions * (max(kernels) // 2)
        low, high = 2 * low - reach, 2 * high + 1 + reach
    return low, high


def _parts(length: int, side: int, reach: int) -> Iterator[_Part]:
    padded = _round_up(length)
    for start in range(0, padded, side):
        stop = min(start + side, padded)
        yield _Part(start, stop, max(0, start - reach), min(padded, stop + reach))


def _read(network: DerainingNetwork, planes_CHW: Planes | Tensor, rows: _Part, columns: _Part) -> Tensor:
    """A part as the network sees it: (1, C, rows, columns), intensities in [0, 1] in float32 on its device."""
    height, width = planes_CHW.shape[1:]
    row_numbers = reflected(torch.arange(rows.read_from, rows.read_to), height)
    column_numbers = reflected(torch.arange(columns.read_from, columns.read_to), width)
    if isinstance(planes_CHW, Tensor):
        part = planes_CHW[:, row_numbers][:, :, column_numbers]
    else:
        part = torch.from_numpy(_intensities(planes_CHW[:, row_numbers.numpy()[:, None], column_numbers.numpy()]))
    device = next(network.parameters()).device
    return seen_as(network.settings.color, part[None].to(device)).contiguous(memory_format=torch.channels_last)


def _intensities(planes: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    whole = np.iinfo(planes.dtype).max if np.issubdtype(planes.dtype, np.integer) else 1
    scaled: npt.NDArray[np.float32] = np.divide(planes, whole, dtype=np.float32)
    return scaled


def _autocast(part: Tensor, precision: torch.dtype) -> torch.autocast:
    return torch.autocast(part.device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16)


def _round_up(length: int) -> int:
    return -(-length // STRIDE) * STRIDE
