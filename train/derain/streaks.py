"""The network at work on samples as files store them: 8 or 16 bits, lying as the camera was held.

What a network takes out are streaks; everything else of a file stays as it is. So the streaks are subtracted from the stored integers,
once rounded, and neither colour conversion nor turning touches what is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manifests.errors import InputError
from train.inference import remove_rain
from train.luma import luma
from train.network import DerainingNetwork
from train.tiling import streaks_by_tiles

Samples = npt.NDArray[Any]  # uint8 or uint16
Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Deraining:
    """A network, on the device where it runs, and how it computes."""

    network: DerainingNetwork
    device: torch.device
    precision: torch.dtype = torch.float32

    @property
    def sees_colour(self) -> bool:
        """Whether the network looks at RGB, and not at luma alone."""
        return self.network.settings.color != "luma"

    def streaks(self, pictures_BCHW: Tensor) -> Tensor:
        """The streaks of upright pictures of intensities in [0, 1], C = 1 or 3, on the network's device: (B, H, W), of colours their mean.

        Raises InputError where memory does not suffice.
        """
        with _memory_told(tuple(pictures_BCHW.shape)):
            return remove_rain(self.network, pictures_BCHW, self.precision)[1].mean(dim=1)


def derain_picture(network: DerainingNetwork, picture: Picture) -> Floats:
    """The background of an 8-bit upright picture, HWC RGB or HW grey: intensities in [0, 1] of the same shape, not quantised.

    Raises InputError where memory does not suffice.
    """
    planes_CHW = picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)
    pictures_BCHW = torch.from_numpy(np.divide(planes_CHW, 255, dtype=np.float32))[None].to(next(network.parameters()).device)
    with _memory_told(picture.shape):
        background_CHW = remove_rain(network, pictures_BCHW)[0][0].cpu().numpy()
    return np.ascontiguousarray(background_CHW[0] if picture.ndim == 2 else background_CHW.transpose(1, 2, 0))


def derain_samples(deraining: Deraining, samples_HWC: Samples, orientation: int = 1) -> tuple[Samples, Samples]:
    """Grey or RGB samples without their rain, and the streaks, (H, W, 1), full scale for a streak from black to white.

    The network sees the picture upright by its EXIF `orientation` (1 to 8), since rain falls down, and tile by tile where it is large.
    Raises InputError where memory does not suffice.
    """
    background_HWC, streaks_HW1 = np.empty_like(samples_HWC), np.empty_like(samples_HWC[..., :1])
    rainy, background, streaks = (upright(array, orientation) for array in (samples_HWC, background_HWC, streaks_HW1))
    full = int(np.iinfo(samples_HWC.dtype).max)
    with _memory_told(samples_HWC.shape):
        for tile in streaks_by_tiles(deraining.network, rainy, precision=deraining.precision):
            grey = tile.streaks.shape[0] > rainy.shape[0]
            found_CHW = (luma(tile.streaks[None])[0] if grey else tile.streaks).cpu().numpy()
            background[:, tile.rows, tile.columns] = np.clip(np.rint(rainy[:, tile.rows, tile.columns] - full * found_CHW), 0, full)
            streaks[:, tile.rows, tile.columns] = np.clip(np.rint(full * found_CHW.mean(axis=0)), 0, full)
    return background_HWC, streaks_HW1


def upright(samples_HWC: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """A view of stored samples as planes (C, H, W), turned and mirrored as their EXIF orientation wants them shown."""
    planes_CHW = samples_HWC.transpose(2, 0, 1)
    if orientation in (2, 4, 5, 7):
        planes_CHW = planes_CHW[:, :, ::-1]
    quarter_turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.rot90(planes_CHW, quarter_turns, axes=(1, 2))


@contextmanager
def _memory_told(shape: tuple[int, ...]) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if "memory" not in str(error) and not isinstance(error, MemoryError):
            raise
        size = "x".join(map(str, shape))
        raise InputError(f"pixels of {size} need more memory than there is; scale or cut it, or take a narrower network") from error
