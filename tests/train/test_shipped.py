"""The networks that come with the package: found by name, small, described, and better than doing nothing."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from acquire.simulator.backgrounds import BUNDLED
from acquire.simulator.render import render_frames
from acquire.simulator.specification import ClipSpecification
from acquire.simulator.world import rain_parameters
from tests.commands import tool
from train.checkpoints import load_network, read_about
from train.inference import remove_rain
from train.metrics import score
from train.shipped import WEIGHTS, CheckpointParameter, shipped_networks

SMALL = shipped_networks()["small"]


def given(value: str) -> Path:
    path = CheckpointParameter().convert(value, None, None)
    assert isinstance(path, Path)
    return path


def test_a_name_is_a_network_of_the_package_unless_there_is_such_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert given("small") == SMALL
    Path("small").write_bytes(b"")
    assert given("small") == Path("small")
    assert given("missing.safetensors") == Path("missing.safetensors")  # whoever reads it says what is missing
    assert given("runs/small") == Path("runs/small")


def test_a_word_that_names_nothing_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(click.BadParameter, match=r"'smal' is neither a file nor .*: .*small"):
        given("smal")


def test_each_network_has_a_card_and_fits_in_a_repository() -> None:
    assert {path.name for path in WEIGHTS.iterdir()} == {f"{name}{end}" for name in shipped_networks() for end in (".safetensors", ".md")}
    for path in shipped_networks().values():
        assert path.stat().st_size < 16e6
        card = path.with_suffix(".md").read_text()
        assert all(part in card for part in ("license:", "## Training", "## Measured", "## Limits"))
        assert read_about(path, "network")["run"]["scenes"] in card


def test_a_shipped_network_removes_rain_that_it_never_saw() -> None:
    """A frame over each of scikit-image's photos, with rain of no clip of its training. Faint drizzle over bright rims may lose."""
    network = load_network(SMALL)
    gains = []
    for number, background in enumerate(BUNDLED):
        rain = rain_parameters(9000 + 3 * number, wide=True)
        (frame,) = render_frames(ClipSpecification(f"clip-{number}", 99 + number, 320, 240, 1, background=background, rain=rain))
        rainy = torch.from_numpy(frame.picture.transpose(2, 0, 1).astype(np.float32))[None] / 255
        derained = (remove_rain(network, rainy)[0][0].permute(1, 2, 0) * 255).round().byte().numpy()
        before, after = (score(picture, frame.clean, "y-mprnet")[0] for picture in (frame.picture, derained))
        gains.append(after - before)
    assert np.mean(gains) > 2, gains
    assert np.mean(np.array(gains) > 0) >= 0.7, gains


def test_a_picture_is_derained_by_name(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (90, 120, 60)).save(tmp_path / "photo.png")
    done = CliRunner().invoke(tool("train"), ["derain", "small", str(tmp_path / "photo.png"), "-o", str(tmp_path / "out.png")])
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (40, 30)
