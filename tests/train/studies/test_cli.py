"""`train study NAME` as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from manifests.tables import Scene
from tests.worlds import World
from train.cli import main
from train.presets import PAPER, SMALL, changed
from train.studies.results import Results
from train.studies.study import QUICK_SETTINGS, Study
from train.studies.trials import Trial, Variant, planned

ROWS = [Trial("a", "one", 0, "rgb", 10, 28.0, 0.90, 27.0, 0.8), Trial("b", "two", 0, "rgb", 10, None, None, 27.0, 0.8, error="why")]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Study]:
    """Every training study notes what it was asked and finds one row."""
    found: list[Study] = []

    def answer(study: Study) -> Results[Trial]:
        found.append(study)
        return Results(ROWS[:1], "a table\n", study.folder)

    for name in ("losses", "fusion", "frames", "parameters", "settings"):
        monkeypatch.setattr(f"train.studies.{name}.{name}", answer)
    return found


def run(*words: str) -> Any:
    return CliRunner().invoke(main, ["study", *words])


@pytest.mark.parametrize("name", ["losses", "fusion", "frames", "parameters", "settings"])
def test_each_study_is_a_command_of_its_name(name: str, world: World, asked: list[Study]) -> None:
    result = run(name, "-C", str(world.workspace.root))
    assert result.exit_code == 0, result.output
    table = world.workspace.table(Scene)
    assert asked == [Study(name, table, SMALL, steps=None, minutes=None, seeds=3, protocol="y-mprnet")]
    assert asked[0].folder == world.workspace.root / "studies" / name
    assert "a table" in result.output
    assert f"studies/{name}: table.parquet" in result.output


def test_options_reach_the_study(tmp_path: Path, asked: list[Study]) -> None:
    words = "losses --scenes t/manifests/s.parquet --preset paper --set width=8 --steps 5 --minutes 2 --seeds 4 --protocol rgb --device cpu"
    result = run(*words.split(), "--pairs", str(tmp_path))
    assert result.exit_code == 0, result.output
    (study,) = asked
    assert study.preset == changed(PAPER, ["width=8"])
    assert (study.steps, study.minutes, study.seeds, study.protocol, study.device) == (5, 2, 4, "rgb", "cpu")
    assert (study.scenes, study.pairs) == (Path("t/manifests/s.parquet"), tmp_path)


@pytest.mark.parametrize(
    ("words", "steps", "minutes", "seeds", "width"),
    [
        ("", 300, None, 1, 4),
        ("--minutes 1 --seeds 2", None, 1.0, 2, 4),
        ("--set width=6", 300, None, 1, 6),
        ("--set steps=50", 50, None, 1, 4),
        ("--steps 70", 70, None, 1, 4),
    ],
)
def test_quick_gives_way_to_what_is_named(
    words: str, steps: int | None, minutes: float | None, seeds: int, width: int, asked: list[Study], world: World
) -> None:
    run("losses", "--quick", "-C", str(world.workspace.root), *words.split())
    (study,) = asked
    bounds = planned(study, Variant("it", study.preset), 0).bounds
    assert (bounds.steps, bounds.minutes, study.seeds, study.preset.network.width) == (steps, minutes, seeds, width)
    assert study.preset.pairs == changed(SMALL, QUICK_SETTINGS).pairs


def test_rows_as_json_and_exit_code_3_where_one_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("train.studies.losses.losses", _found(Results(ROWS, "", tmp_path)))
    result = run("losses", "--json")
    assert [json.loads(line)["variant"] for line in result.stdout.splitlines()] == ["one", "two"]
    assert result.exit_code == 3


def _found(results: Results[Trial]) -> Callable[[Study], Results[Trial]]:
    return lambda _study: results


def test_a_folder_without_scenes_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    result = run("losses", "-C", str(tmp_path))
    assert result.exit_code == 1
    assert "acquire simulate --held-out 10" in result.output
    assert "Traceback" not in result.output
