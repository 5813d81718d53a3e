"""What a run computes on, and the words where memory does not suffice."""

import dataclasses

import pytest
import torch

from manifests.errors import InputError
from train.fit import machine
from train.fit.machine import machine_for
from train.fit.memory import StepMemory
from train.presets import SMALL, Preset, changed

PRESET = changed(SMALL, ["pairs=8", "crop_px=128", "window_from_px=128", "window_to_px=none"])
GB = 10**9


def out_of_memory(preset: Preset, error: Exception) -> str:
    with pytest.raises(InputError) as raised, machine_for(preset, "cpu", False):
        raise error
    return str(raised.value)


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 10 GB, and a step of 4 GB and 1 GB a pair."""
    monkeypatch.setattr(machine, "host_room", lambda: 10 * GB)
    monkeypatch.setattr(machine, "step_memory", lambda preset, precision: StepMemory(4 * GB, GB))


def test_out_of_memory_tells_what_would_fit(tight: None) -> None:
    told = out_of_memory(PRESET, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert "out of memory with 8 pairs of 128 px at a time; about 12.0 GB are needed, and 10.0 GB are there" in told
    assert "5 would fit: --set accumulate=2 keeps the step as it is" in told
    assert "--set pairs=5 makes it smaller" in told
    in_parts = changed(PRESET, ["accumulate=2", "pairs=16"])
    assert "--set accumulate=4" in out_of_memory(in_parts, torch.OutOfMemoryError("out of memory"))


def test_where_no_pair_fits_a_smaller_crop_is_advised(monkeypatch: pytest.MonkeyPatch, tight: None) -> None:
    monkeypatch.setattr(machine, "step_memory", lambda preset, precision: StepMemory(4 * GB, 20 * GB))
    told = out_of_memory(PRESET, RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"))
    assert "one pair of 64 px would fit: --set pairs=1 --set crop_px=64" in told
    monkeypatch.setattr(machine, "step_memory", lambda preset, precision: StepMemory(40 * GB, GB))
    assert "a smaller network with --set width" in out_of_memory(PRESET, torch.OutOfMemoryError("out of memory"))


@pytest.mark.parametrize("words", ["CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"])
def test_other_words_for_too_little_memory_are_understood(tight: None, words: str) -> None:
    assert "5 would fit" in out_of_memory(PRESET, RuntimeError(words))


def test_other_errors_are_left_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape mismatch"), machine_for(PRESET, "cpu", False):
        raise RuntimeError("shape mismatch")


@pytest.mark.parametrize("given", ["accumulate=3", "accumulate=16"])
def test_pairs_that_cannot_be_divided_are_refused(given: str) -> None:
    with (
        pytest.raises(InputError, match=r"8 pairs a step cannot be divided evenly.*--set pairs"),
        machine_for(changed(PRESET, [given]), "cpu", False),
    ):
        pass


def test_precision_is_what_the_device_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    with machine_for(PRESET, "cpu", False) as found:
        assert found.precision == torch.bfloat16
        assert found.streaks(torch.nn.Conv2d(1, 1, 3), torch.rand(1, 1, 8, 8)).dtype == torch.float32
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    with machine_for(PRESET, "cpu", False) as found:
        assert found.precision == torch.float32
    literal = dataclasses.replace(PRESET, optimiser=dataclasses.replace(PRESET.optimiser, precision="float32"))
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    with machine_for(literal, "cpu", False) as found:
        assert found.precision == torch.float32


def test_the_current_gpu_needs_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is chosen where none is named; torch refuses to set a GPU without a number."""
    monkeypatch.setattr(machine, "chosen_device", lambda named: torch.device("cuda"))
    with machine_for(PRESET, None, False) as found:
        assert found.device == torch.device("cuda")


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_that_emulates_bfloat16_computes_in_float32(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    monkeypatch.setattr(machine, "chosen_device", lambda named: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    with machine_for(PRESET, None, False) as found:
        assert found.precision == (torch.bfloat16 if native else torch.float32)
