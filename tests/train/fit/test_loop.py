"""The training loop: schedules, files, resuming to the bit after any end, alarms, clear refusals."""

import dataclasses
import itertools
import json
import re
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.media import read_picture
from tests.train.tiny import PRESET, TINY, fit_arguments, planned, weights
from tests.worlds import World, make_world
from train.checkpoints import load_network, read_about
from train.cli import main
from train.fit.collapse import Collapse
from train.fit.loop import fit, learning_rate_at, start
from train.fit.runlog import LogRow, read_log
from train.fit.runs import Bounds, Run, plan
from train.fit.validation import LabelFree
from train.presets import DEFAULT, PAPER, SMALL, NetworkSettings, changed, preset_from

WATCHED = changed(PRESET, ["collapse_steps=20"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("workspace"), scenes=6)


@pytest.fixture(autouse=True)
def no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the run `finished`, which comes first: they cost more than the runs."""
    monkeypatch.setattr("train.fit.record.draw_curves", lambda rows, path: None)


# --- schedules ----------------------------------------------------------------------------------------------------------------------


def test_a_run_is_bounded_by_what_comes_first() -> None:
    assert [Bounds(10, None).progress(step, 1e9) for step in (0, 5, 10, 11)] == [0, 0.5, 1, 1]
    assert [Bounds(None, 2).progress(10**9, seconds) for seconds in (0, 30, 120, 121)] == [0, 0.25, 1, 1]
    assert Bounds(10, 2).progress(5, 30) == 0.5
    assert Bounds(10, 2).progress(1, 90) == 0.75


@pytest.mark.parametrize(("steps", "minutes"), [(0, None), (None, float("nan")), (None, float("inf")), (5, -1.0)])
def test_lengths_that_no_run_has_are_refused(steps: int | None, minutes: float | None) -> None:
    with pytest.raises(InputError, match="at least one step"):
        Bounds(steps, minutes)


def test_rates() -> None:
    assert {learning_rate_at(done, PAPER.optimiser) for done in (0, 0.3, 1)} == {1e-4}
    cosine = dataclasses.replace(DEFAULT.optimiser, warm_up=0.0)
    falling = [learning_rate_at(done, cosine) for done in np.linspace(0, 1, 50)]
    assert falling[0] == cosine.learning_rate
    assert falling[-1] == pytest.approx(0)
    assert falling == sorted(falling, reverse=True)


@given(warm_up=st.floats(0.01, 1), done=st.floats(0, 1))
def test_the_rate_rises_evenly_while_it_warms_up_and_is_its_course_after(warm_up: float, done: float) -> None:
    course = dataclasses.replace(DEFAULT.optimiser, warm_up=0.0)
    expected = learning_rate_at(done, course) * min(1, done / warm_up)
    assert learning_rate_at(done, dataclasses.replace(course, warm_up=warm_up)) == pytest.approx(expected, abs=1e-12)


def test_the_presets_bound_what_options_do_not(world: World) -> None:
    table = world.workspace.root / "manifests" / "scenes.parquet"
    assert plan(table, PRESET).bounds == Bounds(SMALL.optimiser.steps, None)
    assert plan(table, PRESET, minutes=2).bounds == Bounds(None, 2)
    assert plan(table, PRESET, steps=7, minutes=2).bounds == Bounds(7, 2)


def test_paper_starts_with_adam_as_printed() -> None:
    training = start(dataclasses.replace(PAPER, network=NetworkSettings(width=2)), 0, torch.device("cpu"))
    assert training.optimiser.defaults["lr"] == 1e-4
    assert training.optimiser.defaults["betas"] == (0.9, 0.999)
    assert sum(len(group["params"]) for group in training.optimiser.param_groups) == len(training.parameters())


# --- a run --------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(world: World) -> Run:
    run = planned(world, "finished")
    fit(run)
    return run


def test_a_run_leaves_its_files(finished: Run) -> None:
    assert sorted(path.name.partition(".out.")[0] for path in finished.folder.iterdir()) == [
        "checkpoint.safetensors",
        "curves.png",
        "events",
        "last.safetensors",
        "log.parquet",
        "samples",
    ]
    about = read_about(finished.checkpoint)
    assert about["step"] == about["choice"]["step"] == 10
    assert read_about(finished.last)["step"] == 10
    for path in (finished.checkpoint, finished.last):  # what it takes to make it again
        known = read_about(path)
        assert known["run"] == finished.known_by()
        assert len(known["run"]["scenes"]) == 16
        assert preset_from(known["preset"]) == PRESET
        assert {"rainlapse", "torch", "numpy"} <= known["versions"].keys()
    assert load_network(finished.checkpoint).settings == PRESET.network
    rows = read_log(finished.folder / "log.parquet", 10)
    assert [row.step for row in rows] == [5, 10]
    assert all(
        value is not None for row in rows for value in dataclasses.astuple(row)
    )  # both rows were validated, too, and the truth is known
    assert read_picture(finished.folder / "curves.png").shape[2] == 3
    for step in (5, 10):
        assert read_picture(finished.folder / "samples" / f"step-{step:07d}.png").std() > 10


def test_the_loss_is_what_its_terms_say(finished: Run) -> None:
    weights_of = {"background": 1, "structure": 3, "directional": 0.005, "reconstruction": 0.001}
    for row in read_log(finished.folder / "log.parquet", 10):
        assert row.total == pytest.approx(sum(weight * getattr(row, name) for name, weight in weights_of.items()), rel=1e-4)


def test_a_finished_run_does_nothing_and_says_so(finished: Run, capfd: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.folder.iterdir()}
    fit(finished)
    assert {path: path.stat().st_mtime_ns for path in finished.folder.iterdir()} == before
    assert "nothing to do" in capfd.readouterr().err


def test_the_seed_decides_everything(world: World, finished: Run) -> None:
    again, other = planned(world, "again"), planned(world, "other-seed", seed=1)
    fit(again)
    fit(other)
    assert weights(again) == weights(finished)
    assert weights(other) != weights(finished)


def test_another_run_is_not_overwritten(world: World, finished: Run) -> None:
    for changes in ({"steps": 11}, {"seed": 3}, {"preset": changed(PRESET, ["structure_weight=2"])}):
        with pytest.raises(InputError, match=r"holds another run: .*another --name"):
            fit(planned(world, "finished", **changes))
    fit(planned(world, "finished", changed(PRESET, ["log_steps=2", "save_minutes=3"])))  # how often it logs makes no other run
    with pytest.raises(InputError, match=r"structure_weight 3\.0 \(now 2\.0\)"):
        fit(planned(world, "finished", changed(PRESET, ["structure_weight=2"])))


def test_a_folder_in_which_a_run_is_at_work_is_left_to_it(world: World) -> None:
    run = planned(world, "alone", steps=10)
    refused = []

    def meanwhile(_row: LogRow) -> None:
        with pytest.raises(InputError, match=r"alone: another run is at work there; .*another --name") as error:
            fit(planned(world, "alone", steps=10))
        refused.append(error)

    fit(run, on_row=meanwhile)
    assert refused
    assert planned(world, "alone", steps=10).is_finished()


def test_minutes_bound_a_run(world: World) -> None:
    preset = changed(PRESET, ["warm_up=0"])
    run = plan(world.workspace.root / "manifests" / "scenes.parquet", preset, minutes=0.01, name="minutes")
    fit(run)
    about = read_about(run.last)
    assert about["elapsed_s"] >= 0.6
    rows = read_log(run.folder / "log.parquet", about["step"])
    assert rows[-1].step == about["step"]
    rates = [row.learning_rate for row in rows]
    assert rates == sorted(rates, reverse=True)
    for earlier, row in itertools.pairwise(rows):  # a step's rate follows the time that had passed before it
        passed = (earlier.elapsed_s / 0.6, row.elapsed_s / 0.6)
        fastest, slowest = (learning_rate_at(min(max(done, 0), 1), preset.optimiser) for done in passed)
        assert slowest <= row.learning_rate <= fastest


def test_training_may_start_from_a_checkpoint(world: World, finished: Run) -> None:
    table = world.workspace.root / "manifests" / "scenes.parquet"
    still = changed(PRESET, ["learning_rate=0"])
    run = plan(table, still, steps=2, name="from-checkpoint", seed=9, init=finished.checkpoint)
    fit(run)
    assert weights(run) == weights(finished)
    with pytest.raises(InputError, match="no such checkpoint to start from"):
        plan(table, still, init=table.parent / "none.safetensors")


def test_a_table_without_training_scenes_is_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path, scenes=0)
    with pytest.raises(InputError, match=r"scenes\.parquet: no kept scene of split `train`.*curate sequences"):
        planned(world, "none")


# --- collapse -----------------------------------------------------------------------------------------------------------------------


def test_a_forced_collapse_is_caught_and_the_last_good_checkpoint_kept(world: World) -> None:
    preset = changed(
        WATCHED, ["width=8", "structure_weight=0", "directional_weight=0", "learning_rate=0.005", "learning_rate_course=constant"]
    )
    run = planned(world, "collapsed", preset, steps=400)
    with pytest.raises(Collapse, match=r"collapsed to a constant background.*--set structure_weight=3"):
        fit(run)
    assert not run.last.exists()


def test_a_dead_head_is_caught(world: World) -> None:
    preset = changed(WATCHED, ["head=relu", "learning_rate=0"])
    run = planned(world, "dead", preset, steps=100)
    with pytest.raises(Collapse, match="head=linear"):
        fit(dead_from_birth(run))


def dead_from_birth(run: Run) -> Run:
    """The run, started from a checkpoint whose last bias keeps the ReLU shut."""
    from train.checkpoints import save_network

    training = start(run.preset, 0, torch.device("cpu"))
    with torch.no_grad():
        list(training.average.parameters())[-1].fill_(-1.0)
    path = run.workspace.root / "dead.safetensors"
    save_network(path, training, {})
    return dataclasses.replace(run, init=path)


def test_a_healthy_run_raises_no_alarm_and_learns(world: World) -> None:
    run = planned(
        world, "healthy", changed(WATCHED, ["width=8", "kernels=3", "pairs=4", "directional_weight=0", "log_steps=25"]), steps=150
    )
    fit(run)
    rows = read_log(run.folder / "log.parquet", 150)
    assert min(row.contrast_kept for row in rows) > 0.8
    assert max(row.dead_fraction for row in rows) < 0.5
    assert rows[-1].total < 0.95 * rows[0].total


@pytest.mark.parametrize(("score", "told"), [(25.2, False), (25.05, True), (12.0, True), (float("nan"), False)])
def test_a_run_that_learned_to_do_nothing_says_so_at_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], score: float, told: bool
) -> None:
    """Scores of doing nothing are 25 dB. A score that is no number chose nothing, and is told as such."""
    monkeypatch.setattr("train.fit.record.validate", lambda *given: LabelFree(score, 25.0, 0.1, 0.1, 0.0, 1.0, None, None))
    monkeypatch.setattr("train.fit.record.LEAST_SCENES", 1)
    fit(planned(world, f"scored-{score}", steps=2))
    ends = [line for line in capfd.readouterr().err.splitlines() if "no better than doing nothing" in line]
    assert len(ends) == told
    if told:
        assert f"(score {score:.2f} dB, doing nothing 25.00 dB)" in ends[0]
        assert all(cure in ends[0] for cure in ("warm_up", "learning_rate", "--steps"))


# --- the command --------------------------------------------------------------------------------------------------------------------


def invoke(*arguments: str) -> click.testing.Result:
    return CliRunner().invoke(main, list(arguments))


def test_the_command_trains_and_tells_its_checkpoint(world: World) -> None:
    arguments = [*fit_arguments(world, "by-command", 3), "--json"]
    foreseen = invoke(*arguments, "--dry-run")
    assert foreseen.exit_code == 0
    assert '"train_scenes": 2' in foreseen.output
    assert not (world.workspace.root / "runs" / "by-command").exists()
    done = invoke(*arguments)
    assert done.exit_code == 0, done.output
    *logged, outcome = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["event"], row["step"]) for row in logged] == [("logged", 2), ("logged", 3)]
    assert outcome["event"] == "finished"
    assert outcome["checkpoint"].endswith("by-command/checkpoint.safetensors")
    assert outcome["total"] == logged[-1]["total"]
    assert load_network(world.workspace.root / "runs" / "by-command" / "checkpoint.safetensors").settings.width == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--preset", "huge"], 2, "huge"),
        (["--set", "depth=3"], 2, "depth"),
        (["--steps", "0"], 2, "steps"),
        (["--minutes", "0"], 2, "minutes"),
        (["--seed", "-1"], 2, "seed"),
        (["--init", "none.safetensors"], 1, "none.safetensors"),
        (["--preset", "small", "--device", "abacus"], 1, "--device abacus"),
        (["--preset", "small", "--device", "cuda:99"], 1, "--device cuda:99"),
    ],
)
def test_wrong_use_has_its_exit_code(world: World, arguments: list[str], code: int, words: str) -> None:
    done = invoke("fit", str(world.workspace.root / "manifests" / "scenes.parquet"), *arguments)
    assert done.exit_code == code
    assert words in done.output


def test_a_table_of_another_kind_is_refused(world: World) -> None:
    done = invoke("fit", str(world.workspace.root / "manifests" / "rain.parquet"), "--preset", "small")
    assert done.exit_code == 1
    assert "rain.parquet" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_checkpoint_of_another_network_is_refused(world: World, finished: Run) -> None:
    arguments = fit_arguments(world, "other-network", 3, [*TINY, "width=4"])
    done = invoke(*arguments, "--init", str(finished.checkpoint))
    assert done.exit_code == 1
    assert "of another network: width=2 (here 4)" in done.stderr


def test_without_a_gpu_a_long_run_says_how_long(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    run = planned(world, "long", steps=10**6)

    def enough(row: LogRow) -> None:
        if row.step == 5:
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        fit(run, on_row=enough)
    assert re.search(r"without a GPU: [\d.]+ images/s, so this will take about \d+:\d\d", capfd.readouterr().err)


def test_a_missing_table_is_one_line(tmp_path: Path) -> None:
    done = invoke("fit", str(tmp_path / "manifests" / "scenes.parquet"))
    assert done.exit_code == 1
    assert "no such table" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
