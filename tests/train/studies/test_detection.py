"""What a detector finds is held against what it finds in the clean picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from manifests.errors import InputError
from manifests.files import Provenance, read_rows, write_rows
from manifests.media import Picture, read_picture, write_png
from manifests.tables import Scene
from tests.worlds import World, clean_picture
from train.studies import detection as module
from train.studies.detection import Condition, Detection, detection, detection_table, most_changed
from train.studies.detectors import Detector
from train.studies.examples import examples
from train.studies.results import Results, read_results


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, world: World) -> list[Picture]:
    """Deraining gives the truth, and the detector finds a box in the middle wherever there is no rain; gives what it was shown."""
    shown: list[Picture] = []
    clean = [clean_picture(world, number) for number in (1, 4)]  # the test split's scenes

    def true_background(_network: object, picture: Picture) -> Picture:
        return min(clean, key=lambda truth: float(np.abs(picture.astype(float) - truth).mean()))

    def find(picture: Picture) -> npt.NDArray[np.float64]:
        shown.append(picture)
        dry = any(np.array_equal(picture, truth) for truth in clean)
        return np.array([[10, 10, 8, 8], [30, 20, 6, 6]], float) if dry else np.array([[10, 10, 8, 6], [0, 30, 5, 5]], float)

    monkeypatch.setattr(module, "derain_picture", true_background)
    monkeypatch.setattr(module, "load_detector", lambda name: Detector(name, name, find))
    return shown


def detected(world: World, checkpoint: Path, *, quick: bool = False) -> Results[Detection]:
    return detection(world.workspace, checkpoint, scenes=None, pairs=None, detector="middle", device="cpu", quick=quick)


def test_findings_are_held_against_the_clean_pictures(world: World, checkpoint: Path, seen: list[Picture]) -> None:
    found = detected(world, checkpoint)
    assert len(found.rows) == 3 * 10
    by_condition = {row.condition: row for row in found.rows}
    assert by_condition["clean"].overlaps == by_condition["derained"].overlaps == (1.0, 1.0)
    assert by_condition["rainy"].overlaps == (0.75, 0.0)
    assert read_results(Detection, found.folder) == list(found.rows)
    assert "| rainy | 10 | 20 | 0.500 | 0.500 | 0.375 |" in found.markdown
    assert "| derained | 10 | 20 | 1.000 | 1.000 | 1.000 |" in found.markdown
    with Image.open(found.folder / "figure.png") as figure:
        assert figure.height > 500


def test_pictures_done_are_not_shown_again_but_to_be_drawn(
    world: World, checkpoint: Path, seen: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_figure", lambda _folder, _figure: None)
    before = detected(world, checkpoint)
    seen.clear()
    assert detected(world, checkpoint).rows == before.rows
    assert len(seen) == 3 * module.DRAWN


def test_quick_takes_some(world: World, checkpoint: Path, seen: list[Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "write_figure", lambda _folder, _figure: None)
    assert len(detected(world, checkpoint, quick=True).rows) == 3 * 6


def test_a_detector_that_finds_nothing_is_said(world: World, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_detector", lambda name: Detector(name, name, lambda _picture: []))
    with pytest.raises(InputError, match="finds nothing in any of the 10 clean pictures"):
        detected(world, checkpoint)


def test_a_segmenter_is_held_against_its_own_labels(world: World, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bright(picture: Picture) -> npt.NDArray[np.int64]:
        return np.asarray(picture.mean(axis=2) > 110, np.int64)

    monkeypatch.setattr(module, "load_detector", lambda name: Detector(name, name, bright))
    found = detected(world, checkpoint)
    clean = [row for row in found.rows if row.condition == "clean"]
    assert all(row.overlaps == (1.0, 1.0) and row.found == 2 for row in clean)
    assert all(0 < min(row.overlaps) < 1 for row in found.rows if row.condition == "rainy")
    assert (found.folder / "figure.png").exists()


def test_rows_that_are_not_asked_for_stay_in_the_table_and_are_not_shown(
    world: World, checkpoint: Path, seen: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_figure", lambda _folder, _figure: None)
    before = detected(world, checkpoint)
    found = detected(world, checkpoint, quick=True)
    assert len(found.rows) == 3 * 6
    assert "| rainy | 6 |" in found.markdown
    assert read_results(Detection, found.folder) == [*found.rows, *(row for row in before.rows if row not in found.rows)]


def test_copies_and_pictures_that_were_renamed_bear_their_own_names(world: World, checkpoint: Path, seen: list[Picture]) -> None:
    root, frame = world.workspace.root, world.workspace.resolve(world.scenes[1].frames[0])
    for name in ("a.png", "b.png"):
        for part, content in (("input", read_picture(frame)), ("target", clean_picture(world, 1))):
            write_png(root / "pairs" / part / name, content)

    def names() -> list[str]:
        found = detection(world.workspace, checkpoint, scenes=None, pairs=root / "pairs", detector="middle", device="cpu", quick=False)
        return [row.picture for row in found.rows if row.condition == "rainy"]

    assert names() == ["a.png", "b.png"]
    for part in ("input", "target"):
        (root / "pairs" / part / "a.png").rename(root / "pairs" / part / "c.png")
    assert names() == ["b.png", "c.png"]


def test_a_frame_that_is_missing_is_told_and_the_others_are_looked_at(world: World, checkpoint: Path, seen: list[Picture]) -> None:
    scene = world.scenes[1]
    rows = read_rows(Scene, world.workspace.table(Scene))
    gone = [dataclasses.replace(row, frames=("gone.png", *row.frames[1:])) if row.scene_id == scene.scene_id else row for row in rows]
    write_rows(Scene, world.workspace.table(Scene), gone, Provenance("test"))
    found = detected(world, checkpoint)
    assert len(found.rows) == 3 * 9
    (told,) = found.failed
    assert "gone.png: no such picture; has it been moved or deleted?" in told


def row(picture: str, condition: Condition, found: int, overlaps: tuple[float, ...]) -> Detection:
    return Detection(f"{picture}-{condition}", "d", picture, condition, found, overlaps)


def test_the_table_counts_things_over_all_pictures() -> None:
    rows = [row("a", "rainy", 4, (0.6, 0.4, 0.5)), row("b", "rainy", 0, ()), row("a", "clean", 3, (1, 1, 1)), row("b", "clean", 0, ())]
    lines = detection_table(rows).splitlines()
    assert lines[2] == "| rainy | 2 | 4 | 0.667 | 0.500 | 0.500 |"
    assert lines[3] == "| derained | 0 | 0 | 0.000 | 0.000 | 0.000 |"


def test_the_pictures_drawn_are_those_that_change_most(world: World) -> None:
    chosen = examples(world.workspace, None, None, quick=False)[:4]
    names = [example.name for example in chosen]
    agreeing = {names[0]: (2, 2), names[1]: (0, 2), names[2]: (2, 0), names[3]: (1, 2)}
    conditions: tuple[Condition, ...] = ("rainy", "derained")
    looked_at = [
        (
            example,
            {
                condition: row(example.name, condition, 3, (1.0,) * times + (0.0,) * (3 - times))
                for condition, times in zip(conditions, agreeing[example.name], strict=True)
            },
        )
        for example in chosen
    ]
    drawn = [example.name for example in most_changed(looked_at)]
    assert sorted(drawn[:2]) == sorted(names[1:3])
    assert drawn[2] == names[3]


def test_a_picture_that_the_detector_fails_on_is_told_and_the_others_are_looked_at(
    world: World, checkpoint: Path, seen: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = vars(module)["load_detector"]("middle")

    def stumbles(picture: Picture) -> object:
        if not seen:
            seen.append(picture)
            raise ZeroDivisionError("division by zero")
        return finder.function(picture)

    monkeypatch.setattr(module, "load_detector", lambda name: Detector(name, name, stumbles))
    found = detected(world, checkpoint)
    assert len(found.rows) == 3 * 9
    (told,) = found.failed
    assert "detector middle: fails on a picture of " in told
    assert "(ZeroDivisionError: division by zero)" in told
