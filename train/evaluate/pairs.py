"""Folders of rainy and clean pictures, paired by name in whatever layout a dataset has (`train.evaluate.layouts`)."""

from __future__ import annotations

from pathlib import Path

from manifests.errors import InputError
from train.evaluate.layouts import CLEAN_FOLDERS, LAYOUTS, RAINY_FOLDERS, Found
from train.evaluate.picture_files import upright_size
from train.evaluate.truths import RainyPictures


def find_pairs(folder: Path) -> Found:
    """Pair a folder's rainy and clean pictures, in order of name.

    Raises InputError when its layout is none that is known, nothing pairs, a name is ambiguous or two pictures of a pair differ in size.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the one that holds the folders of rainy and of clean pictures")
    found = next((found for layout in LAYOUTS if (found := layout(folder)) is not None), None)
    if found is None:
        raise InputError(
            f"{folder}: no layout of rainy and clean pictures that is known; put them into two folders, one of them named "
            f"{', '.join(RAINY_FOLDERS)}, the other {', '.join(CLEAN_FOLDERS)}"
        )
    for group in found.groups:
        _refuse_unequal(group)
    return found


def _refuse_unequal(group: RainyPictures) -> None:
    if group.part is not None:
        return  # halves of one picture
    clean = upright_size(group.truth)
    for frame in group.frames:
        rainy = upright_size(frame)
        if rainy and clean and rainy != clean:
            raise InputError(
                f"{frame}: {rainy[0]}x{rainy[1]} px, and its clean partner {group.truth} is {clean[0]}x{clean[1]} px; a pair needs one "
                "size, and neither is scaled"
            )
