"""What a run computes on: device, precision, the processes that share the work, and whether every bit must come out again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from manifests.errors import InputError
from train.devices import chosen_device
from train.fit.distributed import Processes, joined, own_device
from train.fit.memory import device_memory, fitting, host_room, step_memory
from train.presets import OptimiserSettings, Preset


@dataclass(frozen=True)
class Machine:
    """Where a run computes, in what precision, and beside whom."""

    device: torch.device
    precision: torch.dtype
    processes: Processes

    def streaks(self, network: nn.Module, pictures_BCHW: Tensor) -> Tensor:
        """What a network predicts, in float32."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == torch.bfloat16):
            predicted: Tensor = network(pictures_BCHW)
        return predicted.float()


@contextlib.contextmanager
def machine_for(preset: Preset, device: str | None, deterministic: bool) -> Iterator[Machine]:
    """The machine that a run of this preset computes on while the body runs; `device` is the GPU where there is one, unless named.

    Raises InputError for a device that is not there, pairs that cannot be divided among the processes, and, in place of running out of
    the device's memory, with what would fit.
    """
    chosen = chosen_device(own_device(device))
    if chosen.index is not None and chosen.type == "cuda":  # `cuda` alone is the current one already, and cannot be set
        torch.cuda.set_device(chosen)
    with _reproducible(chosen, deterministic), joined(chosen) as processes:
        machine = Machine(chosen, _precision(preset.optimiser, chosen), processes)
        _refuse_uneven(preset, processes)
        try:
            yield machine
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            raise InputError(_advice(preset, machine)) from error


@contextlib.contextmanager
def _reproducible(device: torch.device, deterministic: bool) -> Iterator[None]:
    """On a GPU: choose the fastest convolutions, or only what gives the same bits again. On a CPU the same bits come out in any case."""
    if device.type != "cuda":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first matrix product is made
        # Warned of, not refused: max pooling counts as a risk because windows might overlap, and here they do not.
        torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = not deterministic, deterministic
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = before[1:]


def _precision(settings: OptimiserSettings, device: torch.device) -> torch.dtype:
    if settings.precision == "float32":
        return torch.float32
    # Emulated, bfloat16 is slower than float32.
    has = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if has else torch.float32


def _is_out_of_memory(error: RuntimeError) -> bool:
    # A GPU that others have filled, and memory of the host for it, end in errors of another class.
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error).lower() for words in ("can't allocate memory", "out of memory", "cublas_status_alloc_failed")
    )


def _refuse_uneven(preset: Preset, processes: Processes) -> None:
    pairs, parts = preset.pairs.pairs, processes.number * preset.optimiser.accumulate
    if pairs % parts:
        raise InputError(
            f"{pairs} pairs a step cannot be divided evenly among {processes.number} processes x {preset.optimiser.accumulate} parts each; "
            f"choose a multiple of {parts} with --set pairs=…"
        )


def _advice(preset: Preset, machine: Machine) -> str:
    """What to do where a step did not fit into memory."""
    at_once = preset.pairs.pairs // (machine.processes.number * preset.optimiser.accumulate)
    crop_px = preset.pairs.crop_px
    room = device_memory(machine.device) if machine.device.type == "cuda" else host_room()
    needed = step_memory(preset, machine.precision)
    short = (
        f"{machine.device}: out of memory with {at_once} pairs of {crop_px} px at a time; "
        f"about {needed.of(at_once) / 1e9:.1f} GB are needed, and {room / 1e9:.1f} GB are there"
    )
    found = fitting(room, needed, at_once, crop_px)
    if found is None:
        return f"{short}: choose a smaller network with --set width=…"
    if found.crop_px < crop_px:
        return f"{short}; one pair of {found.crop_px} px would fit: --set pairs={machine.processes.number} --set crop_px={found.crop_px}"
    parts = next(parts for parts in range(2, at_once + 1) if at_once % parts == 0 and at_once // parts <= found.pairs)
    return (
        f"{short}; {found.pairs} would fit: --set accumulate={parts * preset.optimiser.accumulate} keeps the step as it is and takes a "
        f"third longer, --set pairs={found.pairs * machine.processes.number} makes it smaller"
    )
