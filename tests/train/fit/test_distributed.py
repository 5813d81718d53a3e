"""Several processes on one run: the same losses as one alone, one writer, one end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from manifests.errors import InputError
from tests.worlds import World, make_world
from train.checkpoints import load_network
from train.fit.distributed import Processes, own_device
from train.fit.loop import fit
from train.fit.runlog import LogRow, read_log
from train.fit.runs import Run, plan
from train.presets import SMALL, changed

SETTINGS = ["width=2", "kernels=3", "pairs=4", "crop_px=16", "window_from_px=16", "window_to_px=24", "precision=float32", "save_minutes=0"]
SETTINGS += ["log_steps=1", "validations=2"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("workspace"), scenes=9)


def planned(world: World, name: str, steps: int, *more: str) -> Run:
    return plan(world.workspace.root / "manifests" / "scenes.parquet", changed(SMALL, [*SETTINGS, *more]), steps=steps, name=name)


@contextlib.contextmanager
def torchrun(world: World, run: Run, processes: int, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The command `fit` in so many processes; ended with all of them if it still runs."""
    settings = [part for setting in [*SETTINGS, *more] for part in ("--set", setting)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = ["torch.distributed.run", "--nproc-per-node", str(processes), "--master-addr", "127.0.0.1", "--master-port", str(port)]
    table = str(world.workspace.root / "manifests" / "scenes.parquet")
    fit = ["fit", table, "--preset", "small", "--steps", str(run.bounds.steps), "--name", run.name, *settings]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-m", *launch, str(Path(sys.executable).with_name("train")), *fit]
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def rows(run: Run) -> list[LogRow]:
    return read_log(run.folder / "log.parquet", 10**9)


def test_two_processes_have_the_losses_and_weights_of_one(world: World) -> None:
    """Masks, sparse directions and two parts a process included."""
    alone, shared = planned(world, "alone", 6), planned(world, "shared", 6, "accumulate=2")
    fit(alone)
    with torchrun(world, shared, 2, "accumulate=2") as process:
        _, told = process.communicate(timeout=300)
        assert process.returncode == 0, told
    assert told.count("starts:") == told.count("finished:") == 1
    assert "2 processes" in told
    for one, both in zip(rows(alone), rows(shared), strict=True):
        assert one.step == both.step
        for name in ("total", "background", "structure", "directional", "mean_streaks", "contrast_kept"):
            assert getattr(both, name) == pytest.approx(getattr(one, name), rel=1e-5, abs=1e-7), (one.step, name)
        assert (one.held_out_score is None) == (both.held_out_score is None)
    expected = load_network(alone.last).state_dict()
    for name, found in load_network(shared.last).state_dict().items():
        torch.testing.assert_close(found, expected[name], rtol=0, atol=1e-5)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.exists()


@pytest.mark.torture
def test_a_signal_ends_all_at_the_same_step_and_the_run_goes_on_alone(world: World) -> None:
    run = planned(world, "stopped", 100_000)
    with torchrun(world, run, 2) as process:
        wait_for(run.resume, process)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=120)
        assert process.returncode not in (0, None)
    assert "is saved in" in told
    assert told.count("interrupted; what was done is kept") >= 1
    assert not run.last.exists()


@pytest.mark.torture
def test_a_process_that_dies_ends_the_run(world: World) -> None:
    run = planned(world, "died", 100_000)
    with torchrun(world, run, 2) as process:
        wait_for(run.resume, process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)
        process.communicate(timeout=120)
        assert process.returncode not in (0, None)
    assert run.resume.exists()


def test_alone_nothing_is_exchanged() -> None:
    alone = Processes(0, 1, 1)
    assert alone.part(5) == slice(0, 5)
    assert alone.agreed(True, 3.5) == (True, 3.5)
    streaks = torch.rand(2, 1, 4, 4, requires_grad=True)
    (found,) = alone.gathered([streaks])
    assert torch.equal(found, streaks)
    assert not found.requires_grad
    network = torch.nn.Conv2d(1, 1, 1)
    assert alone.shared(network) is network


def test_the_parts_of_all_are_the_whole() -> None:
    places = list(range(12))
    assert [place for rank in range(4) for place in places[Processes(rank, 4, 4).part(12)]] == places


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [own_device(named) for named in (None, "cuda", "cuda:3", "cpu")] == [None, "cuda", "cuda:3", "cpu"]
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert [own_device(named) for named in (None, "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]
    with pytest.raises(InputError, match="--device cuda:3: 2 processes cannot share a GPU"):
        own_device("cuda:3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert own_device(None) is None
