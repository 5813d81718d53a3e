"""Versions of releases: three numbers, counted as numbers, a folder each."""

from __future__ import annotations

import re
from pathlib import Path

from manifests.errors import InputError

FIRST = "0.1.0"
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def checked(releases: Path, version: str) -> str:
    """The version, where it is one and is free. Raises InputError otherwise."""
    if not _VERSION.fullmatch(version):
        raise InputError(f"{version!r} is no version; write three numbers, such as {FIRST}")
    if (releases / version).exists():
        raise InputError(f"{releases / version}: exists, and a release never changes; the next version is {next_patch(releases)}")
    return version


def next_patch(releases: Path) -> str:
    """The patch after the highest version in the folder; 0.1.0 where there is none."""
    known = _known(releases)
    return f"{known[-1][0]}.{known[-1][1]}.{known[-1][2] + 1}" if known else FIRST


def next_minor(releases: Path) -> str:
    """The minor version after the highest in the folder; 0.1.0 where there is none."""
    known = _known(releases)
    return f"{known[-1][0]}.{known[-1][1] + 1}.0" if known else FIRST


def latest_release(releases: Path) -> Path:
    """The folder of the highest version. Raises InputError where there is no release."""
    known = _known(releases)
    if not known:
        raise InputError(f"{releases}: holds no release; `curate release build` makes one")
    return releases / _told(known[-1])


def previous_release(releases: Path, version: str) -> Path | None:
    """The folder of the highest release below this version."""
    numbers = tuple(int(part) for part in version.split("."))
    lower = [known for known in _known(releases) if known < numbers]
    return releases / _told(lower[-1]) if lower else None


def _known(releases: Path) -> list[tuple[int, ...]]:
    names = [path.name for path in releases.iterdir() if path.is_dir()] if releases.is_dir() else []
    return sorted(tuple(int(part) for part in name.split(".")) for name in names if _VERSION.fullmatch(name))


def _told(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
