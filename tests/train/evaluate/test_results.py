"""The means that are quoted: of the right rows, beside doing nothing on the same pictures."""

from __future__ import annotations

import dataclasses

import pytest

from manifests.tables import Score
from train.evaluate.results import data_hash, results


def row(method: str, picture: str, psnr: float | None, ssim: float, *, truth: str = "t", scene: str | None = None) -> Score:
    return Score(f"{method}{picture}{psnr}", method, "rgb", picture, truth, psnr, ssim, scene_id=scene, picture_sha256=f"hash of {picture}")


def test_a_method_stands_beside_doing_nothing_on_its_own_pictures() -> None:
    scores = [
        row("input", "a", 20.0, 0.5),
        row("input", "b", 30.0, 0.7),
        row("input", "c", None, 1.0),
        row("net", "a", 24.0, 0.6),
        row("net", "b", 32.0, 0.8),
        row("net", "c", None, 1.0),
        row("theirs", "b", 31.0, 0.75),
    ]
    found = {result.method: result for result in results(scores, {"net": "ours", "theirs": "theirs", "absent": "absent"}, ["rgb"])}
    assert list(found) == ["ours", "theirs", "input"]
    ours, theirs = found["ours"], found["theirs"]
    assert (ours.n, ours.psnr, ours.psnr_input) == (3, 28.0, 25.0)  # equal pictures have no finite PSNR
    assert ours.ssim == pytest.approx(0.8)
    assert ours.ssim_input == pytest.approx(2.2 / 3)
    assert (theirs.n, theirs.psnr, theirs.psnr_input, theirs.ssim_input) == (1, 31.0, 30.0, 0.7)


def test_a_temporal_picture_stands_beside_the_frames_of_its_scene() -> None:
    scores = [
        row("input", "s/0", 20.0, 0.5, truth="x", scene="s"),
        row("input", "s/1", 22.0, 0.7, truth="x", scene="s"),
        row("input", "t/0", 99.0, 0.9, truth="y", scene="t"),
        row("temporal median", "s", 35.0, 0.95, truth="x", scene="s"),
    ]
    nothing, median = results(scores, {}, ["spanet", "rgb"])
    assert (nothing.method, nothing.n) == ("input", 3)
    assert (median.method, median.n, median.psnr, median.psnr_input, median.ssim_input) == ("temporal median", 1, 35.0, 21.0, 0.6)


def test_the_data_hash_knows_pictures_by_content_alone() -> None:
    scores = [row("input", "a", 20.0, 0.5), row("input", "b", 30.0, 0.7)]
    moved = [dataclasses.replace(score, picture=f"/elsewhere/{score.picture}", psnr=1.0) for score in reversed(scores)]
    assert data_hash(scores) == data_hash([*moved, row("net", "a", 1.0, 0.1)])
    assert data_hash(scores) != data_hash(scores[:1])
    partly = [*scores, row("net", "a", 1.0, 0.1)]
    assert data_hash(partly, "net") == data_hash(scores[:1])
    assert data_hash(scores) != data_hash([scores[0], dataclasses.replace(scores[1], truth_sha256="changed")])
