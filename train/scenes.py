"""A scene in memory, and pairs of crops drawn from scenes.

The pairs of a step depend on nothing but the seed and the step's number, so a run that goes on after an interruption needs no state of a
sampler, and draws are the same on every device and for any number of processes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manifests.errors import InputError
from manifests.media import MediaError, Picture, decode_picture
from manifests.tables import Scene
from manifests.workspace import Workspace
from train.presets import PairSettings, Target
from train.released import ReleasedPictures

Numbers = npt.NDArray[np.int64]

BLACK_LEVELS = 1.0  # a scene whose pixels spread less than this (standard deviation, grey levels) shows nothing
FROZEN_LEVELS = 0.05  # frames that differ by less than this from the first (mean, grey levels) repeat it
MASKED_FROM = 128  # of 255
QUARTILE_BY_SPREAD = 0.6745 / (1.2816 - 0.6745)  # of a normal distribution: median less lower quartile, by lower quartile less lowest tenth
MOST_RAISED = 1.0  # grey levels, by noise of 1.5: where darker frames differ by more than noise, gusts make them differ
CURE = "run `curate sequences` again, or reject the scene"


@dataclass(frozen=True)
class SceneFrames:
    """A scene's frames and where in them training may look."""

    scene_id: str
    frames: Tensor  # (N, C, H, W) uint8
    mask: Tensor  # (1, H, W) bool
    target: Tensor | None = None  # (C, H, W) uint8: of the frames, where backgrounds are held against it

    @property
    def size(self) -> tuple[int, int, int]:
        """Frames, height, width."""
        return self.frames.shape[0], self.frames.shape[2], self.frames.shape[3]


@dataclass(frozen=True)
class PairDraws:
    """Pairs as drawn, one entry each: two frames of a scene, and the square window that is cut from both."""

    scene: Numbers
    first: Numbers
    second: Numbers
    top: Numbers
    left: Numbers
    side: Numbers
    mirrored: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.scene)

    def part(self, which: slice) -> PairDraws:
        """Some of the pairs."""
        return PairDraws(*(getattr(self, field.name)[which] for field in dataclasses.fields(self)))


@dataclass(frozen=True)
class PairBatch:
    """Pairs of crops: intensities in [0, 1], (B, C, crop, crop); where they count, bool (B, 1, crop, crop)."""

    first: Tensor
    second: Tensor
    mask: Tensor
    target: Tensor | None = None  # of the scene, cut as both are


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


def with_target(scene: SceneFrames, target: Target) -> SceneFrames:
    """The scene with what its backgrounds are held against, rounded to 8 bits; of `frame`, nothing."""
    if target == "frame":
        return scene
    if target == "mean":
        return dataclasses.replace(scene, target=scene.frames.float().mean(dim=0).round().byte())
    ordered = scene.frames.sort(dim=0).values
    told = temporal_quantile(ordered, 0.5) if target == "median" else _rain_free(ordered)
    return dataclasses.replace(scene, target=told.round().byte())


def _rain_free(ordered: Tensor) -> Tensor:
    """What pixels are without rain: the lower quartile, raised by as much as noise lowers it, as told by what is darker still.

    Rain only brightens, so the lower quartile is clean where it covers a pixel in half of the frames, and more. Normal noise without rain
    lowers it by 0.67 standard deviations, and what lies between it and the lowest tenth is 0.61 of them.
    """
    quartile, tenth = temporal_quantile(ordered, 0.25), temporal_quantile(ordered, 0.1)
    return (quartile + (QUARTILE_BY_SPREAD * (quartile - tenth)).clamp(max=MOST_RAISED)).clamp(max=255)


def temporal_quantile(ordered: Tensor, share: float) -> Tensor:
    """Of frames (N, C, H, W) uint8, sorted over N: (C, H, W) float32, 0-255, linear between two frames."""
    place = share * (len(ordered) - 1)  # torch.quantile refuses more than 16 million values
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return torch.lerp(ordered[below].float(), ordered[above].float(), place - below)


def draw_pairs(sizes: Sequence[tuple[int, int, int]] | Numbers, settings: PairSettings, seed: int, step: int) -> PairDraws:
    """The pairs of one step, from scenes of `sizes` (frames, height, width). Depends on nothing but the arguments.

    Scenes are uniform, and distinct as long as there are enough of them; the two frames of a pair differ; a window's side is uniform
    between the settings' bounds, or the picture's short side where that is less.
    """
    random = np.random.default_rng([seed, step])
    rounds = -(-settings.pairs // len(sizes))
    scene = np.concatenate([random.permutation(len(sizes)) for _ in range(rounds)])[: settings.pairs]
    count, height, width = np.asarray(sizes)[scene].T
    chance = random.random((6, settings.pairs))
    first, second = _below(count, chance[0]), _below(count - 1, chance[1])
    short = np.minimum(height, width)
    largest = short if settings.window_to_px is None else np.minimum(settings.window_to_px, short)
    least = np.minimum(settings.window_from_px, largest)
    side = least + _below(largest - least + 1, chance[2])
    top, left = _below(height - side + 1, chance[3]), _below(width - side + 1, chance[4])
    mirrored = (chance[5] < 0.5) & settings.mirror
    return PairDraws(scene, first, second + (second >= first), top, left, side, mirrored)


def _below(ends: Numbers, chance: npt.NDArray[np.float64]) -> Numbers:
    """Numbers from 0 to below `ends`, by chances from 0 to below 1."""
    return (ends * chance).astype(np.int64)


def cut_pairs(scenes: Sequence[SceneFrames], draws: PairDraws, crop_px: int, device: torch.device) -> PairBatch:
    """Cut out the windows, the same for both frames and the mask, and resize them to crop_px on the device."""
    widest, pinned = int(draws.side.max()), device.type == "cuda"
    channels = scenes[0].frames.shape[1]
    pictures = 2 if scenes[0].target is None else 3
    windows = torch.zeros((len(draws), pictures, channels, widest, widest), dtype=torch.uint8, pin_memory=pinned)
    masks = torch.zeros((len(draws), 1, widest, widest), dtype=torch.bool, pin_memory=pinned)
    for place in range(len(draws)):
        scene, side = scenes[draws.scene[place]], draws.side[place]
        rows, columns = (slice(start, start + side) for start in (draws.top[place], draws.left[place]))
        windows[place, 0, :, :side, :side] = scene.frames[draws.first[place], :, rows, columns]
        windows[place, 1, :, :side, :side] = scene.frames[draws.second[place], :, rows, columns]
        if scene.target is not None:
            windows[place, 2, :, :side, :side] = scene.target[:, rows, columns]
        masks[place, :, :side, :side] = scene.mask[:, rows, columns]
    return crops_of(windows.to(device, non_blocking=True), masks.to(device, non_blocking=True), draws, crop_px)


def crops_of(windows: Tensor, masks: Tensor, draws: PairDraws, crop_px: int) -> PairBatch:
    """Crops of crop_px out of windows: resized (bilinear, antialiased) and mirrored as drawn.

    `windows` (B, 2 or 3, C, S, S) uint8 of both frames and the target, if any, `masks` (B, 1, S, S) bool; a window of a side less than S
    lies at its top left.
    """
    crops, seen = windows.float() / 255, masks
    if (draws.side != crop_px).any():
        weights = _resizing(torch.from_numpy(draws.side).to(windows.device, non_blocking=True), windows.shape[-1], crop_px)
        crops = weights[:, None, None] @ crops @ weights[:, None, None].mT
        # A pixel counts where every pixel that went into it does.
        seen = weights[:, None] @ masks.float() @ weights[:, None].mT > 0.999
    if draws.mirrored.any():
        mirrored = torch.from_numpy(draws.mirrored).to(windows.device, non_blocking=True)
        crops = torch.where(mirrored[:, None, None, None, None], crops.flip(-1), crops)
        seen = torch.where(mirrored[:, None, None, None], seen.flip(-1), seen)
    return PairBatch(crops[:, 0], crops[:, 1], seen, crops[:, 2] if crops.shape[1] == 3 else None)


def _resizing(sides: Tensor, widest: int, crop_px: int) -> Tensor:
    """Matrices (B, crop, widest) that resize rows of `sides` px to crop_px, with a triangle as wide as a new pixel, or as an old one."""
    scale = sides[:, None, None] / crop_px
    centres = (torch.arange(crop_px, device=sides.device)[:, None] + 0.5) * scale
    pixels = torch.arange(widest, device=sides.device)
    weights = (1 - (pixels + 0.5 - centres).abs() / scale.clamp(min=1)).clamp(min=0) * (pixels < sides[:, None, None])
    return weights / weights.sum(dim=2, keepdim=True)


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
