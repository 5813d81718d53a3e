"""From a card to the private folder where media arrive: copied and read back, joined, or developed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from acquire.failures import Refused
from acquire.tripod.cards import Found
from acquire.tripod.raw import develop
from acquire.tripod.recordings import join


def file_hashes(found: Found) -> list[str]:
    """The SHA-256 of each of its files, in order. Raises OSError where one cannot be read."""
    from manifests.files import file_sha256

    hashes = []
    for file in found.files:
        with _naming(file):
            hashes.append(file_sha256(file))
    return hashes


def content_sha256(found: Found, hashes: Sequence[str]) -> str:
    """What content is known by: a file's SHA-256; of copied stills, that of the folder which they make.

    Of what is joined or developed, over its files' SHA-256 in order: known without doing it again.
    """
    if found.raw or found.parts:
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    if not found.shots:
        return hashes[0]
    lines = [f"{name}\0{sha256}\n" for name, sha256 in zip(stored_names(found), hashes, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def stored_names(found: Found) -> list[str]:
    """The names under which a series' pictures are kept: their own, or numbered where those would sort otherwise."""
    from manifests.media import still_paths

    pictures = found.pictures
    if not found.raw and all(picture.parent == found.path for picture in pictures):
        members = set(pictures)
        if tuple(path for path in still_paths(found.path) if path in members) == pictures:
            return [picture.name for picture in pictures]
    return [f"{index:06d}-{picture.stem}{'.png' if found.raw else picture.suffix.lower()}" for index, picture in enumerate(pictures)]


def is_whole_folder(found: Found) -> bool:
    """Whether the folder, read in order of name as folders of stills are, gives just this series."""
    from manifests.media import still_paths

    return tuple(still_paths(found.path)) == found.pictures


def bring(found: Found, hashes: Sequence[str], arriving: Path) -> Path:
    """Copy, join or develop what was found into a private folder; gives the file, or the folder of stills.

    `hashes` are the SHA-256 of its files, which every copy must have. Raises Refused where one has not, and OSError.
    """
    shutil.rmtree(arriving, ignore_errors=True)
    media = arriving / f"media{found.path_suffix}"
    if found.parts:
        copies = [
            _copy(part, arriving / "parts" / f"{index:06d}{part.suffix.lower()}", sha256)
            for index, (part, sha256) in enumerate(zip(found.parts, hashes, strict=True))
        ]
        _join(copies, media, found.name)
        shutil.rmtree(arriving / "parts")
        return media
    if not found.shots:
        return _copy(found.path, media, hashes[0])
    balance: list[float] | None = None
    for picture, name, sha256 in zip(found.pictures, stored_names(found), hashes, strict=True):
        if found.raw:
            copy = _copy(picture, arriving / "raw" / picture.name, sha256)
            try:
                balance = develop(copy, arriving / "stills" / name, balance)
            except Refused as error:
                raise Refused(error.kind, str(error).replace(str(copy), str(picture))) from error
            copy.unlink()
        else:
            _copy(picture, arriving / "stills" / name, sha256)
    return arriving / "stills"


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """An error in reading tells no name of itself."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise


def _copy(source: Path, target: Path, sha256: str) -> Path:
    """A copy, read back and compared."""
    from manifests.files import file_sha256

    target.parent.mkdir(parents=True, exist_ok=True)
    with _naming(source):
        shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    if file_sha256(target) != sha256:
        raise Refused("unknown", f"{source}: two readings differ; check the card, its reader and the disk, and run again")
    return target


def _join(copies: Sequence[Path], target: Path, name: str) -> None:
    import av

    try:
        join(copies, target)
    except (av.FFmpegError, ValueError) as error:
        raise Refused("decode", f"{name}: its {len(copies)} files cannot be joined ({error})") from error
