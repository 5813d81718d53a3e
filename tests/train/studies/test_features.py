"""Feature maps are what the layers compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from manifests.errors import InputError
from manifests.media import read_picture, write_png
from manifests.workspace import Workspace
from tests.worlds import World
from train.checkpoints import save_network
from train.fit.loop import start
from train.luma import luma
from train.network import build
from train.presets import changed
from train.studies import features as module
from train.studies.features import FeatureMap, feature_maps, features
from train.studies.results import read_results

from .conftest import TINY


@pytest.fixture
def picture(world: World) -> Path:
    return world.workspace.resolve(world.scenes[1].frames[0])


def test_maps_are_of_the_first_convolutions_and_of_what_the_last_is_fed(picture: Path) -> None:
    torch.manual_seed(0)
    network = build(changed(TINY, ["kernels=3,5"])).eval()
    rainy = read_picture(picture)
    layers, streaks, background = feature_maps(network, rainy)
    assert list(layers) == ["encoder 3x3", "encoder 5x5", "decoder"]
    seen = luma(torch.tensor(rainy).permute(2, 0, 1)[None].float() / 255)
    with torch.no_grad():
        for encoder, maps in zip(network.encoders, layers.values(), strict=False):
            first = next(layer for layer in encoder.modules() if isinstance(layer, torch.nn.Conv2d))(seen)
            np.testing.assert_allclose(maps, first.relu()[0].numpy(), atol=1e-5)
        last = [layer for layer in network.decoder.modules() if isinstance(layer, torch.nn.Conv2d)][-1]
        np.testing.assert_allclose(streaks, last(torch.from_numpy(layers["decoder"])[None])[0, 0].numpy(), atol=1e-5)
    assert background.shape == streaks.shape == rainy.shape[:2]


def test_looking_leaves_the_network_as_it_was(picture: Path) -> None:
    torch.manual_seed(0)
    network = build(TINY).eval()
    feature_maps(network, read_picture(picture))
    assert not any(module._forward_hooks for module in network.modules())


def test_every_channel_is_a_row_and_all_is_drawn(world: World, checkpoint: Path, picture: Path) -> None:
    found = features(world.workspace, checkpoint, picture, device="cpu")
    assert [(row.layer, row.channel) for row in found.rows] == [("encoder 3x3", 0), ("encoder 3x3", 1), ("decoder", 0), ("decoder", 1)]
    assert read_results(FeatureMap, found.folder) == list(found.rows)
    assert all(0 <= (row.streaks_correlation or 0) <= 1.000001 for row in found.rows)
    assert "encoder 3x3 | 2" in found.markdown
    with Image.open(found.folder / "figure.png") as figure:
        assert figure.width > 500


def test_a_large_picture_is_cut_about_its_middle(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "write_figure", lambda _folder, _figure: None)
    random = np.random.default_rng(0)
    large = random.integers(0, 255, (40, 700, 3), dtype=np.uint8)
    write_png(tmp_path / "large.png", large)
    write_png(tmp_path / "cut.png", np.ascontiguousarray(large[:, 30:670]))
    rows = [features(Workspace(tmp_path), checkpoint, tmp_path / name, device="cpu").rows for name in ("large.png", "cut.png")]
    assert [row.mean for row in rows[0]] == [row.mean for row in rows[1]]


def test_a_dead_channel_has_no_correlation(world: World, tmp_path: Path, picture: Path) -> None:
    training = start(TINY, 0, torch.device("cpu"))
    with torch.no_grad():
        training.average.encoders[0].blocks[0][0].bias[1] = -1e3  # type: ignore[index, union-attr]
    save_network(tmp_path / "dead.safetensors", training, {"run": {}})
    found = features(world.workspace, tmp_path / "dead.safetensors", picture, device="cpu")
    dead = found.rows[1]
    assert (dead.spread, dead.zeros, dead.streaks_correlation) == (0, 1, None)


def test_what_is_no_picture_is_refused(world: World, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"picture\.png"):
        features(world.workspace, checkpoint, tmp_path / "picture.png", device="cpu")
