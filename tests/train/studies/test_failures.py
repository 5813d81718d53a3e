"""The worst pictures, and what is wrong with them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from manifests.errors import InputError
from manifests.files import Provenance, read_rows, write_rows
from manifests.media import Picture, read_picture, write_png
from manifests.tables import Scene
from manifests.workspace import Workspace
from tests.worlds import World, clean_picture
from train.cli import main
from train.metrics import score
from train.studies import failures as module
from train.studies.failures import Outcome, errors_by_rain, failures, one_a_scene, outcome_table
from train.studies.results import Results, read_results


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    """Deraining darkens by two levels; gives what it was shown."""
    shown: list[Picture] = []

    def darker(_network: object, picture: Picture) -> Picture:
        shown.append(picture)
        return np.asarray(np.maximum(picture.astype(int) - 2, 0), np.uint8)

    monkeypatch.setattr(module, "derain_picture", darker)
    return shown


def failed(world: World, checkpoint: Path) -> Results[Outcome]:
    return failures(world.workspace, checkpoint, scenes=None, pairs=None, protocol="y-mprnet", device="cpu", quick=False)


def test_pictures_are_scored_and_told_worst_first(world: World, checkpoint: Path, calls: list[Picture]) -> None:
    found = failed(world, checkpoint)
    assert len(found.rows) == 10
    gains = [row.gain for row in found.rows]
    assert gains == sorted(gains)
    of_scene = [row for row in found.rows if row.scene_id == world.scenes[1].scene_id]
    first = next(row for row in of_scene if row.picture.endswith(Path(world.scenes[1].frames[0]).stem))
    rainy = read_picture(world.workspace.resolve(world.scenes[1].frames[0]))
    clean = clean_picture(world, 1)
    assert (first.psnr, first.ssim) == score(np.asarray(np.maximum(rainy.astype(int) - 2, 0), np.uint8), clean, "y-mprnet")
    assert first.psnr_input == score(rainy, clean, "y-mprnet")[0]
    assert first.other_error == pytest.approx(1.7, abs=0.1)  # two levels of RGB are 1.7 of limited-range luma
    assert first.rain > 20
    assert 0.01 < first.cover < 0.6
    assert read_results(Outcome, found.folder) == list(found.rows)
    with Image.open(found.folder / "figure.png") as figure:
        assert figure.width > 1000


def test_pictures_done_are_not_derained_again_but_to_be_drawn(
    world: World, checkpoint: Path, calls: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_figure", lambda _folder, _figure: None)
    before = failed(world, checkpoint)
    calls.clear()
    assert failed(world, checkpoint).rows == before.rows
    assert len(calls) == 2  # the worst of each of two scenes


def test_errors_are_told_apart_by_where_it_rains() -> None:
    clean = np.full((4, 4), 100.0)
    rainy, background = clean.copy(), clean.copy()
    rainy[0] += 40  # a row of rain, of which half is left
    background[0] += 20
    background[3] -= 8  # and one of the three other rows is darkened
    rain, cover, rainy_error, other_error = errors_by_rain(rainy, background, clean)
    assert (rain, cover, rainy_error) == (40, 0.25, 20)
    assert other_error == pytest.approx(8 / 3)
    assert errors_by_rain(clean, clean, clean) == (0, 0, None, 0)
    assert errors_by_rain(clean + 9, clean, clean) == (9, 1, 0, None)


def outcome(picture: str, scene: str | None, psnr: float | None, before: float | None) -> Outcome:
    return Outcome(picture, picture, scene, "rgb", psnr, 0.9, before, 10, 0.1, 1, 1)


def test_a_scene_is_drawn_once_and_pairs_each() -> None:
    rows = [outcome("a", "s", 20, 25), outcome("b", "s", 21, 25), outcome("c", None, 22, 25), outcome("d", None, 23, 25)]
    assert [row.picture for row in one_a_scene(rows)] == ["a", "c", "d"]


def test_pictures_equal_to_their_truth_have_no_finite_gain() -> None:
    dry_harmed, perfect, usual = outcome("a", None, 40, None), outcome("b", None, None, 30), outcome("c", None, 31, 30)
    assert sorted([perfect, usual, dry_harmed], key=lambda row: row.gain) == [dry_harmed, usual, perfect]
    assert "| a | 40.00 | – |" in outcome_table([dry_harmed])


def test_without_pictures_there_is_nothing_to_show(world: World, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such"):
        failures(world.workspace, checkpoint, scenes=None, pairs=tmp_path / "none", protocol="rgb", device="cpu", quick=True)


def write_pairs(folder: Path, *names: str) -> None:
    """Pairs that differ; those whose names end in `copy` are all the same."""
    for name in names:
        random = np.random.default_rng(0 if name.endswith("copy") else int(name))
        for part in ("input", "target"):
            write_png(folder / part / f"{name}.png", random.integers(9, 255, (20, 24, 3), dtype=np.uint8))


def of_pairs(root: Path, checkpoint: Path, *, quick: bool = False) -> Results[Outcome]:
    return failures(Workspace(root), checkpoint, scenes=None, pairs=root / "pairs", protocol="rgb", device="cpu", quick=quick)


def test_rows_bear_the_names_that_pictures_have_now_copies_their_own(checkpoint: Path, tmp_path: Path, calls: list[Picture]) -> None:
    write_pairs(tmp_path / "pairs", "1", "2", "a-copy", "b-copy")
    found = of_pairs(tmp_path, checkpoint)
    assert sorted(row.picture for row in found.rows) == ["1.png", "2.png", "a-copy.png", "b-copy.png"]
    assert "The worst of 4 pictures" in found.markdown
    assert read_results(Outcome, found.folder) == list(found.rows)
    for part in ("input", "target"):
        (tmp_path / "pairs" / part / "1.png").rename(tmp_path / "pairs" / part / "7.png")
    assert sorted(row.picture for row in of_pairs(tmp_path, checkpoint).rows) == ["2.png", "7.png", "a-copy.png", "b-copy.png"]


def test_rows_that_are_not_asked_for_stay_in_the_table_and_are_not_shown(
    world: World, checkpoint: Path, tmp_path: Path, calls: list[Picture]
) -> None:
    before = failed(world, checkpoint)
    write_pairs(tmp_path / "pairs", "1", "2")
    found = of_pairs(world.workspace.root, checkpoint, quick=True)
    assert sorted(row.picture for row in found.rows) == ["1.png", "2.png"]
    assert "The worst of 2 pictures" in found.markdown
    assert read_results(Outcome, found.folder) == [*found.rows, *before.rows]


def test_a_frame_that_is_missing_is_told_and_the_others_are_scored(world: World, checkpoint: Path, calls: list[Picture]) -> None:
    root = world.workspace.root
    scene = world.scenes[1]
    rows = read_rows(Scene, world.workspace.table(Scene))
    gone = [dataclasses.replace(row, frames=("gone.png", *row.frames[1:])) if row.scene_id == scene.scene_id else row for row in rows]
    write_rows(Scene, world.workspace.table(Scene), gone, Provenance("test"))
    found = failed(world, checkpoint)
    assert len(found.rows) == 9
    (told,) = found.failed
    assert told.startswith(f"{scene.scene_id[:8]} gone: {root / 'gone.png'}: no such picture; has it been moved or deleted?")


def test_a_picture_that_cannot_be_scored_is_told_and_the_others_are(checkpoint: Path, tmp_path: Path, calls: list[Picture]) -> None:
    random = np.random.default_rng(0)
    for name in ("1.png", "2.png"):
        for folder in ("input", "target"):
            write_png(tmp_path / "pairs" / folder / name, random.integers(9, 255, (20, 24, 3), dtype=np.uint8))
    (tmp_path / "pairs" / "input" / "1.png").write_bytes(b"")
    line = ["study", "failures", str(checkpoint), "-C", str(tmp_path), "--pairs", str(tmp_path / "pairs")]
    found = CliRunner().invoke(main, line)
    assert found.exit_code == 3, found.output
    assert "failed: 1.png: " in found.stderr
    assert "it is empty" in found.stderr
    assert [row.picture for row in read_results(Outcome, tmp_path / "studies" / "failures")] == ["2.png"]
    (tmp_path / "pairs" / "input" / "2.png").write_bytes(b"")
    found = CliRunner().invoke(main, line)
    assert (found.exit_code, "no picture could be scored: 1.png: " in found.output) == (1, True)
