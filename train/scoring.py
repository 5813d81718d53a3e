"""Rows of scores.parquet: which a group of rainy pictures comes to, and what they hold.

Which rows there will be, and their keys, is known before anything is decoded; so what is already in the table need not be computed again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from manifests.errors import InputError
from manifests.files import file_sha256, fingerprint, utc_now, versions
from manifests.media import Picture, read_picture
from manifests.tables import Score
from manifests.workspace import Workspace
from train.derain import Background, Derain
from train.metrics import Protocol, score
from train.truths import RainyPictures

VERSION = 1  # raise when scores of the same pictures change
INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN = "input", "temporal mean", "temporal median"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One score to be: its row without the figures, and the frame of the group that it is of (None: of all frames together)."""

    row: Score
    frame: int | None


def wanted_scores(group: RainyPictures, method: str, protocols: Sequence[Protocol], workspace: Workspace, checkpoint: str) -> list[Wanted]:
    """What a group comes to: each picture as `method` derains it and as it is; of a scene, also its temporal mean and median."""
    truth_sha256 = file_sha256(group.truth)
    hashes = group.sha256 or tuple(file_sha256(frame) for frame in group.frames)
    pictures: list[tuple[str, int | None, str, str]] = []
    for number, (frame, sha256) in enumerate(zip(group.frames, hashes, strict=True)):
        pictures += [(name, number, workspace.relative(frame), sha256) for name in (method, INPUT)]
    if group.scene_id is not None:
        folder = workspace.relative(group.frames[0].parent)
        together = hashlib.sha256("".join(hashes).encode()).hexdigest()
        pictures += [(name, None, folder, together) for name in (TEMPORAL_MEAN, TEMPORAL_MEDIAN)]
    return [
        Wanted(
            Score(
                score_id=fingerprint("score", VERSION, name, protocol, picture, sha256, truth_sha256, group.crop),
                method=name,
                protocol=protocol,
                picture=picture,
                truth=workspace.relative(group.truth),
                psnr=None,
                ssim=math.nan,
                scene_id=group.scene_id,
                checkpoint=checkpoint if name == method else None,
                picture_sha256=sha256,
                truth_sha256=truth_sha256,
            ),
            number,
        )
        for name, number, picture, sha256 in pictures
        for protocol in protocols
    ]


def score_group(group: RainyPictures, wanted: Iterable[Wanted], derain: Derain, device: str) -> list[Score]:
    """Compute the wanted rows. Raises InputError where a picture is missing, damaged, not what its table promises, or of another size."""
    truth = clean_picture(group)
    pictures: dict[int, Picture] = {}

    def picture(number: int) -> Picture:
        if number not in pictures:
            pictures[number] = rainy_picture(group, number)
        return pictures[number]

    by_candidate: dict[tuple[str, int | None], list[Score]] = {}
    for entry in wanted:
        by_candidate.setdefault((entry.row.method, entry.frame), []).append(entry.row)
    rows = []
    for (method, number), unscored in by_candidate.items():
        candidate: Background | Picture
        if number is None:
            stack_NHWC = np.stack([picture(frame) for frame in range(len(group.frames))])
            centre = np.mean(stack_NHWC, axis=0) if method == TEMPORAL_MEAN else np.median(stack_NHWC, axis=0)
            candidate = (centre / 255).astype(np.float32)
        else:
            candidate = picture(number) if method == INPUT else derain(picture(number))
        rows += [_scored(row, candidate, truth, device) for row in unscored]
    return rows


def rainy_picture(group: RainyPictures, number: int) -> Picture:
    """A group's frame, its file checked against what the table promises. Raises InputError."""
    path = group.frames[number]
    picture = read_picture(path)
    if group.sha256 and file_sha256(path) != group.sha256[number]:
        raise InputError(f"{path}: has changed since its scene was made (another SHA-256); run `curate sequences` again")
    return picture


def clean_picture(group: RainyPictures) -> Picture:
    """The truth as the frames show it. Raises InputError where the crop lies outside of it."""
    whole = read_picture(group.truth)
    if group.crop is None:
        return whole
    left, top, width, height = group.crop
    part = whole[top : top + height, left : left + width]
    if part.shape[:2] != (height, width):
        size = f"{whole.shape[1]}x{whole.shape[0]}"
        raise InputError(
            f"{group.truth}: is {size} px, and a scene shows {width}x{height} px of it at {left}, {top}; is it the right truth?"
        )
    return part


def _scored(row: Score, candidate: Background | Picture, truth: Picture, device: str) -> Score:
    psnr, ssim = score(candidate, truth, row.protocol)
    used = ", ".join(f"{name} {version}" for name, version in versions().items() if name in ("rainlapse", "torch", "numpy"))
    finite = psnr if math.isfinite(psnr) else None
    return replace(row, psnr=finite, ssim=ssim, device=device, versions=used, at=utc_now())
