"""How good is a network on scenes without ground truth, and one score that picks the checkpoint.

A network that removes rain gives every frame of a scene the same background, close to the frames' temporal median (which is clean where
rain covers a pixel in fewer than half of the frames), and keeps its contrast.

The score is the PSNR of B against a quantile of the scene's frames a little below their median. Rain only brightens, so the median of the
frames that are free of it lies at (1 - c) / 2 of all frames where rain covers a share c of them: at 0.4 for a fifth. Many frames tell the
background far better than one, and a network sees one at a time, so it cannot come near that quantile without having removed the rain.
What the quantile gets wrong is the same for every network, so that ranks hold. Against the median itself networks that leave rain, or
brighten, are ranked too high; lower quantiles are drawn down by noise and by changes of the light.

Consistency and contrast are told beside it and decide nothing: a constant picture is perfectly consistent, and the identity keeps all
contrast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from manifests.files import table_exists
from manifests.tables import Footage, Scene, Truth
from manifests.workspace import Workspace
from train.evaluate.scoring import clean_picture
from train.evaluate.truths import match_truths
from train.inference import remove_rain
from train.luma import luma
from train.network import DerainingNetwork
from train.scenes import SceneFrames, temporal_quantile

FRAMES = 4  # of each scene, evenly spread over it
LARGEST_SIDE_PX = 512  # of the window that is looked at
CLEAN_QUANTILE = 0.4  # of a pixel's values over the frames: the rain-free ones' median where rain covers a fifth of them
LEAST_SQUARE = 1e-6  # of an error's mean square; under it lies the rounding of 8-bit frames


@dataclass(frozen=True)
class LabelFree:
    """Means over scenes; intensities in [0, 1]. The truth, where it is known, is told and never chooses."""

    score: float  # PSNR of B against the frames' quantile, dB, full-range luma: higher is better
    score_input: float  # the same of doing nothing
    pair_gap: float  # mean |B_m - B_n|
    median_distance: float  # mean |B_m - temporal median|
    mean_streaks: float  # mean S
    contrast_kept: float  # std(B) / std of the temporal median
    psnr: float | None  # of B against the truth, dB, full-range luma; over the scenes that have one
    psnr_input: float | None  # that of doing nothing


@dataclass(frozen=True)
class HeldOutScene:
    """What validation looks at of one scene."""

    scene_id: str
    frames: Tensor  # (FRAMES, C, H, W) uint8
    median: Tensor  # (C, H, W), intensity in [0, 1], of all the scene's frames
    clean_quantile: Tensor  # the same, their CLEAN_QUANTILE
    seen: Tensor  # (H, W) bool, where the mask lets training look
    truth: Tensor | None  # (C, H, W) uint8


def known_truths(rows: Sequence[Scene], workspace: Workspace, grey: bool) -> dict[str, Tensor]:
    """The clean pictures (C, H, W) uint8 of the scenes that a simulator rendered, by scene id; of others there is none.

    Raises InputError where one is known and cannot be read, or does not show what its scene shows.
    """
    if not (table_exists(workspace.table(Truth)) and table_exists(workspace.table(Footage))):
        return {}
    found = {}
    for scene in match_truths(rows, workspace, workspace.table(Truth)).scenes:
        clean = clean_picture(scene)
        picture = Image.fromarray(clean).convert("L" if grey else "RGB")  # as a scene's frames are made grey
        found[str(scene.scene_id)] = torch.from_numpy(np.array(picture)).reshape(*clean.shape[:2], -1).permute(2, 0, 1)
    return found


def held_out_scene(scene: SceneFrames, truth: Tensor | None = None) -> HeldOutScene:
    """Cut out of a scene, and of its clean picture (C, H, W) uint8, what validation looks at."""
    rows, columns = most_seen_window(scene.mask[0], LARGEST_SIDE_PX)
    frames = scene.frames[:, :, rows, columns]
    chosen = torch.linspace(0, len(frames) - 1, min(FRAMES, len(frames)), device=frames.device).round().long()
    ordered = frames.sort(dim=0).values
    median, clean_quantile = (temporal_quantile(ordered, share) / 255 for share in (0.5, CLEAN_QUANTILE))
    shown = truth[:, rows, columns] if truth is not None else None
    return HeldOutScene(scene.scene_id, frames[chosen], median, clean_quantile, scene.mask[0, rows, columns], shown)


def most_seen_window(mask: Tensor, side: int) -> tuple[slice, slice]:
    """Rows and columns of the window of at most `side` px that sees most of a mask (H, W); of equals the most central."""
    height, width = min(side, mask.shape[0]), min(side, mask.shape[1])
    sums = functional.pad(mask.double().cumsum(0).cumsum(1), (1, 0, 1, 0))
    counts = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    down, across = (torch.arange(length, device=mask.device) - (length - 1) // 2 for length in counts.shape)
    distance = (down[:, None].square() + across.square()).double()
    best = int((counts - distance / (distance.max() + 1)).argmax())
    top, left = divmod(best, counts.shape[1])
    return slice(top, top + height), slice(left, left + width)


def validate(network: DerainingNetwork, scenes: Sequence[HeldOutScene], device: torch.device, precision: torch.dtype) -> LabelFree:
    """Measure a network on held-out scenes; only where their masks let training look."""
    per_scene = [_validate_scene(network, scene, device, precision) for scene in scenes]
    score, score_input, gap, distance, streaks, kept = torch.stack([measures for measures, _ in per_scene]).mean(dim=0).tolist()
    against_truth = [psnr for _, psnr in per_scene if psnr is not None]
    psnr, psnr_input = torch.stack(against_truth).mean(dim=0).tolist() if against_truth else (None, None)
    return LabelFree(score, score_input, gap, distance, streaks, kept, psnr, psnr_input)


def _validate_scene(
    network: DerainingNetwork, scene: HeldOutScene, device: torch.device, precision: torch.dtype
) -> tuple[Tensor, Tensor | None]:
    """Of one scene: the label-free measures in their order (6,), and PSNR with and without the network (2,)."""
    pictures = scene.frames.to(device).float() / 255
    median, seen = scene.median.to(device), scene.seen.to(device)
    background, streaks = remove_rain(network, pictures, precision)
    visible, visible_median = background[:, :, seen], median[:, seen]
    kept = visible.std(dim=(1, 2), correction=0).mean() / visible_median.std(correction=0).clamp(min=1e-6)
    clean_quantile = scene.clean_quantile.to(device)
    measures = [
        _psnr(background, clean_quantile, seen),
        _psnr(pictures, clean_quantile, seen),
        (visible - visible.roll(1, dims=0)).abs().mean(),
        (visible - visible_median).abs().mean(),
        streaks[:, :, seen].mean(),
        kept,
    ]
    if scene.truth is None:
        return torch.stack(measures), None
    truth = scene.truth.to(device).float() / 255
    return torch.stack(measures), torch.stack([_psnr(background, truth, seen), _psnr(pictures, truth, seen)])


def _psnr(pictures: Tensor, wanted: Tensor, seen: Tensor) -> Tensor:
    """Of pictures (B, C, H, W) against one (C, H, W), in luma, where `seen`: dB, mean over the pictures."""
    error = (luma(pictures) - luma(wanted[None]))[:, 0, seen]
    return -10 * error.square().mean(dim=1).clamp(min=LEAST_SQUARE).log10().mean()
