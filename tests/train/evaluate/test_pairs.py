"""Pairs come in order of name and of one size, and what cannot be paired is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from manifests.errors import InputError
from manifests.media import write_png
from train.evaluate.pairs import find_pairs


def folders(root: Path, rainy: dict[str, tuple[int, int]], clean: dict[str, tuple[int, int]], names: tuple[str, str]) -> Path:
    for folder, pictures in zip(names, (rainy, clean), strict=True):
        (root / folder).mkdir(parents=True)
        for name, (height, width) in pictures.items():
            write_png(root / folder / name, np.zeros((height, width, 3), np.uint8))
    return root


SIZE = (8, 9)


def test_numbers_in_names_count_as_numbers(tmp_path: Path) -> None:
    same = {"2.png": SIZE, "10.png": SIZE, "1.png": SIZE}
    found = find_pairs(folders(tmp_path, same, same, ("rainy", "clean")))
    assert [group.frames[0].name for group in found.groups] == [group.truth.name for group in found.groups] == ["1.png", "2.png", "10.png"]
    assert found.unpaired == ()


def test_unequal_sizes_are_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: 9x8 px.*a\.png is 8x8 px"):
        find_pairs(folders(tmp_path, {"a.png": (8, 9)}, {"a.png": (8, 8)}, ("input", "target")))


def test_sizes_are_of_the_upright_picture(tmp_path: Path) -> None:
    folders(tmp_path, {}, {"a.png": (9, 8)}, ("input", "target"))
    turned = Image.Exif()
    turned[0x0112] = 6  # shown turned by a quarter
    Image.new("RGB", (9, 8)).save(tmp_path / "input" / "a.jpg", exif=turned)
    assert len(find_pairs(tmp_path).groups) == 1


def test_ambiguous_and_missing_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rain_1\.png: pairs by the name '1', and so does input_1\.png"):
        find_pairs(folders(tmp_path / "ambiguous", {"rain_1.png": SIZE, "input_1.png": SIZE}, {"norain1.png": SIZE}, ("input", "target")))
    with pytest.raises(InputError, match=r"input: none of its 1 rainy pictures has a partner"):
        find_pairs(folders(tmp_path / "apart", {"a.png": SIZE}, {"b.png": SIZE}, ("input", "target")))
    with pytest.raises(InputError, match="no layout of rainy and clean pictures"):
        find_pairs(folders(tmp_path / "unknown", {}, {}, ("one", "two")))
    with pytest.raises(InputError, match="no such folder"):
        find_pairs(tmp_path / "nowhere")


def test_a_picture_that_cannot_be_read_still_pairs(tmp_path: Path) -> None:
    folders(tmp_path, {"a.png": SIZE, "b.png": SIZE}, {"a.png": SIZE, "b.png": SIZE}, ("input", "target"))
    (tmp_path / "input" / "a.png").write_bytes(b"")
    assert len(find_pairs(tmp_path).groups) == 2
