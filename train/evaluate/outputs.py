"""Pictures that another method made of rainy ones, found by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from manifests.errors import InputError
from manifests.media import still_paths
from train.evaluate.layouts import Found, bare

_LAST_WORD = re.compile(r"[-_. ][A-Za-z]+$")


@dataclass(frozen=True)
class Outputs:
    """A method's pictures."""

    of: dict[Path, Path]  # rainy picture to output
    missing: tuple[Path, ...]  # rainy pictures without one
    without_rainy: tuple[Path, ...]  # pictures that are the output of none


def find_outputs(folder: Path, found: Found) -> Outputs:
    """The outputs in a folder and its subfolders, by the rainy picture's name: equal but for the file type, or followed by words
    (`1_derained.png`), or equal but for words for rainy and clean.

    Where names repeat from folder to folder, the path within the rainy folder counts. Raises InputError when the folder is missing, holds
    no output, or has two of one picture.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the one that holds the outputs of a method")
    rainy = [frame for group in found.groups for frame in group.frames]
    known = [
        {_path_within(frame, found.rainy_folder): frame for frame in rainy},
        _unique(rainy, [frame.stem for frame in rainy]),
        _unique(rainy, [bare(frame) for frame in rainy]),
    ]
    outputs: dict[Path, Path] = {}
    without: list[Path] = []
    for path in _pictures_below(folder):
        readings = [(name, Path(name).name, bare(Path(name + path.suffix))) for name in _shortened(_path_within(path, folder))]
        frame = next((frames[name] for names in readings for name, frames in zip(names, known, strict=True) if name in frames), None)
        if frame is None:
            without.append(path)
        elif frame in outputs:
            raise InputError(f"{path}: an output of {frame.name}, and so is {outputs[frame].name}; leave one of them in {folder}")
        else:
            outputs[frame] = path
    if not outputs:
        raise InputError(
            f"{folder}: none of its {len(without)} pictures has the name of one of the {len(rainy)} rainy ones, such as {rainy[0].name}; "
            "name each as its rainy picture"
        )
    return Outputs(outputs, tuple(frame for frame in rainy if frame not in outputs), tuple(without))


def _path_within(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _shortened(name: str) -> Iterator[str]:
    """A name, and then the same without its last word, and the one before."""
    yield name
    while (shorter := _LAST_WORD.sub("", name)) != name:
        yield shorter
        name = shorter


def _unique(paths: Sequence[Path], names: Sequence[str]) -> dict[str, Path]:
    counts = Counter(names)
    return {name: path for name, path in zip(names, paths, strict=True) if counts[name] == 1}


def _pictures_below(folder: Path) -> list[Path]:
    deeper = sorted(path for path in folder.rglob("*") if path.is_dir())
    return [path for within in (folder, *deeper) for path in still_paths(within)]
