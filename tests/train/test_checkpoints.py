"""Checkpoints: what goes in comes out, and nothing that is not ours goes in."""

import dataclasses
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import safetensors.torch
import torch

from manifests.errors import InputError
from train import checkpoints
from train.checkpoints import Training, load_network, load_training, read_about, save_network, save_training, start_from
from train.fit.loop import start
from train.presets import SMALL, NetworkSettings, Preset

TINY = dataclasses.replace(SMALL, network=NetworkSettings(width=2, kernels=(3, 5), head="linear"))
CPU = torch.device("cpu")


def trained(preset: Preset = TINY, steps: int = 2, seed: int = 0) -> Training:
    training = start(preset, seed, CPU)
    for _ in range(steps):
        picture = torch.rand(1, preset.network.channels, 16, 16)
        loss = (training.network(picture) - 0.2).square().mean() + training.directional(picture)
        training.optimiser.zero_grad()
        loss.backward()
        training.optimiser.step()
        training.step += 1
    training.elapsed_s = 1.5
    return training


def everything(training: Training) -> dict[str, torch.Tensor]:
    state = {name: parameter.detach() for name, parameter in training.parameters().items()}
    state |= {f"average.{name}": value for name, value in training.average.state_dict().items()}
    for name, parameter in training.parameters().items():
        state |= {f"{moment}.{name}": value for moment, value in training.optimiser.state[parameter].items()}
    return state


def test_the_averaged_weights_come_back(tmp_path: Path) -> None:
    training = trained()
    with torch.no_grad():
        next(training.average.parameters()).add_(0.25)
    save_network(tmp_path / "checkpoint.safetensors", training, {"finished": True})
    network = load_network(tmp_path / "checkpoint.safetensors")
    assert network.settings == TINY.network
    assert not network.training
    for name, value in training.average.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    about = read_about(tmp_path / "checkpoint.safetensors")
    assert (about["step"], about["finished"], about["versions"]["torch"]) == (2, True, metadata.version("torch"))


@pytest.mark.parametrize("steps", [0, 3])
def test_a_run_comes_back_whole(tmp_path: Path, steps: int) -> None:
    training = trained(steps=steps)
    save_training(tmp_path / "resume.safetensors", training, {}, {"window": torch.arange(3.0), "terms": torch.empty(0, 5)})
    random_state = torch.get_rng_state()
    other = start(TINY, 7, CPU)
    beside = load_training(tmp_path / "resume.safetensors", other)
    assert torch.equal(beside["window"], torch.arange(3.0))
    assert beside["terms"].shape == (0, 5)
    assert (other.step, other.elapsed_s) == (steps, 1.5)
    assert torch.equal(torch.get_rng_state(), random_state)
    expected, found = everything(training), everything(other)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_training_may_start_from_a_checkpoint(tmp_path: Path) -> None:
    training = trained()
    save_network(tmp_path / "checkpoint.safetensors", training, {})
    other = start(TINY, 7, CPU)
    start_from(tmp_path / "checkpoint.safetensors", other)
    for name, value in training.average.state_dict().items():
        assert torch.equal(other.network.state_dict()[name], value)
        assert torch.equal(other.average.state_dict()[name], value)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_network(path, trained(), {})
    wider = dataclasses.replace(TINY, network=NetworkSettings(width=4, kernels=(3,), head="linear"))
    with pytest.raises(InputError, match=r"of another network: width=2 \(here 4\), kernels=3,5 \(here 3\)"):
        start_from(path, start(wider, 0, CPU))


def test_broken_weights_are_never_gone_on_with(tmp_path: Path) -> None:
    training = trained()
    assert training.is_finite()
    with torch.no_grad():
        next(training.average.parameters()).view(-1)[3] = float("nan")
        next(training.network.parameters()).view(-1)[3] = float("nan")
    assert not training.is_finite()
    save_network(tmp_path / "broken.safetensors", training, {})
    with pytest.raises(InputError, match=r"broken.safetensors: holds weights that are no finite numbers"):
        start_from(tmp_path / "broken.safetensors", start(TINY, 7, CPU))


def rewritten(path: Path, about: dict[str, object] | None, tensors: dict[str, torch.Tensor] | None = None) -> None:
    known = {"rainlapse": json.dumps(about)} if about is not None else {"other": "tool"}
    path.write_bytes(safetensors.torch.save(tensors or safetensors.torch.load_file(path), known))


def test_what_is_no_checkpoint_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(InputError, match="no such checkpoint"):
        load_network(path)
    save_network(path, trained(), {})
    about = read_about(path)
    save_training(tmp_path / "resume.safetensors", trained(), {}, {})
    with pytest.raises(InputError, match=r"holds a run.*checkpoint\.safetensors"):
        load_network(tmp_path / "resume.safetensors")

    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="safetensors"):
        load_network(path)
    path.write_bytes(b"PK\x03\x04 a pickle in a zip")
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        load_network(path)

    for spoiled, words in [
        (None, "not a checkpoint of rainlapse"),
        (about | {"format": 99}, "format 99"),
        (about | {"preset": {}}, "does not know"),
        (about | {"preset": about["preset"] | {"network": {"width": 4}}}, "of another network"),
        (about | {"preset": about["preset"] | {"network": {"depth": 4}}}, "does not know"),
    ]:
        path.write_bytes(whole)
        rewritten(path, spoiled)
        with pytest.raises(InputError, match=words) as raised:
            load_network(path)
        assert str(path) in str(raised.value)

    path.write_bytes(whole)
    tensors = safetensors.torch.load_file(path)
    tensors["decoder.scales.2.4.weight"] = torch.zeros(1, 9, 3, 3)
    rewritten(path, about, tensors)
    with pytest.raises(InputError, match=r"of another network \(decoder"):
        load_network(path)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_network(path, trained(), {"finished": False})
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"No space left.*last checkpoint is kept"):
        checkpoints.save_network(path, trained(seed=1), {"finished": True})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


REPLACING = """
import pathlib, sys
path, *others = map(pathlib.Path, sys.argv[1:])
contents = [other.read_bytes() for other in others]
while True:
    for content in contents:
        others[0].write_bytes(content)
        others[0].replace(path)
"""


def test_a_checkpoint_can_be_read_while_a_run_replaces_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By files of two sizes, from another process."""
    path, *others = (tmp_path / f"{name}.safetensors" for name in ("checkpoint", "short", "long"))
    for size, name in ((1, others[0]), (400, others[1]), (1, path)):
        about = {"rainlapse": json.dumps({"format": checkpoints.FORMAT, "kind": "network", "step": size})}
        safetensors.torch.save_file({"weight": torch.zeros(size)}, name, about)
    with subprocess.Popen([sys.executable, "-c", REPLACING, path, *others]) as writer:
        try:
            seen = {read_about(path)["step"] for _ in range(5000)}
        finally:
            writer.kill()
    assert seen == {1, 400}

    def of_another_size(_path: Path) -> None:
        raise RuntimeError("size <8> is smaller than the required mapping size <9>")

    monkeypatch.setattr(safetensors.torch, "load_file", of_another_size)
    with pytest.raises(InputError, match=r"was replaced while it was read.*run the same command again"):
        checkpoints._tensors(path)
