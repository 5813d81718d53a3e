"""Every number of a training run, in one place: `PAPER`, `DEFAULT`, `SMALL`.

`PAPER` follows Cho et al. 2020 to the letter, collapse included: its structure similarity loss is too weak to hold the background
against the consistency loss, whose minimum is a constant picture. `DEFAULT` keeps the architecture and every term and makes that loss
strong; `SMALL` is that recipe at a size that two CPU cores train in three minutes, with backgrounds held against the scene's darker
frames in place of the pair's other frame.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import click

from manifests.columns import columns, refuse_outside
from manifests.options import parse_settings

Fusion = Literal["dynamic", "dynamic_local", "dynamic_lowrank", "concat", "sum", "product"]
Deconv = Literal["interpolate", "bilinear3"]
Head = Literal["relu", "linear", "softplus"]
Color = Literal["luma", "rgb"]
Target = Literal["frame", "median", "mean", "rain_free"]
Compile = Literal["auto", "on", "off"]


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The deraining network (Cho et al. 2020, Tables I and II)."""

    width: Annotated[int, "channels of the first block; the deeper ones have 2 and 4 times as many"] = 64
    kernels: Annotated[tuple[int, ...], "kernel sizes, one encoder each"] = (3, 5, 7)
    fusion: Annotated[
        Fusion,
        "how the encoders' features become one: by a filter made for each picture (in full, or of low rank), for each position, "
        "by a learned 1x1, or element by element",
    ] = "dynamic"
    deconv: Annotated[
        Deconv, "how features double their size: bilinear interpolation, or the literal 3x3 kernel, which shifts by half a pixel"
    ] = "interpolate"
    head: Annotated[Head, "what the last layer's output passes; a ReLU head can die"] = "relu"
    color: Annotated[Color, "one achromatic streak layer seen in luma, or one layer a channel"] = "luma"

    def __post_init__(self) -> None:
        """Raises ValueError where no network has these settings."""
        if self.width < 2 or self.width % 2:
            raise ValueError(f"width={self.width}: an even number from 2 on")
        if not self.kernels or any(kernel < 1 or kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError(f"kernels={','.join(map(str, self.kernels))}: one or more odd numbers")

    @property
    def channels(self) -> int:
        """Channels in and out."""
        return 1 if self.color == "luma" else 3


@dataclass(frozen=True, slots=True)
class LossSettings:
    """The four losses and their weights (Cho et al. 2020, eq. 2-8)."""

    background_weight: Annotated[float, "of the background consistency loss, λb"] = 1.0
    structure_weight: Annotated[float, "of the structure similarity loss, λs"] = 0.1
    directional_weight: Annotated[float, "of the directional gradient loss, λv"] = 0.01
    reconstruction_weight: Annotated[float, "of the reconstruction loss, λr"] = 0.001
    target: Annotated[
        Target,
        "what the structure similarity loss holds a background against: the pair's other frame, or the scene's temporal median or mean, "
        "or what a pixel is without rain as told from its darker frames, which rain in half of them does not lift",
    ] = "frame"
    structure_distance: Annotated[
        Literal["absolute", "squared"],
        "of the structure similarity loss: absolute differences, or squared ones over 0.05, which weigh more from 0.05 on and less below",
    ] = "absolute"
    gamma_start: Annotated[float, "γ of the structure similarity loss at the first step"] = 0.1
    gamma_end: Annotated[float, "γ once it has fallen"] = 0.0001
    gamma_fall: Annotated[float, "share of the run in which γ falls linearly"] = 0.3
    flat_gradient: Annotated[float, "streak gradient under which a pixel has no direction, intensity per px"] = 1e-3
    flat_pixels: Annotated[Literal["masked", "counted"], "whether such pixels count in the directional gradient loss, as of angle 0"] = (
        "masked"
    )

    def __post_init__(self) -> None:
        """Raises ValueError for weights below 0, none above 0, and a gradient that divides by 0."""
        weights = (self.background_weight, self.structure_weight, self.directional_weight, self.reconstruction_weight)
        if not all(weight >= 0 for weight in (*weights, self.gamma_start, self.gamma_end)):
            raise ValueError("weights and gamma must not be negative")
        if not any(weights):
            raise ValueError("every weight is 0: one loss at least is needed")
        if not (self.flat_gradient > 0 and 0 <= self.gamma_fall <= 1):
            raise ValueError("flat_gradient is more than 0, gamma_fall a share from 0 to 1")


@dataclass(frozen=True, slots=True)
class PairSettings:
    """How pairs of crops are drawn from scenes."""

    pairs: Annotated[int, "pairs of crops a step"] = 4
    crop_px: Annotated[int, "side of the crops that the network sees"] = 128
    window_from_px: Annotated[int, "least side of the square window that is cut out and resized to crop_px"] = 128
    window_to_px: Annotated[int | None, "largest side of that window; none: the picture's short side"] = None
    mirror: Annotated[bool, "whether half of the pairs are mirrored left to right"] = False

    def __post_init__(self) -> None:
        """Raises ValueError where nothing can be drawn."""
        if self.pairs < 1 or self.crop_px < 8 or self.window_from_px < 2:
            raise ValueError("pairs is at least 1, crop_px at least 8, window_from_px at least 2")
        if self.window_to_px is not None and self.window_to_px < self.window_from_px:
            raise ValueError(f"window_to_px={self.window_to_px} is less than window_from_px={self.window_from_px}")


@dataclass(frozen=True, slots=True)
class OptimiserSettings:
    """Adam, its rate over the run, and the moving average of the weights that is kept."""

    steps: Annotated[int, "length of a run that neither --steps nor --minutes bounds"] = 300_000
    learning_rate: Annotated[float, "of Adam at the start"] = 1e-4
    learning_rate_course: Annotated[Literal["constant", "cosine"], "how the rate goes on: it stays, or falls to 0 with a cosine"] = (
        "constant"
    )
    warm_up: Annotated[
        float, "share of the run in which the rate rises to that; without it rectified units may die early, and S with them"
    ] = 0.0
    beta1: Annotated[float, "decay of Adam's first moment (the paper's momentum)"] = 0.9
    beta2: Annotated[float, "decay of Adam's second moment"] = 0.999
    average_decay: Annotated[float, "decay of the moving average of weights; 0: the last weights are kept"] = 0.0
    precision: Annotated[Literal["float32", "bfloat16"], "of the network's arithmetic; float32 where the device has no bfloat16"] = (
        "float32"
    )
    accumulate: Annotated[int, "parts that a process's pairs go through the network in: less memory, the same result, a third slower"] = 1
    compile: Annotated[Compile, "whether torch compiles the network; auto: on a GPU"] = "auto"

    def __post_init__(self) -> None:
        """Raises ValueError for what Adam cannot do."""
        if self.steps < 1 or self.accumulate < 1 or not 0 <= self.learning_rate < math.inf:
            raise ValueError("steps and accumulate are at least 1, learning_rate not negative")
        if not 0 <= self.warm_up <= 1:
            raise ValueError("warm_up is a share from 0 to 1")
        if not all(0 <= decay < 1 for decay in (self.beta1, self.beta2, self.average_decay)):
            raise ValueError("beta1, beta2 and average_decay lie from 0 to below 1")


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How often a run logs, validates and saves, and when it counts as collapsed."""

    log_steps: Annotated[int, "steps between two rows of the log"] = 100
    validations: Annotated[int, "label-free validations over the run, each with sample pictures, the last at its end"] = 20
    save_minutes: Annotated[float, "time between two checkpoints"] = 10.0
    collapse_steps: Annotated[int, "steps over which collapse is judged"] = 100
    least_contrast: Annotated[float, "collapsed when std(B) falls under this share of the contrast that both frames of a pair share"] = 0.5
    most_dead: Annotated[float, "collapsed when S is 0, or the same throughout a crop, in more than this share of the pixels"] = 0.9999

    def __post_init__(self) -> None:
        """Raises ValueError for counts below 1, and for shares and times that there are none of."""
        if min(self.log_steps, self.validations, self.collapse_steps) < 1:
            raise ValueError("log_steps, validations and collapse_steps are at least 1")
        refuse_outside(self, ("save_minutes",))
        refuse_outside(self, ("least_contrast", "most_dead"), most=1)


@dataclass(frozen=True, slots=True)
class Preset:
    """All settings of a run. Setting names are unique over the groups."""

    name: str
    network: NetworkSettings = field(default_factory=NetworkSettings)
    losses: LossSettings = field(default_factory=LossSettings)
    pairs: PairSettings = field(default_factory=PairSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)


GROUPS: dict[str, type] = {
    "network": NetworkSettings,
    "losses": LossSettings,
    "pairs": PairSettings,
    "optimiser": OptimiserSettings,
    "watch": WatchSettings,
}

PAPER = Preset("paper")

_STRONG = LossSettings(structure_weight=3.0, gamma_start=1.0, gamma_end=1.0, directional_weight=0.005)

DEFAULT = Preset(
    "default",
    network=NetworkSettings(head="linear"),
    losses=_STRONG,
    pairs=PairSettings(pairs=8, mirror=True),
    optimiser=OptimiserSettings(
        steps=100_000, learning_rate=3e-4, learning_rate_course="cosine", warm_up=0.03, average_decay=0.999, precision="bfloat16"
    ),
)

SMALL = Preset(
    "small",
    network=NetworkSettings(width=16, kernels=(3,), head="linear"),
    losses=dataclasses.replace(_STRONG, target="rain_free"),
    pairs=PairSettings(pairs=4, crop_px=64, window_from_px=64, window_to_px=64, mirror=True),
    optimiser=OptimiserSettings(
        steps=3_000, learning_rate=1.5e-3, learning_rate_course="cosine", warm_up=0.03, average_decay=0.99, precision="bfloat16"
    ),
    watch=WatchSettings(log_steps=20, validations=5, save_minutes=0.5),
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in (PAPER, DEFAULT, SMALL)}


def changed(preset: Preset, given: Sequence[str]) -> Preset:
    """The preset with `name=value` texts applied. Raises click.BadParameter for a name or value that does not exist."""
    names = {group: [column.name for column in columns(settings)] for group, settings in GROUPS.items()}
    known = [name for group in names.values() for name in group]
    for text in given:
        if text.partition("=")[0] not in known:
            raise click.BadParameter(f"{text!r}: write NAME=VALUE with a NAME out of: {', '.join(known)}")
    groups = {
        group: parse_settings(settings, tuple(text for text in given if text.partition("=")[0] in names[group]), getattr(preset, group))
        for group, settings in GROUPS.items()
    }
    return dataclasses.replace(preset, **groups)


def preset_from(record: Mapping[str, Any]) -> Preset:
    """The preset that `dataclasses.asdict` wrote, read back from JSON. Raises TypeError, KeyError or ValueError for anything else."""
    groups = {
        group: settings(**{name: tuple(value) if isinstance(value, list) else value for name, value in record[group].items()})
        for group, settings in GROUPS.items()
    }
    return Preset(record["name"], **groups)
