"""What a user installs: four packages of code, their page templates, the trained network with its card, and no data."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"manifests", "acquire", "curate", "train"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built offline by the build backend itself."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], check=True, cwd=ROOT, timeout=120)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_four_packages_and_trained_weights_but_no_data(wheel: zipfile.ZipFile) -> None:
    names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == PACKAGES
    assert {Path(name).suffix for name in names} <= {".py", ".html", ".md", ".typed", ".safetensors"}
    assert {name for name in names if name.startswith("train/weights/")} == {f"train/weights/small{end}" for end in (".md", ".safetensors")}
    in_tree = {path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == in_tree
    assert sum(info.file_size for info in wheel.infolist() if not info.filename.endswith(".safetensors")) < 2_000_000


def test_the_wheel_brings_four_commands(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(entry_points).decode()
    assert all(f"{package} = {package}.cli:main" in text for package in PACKAGES)


def test_torch_is_a_range_and_its_build_is_pinned_beside() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (torch,) = (requirement for requirement in project["dependencies"] if requirement.startswith("torch"))
    assert torch == "torch>=2.6,<3"
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text().splitlines()
    assert not any(requirement.startswith("opencv-python>") for requirement in project["dependencies"]), "the headless build alone"
