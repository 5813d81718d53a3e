"""Exported networks: what others get gives the same pictures, says what it is, and appears whole or not at all."""

import dataclasses
import importlib.util
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
import yaml  # type: ignore[import-untyped]
from click.testing import CliRunner
from torch import nn

from manifests.errors import InputError
from manifests.files import Provenance, append_rows, file_sha256, write_atomically
from manifests.tables import Score
from manifests.workspace import Workspace
from train import export
from train.checkpoints import load_network, save_network
from train.cli import main
from train.export import export_onnx, export_safetensors
from train.fit.loop import start
from train.inference import remove_rain
from train.presets import SMALL, Color, Deconv, Fusion, Head, NetworkSettings

RUN = {"scenes": "0123456789abcdef", "seed": 7, "init": None}


def checkpoint_of(folder: Path, settings: NetworkSettings) -> Path:
    """A checkpoint whose weights are of a trained network's size and whose filters depend on the picture."""
    training = start(dataclasses.replace(SMALL, network=settings), 0, torch.device("cpu"))
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in training.average.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.05 * torch.randn_like(parameter))
        for module in training.average.fusion.modules():
            if isinstance(module, nn.Linear):
                module.weight.mul_(100)
    training.step, training.elapsed_s = 1234, 56.0
    path = folder / "checkpoint.safetensors"
    save_network(path, training, {"run": RUN, "finished": True})
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_of(tmp_path_factory.mktemp("run"), NetworkSettings(width=2, kernels=(3, 5), head="linear"))


@pytest.fixture(scope="module")
def exported(checkpoint: Path) -> Path:
    path = checkpoint.with_name("derain.onnx")
    done = export_onnx(checkpoint, path, licence="cc0-1.0")
    assert done.files == (path,)
    assert done.largest_difference is not None
    assert done.largest_difference < 1e-5
    return path


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def differences(path: Path, checkpoint: Path, sizes: list[tuple[int, int, int]]) -> float:
    network, model = load_network(checkpoint), session(path)
    worst = 0.0
    for count, height, width in sizes:
        pictures = torch.rand(count, 3, height, width)
        background, streaks = remove_rain(network, pictures)
        found = model.run(["background", "streaks"], {"picture": pictures.numpy()})
        for ours, theirs in zip((background, streaks), found, strict=True):
            assert theirs.shape == tuple(ours.shape)
            worst = max(worst, float(np.abs(ours.numpy() - theirs).max()))
    return worst


# --- ONNX ---------------------------------------------------------------------------------------------------------------------------


def test_onnxruntime_gives_what_the_network_gives_at_any_size(exported: Path, checkpoint: Path) -> None:
    sizes = [(1, height, width) for height, width in [(1, 1), (1, 9), (2, 3), (7, 8), (8, 16), (23, 90), (200, 131)]]
    assert differences(exported, checkpoint, [*sizes, (5, 17, 4)]) < 1e-4


@pytest.mark.torture
@pytest.mark.parametrize(
    ("fusion", "color", "head", "deconv"),
    [
        ("dynamic", "rgb", "relu", "bilinear3"),
        ("dynamic_local", "luma", "softplus", "interpolate"),
        ("dynamic_lowrank", "luma", "linear", "interpolate"),
        ("concat", "rgb", "linear", "interpolate"),
        ("sum", "luma", "relu", "bilinear3"),
        ("product", "luma", "linear", "interpolate"),
    ],
)
def test_every_kind_of_network_can_be_exported(tmp_path: Path, fusion: Fusion, color: Color, head: Head, deconv: Deconv) -> None:
    made = checkpoint_of(tmp_path, NetworkSettings(4, (3, 5, 7), fusion=fusion, color=color, head=head, deconv=deconv))
    path = tmp_path / "derain.onnx"
    export_onnx(made, path)
    assert differences(path, made, [(1, 1, 1), (2, 50, 33), (1, 64, 128), (3, 5, 3)]) < 1e-4


def test_the_model_says_what_it_is_and_where_it_comes_from(exported: Path, checkpoint: Path) -> None:
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    props = {prop.key.removeprefix("rainlapse."): prop.value for prop in model.metadata_props}
    assert props["checkpoint_sha256"] == file_sha256(checkpoint)
    assert json.loads(props["preset"])["network"]["kernels"] == [3, 5]
    assert (json.loads(props["run"]), props["step"], props["licence"]) == (RUN, "1234", "cc0-1.0")
    assert "RGB intensities in [0, 1]" in props["protocol"] == model.doc_string
    (picture,) = model.graph.input
    shapes = [[size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim] for value in (picture, *model.graph.output)]
    assert shapes == [["pictures", channels, "height", "width"] for channels in (3, 3, 1)]
    assert [value.name for value in (picture, *model.graph.output)] == ["picture", "background", "streaks"]


def test_the_model_tells_nothing_of_the_machine(exported: Path) -> None:
    content = exported.read_bytes()
    for told in (str(Path(export.__file__).parents[1]), str(Path.home()), str(exported.parent)):
        assert told.encode() not in content


def test_one_output_can_be_asked_for(exported: Path) -> None:
    (background,) = session(exported).run(["background"], {"picture": np.full((1, 3, 10, 10), 0.5, dtype=np.float32)})
    assert 0 <= background.min() <= background.max() <= 1


@pytest.mark.parametrize("difference", [2e-4, float("nan")])
def test_a_model_that_differs_is_refused(
    exported: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, difference: float
) -> None:
    model = onnx.load(exported)
    monkeypatch.setattr(export, "_onnx_model", lambda *_: model)
    monkeypatch.setattr(export, "remove_rain", lambda network, pictures: (remove_rain(network, pictures)[0] + difference, torch.zeros(1)))
    with pytest.raises(InputError, match=r"differ by up to .*nothing was written"):
        export_onnx(checkpoint, tmp_path / "derain.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_extra_it_says_what_to_install(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in ("onnx", "onnxscript") else found(name))
    result = CliRunner().invoke(main, ["export", str(checkpoint), "-o", str(tmp_path / "derain.onnx")])
    assert (result.exit_code, result.output) == (1, "Error: exporting to ONNX needs onnx, onnxscript: pip install 'rainlapse[onnx]'\n")


def test_more_weights_than_onnx_holds_are_refused(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST_BYTES", 1000)
    with pytest.raises(InputError, match="use --format safetensors"):
        export_onnx(checkpoint, tmp_path / "derain.onnx")


# --- weights and their card ---------------------------------------------------------------------------------------------------------


def scored(method: str, number: int, psnr: float, ssim: float, scene_id: str | None, data: str = "rain") -> Score:
    return Score(
        f"{method}{number}{scene_id}",
        method,
        "y-mprnet",
        f"/home/someone/{data}/input/{number}.png",
        f"/home/someone/{data}/target/{number}.png",
        psnr,
        ssim,
        scene_id=scene_id,
        picture_sha256=f"{number}{scene_id}",
        truth_sha256="t",
    )


def test_the_card_states_data_protocol_limits_and_settings(checkpoint: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    method = file_sha256(checkpoint)[:16]
    rows = [scored(method, 1, 30.0, 0.9, None), scored(method, 2, 32.0, 0.8, None), scored(method, 3, 35.0, 0.95, "scene")]
    rows += [scored("input", 1, 26.0, 0.7, None), scored("input", 2, 27.0, 0.6, None), scored("input", 3, 33.0, 0.9, "scene")]
    changed_since = replace(scored(method, 1, 10.0, 0.1, None), score_id="old", picture_sha256="old", at=datetime(2020, 1, 1, tzinfo=UTC))
    rows[0] = replace(rows[0], at=datetime(2021, 1, 1, tzinfo=UTC))
    rows += [changed_since, replace(changed_since, score_id="old input", method="input")]
    rows += [scored("another", 1, 50.0, 0.99, None), scored("input", 4, 50.0, 0.99, None)]
    rows += [scored(method, 5, 40.0, 0.97, None, "drizzle"), scored("input", 5, 39.0, 0.96, None, "drizzle")]
    append_rows(Score, workspace.table(Score), rows, Provenance("test", {}, {}))
    done = export_safetensors(
        checkpoint, tmp_path / "out", workspace=workspace, licence="cc-by-4.0", trained_on="Forty nights in a garden."
    )
    assert [path.name for path in done.files] == ["model.safetensors", "README.md"]
    card = (tmp_path / "out" / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    assert (front["license"], front["library_name"], front["pipeline_tag"]) == ("cc-by-4.0", "rainlapse", "image-to-image")
    assert "| rain | 2 | `y-mprnet` | 31.00 (26.50) | 0.8500 (0.6500) |" in card
    assert "| drizzle | 1 | `y-mprnet` | 40.00 (39.00) | 0.9700 (0.9600) |" in card
    assert "| scenes | 1 | `y-mprnet` | 35.00 (33.00) | 0.9500 (0.9000) |" in card
    for told in ("## Limits", RUN["scenes"], "1,234 steps", "seed 7", file_sha256(checkpoint), "| `kernels` | 3, 5 |", "No clean picture"):
        assert str(told) in card
    assert "someone" not in card
    assert "masks. Forty nights in a garden. No clean" in card


def test_an_unmeasured_network_says_so(checkpoint: Path, tmp_path: Path) -> None:
    export_safetensors(checkpoint, tmp_path / "out", workspace=Workspace(tmp_path))
    assert "Nothing: no scores of this checkpoint are known" in (tmp_path / "out" / "README.md").read_text()


def test_the_cards_own_lines_work(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_safetensors(checkpoint, tmp_path / "out", workspace=Workspace(tmp_path))
    (script,) = re.findall(r"```python\n(.*?)```", (tmp_path / "out" / "README.md").read_text(), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path / "out")
    known: dict[str, Any] = {}
    exec(script.replace("480, 640", "48, 64"), known)
    assert known["background"].shape == (1, 3, 48, 64)
    expected = load_network(checkpoint).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in known["network"].state_dict().items())


# --- what cannot be ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["onnx", "safetensors"])
def test_outputs_that_exist_and_files_that_are_no_checkpoints(checkpoint: Path, tmp_path: Path, form: str) -> None:
    output = tmp_path / "out"

    def refused(path: Path) -> str:
        result = CliRunner().invoke(main, ["export", str(path), "-o", str(output), "--format", form, "-C", str(tmp_path)])
        assert result.exit_code == 1
        assert result.output.count("\n") == 1
        return result.output

    assert "no such checkpoint" in refused(tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    assert "cannot be read as safetensors" in refused(tmp_path / "text.safetensors")
    assert not output.exists()
    if form == "onnx":
        output.write_bytes(b"before")
        assert f"{output}: exists; give --overwrite" in refused(checkpoint)
        assert output.read_bytes() == b"before"
        output.unlink()
        output.mkdir()
        assert "is a folder; name a file" in refused(checkpoint)
    else:
        output.write_bytes(b"a file")
        assert "is a file; name a folder" in refused(checkpoint)
        output.unlink()
        output.mkdir()
        (output / "README.md").write_text("mine")
        assert "README.md: exists; give --overwrite" in refused(checkpoint)
        assert [path.name for path in output.iterdir()] == ["README.md"]


def test_the_command_overwrites_when_asked(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("before")
    line = ["export", str(checkpoint), "-o", str(tmp_path), "--format", "safetensors", "--overwrite", "--json", "-C", str(tmp_path)]
    result = CliRunner().invoke(main, line)
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["files"] == [str(tmp_path / "model.safetensors"), str(tmp_path / "README.md")]
    assert told["bytes"] == sum(Path(path).stat().st_size for path in told["files"])
    assert (tmp_path / "README.md").read_text() != "before"


@pytest.mark.parametrize("failing", ["README.md", "model.safetensors"])
def test_a_full_disk_leaves_all_as_it_was(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    before = {"README.md": b"a card", "model.safetensors": b"its weights"}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    write = write_atomically

    @contextmanager
    def full(path: Path) -> Iterator[Any]:
        with write(path) as file:
            if path.name == failing:
                raise OSError(28, "No space left on device")
            yield file

    monkeypatch.setattr(export, "write_atomically", full)
    with pytest.raises(InputError, match=r"README\.md: cannot be written .*No space left"):
        export_safetensors(checkpoint, tmp_path, workspace=Workspace(tmp_path), overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_checkpoint_is_not_written_over(tmp_path: Path) -> None:
    made = checkpoint_of(tmp_path, NetworkSettings(width=2, kernels=(3,)))
    before = made.read_bytes()
    with pytest.raises(InputError, match="is the checkpoint itself; name another output"):
        export_onnx(made, made, overwrite=True)
    assert made.read_bytes() == before
