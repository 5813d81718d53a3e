"""What finds things, and how far two findings agree."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from manifests.errors import InputError
from train.studies.detectors import Detector, load_detector, overlaps, people, things

BOXES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 12), st.integers(1, 12)), max_size=5)


def as_mask(box: Sequence[float]) -> npt.NDArray[np.bool_]:
    left, top, width, height = map(int, box)
    mask = np.zeros((48, 48), bool)
    mask[top : top + height, left : left + width] = True
    return mask


@given(BOXES, BOXES)
def test_boxes_are_matched_one_to_one_by_their_pixels(first: list[tuple[int, ...]], second: list[tuple[int, ...]]) -> None:
    reference, found = (np.array(boxes, float).reshape(-1, 4) for boxes in (first, second))
    matched = overlaps(reference, found)
    ratios = np.array(
        [[(as_mask(a) & as_mask(b)).sum() / (as_mask(a) | as_mask(b)).sum() for b in found.tolist()] for a in reference.tolist()]
    )
    assert len(matched) == len(reference)
    expected = [0.0] * len(reference)
    pairs = sorted(((ratios[i, j], -i, -j) for i in range(len(reference)) for j in range(len(found))), reverse=True)
    taken: set[int] = set()
    given_away: set[int] = set()
    for ratio, i, j in pairs:
        if ratio > 0 and -i not in given_away and -j not in taken:
            expected[-i] = ratio
            given_away.add(-i)
            taken.add(-j)
    np.testing.assert_allclose(matched, expected)


def test_what_is_found_agrees_with_itself() -> None:
    boxes = np.array([[0, 0, 4, 4], [2, 2, 4, 4]], float)
    assert overlaps(boxes, boxes) == [1.0, 1.0]
    assert overlaps(boxes, np.zeros((0, 4))) == [0.0, 0.0]
    assert overlaps(np.zeros((0, 4)), boxes) == []


def test_labels_agree_by_their_areas() -> None:
    reference = np.array([[0, 0, 1, 1]])
    found = np.array([[0, 1, 1, 1]])
    assert overlaps(reference, found) == [1 / 2, 2 / 3]
    assert things(reference) == 2


def test_boxes_and_labels_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="boxes for one picture and labels"):
        overlaps(np.zeros((2, 4)), np.zeros((4, 4), int))


def test_the_people_detector_finds_a_person_and_none_in_gravel() -> None:
    astronaut = data.astronaut()  # type: ignore[no-untyped-call]
    (box,) = people(astronaut)
    assert 0 <= box[0] <= box[0] + box[2] <= 512
    gravel = np.repeat(data.gravel()[::2, ::2, None], 3, axis=2)  # type: ignore[no-untyped-call]
    assert people(gravel).shape == (0, 4)


def test_a_small_picture_is_enlarged_and_its_boxes_are_of_its_own_pixels() -> None:
    logo = np.ascontiguousarray(data.logo()[..., :3])  # type: ignore[no-untyped-call]
    whole = people(logo)
    half = people(np.ascontiguousarray(logo[::2, ::2]))
    assert len(whole)
    assert max(overlaps(whole, 2 * half)) > 0.5


def test_a_function_of_the_users_is_found_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corner_finder.py").write_text("def corner(picture):\n    return [[0, 0, 2, 3]]\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    finder = load_detector("corner_finder:corner")
    assert sys.path == before
    assert finder.found(np.zeros((4, 4, 3), np.uint8)).tolist() == [[0, 0, 2, 3]]
    assert finder.name == "corner_finder:corner"
    del sys.modules["corner_finder"]
    (tmp_path / "corner_finder.py").write_text("def corner(picture):\n    return [[0, 0, 2, 4]]\n")
    assert load_detector("corner_finder:corner").known_by != finder.known_by


@pytest.mark.parametrize("name", ["no_such_module:f", "math:no_such_function", "math", "math:pi"])
def test_what_is_no_function_is_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match=f"--detector {name}"):
        load_detector(name)


@pytest.mark.parametrize("given", [np.zeros((3, 5)), np.zeros((4, 4, 1)), np.array(["a"]), 3])
def test_what_is_neither_boxes_nor_labels_is_refused(given: object) -> None:
    detector = Detector("odd", "odd", lambda _picture: given)
    with pytest.raises(InputError, match=r"detector odd: gave an array.*must give boxes \(N, 4\)"):
        detector.found(np.zeros((6, 5, 3), np.uint8))


def test_nothing_found_is_no_boxes() -> None:
    assert Detector("blind", "blind", lambda _picture: []).found(np.zeros((6, 5, 3), np.uint8)).shape == (0, 4)
