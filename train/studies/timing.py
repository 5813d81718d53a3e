"""How long a device works."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

WARM_UP = 3  # calls before the first that counts: kernels are chosen, memory is taken


def seconds_of_calls(work: Callable[[], object], device: torch.device, calls: int) -> list[float]:
    """The time of each of several calls, the device having finished its work, after some that do not count."""
    for _ in range(min(WARM_UP, calls)):
        work()
    seconds = []
    for _ in range(calls):
        _finish(device)
        began = time.perf_counter()
        work()
        _finish(device)
        seconds.append(time.perf_counter() - began)
    return seconds


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
