"""Processes that train one network together, as `torchrun` starts them; one that was started alone is all of them.

A step's pairs are divided among the processes and their crops and streaks gathered, so that every process computes the loss of the whole
batch: means over the pixels that count do not depend on who has which pixel. Only the network's gradients are summed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from manifests.errors import InputError, first_line

LONGEST_WAIT = timedelta(hours=1)  # for the first process, which validates and saves while the others wait


@dataclass(frozen=True)
class Processes:
    """This process among those that train together."""

    rank: int
    number: int
    on_this_machine: int

    @property
    def first(self) -> bool:
        """Whether it is the one that writes, logs and validates."""
        return self.rank == 0

    def part(self, pairs: int) -> slice:
        """Which of a step's pairs are this process's; their number must be a multiple of the processes'."""
        own = pairs // self.number
        return slice(self.rank * own, (self.rank + 1) * own)

    def gathered(self, own: Sequence[Tensor]) -> list[Tensor]:
        """The rows of all processes in the order of `part`, of tensors (B, any, H, W) of one size. They carry no gradient."""
        if self.number == 1:
            return [tensor.detach() for tensor in own]
        joined = torch.cat([tensor.detach().float() for tensor in own], dim=1).contiguous()  # one exchange costs less than several
        of_all = [torch.empty_like(joined) for _ in range(self.number)]
        torch.distributed.all_gather(of_all, joined)
        apart = torch.split(torch.cat(of_all), [tensor.shape[1] for tensor in own], dim=1)
        return [every.to(tensor.dtype) for every, tensor in zip(apart, own, strict=True)]

    def average(self, gradients: Sequence[Tensor | None]) -> None:
        """Bring gradients that every process has computed on its own to their mean, in place, so that rounding cannot lead them apart."""
        if self.number == 1:
            return
        for gradient in gradients:
            if gradient is not None:
                torch.distributed.all_reduce(gradient)
                gradient /= self.number

    def agreed(self, stopped: bool, elapsed_s: float) -> tuple[bool, float]:
        """Whether any process was told to stop, and the longest of their times: so all end, and fall in rate, at the same step."""
        if self.number == 1:
            return stopped, elapsed_s
        told = torch.tensor([float(stopped), elapsed_s], dtype=torch.float64)
        torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX)
        return bool(told[0]), float(told[1])

    def shared(self, network: nn.Module) -> nn.Module:
        """The network, such that a backward pass leaves every process the mean of all processes' gradients."""
        return network if self.number == 1 else DistributedDataParallel(network)


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that `torchrun` started, over NCCL between GPUs and gloo between CPUs; alone without it.

    Raises InputError in the body's place where another process has ended.
    """
    number = int(os.environ.get("WORLD_SIZE", "1"))
    if number == 1:
        yield Processes(0, 1, 1)
        return
    # What lies in the host's memory (whether to stop) goes over gloo in any case, so that no step waits for a GPU.
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    try:
        yield Processes(torch.distributed.get_rank(), number, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    except RuntimeError as error:
        if not isinstance(error, torch.distributed.DistError) and "gloo" not in str(error).lower():
            raise
        raise InputError(
            f"another process of this run has ended ({first_line(error)}); what was saved is kept: run the same command again to go on"
        ) from error
    finally:
        torch.distributed.destroy_process_group()


def own_device(named: str | None) -> str | None:
    """The device that was named; where none or `cuda` was, each process that `torchrun` started on a machine has a GPU of its own.

    Raises InputError where several would share one.
    """
    local, on_this_machine = os.environ.get("LOCAL_RANK"), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if local is None or not torch.cuda.is_available():
        return named
    if named in (None, "cuda"):
        return f"cuda:{local}"
    if named != "cpu" and on_this_machine > 1:
        raise InputError(f"--device {named}: {on_this_machine} processes cannot share a GPU; leave it out, and each takes one of its own")
    return named


def gathering(network: nn.Module, last: bool) -> contextlib.AbstractContextManager[None]:
    """Around a forward and backward pass of one of several parts of a step: gradients are summed over the processes with the last alone."""
    return contextlib.nullcontext() if last or not isinstance(network, DistributedDataParallel) else network.no_sync()


def is_first() -> bool:
    """Whether this process speaks for all that `torchrun` started; one that was started alone does."""
    return os.environ.get("RANK", "0") == "0"
