"""The README's chain, command by command and from Python, on a world small enough for a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
import skimage.io
from PIL import Image

from manifests.files import read_rows
from manifests.tables import Footage, Rain, Scene, Score, Segment
from manifests.workspace import Workspace
from tests import readme

# What makes the README's own lines small enough: nothing else about them is changed.
SMALLER = {
    "acquire simulate": [
        "--clips",
        "2",
        "--held-out",
        "1",
        "--others",
        "2",
        "--size",
        "160x128",
    ],
    "train fit": ["--steps", "4"],
}

# The same of the lines that made the network that comes along.
SMALLER_RECIPE = {
    "acquire simulate": ["--clips", "6", "--held-out", "1"],
    "train fit": ["--init", "small", "--minutes", "0.05"],
}

# One run of the chain serves the tests that look at it: they stay in one process.
one_run = pytest.mark.xdist_group("chain")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A folder in which the README's chain has been run, each command ending with exit code 0."""
    folder = tmp_path_factory.mktemp("chain")
    for program, *arguments in readme.chain():
        more = SMALLER.get(" ".join([program, *arguments[:1]]), [])
        line = [str(Path(sys.executable).parent / program), *arguments, *more]
        if "derained" in arguments:
            line = [word if word != "clip.mp4" else _a_held_out_clip(folder) for word in line]
        result = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
        assert result.returncode == 0, f"{' '.join(line)}\n{result.stdout}\n{result.stderr}"
    return Workspace(folder)


def _a_held_out_clip(folder: Path) -> str:
    return str(next((folder / "footage").glob("holdout-*.mp4")).relative_to(folder))


@one_run
def test_the_chain_fills_every_table(workspace: Workspace) -> None:
    for row_class in (Footage, Segment, Rain, Scene, Score):
        assert read_rows(row_class, workspace.table(row_class))
    kept = [row for row in read_rows(Scene, workspace.table(Scene)) if row.reason is None]
    assert {row.split for row in kept} >= {"train", "test"}
    assert all(len(row.frames) == 30 for row in kept)


@one_run
def test_the_chain_leaves_what_it_promises(workspace: Workspace) -> None:
    for path in ("runs/small/checkpoint.safetensors", "report/index.html", "derained", "model/README.md", "release/0.1.0/SHA256SUMS"):
        assert (workspace.root / path).exists(), path
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=workspace.root / "release" / "0.1.0", check=True)


@one_run
def test_what_the_tables_promise_holds(workspace: Workspace) -> None:
    line = [str(Path(sys.executable).parent / "manifests"), "check", "--media", "--json", "-C", str(workspace.root)]
    result = subprocess.run(line, capture_output=True, text=True, timeout=200, check=False)
    assert result.returncode == 0, result.stdout
    assert json.loads(result.stdout.splitlines()[-1])["findings"] == 0


@one_run
def test_a_second_run_of_the_curating_commands_decodes_nothing_and_changes_nothing(workspace: Workspace) -> None:
    """With the media out of reach, every row is still known, and each command ends well."""
    before = {row_class: read_rows(row_class, workspace.table(row_class)) for row_class in (Segment, Rain, Scene)}
    footage = workspace.root / "footage"
    footage.rename(workspace.root / "footage-away")
    try:
        for command in ("static-segments", "rain-diversity", "sequences"):
            line = [str(Path(sys.executable).parent / "curate"), command, *_hold_out(command)]
            result = subprocess.run(line, cwd=workspace.root, capture_output=True, text=True, timeout=200, check=False)
            assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    finally:
        (workspace.root / "footage-away").rename(footage)
    assert {row_class: read_rows(row_class, workspace.table(row_class)) for row_class in (Segment, Rain, Scene)} == before


def _hold_out(command: str) -> list[str]:
    (words,) = (words for words in readme.chain() if words[:2] == ["curate", command])
    return words[2:]


def test_the_same_chain_from_python(tmp_path: Path) -> None:
    (script,) = readme.blocks("python")
    program = tmp_path / "chain.py"
    smaller = {
        "held_out=3": "held_out=1, clips=2, others=0, width=160, height=128",
        "plan(here.table(Scene), SMALL)": "plan(here.table(Scene), SMALL, steps=2)",
    }
    for printed, used in smaller.items():
        assert script.count(printed) == 1, printed
        script = script.replace(printed, used)
    program.write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(readme.ROOT)}
    result = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=200, env=environment, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("Result(") >= 4


def test_the_network_that_comes_along_goes_on_with_its_recipe(tmp_path: Path) -> None:
    """Its lines in miniature, from its own weights, over pictures of scikit-image; then the picture that the README derains."""
    (tmp_path / "photos").mkdir()
    for name in ("coffee", "rocket", "astronaut"):
        skimage.io.imsave(tmp_path / "photos" / f"{name}.png", getattr(skimage.data, name)(), check_contrast=False)
    for program, *arguments in [*readme.chain("# photos"), *readme.chain("train derain small")]:
        line = [str(Path(sys.executable).parent / program), *arguments, *SMALLER_RECIPE.get(" ".join([program, *arguments[:1]]), [])]
        if arguments[0] == "derain":
            Image.open(tmp_path / "photos" / "coffee.png").crop((0, 0, 160, 120)).save(tmp_path / "photo.jpg")
        result = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
        assert result.returncode == 0, f"{' '.join(line)}\n{result.stdout}\n{result.stderr}"
    assert (tmp_path / "runs" / "small" / "checkpoint.safetensors").exists()
    assert (tmp_path / "derained.jpg").exists()
