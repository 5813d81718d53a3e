"""The frames of a run, decoded once into one buffer of bytes, and pairs of crops cut from it where it lies.

On the device when they fit there beside a training step, else in the host's memory, else in a file that is mapped into it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from manifests.errors import InputError, first_line
from manifests.options import usable_cores
from manifests.tables import Scene
from manifests.workspace import Workspace
from train.fit.memory import Place
from train.presets import PairSettings, Target
from train.released import ReleasedPictures
from train.scenes import CURE, Numbers, PairBatch, PairDraws, SceneFrames, crops_of, cut_pairs, draw_pairs, load_scene, with_target


@dataclass(frozen=True)
class FrameStore:
    """Scenes one after the other in one buffer: each its frames (N, C, H, W), its target (C, H, W), if any, its mask (1, H, W)."""

    bytes: Tensor  # flat, uint8
    scenes: Sequence[SceneFrames]  # views into it
    sizes: Numbers  # (scenes, 3): frames, height, width
    starts: Numbers  # (scenes,): where in the buffer they begin

    def draw_pairs(self, settings: PairSettings, seed: int, step: int) -> PairDraws:
        """The pairs of a step, as `scenes.draw_pairs` draws them."""
        return draw_pairs(self.sizes, settings, seed, step)

    def cut_pairs(self, draws: PairDraws, crop_px: int, device: torch.device) -> PairBatch:
        """Crops of crop_px, as `scenes.cut_pairs` cuts them; on the device in one go where the buffer lies there."""
        if self.bytes.device.type == "cpu":
            return cut_pairs(self.scenes, draws, crop_px, device)
        return crops_of(*self.gathered(draws), draws, crop_px)

    def gathered(self, draws: PairDraws) -> tuple[Tensor, Tensor]:
        """Windows (B, 2 or 3, C, S, S) uint8 and masks (B, 1, S, S) bool as wide as the widest; the rest of others repeats their edge."""
        count, height, width = self.sizes[draws.scene].T
        channels = self.scenes[0].frames.shape[1]
        corner = self.starts[draws.scene] + draws.top * width + draws.left
        plane = height * width
        targets = 0 if self.scenes[0].target is None else 1
        frames = [draws.first, draws.second, count][: 2 + targets]  # the target lies behind the last frame
        pictures = [corner + frame * channels * plane for frame in frames]
        # One upload: a copy to the device costs as much time as the work on it.
        table = torch.from_numpy(np.stack([*pictures, corner + (count + targets) * channels * plane, plane, width, draws.side]))
        *starts, mask, plane_px, width_px, side = table.to(self.bytes.device, non_blocking=True)[..., None, None]
        along = torch.arange(int(draws.side.max()), device=self.bytes.device)
        within = torch.minimum(along[:, None], side - 1) * width_px + torch.minimum(along, side - 1)  # (B, S, S)
        channel = torch.arange(channels, device=self.bytes.device)[:, None, None]
        windows = torch.stack(starts, dim=1)[..., None, :, :] + channel * plane_px[:, None, None] + within[:, None, None]
        return self.bytes[windows], self.bytes[(mask + within)[:, None]].bool()


def load_scenes(
    rows: Sequence[Scene],
    source: Workspace | ReleasedPictures,
    grey: bool,
    *,
    target: Target = "frame",
    place: Place,
    device: torch.device,
    folder: Path,
) -> FrameStore:
    """Decode scenes side by side into one store; on `device`, in memory, or in a file in `folder` that ends with the process.

    `target`: what is stored beside the frames, for backgrounds to be held against.

    Raises InputError as `load_scene` does, where a picture has another size than the table says, and where the file finds no room.
    """
    channels = 1 if grey else 3
    sizes = np.array([(len(row.frames), row.height or 0, row.width or 0) for row in rows], dtype=np.int64).reshape(-1, 3)
    starts = np.concatenate([[0], np.cumsum([_bytes_of(row, channels, target) for row in rows])]).astype(np.int64)
    buffer = _buffer(int(starts[-1]), place, device, folder)
    scenes = [
        _scene_in(buffer[start:end], row.scene_id, (count, channels, height, width), target)
        for row, start, end, (count, height, width) in zip(rows, starts[:-1], starts[1:], sizes.tolist(), strict=True)
    ]

    def fill(row: Scene, stored: SceneFrames) -> None:
        scene = with_target(load_scene(row, source, grey), target)
        if scene.size != stored.size:
            found, told = (f"{count} of {width}x{height}" for count, height, width in (scene.size, stored.size))
            raise InputError(f"scene {row.scene_id}: its frames are {found}, and the table says {told}; {CURE}")
        stored.frames.copy_(scene.frames)
        stored.mask.copy_(scene.mask)
        if stored.target is not None and scene.target is not None:
            stored.target.copy_(scene.target)

    with ThreadPoolExecutor(usable_cores()) as pool:
        try:
            for _ in pool.map(fill, rows, scenes):
                pass
        finally:
            pool.shutdown(cancel_futures=True)
    return FrameStore(buffer, scenes, sizes, starts[:-1])


def bytes_of(rows: Sequence[Scene], grey: bool, target: Target) -> int:
    """What a store of these scenes holds."""
    return sum(_bytes_of(row, 1 if grey else 3, target) for row in rows)


def _bytes_of(row: Scene, channels: int, target: Target) -> int:
    return ((len(row.frames) + (target != "frame")) * channels + 1) * (row.height or 0) * (row.width or 0)


def _scene_in(part: Tensor, scene_id: str, shape: tuple[int, int, int, int], target: Target) -> SceneFrames:
    count, channels, height, width = shape
    targets = 0 if target == "frame" else 1
    planes = part.view((count + targets) * channels + 1, height, width)
    beside = planes[count * channels : -1] if targets else None
    return SceneFrames(scene_id, planes[: count * channels].view(shape), planes[-1:].view(torch.bool), beside)


def _buffer(size: int, place: Place, device: torch.device, folder: Path) -> Tensor:
    if place == "device":
        return torch.empty(size, dtype=torch.uint8, device=device)
    if place == "host":
        return torch.empty(size, dtype=torch.uint8)  # not pinned: what is uploaded is the crops, which are cut into pinned memory
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:  # has no name, so that not even a kill leaves it behind
            os.posix_fallocate(file.fileno(), 0, size)  # or a disk that is full would show when a page is written, as a crash
            return torch.from_numpy(np.memmap(file, np.uint8, "r+", shape=(size,)))
    except OSError as error:
        raise InputError(
            f"{folder}: no room for {size / 1e9:.1f} GB of frames, which do not fit into memory ({first_line(error)}); make room there"
        ) from error
