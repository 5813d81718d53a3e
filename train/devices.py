"""Where a command computes: the device that was asked for, and what it is called beside figures."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from manifests.errors import InputError, first_line


def chosen_device(name: str | None) -> torch.device:
    """The device of that name (`cpu`, `cuda`, `cuda:N`); the GPU where there is one unless named. Raises InputError for one that is not
    there."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch raises either, by how it was built
        raise InputError(
            f"--device {name}: cannot be used here ({first_line(error)}); leave it out, or name cpu, cuda or cuda:N"
        ) from error
    if found.type not in ("cpu", "cuda"):
        raise InputError(f"--device {name}: cannot be used here (neither a CPU nor a CUDA GPU); leave it out, or name cpu, cuda or cuda:N")
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """What the device calls itself; of a CPU also how many threads compute, and the bfloat16 instructions that it has."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_processor()}, {_bfloat16_instructions()}, {threads} thread{'s' if threads > 1 else ''}"


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _bfloat16_instructions() -> str:
    if torch.cpu._is_amx_tile_supported():
        return "AMX"
    return "AVX512-BF16" if torch.cpu._is_avx512_bf16_supported() else "no bfloat16 instructions"
