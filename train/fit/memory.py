"""What fits where: the frames of a run, and a step of its network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from train.network import STRIDE, DerainingNetwork
from train.presets import Preset

Place = Literal["device", "host", "file"]

HOST_SHARE = 0.6  # of the memory that is available may be filled with frames
STEP_SHARE = 0.9  # of the device's memory that a step may plan with
BYTES_A_PARAMETER = 24  # float32 each: weight, its gradient, Adam's two moments, the average, and a cast or a bucket of gradients
WORKSPACE = 1.5  # a step's peak against what its backward pass keeps: gradients on their way, what convolutions work in


@dataclass(frozen=True)
class StepMemory:
    """What a training step needs of the device's memory, estimated, in bytes."""

    fixed: int
    a_pair: int  # more for each pair of crops at a time

    def of(self, pairs: int) -> int:
        """Of so many pairs at a time."""
        return self.fixed + pairs * self.a_pair


@dataclass(frozen=True)
class Fitting:
    """Pairs at a time, and their crops, that a device has room for."""

    pairs: int
    crop_px: int


def step_memory(preset: Preset, precision: torch.dtype) -> StepMemory:
    """Estimate a step from what the network's forward pass keeps for its backward pass. Computes nothing: shapes alone."""
    kept: dict[int, Tensor] = {}  # by storage, since several operations keep the same tensor

    def note(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    channels, side = preset.network.channels, preset.pairs.crop_px
    with FakeTensorMode(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network = DerainingNetwork(preset.network)
        network(torch.empty(2, channels, side, side))
    activations = sum(tensor.numel() for tensor in kept.values()) * precision.itemsize
    return StepMemory(BYTES_A_PARAMETER * sum(parameter.numel() for parameter in network.parameters()), round(WORKSPACE * activations))


def fitting(room: int, needed: StepMemory, pairs: int, crop_px: int) -> Fitting | None:
    """What fits into `room` bytes where `pairs` at a time with crops of `crop_px` did not: fewer pairs, or one pair of smaller crops.

    None where not even the smallest crop would. The estimate is scaled up where it says that what did not fit does.
    """
    scale = max(1.0, room / needed.of(pairs))
    left = STEP_SHARE * room - scale * needed.fixed
    a_pair = scale * needed.a_pair
    fewer = min(pairs - 1, int(left // a_pair))
    if fewer >= 1:
        return Fitting(fewer, crop_px)
    side = int(crop_px * math.sqrt(max(left, 0) / a_pair)) // STRIDE * STRIDE
    return Fitting(1, min(side, crop_px - STRIDE)) if side >= STRIDE < crop_px else None


def place_of_frames(frames: int, device_room: int, host_room: int) -> Place:
    """Where `frames` bytes of frames go: on the device, else in the host's memory, else in a file that is mapped into it."""
    if frames <= device_room:
        return "device"
    return "host" if frames <= HOST_SHARE * host_room else "file"


def device_memory(device: torch.device) -> int:
    """Bytes of a GPU's memory that this process may use in all: what is free, and what it holds already."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device)


def host_room(root: Path = Path("/")) -> int:
    """Bytes of memory that this process may still take: what the machine has available, or less where its control group says so."""
    rooms = [_available(root / "proc/meminfo")]
    groups = [
        (root / "sys/fs/cgroup", "memory.max", "memory.current"),
        (root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ]
    for folder, limit, used in groups:
        try:
            rooms.append(int((folder / limit).read_text()) - int((folder / used).read_text()) + _reclaimable(folder / "memory.stat"))
        except (OSError, ValueError):  # no such group, or a limit of "max"
            continue
    return max(0, min(rooms))


def _available(path: Path) -> int:
    """Of /proc/meminfo; without one (not Linux) there is no telling, and nothing is held back."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 2**62
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def _reclaimable(path: Path) -> int:
    """Bytes of files in memory that a control group counts and gives back when they are needed."""
    names = ("inactive_file", "total_inactive_file")
    found = [int(line.split()[1]) for line in path.read_text().splitlines() if line.split()[0] in names]
    return max(found, default=0)
