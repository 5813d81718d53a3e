"""A run goes on to the bit after any end, and a full disk or a broken loss costs no checkpoint."""

import dataclasses
import math
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import InputError
from tests.train.tiny import PRESET, TINY, fit_arguments, planned, weights
from tests.worlds import World, make_world
from train.checkpoints import read_about
from train.fit.loop import fit
from train.fit.runlog import LogRow, read_log
from train.fit.runs import Run
from train.losses import Losses, losses
from train.presets import changed

STEPS = 18
OFTEN = changed(PRESET, ["save_minutes=0", "log_steps=1", "validations=6", "collapse_steps=10"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("workspace"), scenes=6)


@pytest.fixture(autouse=True, scope="module")
def no_curves() -> Iterator[None]:
    """Curves say nothing here and cost more than the runs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("train.fit.record.draw_curves", lambda rows, path: None)
        yield


@pytest.fixture(scope="module")
def whole(world: World) -> Run:
    run = planned(world, "whole", OFTEN, steps=STEPS)
    fit(run)
    return run


def ended_at(run: Run, step: int) -> None:
    """Train, and end at a step's row of the log as if the process were killed: nothing is saved any more."""

    def end(row: LogRow) -> None:
        if row.step == step:
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        fit(run, on_row=end)


def told(run: Run) -> dict[tuple[int, str], object]:
    """A run's log without its times, by step and name."""
    rows = [dataclasses.asdict(row) for row in read_log(run.folder / "log.parquet", 10**9)]
    return {(row["step"], name): value for row in rows for name, value in row.items() if name not in ("elapsed_s", "images_per_s")}


def is_the_same(run: Run, whole: Run) -> None:
    assert weights(run) == weights(whole)
    expected = told(whole)
    assert told(run).keys() == expected.keys()
    assert {key: (value, expected[key]) for key, value in told(run).items() if value != expected[key]} == {}
    assert read_about(run.checkpoint)["choice"] == read_about(whole.checkpoint)["choice"]
    assert not run.resume.exists()


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ends=st.lists(st.integers(1, STEPS), min_size=1, max_size=3), log_steps=st.sampled_from([1, 3]))
def test_a_run_goes_on_to_the_bit_wherever_it_was_cut_off(world: World, whole: Run, ends: list[int], log_steps: int) -> None:
    """Weights, log, choice and the window by which collapse is judged; even where what was saved lies behind what was validated."""
    run = planned(world, f"cut-{time.monotonic_ns()}", OFTEN, steps=STEPS)
    for end in sorted(set(ends)):
        ended_at(run, end)
    fit(run)
    is_the_same(run, whole)


def test_what_was_measured_since_the_last_row_is_taken_up(world: World) -> None:
    preset = changed(OFTEN, ["log_steps=7", "validations=1"])
    one, two = planned(world, "rows", preset, steps=STEPS), planned(world, "rows-in-two", preset, steps=STEPS)
    fit(one)
    ended_at(two, 14)
    assert read_about(two.resume, "run")["step"] == 13  # saved after each step, the one in hand excepted
    fit(two)
    is_the_same(two, one)


def test_parts_of_a_step_change_nothing(world: World) -> None:
    """Neither the losses nor, but for rounding, the weights; and a run may go on in parts."""
    preset = changed(OFTEN, ["pairs=4", "validations=1"])
    one, four = planned(world, "one-part", preset, steps=STEPS), planned(world, "four-parts", preset, steps=STEPS)
    fit(one)
    ended_at(four, 5)
    fit(planned(world, "four-parts", changed(preset, ["accumulate=4"]), steps=STEPS))
    expected = told(one)
    for step in range(1, STEPS + 1):
        for name in ("total", "background", "structure", "directional", "contrast_kept"):
            assert told(four)[step, name] == pytest.approx(expected[step, name], rel=1e-4), (step, name)


# --- full disks -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 100 kB: a checkpoint of the network does not, all that a run needs to go on does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_ends_a_run_with_its_last_good_state(world: World, whole: Run, request: pytest.FixtureRequest) -> None:
    run = planned(world, "full", OFTEN, steps=STEPS)
    ended_at(run, 9)
    saved = run.resume.read_bytes()
    assert len(saved) > 100_000 > run.checkpoint.stat().st_size
    request.getfixturevalue("small_files")
    with pytest.raises(InputError, match=r"resume.safetensors: cannot be written \(.*File too large.*make room and run again"):
        fit(run)
    assert run.resume.read_bytes() == saved
    assert not [path.name for path in run.folder.iterdir() if path.name.startswith(".")]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    fit(run)
    is_the_same(run, whole)


# --- broken losses --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("often", [True, False])
def test_a_loss_that_is_no_number_is_named_and_the_last_good_checkpoint_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, often: bool
) -> None:
    """Seen before the next save, or at the latest when collapse is judged."""
    steps = iter(range(1, STEPS + 1))

    def spoiled(*arguments: object) -> Losses:
        found = losses(*arguments)  # type: ignore[arg-type]
        return dataclasses.replace(found, total=found.total * math.nan) if next(steps) == 15 else found

    monkeypatch.setattr("train.fit.loop.losses", spoiled)
    run = planned(world, f"broken-{often}", changed(OFTEN, [f"save_minutes={0 if often else 10}"]), steps=STEPS)
    with pytest.raises(InputError, match=r"step 15: the loss is not a finite number.*learning_rate"):
        fit(run)
    assert read_about(run.checkpoint)["choice"]["step"] == 12
    assert run.resume.exists() == often
    if often:
        assert read_about(run.resume, "run")["step"] == 14
    assert not run.last.exists()


def test_weights_that_break_in_the_last_step_are_no_result(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned(world, "broken-at-last", changed(OFTEN, ["learning_rate=1e38", "learning_rate_course=constant"]), steps=1)
    step = torch.optim.Adam.step

    def broken(self: torch.optim.Adam, closure: None = None) -> None:
        step(self, closure)
        with torch.no_grad():
            next(iter(self.param_groups[0]["params"])).fill_(math.inf)

    monkeypatch.setattr(torch.optim.Adam, "step", broken)
    with pytest.raises(InputError, match=r"step 1: weights are no finite numbers any more.*learning_rate"):
        fit(run)
    assert not run.checkpoint.exists()
    assert not run.last.exists()


# --- signals --------------------------------------------------------------------------------------------------------------------------


def command(world: World, name: str, *more: str) -> list[str]:
    arguments = fit_arguments(world, name, 40, [*TINY, "save_minutes=0", *more])
    return [sys.executable, "-c", "from train.cli import main; main()", *arguments]


def end_at(world: World, run: Run, step: int, how: signal.Signals, then_s: float = 0.0) -> int:
    """Run a command, send it a signal `then_s` after `step` is saved, and give its exit status."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command(world, run.name), env=environment, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and process.poll() is None:
            if run.resume.exists() and read_about(run.resume, "run")["step"] >= step:
                time.sleep(then_s)
                process.send_signal(how)
                break
            time.sleep(0.002)
        process.communicate(timeout=300)
        return process.returncode


def test_a_run_goes_on_to_the_bit_after_signals(world: World) -> None:
    preset = changed(PRESET, ["save_minutes=0"])
    whole, broken = planned(world, "undisturbed", preset, steps=40), planned(world, "signalled", preset, steps=40)
    fit(whole)
    step = random.Random(os.urandom(4)).randint(1, 25)
    assert end_at(world, broken, step, signal.SIGKILL) == -signal.SIGKILL, step
    assert end_at(world, broken, step + 3, signal.SIGTERM) == 1, step
    stopped_at = read_about(broken.resume, "run")["step"]
    assert step + 3 <= stopped_at < 40
    assert not broken.last.exists()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command(world, "signalled"), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"goes on from step {stopped_at}" in done.stderr
    is_the_same(broken, whole)


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_goes_on_to_the_bit_after_many_signals(world: World, whole: Run, how: signal.Signals) -> None:
    """At random moments, while frames are decoded, steps made, files written and pictures drawn."""
    broken = planned(world, f"tortured-{how}", OFTEN, steps=STEPS)
    seed = int.from_bytes(os.urandom(4))
    chance, ends = random.Random(seed), 0
    while not broken.last.exists() and ends < 60:
        before = read_about(broken.resume, "run")["step"] if broken.resume.exists() else 0
        process = multiprocessing.get_context("fork").Process(target=fit, args=(broken,))  # torch is loaded here already
        process.start()
        process.join(chance.uniform(0, 3))
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, how)
            ends += 1
        process.join(300)
        assert process.exitcode is not None
        after = read_about(broken.resume, "run")["step"] if broken.resume.exists() else 0
        assert after >= before or broken.last.exists(), seed
    assert ends > 0
    fit(broken)
    is_the_same(broken, whole)
