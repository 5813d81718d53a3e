"""From scores to the figures that are quoted: means of each method under each protocol, beside doing nothing on the same pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from manifests.files import fingerprint
from manifests.tables import Score
from train.evaluate.scoring import INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN
from train.metrics import Protocol


@dataclass(frozen=True, slots=True)
class Result:
    """Means over pictures of one method under one protocol; of PSNR, in dB, over those that differ from their truth (None: none)."""

    protocol: Protocol
    method: str  # "ours", what other outputs are called, "input", "temporal mean" or "temporal median"
    n: int  # pictures; of the temporal ones, scenes
    psnr: float | None
    ssim: float
    psnr_input: float | None  # of doing nothing on the same pictures, or on the frames of the same scenes
    ssim_input: float


def results(scores: Sequence[Score], methods: Mapping[str, str], protocols: Sequence[Protocol]) -> tuple[Result, ...]:
    """By protocol: the methods (column `method` to what it is called), doing nothing, the temporal ones.

    A method without a score has no result.
    """
    rows: dict[tuple[Protocol, str], list[Score]] = defaultdict(list)
    for score in scores:
        rows[score.protocol, score.method].append(score)
    called = dict(methods) | {name: name for name in (INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN)}
    return tuple(
        _result(protocol, called[method], rows[protocol, method], rows[protocol, INPUT])
        for protocol in protocols
        for method in called
        if rows[protocol, method] and rows[protocol, INPUT]
    )


def data_hash(scores: Sequence[Score], method: str = INPUT) -> str:
    """16 hex digits over the rainy and clean pictures that a method has scores of, by content: two results with one hash were of the same
    pictures.
    """
    pictures = {(row.picture, row.picture_sha256, row.truth_sha256) for row in scores if row.method == method}
    return fingerprint(sorted((rainy, clean) for _, rainy, clean in pictures))


def _result(protocol: Protocol, method: str, rows: Sequence[Score], inputs: Sequence[Score]) -> Result:
    pictures = {(row.picture, row.truth) for row in rows}
    same = [row for row in inputs if (row.picture, row.truth) in pictures]
    if not same:  # temporal rows are of whole scenes
        scenes = {(row.truth, row.scene_id) for row in rows}
        same = [row for row in inputs if (row.truth, row.scene_id) in scenes]
    return Result(protocol, method, len(rows), _mean_psnr(rows), _mean_ssim(rows), _mean_psnr(same), _mean_ssim(same))


def _mean_psnr(rows: Sequence[Score]) -> float | None:
    finite = [row.psnr for row in rows if row.psnr is not None]
    return float(np.mean(finite)) if finite else None


def _mean_ssim(rows: Sequence[Score]) -> float:
    return float(np.mean([row.ssim for row in rows]))
