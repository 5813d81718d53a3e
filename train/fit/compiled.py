"""A network compiled by torch, where that is asked for and works."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from manifests.errors import first_line
from train.presets import Compile


def compiled(network: nn.Module, setting: Compile, example_BCHW: Tensor, precision: torch.dtype, say: Callable[[str], None]) -> nn.Module:
    """The network, compiled for pictures like `example_BCHW`; where compiling fails, the network itself, with a word to `say`.

    `auto` compiles on a GPU. Tried at once, forward and backward, so that no later step fails; the gradients of the trial are dropped.
    """
    if setting == "off" or (setting == "auto" and example_BCHW.device.type != "cuda"):
        return network
    candidate = torch.compile(network, dynamic=False)
    assert isinstance(candidate, nn.Module)
    try:
        with torch.autocast(example_BCHW.device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            streaks = candidate(example_BCHW)
        streaks.sum().backward()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # a compiler fails in as many ways as there are compilers
        say(f"torch.compile fails here ({first_line(error)}); going on without it")
        return network
    finally:
        network.zero_grad(set_to_none=True)
    return candidate
