"""Pictures pair by name, never by position, and what does not pair is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from manifests.errors import InputError
from manifests.media import write_png
from train.pairs import find_pairs


def folders(root: Path, rainy: dict[str, tuple[int, int]], clean: dict[str, tuple[int, int]], names: tuple[str, str]) -> Path:
    for folder, pictures in zip(names, (rainy, clean), strict=True):
        (root / folder).mkdir(parents=True)
        for name, (height, width) in pictures.items():
            write_png(root / folder / name, np.zeros((height, width, 3), np.uint8))
    return root


SIZE = (8, 9)


@pytest.mark.parametrize(
    "names", [("input", "target"), ("input", "groundtruth"), ("rainy", "clean"), ("input_val", "label_val"), ("rain", "norain")]
)
def test_equal_names_pair_in_natural_order(tmp_path: Path, names: tuple[str, str]) -> None:
    same = {"2.png": SIZE, "10.png": SIZE, "1.png": SIZE}
    found = find_pairs(folders(tmp_path, same, same, names))
    assert [(pair.rainy.parent.name, pair.rainy.name) for pair in found.pairs] == [
        (names[0], name) for name in ("1.png", "2.png", "10.png")
    ]
    assert all((pair.clean.parent.name, pair.clean.name) == (names[1], pair.rainy.name) for pair in found.pairs)
    assert found.unpaired == ()


@pytest.mark.parametrize(
    ("rainy", "clean"),
    [("input7.png", "norain7.png"), ("rain-007.png", "norain-007.png"), ("a_rainy.png", "a_clean.png"), ("7_rain.png", "7_gt.png")],
)
def test_words_for_rainy_and_clean_do_not_count(tmp_path: Path, rainy: str, clean: str) -> None:
    found = find_pairs(folders(tmp_path, {rainy: SIZE, "input8.png": SIZE}, {clean: SIZE, "label9.png": SIZE}, ("input", "target")))
    assert [(pair.rainy.name, pair.clean.name) for pair in found.pairs] == [(rainy, clean)]
    assert [path.name for path in found.unpaired] == ["input8.png", "label9.png"]


def test_words_inside_a_word_are_left_alone(tmp_path: Path) -> None:
    found = find_pairs(folders(tmp_path, {"train-rain.png": SIZE}, {"train-norain.png": SIZE, "t.png": SIZE}, ("rainy", "gt")))
    assert [(pair.rainy.name, pair.clean.name) for pair in found.pairs] == [("train-rain.png", "train-norain.png")]


def test_unequal_sizes_are_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: 9x8 px.*a\.png is 8x8 px"):
        find_pairs(folders(tmp_path, {"a.png": (8, 9)}, {"a.png": (8, 8)}, ("input", "target")))


def test_ambiguous_missing_and_damaged_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rain_1\.png: pairs by the name '1', and so does input_1\.png"):
        find_pairs(folders(tmp_path / "ambiguous", {"rain_1.png": SIZE, "input_1.png": SIZE}, {"norain1.png": SIZE}, ("input", "target")))
    with pytest.raises(InputError, match=r"none of the 1 pictures in input has a partner"):
        find_pairs(folders(tmp_path / "apart", {"a.png": SIZE}, {"b.png": SIZE}, ("input", "target")))
    with pytest.raises(InputError, match="no two folders"):
        find_pairs(folders(tmp_path / "unknown", {}, {}, ("one", "two")))
    with pytest.raises(InputError, match="no such folder"):
        find_pairs(tmp_path / "nowhere")
    damaged = folders(tmp_path / "damaged", {"a.png": SIZE}, {"a.png": SIZE}, ("input", "target"))
    (damaged / "input" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"input/a\.png: cannot be read"):
        find_pairs(damaged)
