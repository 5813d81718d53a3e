"""Devices by name."""

from __future__ import annotations

import pytest
import torch

from manifests.errors import InputError
from train.devices import chosen_device, device_name


def test_a_device_is_the_one_that_is_named() -> None:
    assert chosen_device("cpu") == torch.device("cpu")
    assert chosen_device(None).type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["cuda:99", "abacus", "meta"])
def test_one_that_is_not_there_is_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match=f"--device {name}: cannot be used here"):
        chosen_device(name)


def test_a_processor_is_told_with_its_threads() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert device_name(torch.device("cpu")).endswith(", 1 thread")
        torch.set_num_threads(2)
        assert device_name(torch.device("cpu")).endswith(", 2 threads")
    finally:
        torch.set_num_threads(before)
