"""Is the network still alive: vital signs of each step, and an alarm when training has collapsed.

Two ends are known, both of which training cannot leave. The consistency and reconstruction losses are exactly 0 at a constant
background (S = I), which only the structure similarity loss opposes; and a ReLU head whose output is 0 everywhere has no gradient, nor
has any head whose last hidden units are all 0, which gives every picture the same S throughout.
The contrast of the background is held against what both frames of a pair share, not against the rainy frame's own: heavy rain over a
flat sky makes most of a frame's contrast, and taking it away is no collapse.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from manifests.errors import InputError
from train.losses import background
from train.presets import WatchSettings

JUDGE_STEPS = 20  # steps between two looks: a look waits for the device
SIGNS = 6  # what is noted of a step
LEAST_SHARED = 0.2  # where the frames of pairs share less of their contrast than this, rain is nearly all there is to see

CONSTANT_CURE = (
    "The structure similarity loss is too weak against the consistency loss; start again under another --name with "
    "--set structure_weight=3 --set gamma_start=1 --set gamma_end=1, as the presets default and small have it, and where that is so "
    "already with a larger structure_weight or a lower learning_rate"
)
DEAD_CURE = (
    "Rectified units that are 0 everywhere have no gradient and stay dead; start again under another --name with --set head=linear, as the "
    "presets default and small have it, and where that is so already with a longer rise of the rate (--set warm_up=0.1), a lower "
    "learning_rate or a larger width"
)


class Collapse(InputError):
    """Training ended in a state that it cannot leave; the message says which, how it was seen and what to change."""


@dataclass(frozen=True)
class VitalSigns:
    """Means over a window of steps."""

    mean_streaks: float  # mean S, intensity
    contrast_kept: float  # std(B) / std(I) within crops
    contrast_shared: float  # sqrt(cov(I_m, I_n)) / std(I): 1 where there is no rain
    dead_fraction: float  # share of streak pixels that are exactly 0, or lie in a crop whose S is the same everywhere
    loss: float


class CollapseWatch:
    """Gathers vital signs on the device, step by step, and judges them over the last `collapse_steps` steps."""

    def __init__(self, settings: WatchSettings) -> None:
        self.settings = settings
        self.window: deque[Tensor] = deque(maxlen=settings.collapse_steps)

    def state(self) -> Tensor:
        """The window (steps, 6), on the CPU: what an interrupted run takes up again."""
        return torch.stack(list(self.window)).cpu() if self.window else torch.empty(0, SIGNS)

    def restore(self, state: Tensor) -> None:
        """Take up the window of an interrupted run."""
        self.window.clear()
        self.window.extend(state.unbind())

    def add(self, pictures: tuple[Tensor, Tensor], streaks: tuple[Tensor, Tensor], loss: Tensor) -> None:
        """Note a step's pairs (B, C, H, W), their predicted streaks, and the loss."""
        self.window.append(_measure(pictures, streaks, loss))

    def signs(self) -> VitalSigns:
        """What the window shows."""
        device = self.window[-1].device  # a restored window lies on the CPU
        window = torch.stack([noted.to(device) for noted in self.window])
        mean, of_background, of_pictures, shared, dead, loss = window.mean(dim=0).tolist()
        contrast = max(of_pictures, 1e-12) ** 0.5
        return VitalSigns(mean, max(of_background, 0.0) ** 0.5 / contrast, max(shared, 0.0) ** 0.5 / contrast, dead, loss)

    def judge(self, step: int) -> None:
        """Raises Collapse when the window shows one."""
        if not self.window:
            return
        signs = self.signs()
        if not math.isfinite(signs.loss):
            first = next(place for place, noted in enumerate(self.window) if not bool(noted[-1].isfinite()))
            broken = step - len(self.window) + first + 1
            raise Collapse(
                f"step {broken}: the loss is not a finite number; the last good checkpoint is kept. Lower the rate "
                "(--set learning_rate=…) and use another --name"
            )
        if len(self.window) < self.settings.collapse_steps:
            return
        over = f"over the last {len(self.window)} steps"
        if signs.contrast_shared > LEAST_SHARED and signs.contrast_kept < self.settings.least_contrast * signs.contrast_shared:
            raise Collapse(
                f"step {step}: collapsed to a constant background: {over} std(B)/std(I) is {signs.contrast_kept:.3f} where both frames "
                f"share {signs.contrast_shared:.3f}, mean S {signs.mean_streaks:.3f}. {CONSTANT_CURE}"
            )
        if signs.dead_fraction > self.settings.most_dead:
            raise Collapse(
                f"step {step}: collapsed to no streaks at all: {over} S is exactly 0, or the same throughout a crop, in "
                f"{signs.dead_fraction:.2%} of the pixels. {DEAD_CURE}"
            )


@torch.no_grad()
def _measure(pictures: tuple[Tensor, Tensor], streaks: tuple[Tensor, Tensor], loss: Tensor) -> Tensor:
    """Mean S, variance of B and of I, covariance of the frames (all within crops), share of the dead, loss: (6,)."""
    both, rain = torch.cat(pictures), torch.cat(streaks)
    centred = [picture - picture.mean(dim=(1, 2, 3), keepdim=True) for picture in pictures]
    same = rain.amax(dim=(2, 3), keepdim=True) == rain.amin(dim=(2, 3), keepdim=True)
    return torch.stack(
        [
            rain.mean(),
            background(both, rain).flatten(1).var(dim=1).mean(),
            both.flatten(1).var(dim=1).mean(),
            (centred[0] * centred[1]).mean(),
            ((rain == 0) | same).float().mean(),
            loss.detach().float(),
        ]
    )
