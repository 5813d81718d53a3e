"""What lies on a card or in a folder: video files, and series of stills shot as a time-lapse.

Pictures make a series when at least two in one folder have one size and one pattern of name, in which only a number counts up (`IMG_0001`,
`frame-12`, `2024-05-17_12-00-05`), or when each tells its time in EXIF. Time, where all tell it, goes before the number: a camera's counter
wraps at 9999. What is neither video nor series is counted and otherwise left alone.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from acquire.tripod.exposure import captured_at, exif_tags
from manifests.errors import InputError
from manifests.workspace import Workspace

VIDEO_SUFFIXES = frozenset(
    [".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".mpg", ".mpeg", ".3gp", ".3g2", ".wmv", ".flv", ".ogv", ".mxf"]
)  # not .ts: more often program text, or a piece of a stream
PICTURE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".tif", ".tiff"])
OWN_FOLDERS = ("footage", "manifests", "scenes", "masks", "runs", "release", "report")

_TIMESTAMP = re.compile(r"((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_.T ]*(\d\d)[-_.:h]?(\d\d)[-_.:m]?(\d\d)")
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")


@dataclass(frozen=True, slots=True)
class Found:
    """One video file, or one series of stills."""

    path: Path  # the file, or the folder of the stills; absolute
    name: str  # the source id: the path, and for one of several series in a folder its pattern of name
    pictures: tuple[Path, ...] = ()  # of a series, in order of time

    @property
    def files(self) -> tuple[Path, ...]:
        """What it consists of."""
        return self.pictures or (self.path,)


@dataclass(frozen=True, slots=True)
class _Picture:
    path: Path
    size: tuple[int, int] | None  # None where even the header cannot be read
    time: str | None


def find(folders: Iterable[Path], workspace: Workspace) -> tuple[list[Found], int]:
    """All footage of the folders, recursively, in a stable order and each once; and how many files are none.

    Hidden files and the workspace's own folders are passed over. Raises InputError for a folder that is not there or cannot be read.
    """
    found: dict[str, Found] = {}
    ignored: set[Path] = set()
    for folder in folders:
        if not folder.exists():
            raise InputError(f"{folder}: no such folder; name the folder that holds the footage")
        for files in _files_by_folder(folder.resolve(), workspace):
            here = [Found(file, _text(file)) for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
            here += _series([file for file in files if file.suffix.lower() in PICTURE_SUFFIXES])
            found.update((entry.name, entry) for entry in here)
            ignored.update(set(files) - {file for entry in here for file in entry.files})
    return list(found.values()), len(ignored)


def _files_by_folder(top: Path, workspace: Workspace) -> Iterator[list[Path]]:
    if top.is_file():
        yield [top]
        return
    own = {(workspace.root / name).resolve() for name in OWN_FOLDERS}

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); mend its permissions, or name another folder")

    for place, folders, files in os.walk(top, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and Path(place, name) not in own)
        yield [Path(place, name) for name in sorted(files) if not name.startswith(".") and Path(place, name).is_file()]


def _series(files: Sequence[Path]) -> list[Found]:
    """The series among one folder's pictures."""
    by_pattern: dict[tuple[str, str], list[_Picture]] = defaultdict(list)
    for file in files:
        picture = _look(file)
        pattern = _pattern(file.stem) if _LAST_NUMBER.search(file.stem) else ""
        if pattern or picture.time is not None:
            by_pattern[pattern, file.suffix.lower()].append(picture)
    several: list[tuple[str, list[_Picture]]] = []
    for (pattern, suffix), pictures in by_pattern.items():
        sizes = dict.fromkeys(picture.size for picture in pictures if picture.size is not None)
        for size in sizes:
            # One that cannot be read belongs to its neighbours, whose series it spoils; among several sizes nobody knows where to.
            members = [picture for picture in pictures if picture.size == size or (picture.size is None and len(sizes) == 1)]
            if len(members) >= 2:
                label = f"{pattern or '*'}{suffix}" + (f" {size[0]}x{size[1]}" if len(sizes) > 1 else "")
                several.append((label, _in_order(members)))
    folder = files[0].parent if files else Path()
    return [
        Found(folder, _text(folder if len(several) == 1 else folder / label), tuple(picture.path for picture in members))
        for label, members in several
    ]


def _in_order(pictures: list[_Picture]) -> list[_Picture]:
    by_time = all(picture.time is not None for picture in pictures)
    return sorted(pictures, key=lambda picture: ((picture.time or "") if by_time else "", _number(picture.path.stem), picture.path.name))


def _look(path: Path) -> _Picture:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return _Picture(path, picture.size, captured_at(exif_tags(picture), zone=False))
    except Exception:  # Pillow raises many classes for damaged files
        return _Picture(path, None, None)


def _pattern(stem: str) -> str:
    return _LAST_NUMBER.sub("#", _joined_time(stem))


def _number(stem: str) -> int:
    number = _LAST_NUMBER.search(_joined_time(stem))
    return int(number[0]) if number else -1


def _joined_time(stem: str) -> str:
    """A date and time in a name as one number, so that a new minute begins no new series."""
    return _TIMESTAMP.sub(lambda told: "".join(told.groups()), stem)


def _text(path: Path) -> str:
    """A path as a table can hold it, whatever bytes name it."""
    return os.fsencode(path).decode("utf-8", "replace")
