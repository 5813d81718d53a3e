"""Scenes in memory, and pairs of crops drawn from them.

Every frame is decoded once into one 8-bit store. The pairs of a step depend on nothing but the seed and the step's number, so a run that
goes on after an interruption needs no state of a sampler, and draws are the same on every device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from manifests.errors import InputError
from manifests.media import MediaError, Picture, decode_picture
from manifests.tables import Scene
from manifests.workspace import Workspace
from train.presets import PairSettings
from train.released import ReleasedPictures

BLACK_LEVELS = 1.0  # a scene whose pixels spread less than this (standard deviation, grey levels) shows nothing
FROZEN_LEVELS = 0.05  # frames that differ by less than this from the first (mean, grey levels) repeat it
MASKED_FROM = 128  # of 255
CURE = "run `curate sequences` again, or reject the scene"


@dataclass(frozen=True)
class SceneFrames:
    """A scene's frames and where in them training may look."""

    scene_id: str
    frames: Tensor  # (N, C, H, W) uint8
    mask: Tensor  # (1, H, W) bool

    @property
    def size(self) -> tuple[int, int, int]:
        """Frames, height, width."""
        return self.frames.shape[0], self.frames.shape[2], self.frames.shape[3]


@dataclass(frozen=True)
class PairDraw:
    """Which two frames of which scene, and the square window that is cut from both."""

    scene: int
    first: int
    second: int
    top: int
    left: int
    side: int
    mirrored: bool


@dataclass(frozen=True)
class PairBatch:
    """Pairs of crops: intensities in [0, 1], (B, C, crop, crop); where they count, (B, 1, crop, crop)."""

    first: Tensor
    second: Tensor
    mask: Tensor


def scenes_of(rows: Sequence[Scene], split: str) -> list[Scene]:
    """The kept scenes of a split, in order of their ids."""
    kept = [row for row in rows if row.reason is None and row.error is None and row.split == split]
    return sorted(kept, key=lambda row: row.scene_id)


def load_scene(row: Scene, source: Workspace | ReleasedPictures, grey: bool) -> SceneFrames:
    """Decode a scene's frames, as luma or as RGB, out of a workspace's files or a release's shards.

    Raises InputError, naming the scene, for fewer than two frames, a missing, damaged or altered picture, unequal sizes, a black or frozen
    scene, and a mask that leaves nothing.
    """
    scene = f"scene {row.scene_id}"
    if len(row.frames) < 2:
        raise InputError(f"{scene}: has {len(row.frames)} frames, and a pair needs two; {CURE}")
    pictures: list[Picture] = []
    hashes: list[str] = []
    for stored in row.frames:
        content = _content(scene, source, stored)
        picture = _decoded(scene, content, stored, grey)
        if pictures and picture.shape != pictures[0].shape:
            raise InputError(
                f"{scene}: {stored} is {_size(picture)}, its first frame {_size(pictures[0])}; frames of a scene have one size: {CURE}"
            )
        pictures.append(picture)
        hashes.append(hashlib.sha256(content).hexdigest())
    frames = np.stack(pictures)
    _refuse_empty(scene, frames)
    for stored, sha256, found in zip(row.frames, row.sha256, hashes, strict=True):
        if found != sha256:
            raise InputError(f"{scene}: {stored} has changed since the scene was made; {CURE}")
    mask = np.ones(frames.shape[1:3], dtype=bool)
    if row.mask is not None:
        mask = _decoded(scene, _content(scene, source, row.mask), row.mask, True) >= MASKED_FROM
        if mask.shape != frames.shape[1:3]:
            raise InputError(f"{scene}: its mask {row.mask} is {_size(mask)}, its frames {_size(frames[0])}; {CURE}")
        if not mask.any():
            raise InputError(f"{scene}: its mask {row.mask} leaves no pixel to train on; {CURE}")
    stored_frames = frames[:, None] if grey else np.ascontiguousarray(frames.transpose(0, 3, 1, 2))
    return SceneFrames(row.scene_id, torch.from_numpy(stored_frames), torch.from_numpy(mask[None]))


def draw_pairs(sizes: Sequence[tuple[int, int, int]], settings: PairSettings, seed: int, step: int) -> list[PairDraw]:
    """The pairs of one step, from scenes of `sizes` (frames, height, width). Depends on nothing but the arguments.

    Scenes are uniform, and distinct as long as there are enough of them; the two frames of a pair differ; a window's side is uniform
    between the settings' bounds, or the picture's short side where that is less.
    """
    random = np.random.default_rng([seed, step])
    rounds = -(-settings.pairs // len(sizes))
    order = np.concatenate([random.permutation(len(sizes)) for _ in range(rounds)])[: settings.pairs]
    draws = []
    for scene in order.tolist():
        count, height, width = sizes[scene]
        first, second = random.choice(count, size=2, replace=False).tolist()
        short = min(height, width)
        largest = short if settings.window_to_px is None else min(settings.window_to_px, short)
        side = int(random.integers(min(settings.window_from_px, largest), largest + 1))
        top, left = int(random.integers(height - side + 1)), int(random.integers(width - side + 1))
        draws.append(PairDraw(scene, first, second, top, left, side, settings.mirror and bool(random.random() < 0.5)))
    return draws


def cut_pairs(scenes: Sequence[SceneFrames], draws: Sequence[PairDraw], crop_px: int, device: torch.device) -> PairBatch:
    """Cut out the windows, the same for both frames and the mask, and resize them (bilinear, antialiased) to crop_px."""
    crops, masks = [], []
    for draw in draws:
        scene = scenes[draw.scene]
        rows, columns = slice(draw.top, draw.top + draw.side), slice(draw.left, draw.left + draw.side)
        crop = scene.frames[[draw.first, draw.second], :, rows, columns].to(device).float() / 255
        mask = scene.mask[None, :, rows, columns].to(device)
        if draw.side != crop_px:
            crop = _resized(crop, crop_px)
            mask = _resized(mask.float(), crop_px) > 0.999  # counts where every pixel that went into it does
        crops.append(crop.flip(-1) if draw.mirrored else crop)
        masks.append(mask.flip(-1) if draw.mirrored else mask)
    both = torch.stack(crops, dim=1)
    return PairBatch(both[0], both[1], torch.cat(masks))


def _resized(crop: Tensor, side: int) -> Tensor:
    return functional.interpolate(crop, size=(side, side), mode="bilinear", antialias=True, align_corners=False)


def _content(scene: str, source: Workspace | ReleasedPictures, stored: str) -> bytes:
    try:
        return source.read(stored) if isinstance(source, ReleasedPictures) else source.resolve(stored).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{scene}: {stored}: no such picture; has it been moved or deleted? {CURE}") from None
    except OSError as error:
        raise InputError(f"{scene}: {stored}: cannot be read ({error.strerror}); {CURE}") from error


def _decoded(scene: str, content: bytes, stored: str, grey: bool) -> Picture:
    try:
        return decode_picture(content, stored, grey)
    except MediaError as error:
        raise InputError(f"{scene}: {error}; {CURE}") from error


def _refuse_empty(scene: str, frames: Picture) -> None:
    middle = frames[len(frames) // 2]
    if float(middle.std()) < BLACK_LEVELS:
        raise InputError(f"{scene}: shows nothing (mean grey level {middle.mean():.1f}, spread {middle.std():.2f}); {CURE}")
    first = frames[0].astype(np.int16)
    if all(float(np.abs(frame - first).mean()) < FROZEN_LEVELS for frame in frames[1:]):
        raise InputError(f"{scene}: is frozen (all {len(frames)} frames show the same picture); {CURE}")


def _size(picture: npt.NDArray[Any]) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
