"""How long a device works."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

WARM_UP = 3  # calls before the first that counts: kernels are chosen, memory is taken


@dataclass(frozen=True, slots=True)
class Timed:
    """What calls that follow one another took, in s."""

    seconds: list[float]  # of each, by the clock
    processor_s: float  # of one in the mean, over all threads; by it other work on the machine counts little


def timed_calls(work: Callable[[], object], device: torch.device, calls: int) -> Timed:
    """Time several calls, each until the device has finished its work, after some that do not count."""
    for _ in range(min(WARM_UP, calls)):
        work()
    _finish(device)
    seconds = []
    processor_began = time.process_time()
    for _ in range(calls):
        began = time.perf_counter()
        work()
        _finish(device)
        seconds.append(time.perf_counter() - began)
    return Timed(seconds, (time.process_time() - processor_began) / calls)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
