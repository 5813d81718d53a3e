"""What trials are scored on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.files import Provenance, read_rows, write_rows
from manifests.media import read_picture, write_png
from manifests.tables import Truth
from tests.worlds import World, clean_picture
from train.metrics import score
from train.studies.held_out import held_out, mean_scores, rainy_pictures, spread
from train.studies.study import Study


def test_frames_of_the_test_scenes_beside_their_truth(study: Study, world: World) -> None:
    found = held_out(study)
    tests = [(number, row) for number, row in enumerate(world.scenes) if row.reason is None and row.split == "test"]
    by_id = sorted(tests, key=lambda entry: entry[1].scene_id)
    assert len(found.rainy) == len(found.clean) == 5 * len(tests)
    for place, (number, row) in enumerate(by_id):
        assert np.array_equal(found.rainy[5 * place], read_picture(world.workspace.resolve(row.frames[0])))
        assert np.array_equal(found.clean[5 * place], clean_picture(world, number))


def test_pairs_take_their_place(study: Study, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("1.png", "2.png"):
        for folder in ("input", "target"):
            write_png(tmp_path / "pairs" / folder / name, random.integers(0, 255, (20, 24, 3), dtype=np.uint8))
    found = held_out(dataclasses.replace(study, pairs=tmp_path / "pairs"))
    assert [picture.shape for picture in found.rainy] == [(20, 24, 3)] * 2
    assert np.array_equal(found.clean[1], read_picture(tmp_path / "pairs" / "target" / "2.png"))
    assert found.known_by != held_out(study).known_by


def test_another_protocol_is_another_measure(study: Study) -> None:
    assert held_out(study).known_by == held_out(study).known_by
    assert held_out(study).known_by != held_out(dataclasses.replace(study, protocol="rgb")).known_by


def test_scenes_without_truth_cannot_be_scored(study: Study, world: World) -> None:
    (world.workspace.root / "manifests" / "truth.parquet").unlink()
    with pytest.raises(InputError, match="truth"):
        held_out(study)


def test_a_clean_picture_that_is_missing_is_named(study: Study, world: World) -> None:
    (group, *_) = rainy_pictures(study.scenes, None)
    truth = world.workspace.table(Truth)
    relative = world.workspace.relative(group.truth)
    rows = [dataclasses.replace(row, clean="gone.png") if row.clean == relative else row for row in read_rows(Truth, truth)]
    write_rows(Truth, truth, rows, Provenance("test"))
    with pytest.raises(InputError, match=r"gone\.png: no such picture"):
        held_out(study)


def test_scores_are_means_over_pictures_that_differ() -> None:
    random = np.random.default_rng(1)
    clean = [random.integers(0, 255, (16, 16, 3), dtype=np.uint8) for _ in range(3)]
    others = [clean[0], *(random.integers(0, 255, (16, 16, 3), dtype=np.uint8) for _ in range(2))]
    expected = [score(picture, truth, "rgb") for picture, truth in zip(others, clean, strict=True)]
    psnr, ssim = mean_scores(others, clean, "rgb")
    assert psnr == pytest.approx(np.mean([expected[1][0], expected[2][0]]))
    assert ssim == pytest.approx(np.mean([value for _, value in expected]))
    assert mean_scores(clean, clean, "rgb")[0] == np.inf


@given(st.integers(1, 500), st.integers(1, 40))
def test_spread_holds_both_ends_and_no_index_twice(count: int, wanted: int) -> None:
    found = spread(count, wanted)
    assert len(found) == min(count, wanted)
    assert found == sorted(set(found))
    assert found[0] == 0
    assert found[-1] == (count - 1 if wanted > 1 else 0)
    gaps = np.diff(found)
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


def test_what_has_no_partner_is_told(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("input/1.png", "target/1.png", "input/2.png"):
        write_png(tmp_path / "pairs" / name, np.zeros((20, 24, 3), np.uint8))
    assert len(held_out(dataclasses.replace(study, pairs=tmp_path / "pairs")).rainy) == 1
    assert capsys.readouterr().err == "left out: pictures without a partner: 1 (input/2.png)\n"
