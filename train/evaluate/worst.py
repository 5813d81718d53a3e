"""The pictures that come out worst, drawn: rainy, derained, clean, and the error (Cho et al. 2020, Fig. 19)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from manifests.tables import Score
from manifests.workspace import Workspace
from train.evaluate.picture_files import read_rgb
from train.evaluate.scoring import INPUT, Method, clean_picture, rainy_picture
from train.evaluate.truths import RainyPictures
from train.metrics import Picture
from train.pictures import before_after

DRAWN = 4
ERROR_GAIN = 4


def draw_worst(groups: Sequence[RainyPictures], scores: Sequence[Score], method: Method, workspace: Workspace, path: Path) -> bool:
    """Draw the pictures of lowest PSNR of one protocol's scores, one a truth, with their figures; whether there is one that differs.

    Raises InputError where one is gone.
    """
    places = {
        (workspace.relative(frame), workspace.relative(group.truth)): (group, number)
        for group in groups
        for number, frame in enumerate(group.frames)
    }
    before = {(row.picture, row.truth): row for row in scores if row.method == INPUT}
    panels: list[list[Picture]] = []
    captions = []
    for row in _worst(scores, method.name):
        group, number = places[row.picture, row.truth]
        rainy, clean = rainy_picture(group, number), clean_picture(group)
        derained = method.derain(rainy) if method.derain is not None else read_rgb(method.outputs[group.frames[number]]) / 255
        panels.append([rainy, derained, clean, np.clip(ERROR_GAIN * np.abs(derained - clean / 255), 0, 1)])
        captions.append(f"{_figures(before[row.picture, row.truth])}, derained {_figures(row)} ({row.protocol}): {row.picture}")
    if panels:
        before_after(panels, ["rainy", "derained", "clean", f"error x {ERROR_GAIN}"], captions, path)
    return bool(panels)


def _worst(scores: Sequence[Score], method: str) -> list[Score]:
    rows = [row for row in scores if row.method == method and row.psnr is not None]
    by_truth: dict[str, Score] = {}
    for row in sorted(rows, key=lambda row: (row.psnr, row.score_id)):
        by_truth.setdefault(row.truth, row)
    return list(by_truth.values())[:DRAWN]


def _figures(row: Score) -> str:
    return "equal" if row.psnr is None else f"{row.psnr:.2f} dB {row.ssim:.4f}"
