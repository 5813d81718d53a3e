"""Checkpoints: the trained network, and all that a run needs to go on to the bit.

All are safetensors files with JSON in their header, so that nothing is ever unpickled, and all are written atomically: a full disk or
a kill leaves the last good one. `checkpoint.safetensors` holds averaged weights, what `load_network` gives and what to pass on, and so does
`last.safetensors`, those after a run's last step; `resume.safetensors` holds weights, their average, Adam's moments, the random state and
what was measured lately, while a run is not finished.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from manifests.errors import InputError, first_line
from manifests.files import versions, write_atomically
from train.directional import DirectionalGradientNetwork
from train.network import DerainingNetwork, build
from train.presets import Preset, preset_from

FORMAT = 1
MOMENTS = ("exp_avg", "exp_avg_sq")  # what Adam keeps of each parameter, beside its step
_ABOUT = "rainlapse"  # the key of our JSON in the file's header
_BESIDE = "beside."


@dataclass
class Training:
    """A run's whole state."""

    preset: Preset
    network: DerainingNetwork
    average: DerainingNetwork  # moving average of the network's weights
    directional: DirectionalGradientNetwork
    optimiser: torch.optim.Optimizer
    step: int = 0
    elapsed_s: float = 0.0

    def is_finite(self) -> bool:
        """Whether all weights are numbers: one that is not spoils all others in a step or two."""
        return bool(torch.stack([parameter.detach().isfinite().all() for parameter in self.parameters().values()]).all())

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """All that is trained, by name."""
        named = {f"network.{name}": parameter for name, parameter in self.network.named_parameters()}
        return named | {f"directional.{name}": parameter for name, parameter in self.directional.named_parameters()}


def save_network(path: Path, training: Training, about: Mapping[str, Any]) -> None:
    """Write the averaged weights, with the preset, the step and what `about` adds."""
    _save(path, "network", dict(training.average.state_dict()), _described(training, about))


def save_training(path: Path, training: Training, about: Mapping[str, Any], beside: Mapping[str, Tensor]) -> None:
    """Write all that the run needs to go on to the bit; `beside`: what is not the training's own."""
    tensors: dict[str, Tensor] = {name: parameter.detach() for name, parameter in training.parameters().items()}
    tensors |= {f"average.{name}": value for name, value in training.average.state_dict().items()}
    for name, parameter in training.parameters().items():
        tensors |= {f"adam.{moment}.{name}": value for moment, value in training.optimiser.state[parameter].items()}
    tensors |= {f"{_BESIDE}{name}": value for name, value in beside.items()}
    tensors["random_state"] = torch.get_rng_state()
    _save(path, "run", tensors, _described(training, about))


def load_network(path: Path) -> DerainingNetwork:
    """The trained network of a `checkpoint.safetensors`, on the CPU, ready for inference.

    Raises InputError when the file is missing, damaged, not ours, or its weights are of another network than it says.
    """
    about = read_about(path, "network")
    with torch.device("meta"):
        network = build(preset_of(path, about))
    network.to_empty(device="cpu")
    _fill(path, network.state_dict(), _tensors(path))
    return network.eval()


def load_training(path: Path, training: Training) -> dict[str, Tensor]:
    """Bring a freshly built run to the state that `save_training` wrote; gives what was saved beside it.

    Raises InputError as `load_network` does.
    """
    about = read_about(path, "run")
    tensors = _tensors(path)
    beside = {name.removeprefix(_BESIDE): tensors.pop(name) for name in sorted(tensors) if name.startswith(_BESIDE)}
    torch.set_rng_state(tensors.pop("random_state"))
    targets: dict[str, Tensor] = {name: parameter.data for name, parameter in training.parameters().items()}
    targets |= {f"average.{name}": value for name, value in training.average.state_dict().items()}
    if about["step"] > 0:  # Adam keeps nothing before its first step
        for name, parameter in training.parameters().items():
            state: dict[str, Tensor] = {"step": torch.zeros((), device=parameter.device)}
            state |= {moment: torch.zeros_like(parameter.data) for moment in MOMENTS}
            training.optimiser.state[parameter] = state
            targets |= {f"adam.{moment}.{name}": value for moment, value in state.items()}
    _fill(path, targets, tensors)
    training.step, training.elapsed_s = about["step"], about["elapsed_s"]
    return beside


def start_from(path: Path, training: Training) -> None:
    """Take a checkpoint's weights as the run's first. Raises InputError when it is of another network, or broken."""
    found = preset_of(path, read_about(path, "network")).network
    wanted = training.preset.network
    differing = [
        f"{field.name}={_shown(getattr(found, field.name))} (here {_shown(getattr(wanted, field.name))})"
        for field in dataclasses.fields(found)
        if getattr(found, field.name) != getattr(wanted, field.name)
    ]
    if differing:
        raise InputError(f"{path}: of another network: {', '.join(differing)}; choose its preset, or name each with --set")
    tensors = _tensors(path)
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise InputError(f"{path}: holds weights that are no finite numbers; name another checkpoint")
    _fill(path, training.network.state_dict(), tensors)
    _fill(path, training.average.state_dict(), tensors)


def read_about(path: Path, kind: str = "network") -> dict[str, Any]:
    """What a checkpoint says of itself: preset, step, seed, scenes, versions.

    Raises InputError when it is none of ours, or of another kind ("network": the weights, "run": a run's whole state).
    """
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint; `train fit` writes runs/NAME/checkpoint.safetensors")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:  # torch would open it again, when a run may have replaced it
            about = json.loads((file.metadata() or {})[_ABOUT])
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: cannot be read as safetensors ({first_line(error)}); name a checkpoint that `train fit` wrote"
        ) from error
    except (KeyError, ValueError):
        raise InputError(f"{path}: not a checkpoint of rainlapse (its header does not say so); name one that `train fit` wrote") from None
    if about["format"] > FORMAT:
        raise InputError(f"{path}: format {about['format']}, and this rainlapse reads up to {FORMAT}; upgrade rainlapse")
    if about["kind"] != kind:
        raise InputError(f"{path}: holds a {about['kind']}, and a {kind} is needed; name checkpoint.safetensors, not resume.safetensors")
    return dict(about)


def preset_of(path: Path, about: Mapping[str, Any]) -> Preset:
    """The settings that a checkpoint was trained with. Raises InputError when this version does not know them."""
    try:
        return preset_from(about["preset"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: made with settings that this rainlapse does not know ({first_line(error)}); use the version that made it"
        ) from error


def _described(training: Training, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **about,
        "preset": dataclasses.asdict(training.preset),
        "step": training.step,
        "elapsed_s": training.elapsed_s,
        "versions": versions(),
    }


def _save(path: Path, kind: str, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    header = {_ABOUT: json.dumps({"format": FORMAT, "kind": kind, **about}, sort_keys=True)}
    content = safetensors.torch.save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, header)
    try:
        with write_atomically(path) as file:
            file.write(content)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({first_line(error)}); make room and run again: the last checkpoint is kept"
        ) from error


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return dict(safetensors.torch.load_file(path))
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path}: damaged ({first_line(error)}); delete it, or name another checkpoint") from error
    except RuntimeError as error:  # of a size that the header, read a moment before, does not tell
        raise InputError(f"{path}: was replaced while it was read ({first_line(error)}); run the same command again") from error


def _fill(path: Path, targets: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into the targets of the same names, which must be the same and have the same shapes."""
    if targets.keys() != tensors.keys():
        name = min(targets.keys() ^ tensors.keys())
        raise InputError(f"{path}: of another network ({name} is {'missing' if name in targets else 'too much'}); name another checkpoint")
    for name, target in targets.items():
        if target.shape != tensors[name].shape:
            shapes = f"{tuple(tensors[name].shape)} where {tuple(target.shape)} is needed"
            raise InputError(f"{path}: of another network ({name} is {shapes}); name another checkpoint")
        target.copy_(tensors[name])


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
