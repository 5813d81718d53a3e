"""A model card for a trained network: what it is, what it was trained on, what was measured, and what it cannot do.

Markdown with the front matter that model hubs read. Everything in it comes from the checkpoint's own header and from the workspace's
scores; nothing is claimed that was not measured.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from manifests.columns import columns
from manifests.files import file_sha256, read_rows, table_exists
from manifests.tables import Score
from manifests.workspace import Workspace
from train.checkpoints import preset_of, read_about
from train.network import DerainingNetwork, multiply_adds
from train.presets import GROUPS, Preset
from train.tiling import reach_px

SIDE_PX = 512  # of the picture whose cost is told

LIMITS = """\
- Trained without ground truth, on what changes between frames of static scenes: what fell through the picture. Drops on the lens or on
  glass, fog, mist and snow are not what it was shown, unless its scenes held them.
- Thin bright details of the scene (rims, twigs, wires, white spots) can be taken for streaks and weakened, and streaks can leave halos.
- One frame is seen at a time: nothing keeps the frames of a video consistent with one another.
- Streaks much longer or wider than those in the training crops are not seen as rain: scale large pictures down if that shows.
- What a network removes cannot be told from what it invents: do not use derained pictures as evidence, or to measure rain."""


def model_card(checkpoint: Path, network: DerainingNetwork, workspace: Workspace, licence: str, trained_on: str = "") -> str:
    """The card of a checkpoint whose network is given, with its scores in the workspace. `trained_on`: words on its data.

    Raises InputError as `read_about` does.
    """
    about = read_about(checkpoint)
    preset = preset_of(checkpoint, about)
    sections = [
        _front_matter(licence),
        f"# rainlapse deraining network, preset `{preset.name}`\n\nTakes one rainy picture and gives it without its rain streaks.",
        _network(preset, network),
        _usage(preset),
        _training(preset, about, trained_on),
        _measured(file_sha256(checkpoint)[:16], workspace),
        f"## Limits\n{LIMITS}",
        _settings(preset),
        _provenance(checkpoint, about),
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(licence: str) -> str:
    tags = ["deraining", "rain-removal", "image-restoration", "self-supervised", "time-lapse"]
    lines = [
        "library_name: rainlapse",
        f"license: {json.dumps(licence)}",
        "pipeline_tag: image-to-image",
        "tags:",
        *(f"- {tag}" for tag in tags),
    ]
    return "---\n" + "\n".join(lines) + "\n---"


def _network(preset: Preset, network: DerainingNetwork) -> str:
    parameters = sum(parameter.numel() for parameter in network.parameters())
    giga = multiply_adds(preset.network, SIDE_PX, SIDE_PX) / 1e9
    return (
        "## Network\n"
        'The architecture of Cho, Kim, Min, Sohn, "Single Image Deraining Using Time-lapse Data", IEEE TIP 29, 2020 (Tables I and II): '
        f"{len(preset.network.kernels)} encoder(s) with kernels of {_shown(preset.network.kernels)} px, {preset.network.width} channels at "
        f"full resolution, `{preset.network.fusion}` fusion. {parameters:,} parameters, {giga:.1f} G multiply-adds for a "
        f"{SIDE_PX}x{SIDE_PX} picture. A pixel of the streaks depends on at most {reach_px(preset.network.kernels)} px around it, and on "
        "the whole picture where the fusion is `dynamic` or `dynamic_lowrank`. The implementation is rainlapse's own, not the authors'."
    )


def _usage(preset: Preset) -> str:
    layers = "one achromatic layer" if preset.network.color == "luma" else "one layer a channel"
    return f"""## Use
```bash
pip install rainlapse
train derain model.safetensors rainy.jpg -o derained.jpg
```

```python
from pathlib import Path

import torch
from train.checkpoints import load_network
from train.inference import remove_rain

network = load_network(Path("model.safetensors"))
rainy = torch.rand(1, 3, 480, 640)  # RGB intensities in [0, 1] as stored, any size
background, streaks = remove_rain(network, rainy)
```

The background is the picture less the streaks ({layers}), clamped to [0, 1]. Sides that are no multiples of 8 are padded by reflection."""


def _training(preset: Preset, about: Mapping[str, Any], trained_on: str) -> str:
    run = about.get("run", {})
    started = f", from the weights with SHA-256 `{run['init']}`" if run.get("init") else ""
    said = f" {trained_on.rstrip('.')}." if trained_on else ""
    return f"""## Training
- Data: time-lapse scenes (frames of one static view, in which the rain changes), known by the fingerprint `{run.get("scenes", "unknown")}`
  of their ids, splits and masks.{said} No clean picture was used as a target.
- Weights after {about["step"]:,} steps of {preset.pairs.pairs} pairs of {preset.pairs.crop_px} px crops{started};
  seed {run.get("seed", "unknown")}, {about["elapsed_s"]:,.0f} s of training.
- Losses: background consistency, structure similarity, directional gradient and reconstruction (equations 2 to 8 of the paper), weighted
  as the settings below say."""


def _measured(method: str, workspace: Workspace) -> str:
    table = workspace.table(Score)
    rows = read_rows(Score, table) if table_exists(table) else []
    lines = list(_score_lines(rows, method, workspace))
    if not lines:
        return "## Measured\nNothing: no scores of this checkpoint are known. `train evaluate` makes them."
    return (
        "## Measured\nMeans over pictures, against clean truth, beside doing nothing (in brackets). Numbers under different protocols "
        "cannot be compared.\n\n| data | pictures | protocol | PSNR, dB | SSIM |\n|---|---|---|---|---|\n" + "\n".join(lines)
    )


def _score_lines(rows: Sequence[Score], method: str, workspace: Workspace) -> Iterator[str]:
    """A line for each protocol and source of pictures: the scenes, or the folder that holds the two pictures of each pair."""
    nothing = {_scored(row): row for row in rows if row.method == "input"}
    ours: dict[tuple[str, str], list[Score]] = {}
    of_method = sorted((row for row in rows if row.method == method), key=lambda row: row.at.timestamp() if row.at else 0.0)
    newest = {(row.picture, row.truth, row.protocol): row for row in of_method}  # of a picture that was changed since: what it is now
    for row in newest.values():
        if _scored(row) in nothing:
            source = "scenes" if row.scene_id is not None else _folder_of_both(row, workspace)
            ours.setdefault((source, row.protocol), []).append(row)
    for (source, protocol), found in sorted(ours.items()):
        undone = [nothing[_scored(row)] for row in found]
        yield (
            f"| {Path(source).name} | {len(found)} | `{protocol}` | {_mean_psnr(found)} ({_mean_psnr(undone)}) "
            f"| {np.mean([row.ssim for row in found]):.4f} ({np.mean([row.ssim for row in undone]):.4f}) |"
        )


def _folder_of_both(row: Score, workspace: Workspace) -> str:
    return os.path.commonpath([workspace.resolve(path).absolute().parent for path in (row.picture, row.truth)])


def _scored(row: Score) -> tuple[str, str, str]:
    return row.protocol, row.picture_sha256, row.truth_sha256


def _mean_psnr(rows: Sequence[Score]) -> str:
    finite = [row.psnr for row in rows if row.psnr is not None]
    return f"{np.mean(finite):.2f}" if finite else "equal"


def _settings(preset: Preset) -> str:
    lines = [
        f"| `{column.name}` | {_shown(getattr(getattr(preset, group), column.name))} | {column.meaning} |"
        for group, settings in GROUPS.items()
        for column in columns(settings)
    ]
    return "## Settings\n| setting | value | meaning |\n|---|---|---|\n" + "\n".join(lines)


def _provenance(checkpoint: Path, about: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"## Provenance\n- `model.safetensors`: SHA-256 `{file_sha256(checkpoint)}`\n- Made with {versions}"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
