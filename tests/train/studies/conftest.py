"""A tiny workspace to study in, and training that ends at once."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from manifests.tables import Scene
from manifests.workspace import Workspace
from tests.curate.release.releases import built
from tests.worlds import World, make_world
from train.checkpoints import save_network
from train.fit.loop import start
from train.fit.runs import Run
from train.presets import SMALL, changed
from train.studies.study import Study
from train.studies.trials import Trial, Variant, write_trials

TINY = changed(SMALL, ["width=2", "pairs=2", "crop_px=16", "window_from_px=16", "window_to_px=16", "precision=float32"])


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("made"), scenes=6)


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    """Two scenes of each split, five frames each: tables of its own, pictures shared with other tests."""
    for path in made.workspace.root.iterdir():
        if path.name == "manifests":
            shutil.copytree(path, tmp_path / path.name)
        else:
            (tmp_path / path.name).symlink_to(path)
    return dataclasses.replace(made, workspace=Workspace(tmp_path))


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("released"))[1]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """An untrained network's."""
    path = tmp_path / "checkpoint.safetensors"
    save_network(path, start(TINY, 0, torch.device("cpu")), {"run": {}})
    return path


@pytest.fixture
def study(world: World) -> Study:
    return Study("losses", world.workspace.table(Scene), TINY, steps=2, minutes=None, seeds=2, protocol="y-mprnet")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Runs leave their first weights as if they were the last; gives the runs that were asked for."""
    runs: list[Run] = []

    def leave_first_weights(run: Run, _device: str | None = None) -> None:
        runs.append(run)
        if not run.is_finished():
            training = dataclasses.replace(start(run.preset, run.seed, torch.device("cpu")), step=2, elapsed_s=0.5)
            save_network(run.last, training, {"run": run.known_by()})

    monkeypatch.setattr("train.studies.trials.fit", leave_first_weights)
    return runs


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[Variant]:
    """Trials come out of the air, in every module of a study: variant i of seed s at 27 + i / 10 + s / 100 dB, the first one collapsed.

    Gives the variants that were asked for.
    """
    asked: list[Variant] = []

    def run_trials(study: Study, variants: Sequence[Variant]) -> list[Trial]:
        asked.extend(variants)
        rows = [
            Trial(
                trial_id=f"{number}-{seed}",
                variant=variant.name,
                seed=seed,
                protocol=study.protocol,
                pictures=10,
                psnr=27 + number / 10 + seed / 100 if number else 7.0,
                ssim=0.9,
                psnr_input=26.9,
                ssim_input=0.88,
                collapsed=None if number else "a constant background",
                label_free_score=25 + number / 10 + seed / 100 if number else 6.0,
                frames=variant.frames,
                parameters=1000 * (1 + number),
                steps=2,
            )
            for seed in range(study.seeds)
            for number, variant in enumerate(variants)
        ]
        write_trials(study, rows)
        return rows

    for module in ("comparison", "frames", "parameters", "settings"):
        monkeypatch.setattr(f"train.studies.{module}.run_trials", run_trials)
    return asked
