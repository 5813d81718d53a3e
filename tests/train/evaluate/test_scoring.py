"""A group's pictures are scored once each, as they are and as each method has them; what fails is told and the rest goes on."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from manifests.errors import InputError
from manifests.files import file_sha256
from manifests.media import write_png
from manifests.tables import Score
from manifests.workspace import Workspace
from tests.worlds import add_streaks, background
from train.evaluate.scoring import INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN, Context, Method, score_group, temporal_pictures
from train.evaluate.truths import Crop, RainyPictures
from train.metrics import Protocol, score

Picture = npt.NDArray[np.uint8]
PROTOCOLS: tuple[Protocol, ...] = ("y-mprnet", "spanet")


def darker(picture: Picture) -> npt.NDArray[np.float32]:
    return np.asarray(np.maximum(picture / 255 - 0.02, 0), dtype=np.float32)


def context(root: Path, *methods: Method, known: Sequence[Score] = (), protocols: tuple[Protocol, ...] = PROTOCOLS) -> Context:
    return Context(methods, protocols, {row.score_id: row for row in known}, Workspace(root), "a device")


def scene(root: Path, count: int = 4) -> tuple[RainyPictures, list[Picture], Picture]:
    """Frames of a scene like GT-RAIN's, and what their files hold."""
    rng = np.random.default_rng(0)
    clean = background(31, 27, rng)
    rainy = [add_streaks(clean, rng) for _ in range(count)]
    for number, picture in enumerate(rainy):
        write_png(root / f"s-R-{number}.png", picture)
    write_png(root / "s-C-0.png", clean)
    return RainyPictures(tuple(root / f"s-R-{number}.png" for number in range(count)), root / "s-C-0.png", one_scene=True), rainy, clean


@pytest.mark.parametrize("count", [2, 3, 5])
def test_temporal_pictures_equal_the_literal_ones(count: int) -> None:
    rng = np.random.default_rng(count)
    frames = [rng.integers(0, 256, (70, 3, 3), dtype=np.uint8) for _ in range(count)]  # more rows than a band
    made = temporal_pictures(frames)
    for place in np.ndindex(frames[0].shape):
        values = [int(frame[place]) for frame in frames]
        assert made[TEMPORAL_MEAN][place] == pytest.approx(statistics.mean(values) / 255, abs=1e-6)
        assert made[TEMPORAL_MEDIAN][place] == pytest.approx(statistics.median(values) / 255, abs=1e-6)


def test_every_row_holds_the_score_of_its_pictures(tmp_path: Path) -> None:
    group, rainy, clean = scene(tmp_path)
    write_png(tmp_path / "made" / "s-R-2.png", clean // 2)
    theirs = Method("theirs", outputs={group.frames[2]: tmp_path / "made" / "s-R-2.png"})
    found = score_group(group, context(tmp_path, Method("ours", "net.safetensors", darker), theirs))
    assert found.failed == ()
    assert len(found.rows) == 2 * (4 + 4 + 1 + 2)
    together = temporal_pictures(rainy)
    for row in found.rows:
        pictures: dict[str, npt.NDArray[Any]] = {**together}
        if row.picture != ".":
            number = int(row.picture[-5])
            pictures = {INPUT: rainy[number], "ours": darker(rainy[number]), "theirs": clean // 2}
            assert row.picture_sha256 == file_sha256(group.frames[number])
        picture = pictures[row.method]
        assert (row.psnr, row.ssim) == score(picture, clean, row.protocol)
        assert row.checkpoint == ("net.safetensors" if row.method == "ours" else None)
        assert row.output == ("made/s-R-2.png" if row.method == "theirs" else None)
        assert row.output_sha256 == (file_sha256(tmp_path / "made" / "s-R-2.png") if row.method == "theirs" else None)
        assert row.truth_sha256 == file_sha256(group.truth)
        assert row.device == "a device"


def test_what_is_known_is_not_computed_and_changed_pictures_are(tmp_path: Path) -> None:
    group, _, clean = scene(tmp_path)
    shown: list[Picture] = []

    def watched(picture: Picture) -> npt.NDArray[np.float32]:
        shown.append(picture)
        return darker(picture)

    theirs = Method("theirs", outputs={group.frames[0]: group.truth})
    methods = (Method("ours", "net", watched), theirs)
    rows = score_group(group, context(tmp_path, *methods)).rows
    assert len(shown) == 4
    assert set(score_group(group, context(tmp_path, *methods, known=rows)).rows) == set(rows)
    assert len(shown) == 4
    write_png(group.frames[1], clean)
    again = score_group(group, context(tmp_path, *methods, known=rows))
    new = [row for row in again.rows if row not in rows]
    assert sorted((row.method, row.picture) for row in new if row.protocol == "spanet") == [
        ("input", "s-R-1.png"),
        ("ours", "s-R-1.png"),
        ("temporal mean", "."),
        ("temporal median", "."),
    ]
    assert len(shown) == 5


def test_halves_of_one_picture_score_as_two_pictures_do(tmp_path: Path) -> None:
    group, rainy, clean = scene(tmp_path)
    write_png(tmp_path / "1.png", np.hstack([clean, rainy[0]]))
    left, right = Crop(0, 0, 31, 27), Crop(31, 0, 31, 27)
    halves = RainyPictures((tmp_path / "1.png",), tmp_path / "1.png", crop=left, part=right)
    whole = RainyPictures(group.frames[:1], group.truth)
    figures = [[(row.psnr, row.ssim) for row in score_group(one, context(tmp_path)).rows] for one in (halves, whole)]
    assert figures[0] == figures[1]


def test_a_bad_frame_is_told_and_costs_itself_and_the_temporal_rows(tmp_path: Path) -> None:
    group, _, _ = scene(tmp_path)
    group.frames[1].write_bytes(b"\x89PNG")
    group.frames[3].unlink()
    found = score_group(group, context(tmp_path, Method("ours", "net", darker)))
    assert sorted(error.rpartition("/")[2].partition(":")[0] for error in found.failed) == ["s-R-1.png", "s-R-3.png"]
    assert {row.picture for row in found.rows} == {"s-R-0.png", "s-R-2.png"}
    assert not any(row.method.startswith("temporal") for row in found.rows)


def test_a_bad_truth_fails_the_group(tmp_path: Path) -> None:
    group, _, _ = scene(tmp_path)
    group.truth.write_bytes(b"")
    assert [error.partition(" (")[0].rpartition("/")[2] for error in score_group(group, context(tmp_path)).failed] == [
        "s-C-0.png: cannot be read as a picture"
    ]
    group.truth.unlink()
    with pytest.raises(InputError, match=r"s-C-0\.png: no such picture"):
        score_group(group, context(tmp_path))


@pytest.mark.parametrize(("side", "scored"), [(1, []), (8, ["spanet"]), (11, ["y-mprnet", "spanet"])])
def test_pictures_under_a_protocols_window_are_named_and_scored_by_the_others(tmp_path: Path, side: int, scored: list[str]) -> None:
    for name in ("rainy", "clean"):
        write_png(tmp_path / f"{name}.png", np.full((side, side, 3), 90, np.uint8))
    group = RainyPictures((tmp_path / "rainy.png",), tmp_path / "clean.png")
    found = score_group(group, context(tmp_path, Method("ours", "net", darker)))
    assert [row.protocol for row in found.rows if row.method == "ours"] == scored
    assert len(found.failed) == 2 - len(scored)
    assert all(f"rainy.png: cannot score: the picture is {side}x{side}" in error for error in found.failed)


def test_an_output_of_another_size_is_named(tmp_path: Path) -> None:
    group, _, clean = scene(tmp_path)
    write_png(tmp_path / "small.png", clean[2:])
    found = score_group(group, context(tmp_path, Method("theirs", outputs={group.frames[0]: tmp_path / "small.png"})))
    assert len(found.failed) == 1
    assert "small.png: cannot score: the picture is 31x25, its truth 31x27" in found.failed[0]
    assert not any(row.method == "theirs" for row in found.rows)
