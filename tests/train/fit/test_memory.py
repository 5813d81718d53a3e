"""What fits where: frames, and the batch that is advised when a step did not fit."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.fit.memory import STEP_SHARE, Fitting, StepMemory, fitting, host_room, place_of_frames, step_memory
from train.network import build
from train.presets import DEFAULT, PAPER, SMALL

GB = 10**9


def test_frames_go_to_the_device_then_to_memory_then_to_a_file() -> None:
    assert place_of_frames(5 * GB, 6 * GB, 100 * GB) == "device"
    assert place_of_frames(5 * GB, 4 * GB, 100 * GB) == "host"
    assert place_of_frames(5 * GB, 0, 8 * GB) == "file"
    assert place_of_frames(5 * GB, -3 * GB, 9 * GB) == "host"  # a step that does not fit leaves less than no room


def machine(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = "MemTotal:  16000000 kB\nMemFree:  1000 kB\nMemAvailable:   8000000 kB\n"


def test_the_hosts_room_is_what_is_available(tmp_path: Path) -> None:
    assert host_room(machine(tmp_path, proc__meminfo=MEMINFO)) == 8000000 * 1024
    assert 0 < host_room() < 2**62


def test_a_control_group_limits_the_room(tmp_path: Path) -> None:
    group = {"sys__fs__cgroup__memory_dot_current": f"{3 * GB}\n", "sys__fs__cgroup__memory_dot_stat": f"anon 5\ninactive_file {GB}\n"}
    limited = machine(tmp_path / "limited", proc__meminfo=MEMINFO, sys__fs__cgroup__memory_dot_max=f"{4 * GB}\n", **group)
    assert host_room(limited) == 2 * GB
    unlimited = machine(tmp_path / "unlimited", proc__meminfo=MEMINFO, sys__fs__cgroup__memory_dot_max="max\n", **group)
    assert host_room(unlimited) == 8000000 * 1024


def test_a_control_group_of_the_older_kind_limits_the_room(tmp_path: Path) -> None:
    folder = "sys__fs__cgroup__memory__memory_dot_"
    files = {f"{folder}limit_in_bytes": str(4 * GB), f"{folder}usage_in_bytes": str(3 * GB), f"{folder}stat": "total_inactive_file 7\n"}
    assert host_room(machine(tmp_path, proc__meminfo=MEMINFO, **files)) == GB + 7


def test_a_step_is_estimated_by_what_its_forward_pass_keeps() -> None:
    """Against what a real forward pass keeps, counted by the storages that the graph holds."""
    estimate = step_memory(SMALL, torch.float32)
    network = build(SMALL)
    storages: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if not (tensor.is_leaf and tensor.requires_grad):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        kept = network(torch.rand(2, 1, 64, 64))
    assert kept.shape == (2, 1, 64, 64)
    assert estimate.a_pair == pytest.approx(1.5 * sum(storages.values()), rel=0.1)
    assert step_memory(SMALL, torch.bfloat16).a_pair == estimate.a_pair // 2
    assert step_memory(SMALL, torch.float32).fixed == 24 * sum(parameter.numel() for parameter in network.parameters())


def test_the_papers_batch_fits_the_papers_card() -> None:
    assert step_memory(PAPER, torch.float32).of(PAPER.pairs.pairs) < 11 * GB
    assert step_memory(DEFAULT, torch.bfloat16).of(4) < 11 * GB


@given(
    st.integers(1, 200 * GB),
    st.builds(StepMemory, st.integers(1, 5 * GB), st.integers(1, 20 * GB)),
    st.integers(1, 64),
    st.sampled_from([8, 64, 128, 250]),
)
def test_what_is_advised_fits_and_is_less_than_what_did_not(room: int, needed: StepMemory, pairs: int, crop_px: int) -> None:
    found = fitting(room, needed, pairs, crop_px)
    if found is None:
        return
    assert (found.pairs, found.crop_px) != (pairs, crop_px)
    assert found.pairs <= pairs
    assert found.crop_px <= crop_px
    bytes_needed = needed.fixed + found.pairs * needed.a_pair * (found.crop_px / crop_px) ** 2
    assert bytes_needed <= STEP_SHARE * room * 1.001
    assert found.crop_px == crop_px or (found.crop_px % 8 == 0 and found.pairs == 1)


def test_fitting_by_example() -> None:
    needed = StepMemory(4 * GB, GB)
    assert fitting(10 * GB, needed, 8, 128) == Fitting(5, 128)
    assert fitting(5 * GB, needed, 4, 128) == Fitting(1, 88)  # half a pair: the side is 128 / sqrt(2)
    assert fitting(4 * GB, needed, 4, 128) is None  # not even the weights
    assert fitting(20 * GB, StepMemory(4 * GB, GB), 8, 128) == Fitting(6, 128)  # the estimate said that it fits, and it did not
