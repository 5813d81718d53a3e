"""`train evaluate`: a checkpoint against clean truth, beside doing nothing and, for scenes, beside the temporal mean and median.

Two inputs: scenes with the simulator's truth, or a folder of rainy and clean pictures. One row a picture, method and protocol goes to
scores.parquet as it is done; a row is known by what it was computed from, so a second run computes what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from manifests.errors import InputError
from manifests.executors import run_rows
from manifests.files import Provenance, append_rows, compact, file_sha256, read_rows, table_exists, table_hash
from manifests.tables import Scene, Score, Split, Truth
from manifests.workspace import Workspace
from train.checkpoints import load_network
from train.derain import derain_picture
from train.metrics import Picture, Protocol
from train.network import DerainingNetwork
from train.pairs import find_pairs
from train.pictures import before_after
from train.scoring import INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN, Wanted, clean_picture, rainy_picture, score_group, wanted_scores
from train.truths import RainyPictures, scenes_with_truth

PROTOCOLS: tuple[Protocol, ...] = ("y-mprnet", "rgb")
OURS = "ours"
WORST_DRAWN = 4


@dataclass(frozen=True, slots=True)
class Result:
    """Means over pictures of one method under one protocol."""

    protocol: Protocol
    method: str  # "ours", "input", "temporal mean" or "temporal median"
    n: int  # pictures
    psnr: float | None  # dB, over the pictures that differ from their truth; None where none does
    ssim: float


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found."""

    scores: tuple[Score, ...]  # one a picture, method and protocol
    results: tuple[Result, ...]  # by protocol; ours, input, then the temporal ones
    left_out: tuple[str, ...]  # what has no partner or no truth, one line each
    failed: tuple[str, ...]  # what could not be read or scored, one line each
    worst: Path  # a drawing of the pictures that came out worst

    def result(self, protocol: Protocol, method: str = OURS) -> Result:
        """One method's means. Raises KeyError where it was not scored."""
        for found in self.results:
            if (found.protocol, found.method) == (protocol, method):
                return found
        raise KeyError((protocol, method))


def evaluate(
    checkpoint: Path,
    scenes: Path | None = None,
    *,
    truth: Path | None = None,
    pairs: Path | None = None,
    split: Split = "test",
    protocols: Sequence[Protocol] = PROTOCOLS,
    workspace: Workspace,
) -> Evaluation:
    """Score a checkpoint on a folder of pairs, or on the kept scenes of a split.

    `scenes` and `truth` are tables, of the workspace unless given. Rows go to the workspace's scores.parquet, a drawing of the worst
    pictures to its report/. Raises InputError when a table or folder is missing or holds nothing to score, when two pictures of a pair
    differ in size, and when nothing at all could be scored.
    """
    if pairs is not None:
        found = find_pairs(pairs)
        groups = [RainyPictures((pair.rainy,), (), pair.clean, None, None) for pair in found.pairs]
        left_out = tuple(f"{path}: unpaired" for path in found.unpaired)
        inputs = {}
    else:
        scenes, truth = scenes or workspace.table(Scene), truth or workspace.table(Truth)
        of_split = scenes_with_truth(scenes, truth, split)
        groups, left_out = list(of_split.scenes), of_split.without_truth
        inputs = {"scenes": table_hash(scenes), "truth": table_hash(truth)}
    network = load_network(checkpoint).to("cuda" if torch.cuda.is_available() else "cpu")
    method = file_sha256(checkpoint)[:16]
    provenance = Provenance("train evaluate", {"checkpoint": method, "split": split, "protocols": list(protocols)}, inputs)
    scores, failed = _score_all(groups, network, method, checkpoint, tuple(dict.fromkeys(protocols)), workspace, provenance)
    if not scores:
        raise InputError(f"nothing could be scored: {failed[0]}")
    worst = workspace.root / "report" / f"worst-{method[:8]}-{pairs.name if pairs is not None else split}.png"
    _draw_worst(groups, scores, network, method, workspace, worst)
    return Evaluation(tuple(scores), _results(scores, method), left_out, tuple(failed), worst)


def _score_all(
    groups: Sequence[RainyPictures],
    network: DerainingNetwork,
    method: str,
    checkpoint: Path,
    protocols: Sequence[Protocol],
    workspace: Workspace,
    provenance: Provenance,
) -> tuple[list[Score], list[str]]:
    """The rows of all groups, computed or already in the table, in order; and what failed."""
    table = workspace.table(Score)
    rows = {row.score_id: row for row in (read_rows(Score, table) if table_exists(table) else [])}
    device = next(network.parameters()).device
    device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    failed: list[str] = []
    wanted: list[Wanted] = []

    def work(group: RainyPictures) -> list[Score]:
        of_group = wanted_scores(group, method, protocols, workspace, workspace.relative(checkpoint))
        wanted.extend(of_group)
        missing = [entry for entry in of_group if entry.row.score_id not in rows]
        return score_group(group, missing, lambda picture: derain_picture(network, picture), device_name) if missing else []

    def save(scored: Sequence[Score]) -> None:
        append_rows(Score, table, scored, provenance)
        rows.update((row.score_id, row) for row in scored)

    def fail(_group: RainyPictures, error: str) -> list[Score]:
        failed.append(error)
        return []

    run_rows(work, groups, name=_name, on_error=fail, save=save, workers=0, timeout_s=float("inf"), label="scoring")
    if table_exists(table):
        compact(Score, table)
    return [rows[entry.row.score_id] for entry in wanted if entry.row.score_id in rows], failed


def _name(group: RainyPictures) -> str:
    return group.scene_id or group.frames[0].name


def _results(scores: Sequence[Score], method: str) -> tuple[Result, ...]:
    results = []
    for protocol in dict.fromkeys(row.protocol for row in scores):
        for name in (method, INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN):
            rows = [row for row in scores if (row.protocol, row.method) == (protocol, name)]
            finite = [row.psnr for row in rows if row.psnr is not None]
            if rows:
                psnr = float(np.mean(finite)) if finite else None
                shown = OURS if name == method else name
                results.append(Result(protocol, shown, len(rows), psnr, float(np.mean([row.ssim for row in rows]))))
    return tuple(results)


def _draw_worst(
    groups: Sequence[RainyPictures], scores: Sequence[Score], network: DerainingNetwork, method: str, workspace: Workspace, path: Path
) -> None:
    """The pictures of lowest PSNR under the first protocol, one a scene: rainy, derained, clean, and the error four times as strong."""
    places: Mapping[str, tuple[RainyPictures, int]] = {
        workspace.relative(frame): (group, number) for group in groups for number, frame in enumerate(group.frames)
    }
    ours = [row for row in scores if row.method == method and row.protocol == scores[0].protocol and row.psnr is not None]
    worst: dict[str, Score] = {}
    for row in sorted(ours, key=lambda row: (row.psnr, row.score_id)):
        worst.setdefault(row.scene_id or row.picture, row)
    panels: list[list[Picture]] = []
    captions = []
    for row in list(worst.values())[:WORST_DRAWN]:
        group, number = places[row.picture]
        rainy, clean = rainy_picture(group, number), clean_picture(group)
        derained = derain_picture(network, rainy)
        panels.append([rainy, derained, clean, np.clip(4 * np.abs(derained - clean / 255), 0, 1)])
        captions.append(f"{row.picture}: {row.psnr:.2f} dB, {row.protocol}")
    before_after(panels, ["rainy", "derained", "clean", "error x 4"], captions, path)
