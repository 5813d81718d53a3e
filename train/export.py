"""`train export`: a trained network for others, as an ONNX model or as weights with a model card.

The ONNX model takes RGB pictures of any number and size, "picture" (N, 3, H, W) in float32 with intensities in [0, 1], and gives what
`train derain` writes, "background" (N, 3, H, W) in [0, 1], and beside it "streaks", (N, 1, H, W) from a luma network and (N, 3, H, W)
from an RGB one. Luma, padding and clamping are inside of it.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from manifests.errors import InputError, first_line
from manifests.files import file_sha256, write_atomically
from manifests.workspace import Workspace
from train.checkpoints import load_network, read_about
from train.inference import remove_rain
from train.luma import seen_as
from train.model_card import model_card
from train.network import DerainingNetwork, padded_to_stride

if TYPE_CHECKING:
    import onnx

LIKENESS = 1e-4  # of intensities in [0, 1]: as much as the exported model may differ from the network
TRIED_SIZES = ((1, 64, 64), (2, 37, 53), (1, 1, 1), (1, 8, 122), (3, 129, 5))  # pictures, height, width
NEEDED = ("onnx", "onnxruntime", "onnxscript")
MOST_BYTES = 2**31 - 2**24  # of weights in one ONNX file; its format ends at 2 GiB
PROTOCOL = (
    "input: picture (N, 3, H, W), RGB intensities in [0, 1] as stored (not linearised), any H and W; "
    "outputs: background (N, 3, H, W), clamped to [0, 1], and streaks, background = picture - streaks"
)


@dataclass(frozen=True)
class Exported:
    """What was written."""

    files: tuple[Path, ...]
    largest_difference: float | None  # between the ONNX model and the network, over the sizes that were tried; None of mere weights


class Deraining(nn.Module):
    """From RGB pictures to their backgrounds and streaks, as one graph without branches."""

    def __init__(self, network: DerainingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) to (N, 3, H, W) and (N, 1 or 3, H, W)."""
        height, width = picture.shape[2:]
        padded = padded_to_stride(seen_as(self.network.settings.color, picture))
        streaks = self.network.streaks(padded)[:, :, :height, :width]
        return torch.clamp(picture - streaks, 0, 1), streaks


def export_onnx(checkpoint: Path, output: Path, *, licence: str = "unknown", overwrite: bool = False) -> Exported:
    """Write a checkpoint's network as an ONNX model; it appears once onnxruntime has given what the network gives.

    Raises InputError when the checkpoint is none, `output` exists or is the checkpoint itself, the extra `[onnx]` is not installed, the
    weights are too many for one ONNX file, or the model differs from the network.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"exporting to ONNX needs {', '.join(missing)}: pip install 'rainlapse[onnx]'")
    if output.is_dir():
        raise InputError(f"{output}: is a folder; name a file, such as {output / 'derain.onnx'}")
    _refuse_existing(output, overwrite)
    network = load_network(checkpoint)
    if output.exists() and output.samefile(checkpoint):
        raise InputError(f"{output}: is the checkpoint itself; name another output")
    weights = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    if weights > MOST_BYTES:
        raise InputError(f"{checkpoint}: has {weights / 2**30:.1f} GiB of weights, and an ONNX file holds 2; use --format safetensors")
    model = _onnx_model(network, checkpoint, licence)
    content = model.SerializeToString()
    difference = _largest_difference(content, network)
    if not difference <= LIKENESS:
        raise InputError(
            f"{checkpoint}: in onnxruntime its pictures differ by up to {difference:.2g} from the network's, where {LIKENESS:g} is "
            "allowed, so nothing was written; try other versions of onnxruntime and torch"
        )
    _write({output: content})
    return Exported((output,), difference)


def export_safetensors(
    checkpoint: Path, folder: Path, *, workspace: Workspace, licence: str = "unknown", trained_on: str = "", overwrite: bool = False
) -> Exported:
    """Write `model.safetensors` (the checkpoint as it is) and `README.md`, its model card, into a folder.

    The card tells the scores that the workspace's table holds of this checkpoint, and says `trained_on` of its data. Raises InputError when
    the checkpoint is none, or a file exists.
    """
    if folder.is_file():
        raise InputError(f"{folder}: is a file; name a folder for the weights and their card")
    card, weights = folder / "README.md", folder / "model.safetensors"
    for path in (card, weights):
        _refuse_existing(path, overwrite)
    network = load_network(checkpoint)
    text = model_card(checkpoint, network, workspace, licence, trained_on)
    _write({weights: checkpoint.read_bytes(), card: text.encode()})
    return Exported((weights, card), None)


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists; give --overwrite, or another output")


def _write(contents: Mapping[Path, bytes]) -> None:
    """Write files, which appear when all of them have been written to their ends."""
    try:
        with ExitStack() as files:
            for path, content in contents.items():
                file = files.enter_context(write_atomically(path))
                file.write(content)
                file.flush()
    except OSError as error:
        told = " and ".join(map(str, contents))
        raise InputError(f"{told}: cannot be written ({first_line(error)}); make room, or name another output") from error


def _onnx_model(network: DerainingNetwork, checkpoint: Path, licence: str) -> onnx.ModelProto:
    """The network as ONNX, checked, with what is known of it in its metadata and nothing of the machine that made it."""
    import onnx  # an extra; and slow to load

    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            Deraining(network).eval(),
            (torch.rand(2, 3, 43, 53),),
            dynamo=True,
            dynamic_shapes=(dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC),),
            input_names=["picture"],
            output_names=["background", "streaks"],
            verbose=False,
        )
    assert program is not None  # it is None only where a file is written
    model = program.model_proto
    _make_anonymous(model)
    about = read_about(checkpoint)
    model.producer_name, model.producer_version = "rainlapse", about["versions"]["rainlapse"]
    model.doc_string = PROTOCOL
    onnx.helper.set_model_props(
        model,
        {
            "rainlapse.checkpoint_sha256": file_sha256(checkpoint),
            "rainlapse.licence": licence,
            "rainlapse.preset": json.dumps(about["preset"], sort_keys=True),
            "rainlapse.protocol": PROTOCOL,
            "rainlapse.run": json.dumps(about.get("run", {}), sort_keys=True),
            "rainlapse.step": str(about["step"]),
            "rainlapse.versions": json.dumps(about["versions"], sort_keys=True),
        },
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _make_anonymous(model: onnx.ModelProto) -> None:
    """Name the free sizes, and drop the exporter's notes, which hold paths of this machine."""
    for value in [*model.graph.input, *model.graph.output]:
        for axis, name in ((0, "pictures"), (2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
    del model.graph.value_info[:]
    del model.metadata_props[:]
    for noted in [model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer, *model.functions]:
        del noted.metadata_props[:]
        noted.doc_string = ""


def _largest_difference(content: bytes, network: DerainingNetwork) -> float:
    """Between the model in onnxruntime and the network, of both outputs, over pictures of several sizes."""
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    random = torch.Generator().manual_seed(0)
    differences = []
    for size in TRIED_SIZES:
        pictures = torch.rand((size[0], 3, *size[1:]), generator=random)
        found = session.run(["background", "streaks"], {"picture": pictures.numpy()})
        for ours, theirs in zip(remove_rain(network, pictures), found, strict=True):
            differences.append(float((ours - torch.from_numpy(theirs)).abs().max()))
    return max(differences, key=lambda difference: (difference != difference, difference))  # no number at all is the worst


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's warnings about other packages and its own future."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
