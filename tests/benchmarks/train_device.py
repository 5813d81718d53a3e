"""What the benchmarks of training and inference share: the device, its matrix rate, and how long it works.

On a CPU one thread computes and its processor time counts, so that what else runs on the machine does not; on a GPU the clock counts,
once the device has finished.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from train.devices import chosen_device, device_name

MATRIX_SIDE = {"cpu": 4096, "cuda": 8192}


@contextmanager
def device_for_measuring() -> Iterator[tuple[torch.device, str]]:
    """The GPU where there is one, else one thread of the CPU; and its name."""
    device, threads = chosen_device(None), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield device, device_name(device)
    finally:
        torch.set_num_threads(threads)


def seconds(work: Callable[[], object], device: torch.device, *, calls: int = 1) -> float:
    """Of a call, the mean over several that follow one another; processor time on a CPU."""
    if device.type == "cpu":
        began = time.process_time()
        for _ in range(calls):
            work()
        return (time.process_time() - began) / calls
    torch.cuda.synchronize(device)
    began = time.perf_counter()
    for _ in range(calls):
        work()
    torch.cuda.synchronize(device)
    return (time.perf_counter() - began) / calls


def least_seconds(work: Callable[[], object], device: torch.device, *, times: int, calls: int = 1) -> float:
    """The least of several measurements, after one that does not count."""
    work()
    return min(seconds(work, device, calls=calls) for _ in range(times))


def matrix_rate(device: torch.device, precision: torch.dtype) -> float:
    """Floating point operations a second of a large square matrix product: what convolutions are held against."""
    side = MATRIX_SIDE[device.type]
    first, second = (torch.randn(side, side, device=device).to(precision) for _ in range(2))
    calls = 20 if device.type == "cuda" else 1
    return 2 * side**3 / least_seconds(lambda: first @ second, device, times=3, calls=calls)
