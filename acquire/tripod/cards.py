"""What lies on a card or in a folder: video files, recordings that the camera split over several, and series of stills.

Whatever the camera or a computer keeps beside them is passed over: sidecars, thumbnails (Sony's THMBNL), low-resolution copies (Sony's SUB,
GoPro's .LRV), hidden files and the waste of file managers.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acquire.tripod.exif import Shot, bracket, read_shot
from acquire.tripod.raw import RAW_SUFFIXES
from acquire.tripod.recordings import candidates
from acquire.tripod.series import group
from acquire.tripod.settings import TripodSettings
from manifests.errors import InputError
from manifests.workspace import Workspace

VIDEO_SUFFIXES = frozenset(
    [".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".mpg", ".mpeg", ".3gp", ".3g2", ".wmv", ".flv", ".ogv", ".mxf"]
)  # not .ts: more often program text, or a piece of a stream
PICTURE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".tif", ".tiff"]) | RAW_SUFFIXES
OWN_FOLDERS = ("footage", "manifests", "scenes", "masks", "runs", "release", "report")

_PASSED_OVER = ("__MACOSX", "$RECYCLE.BIN", "System Volume Information", "LOST.DIR", "THMBNL")
_PROXY = re.compile(r".*S\d\d\.MP4", re.IGNORECASE)  # Sony's SUB/C0001S03.MP4


@dataclass(frozen=True, slots=True)
class Found:
    """One video file, the files of what may be one split recording, or one series of stills."""

    path: Path  # the file (of a recording the first), or the folder of the stills; absolute
    name: str  # the source id: the path, and for one of several series in a folder its first picture's
    shots: tuple[Shot, ...] = ()  # of a series, in order
    parts: tuple[Path, ...] = ()  # of what may be a split recording, in order

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Of a series, its pictures in order."""
        return tuple(shot.path for shot in self.shots)

    @property
    def files(self) -> tuple[Path, ...]:
        """What it consists of."""
        return self.pictures or self.parts or (self.path,)

    @property
    def raw(self) -> bool:
        """Whether it is a series of raw pictures."""
        return bool(self.shots) and self.path_suffix in RAW_SUFFIXES

    @property
    def path_suffix(self) -> str:
        """Of its first file, in lower case."""
        return self.files[0].suffix.lower()


@dataclass
class Card:
    """All that was found, and what was passed over."""

    found: list[Found] = field(default_factory=list)
    ignored: tuple[Path, ...] = ()  # files that are no footage
    remarks: list[str] = field(default_factory=list)  # what a user should know


def find(folders: Iterable[Path], workspace: Workspace, settings: TripodSettings) -> Card:
    """All footage of the folders, recursively, in a stable order and each once.

    Hidden files and the workspace's own folders are passed over. Raises InputError for a folder that is not there or cannot be read.
    """
    files: dict[Path, None] = {}
    proxies = 0
    for folder in folders:
        if not folder.exists():
            raise InputError(f"{folder}: no such folder; name the folder that holds the footage")
        for file in _files_below(folder.resolve(), workspace):
            if _is_proxy(file):
                proxies += 1
            else:
                files[file] = None
    card = Card()
    if proxies:
        card.remarks.append(f"low-resolution copies that the camera made (SUB folder), passed over: {proxies}")
    _add_videos(card, [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES], settings)
    _add_series(card, [file for file in files if file.suffix.lower() in PICTURE_SUFFIXES], settings)
    taken = {file for found in card.found for file in found.files}
    card.ignored = tuple(file for file in files if file not in taken)
    return card


def _add_videos(card: Card, videos: Sequence[Path], settings: TripodSettings) -> None:
    for parts in candidates(videos):
        if len(parts) > 1 and settings.in_place:
            card.remarks.append(
                f"{_text(parts[0])}: looks like the first of {len(parts)} files of one recording; left in place, they are kept apart"
            )
        if len(parts) == 1 or settings.in_place:
            card.found += [Found(part, _text(part)) for part in parts]
        else:
            card.found.append(Found(parts[0], _text(parts[0]), parts=tuple(parts)))


def _add_series(card: Card, pictures: Sequence[Path], settings: TripodSettings) -> None:
    shots = _look(pictures)
    grouped = group(shots, settings.gap_s, settings.gap_factor, settings.prefer_raw)
    if grouped.raw_beside_jpeg:
        taken, other = ("raw files", "their JPEGs") if settings.prefer_raw else ("JPEGs", "their raw files (prefer_raw=true takes those)")
        card.remarks.append(f"shots kept twice, of which the {taken} are taken and {other} passed over: {grouped.raw_beside_jpeg}")
    if grouped.clean:
        card.remarks.append(
            f"clean pictures (-C-) beside rainy ones (-R-), passed over since they are truth and no footage: {grouped.clean}"
        )
    placed = {shot.path for series in grouped.series for shot in series}
    if unread := [shot.path for shot in shots if shot.size is None and shot.path not in placed]:
        card.remarks.append(
            f"pictures that cannot be read (or are absurdly large), passed over: {len(unread)}, the first {_text(unread[0])}"
        )
    in_folder = [series[0].path.parent for series in grouped.series]
    for series in grouped.series:
        folder = series[0].path.parent
        alone = in_folder.count(folder) == 1 and all(shot.path.parent == folder for shot in series)
        found = Found(folder, _text(folder if alone else series[0].path), series)
        card.found.append(found)
        if (period := bracket(series)) is not None:
            card.remarks.append(f"{found.name}: exposure alternates every {period} pictures (a bracket), which looks like flicker")


def _look(pictures: Sequence[Path]) -> list[Shot]:
    with warnings.catch_warnings(action="ignore"):  # Pillow's, of pictures that are large
        shots = [read_shot(picture) for picture in pictures]
    gone = next((shot.path for shot in shots if shot.size is None and not shot.path.exists()), None)
    if gone is not None:
        raise InputError(f"{_text(gone)}: gone while the folder was read; is the card still there? Run again when it is")
    return shots


def _files_below(top: Path, workspace: Workspace) -> Iterator[Path]:
    if top.is_file():
        yield top
        return
    own = {(workspace.root / name).resolve() for name in OWN_FOLDERS}

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); mend its permissions, or name another folder")

    for place, folders, files in os.walk(top, onerror=refuse):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _PASSED_OVER and Path(place, name) not in own
        )
        yield from (Path(place, name) for name in sorted(files) if not name.startswith(".") and Path(place, name).is_file())


def _is_proxy(file: Path) -> bool:
    return file.parent.name.upper() == "SUB" and _PROXY.fullmatch(file.name) is not None


def _text(path: Path) -> str:
    """A path as a table can hold it, whatever bytes name it."""
    return os.fsencode(path).decode("utf-8", "replace")
