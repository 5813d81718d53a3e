"""Folders of rainy and clean pictures, paired by name.

The two folders lie side by side under a name that the field's datasets use (`input` and `target`, `rainy` and `clean`, …). Files pair by
equal name without suffix, else by what is left of the name when words such as `rain` and `norain` are taken off (`input12.png` and
`norain12.png`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from manifests.errors import InputError, first_line
from manifests.media import still_paths

FOLDER_NAMES = (
    ("input", "target"),
    ("input", "groundtruth"),
    ("input", "gt"),
    ("rainy", "clean"),
    ("rain", "norain"),
    ("rainy", "gt"),
    ("rain", "clean"),
    ("input_val", "label_val"),
    ("input", "label"),
    ("rainy_image", "ground_truth"),
    ("data", "gt"),
)
_WORDS = re.compile(r"(?<![a-z])(norain|rainy|rain|clean|ground_?truth|input|target|label|gt)(?![a-z])[-_ ]*")


@dataclass(frozen=True, slots=True)
class Pair:
    """A rainy picture and the clean picture of the same size."""

    rainy: Path
    clean: Path


@dataclass(frozen=True, slots=True)
class Pairs:
    """What a pair of folders holds."""

    pairs: tuple[Pair, ...]
    unpaired: tuple[Path, ...]  # pictures without a partner, of both folders


def find_pairs(folder: Path) -> Pairs:
    """Pair the pictures of a folder's rainy and clean subfolders, in order of name.

    Raises InputError when there are no such two folders, nothing pairs, a name is ambiguous or two pictures of a pair differ in size.
    """
    rainy_folder, clean_folder = _two_folders(folder)
    rainy, clean = still_paths(rainy_folder), still_paths(clean_folder)
    pairs = _paired(rainy, clean, lambda path: path.stem)
    if not pairs:
        pairs = _paired(rainy, clean, bare_name)
    if not pairs:
        raise InputError(
            f"{folder}: none of the {len(rainy)} pictures in {rainy_folder.name} has a partner of its name among the {len(clean)} in "
            f"{clean_folder.name}; give the two pictures of a pair one name"
        )
    for pair in pairs:
        _refuse_unequal(pair)
    taken = {path for pair in pairs for path in (pair.rainy, pair.clean)}
    return Pairs(tuple(pairs), tuple(path for path in [*rainy, *clean] if path not in taken))


def bare_name(path: Path) -> str:
    """A file's name without suffix and without the words for rainy and clean: `norain-012.png` gives `012`."""
    return _WORDS.sub("", path.stem.lower()).strip("-_ ")


def _two_folders(folder: Path) -> tuple[Path, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the one that holds the folders of rainy and of clean pictures")
    present = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
    for rainy, clean in FOLDER_NAMES:
        if rainy in present and clean in present:
            return present[rainy], present[clean]
    known = ", ".join(f"{rainy}/{clean}" for rainy, clean in FOLDER_NAMES)
    raise InputError(f"{folder}: holds no two folders of rainy and clean pictures that are known by name; name them one of: {known}")


def _paired(rainy: list[Path], clean: list[Path], name_of: Callable[[Path], str]) -> list[Pair]:
    partners = _by_name(clean, name_of)
    return [Pair(path, partners[name]) for name, path in _by_name(rainy, name_of).items() if name in partners]


def _by_name(paths: list[Path], name_of: Callable[[Path], str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        name = name_of(path)
        if name in found:
            raise InputError(f"{path}: pairs by the name {name!r}, and so does {found[name].name}; rename one")
        found[name] = path
    return found


def _refuse_unequal(pair: Pair) -> None:
    rainy, clean = _size(pair.rainy), _size(pair.clean)
    if rainy != clean:
        raise InputError(
            f"{pair.rainy}: {rainy[0]}x{rainy[1]} px, and its clean partner {pair.clean} is {clean[0]}x{clean[1]} px; "
            "a pair needs one size, and neither is scaled"
        )


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as picture:
            return picture.size
    except Exception as error:  # Pillow raises many classes for damaged files
        raise InputError(f"{path}: cannot be read as a picture ({first_line(error)}); mend it or take it out") from error
