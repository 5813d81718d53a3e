"""`SHA256SUMS`: every file of a release but itself, as plain `sha256sum -c` reads it."""

from __future__ import annotations

import re
from pathlib import Path

from manifests.errors import InputError
from manifests.files import file_sha256, write_atomically

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write_sums(folder: Path) -> str:
    """Write the sums of all files of the folder, sorted by name; gives the SHA-256 of what was written: it stands for the whole release."""
    names = [name for name in file_names(folder) if name != SUMS]
    with write_atomically(folder / SUMS) as file:
        file.write("".join(f"{file_sha256(folder / name)}  {name}\n" for name in names).encode())
    return file_sha256(folder / SUMS)


def read_sums(folder: Path) -> dict[str, str]:
    """SHA-256 by file name. Raises InputError where it is not as `write_sums` writes it: a line of another form, doubled, unsorted."""
    path = folder / SUMS
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; is this a release?") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    sums: dict[str, str] = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise InputError(f"{path}: line {number} is not a SHA-256, two spaces and a name")
        if sums and found[2] <= next(reversed(sums)):
            raise InputError(f"{path}: line {number} names {found[2]} out of order or twice")
        sums[found[2]] = found[1]
    if not text.endswith("\n"):
        raise InputError(f"{path}: its last line breaks off")
    return sums


def file_names(folder: Path) -> list[str]:
    """All files below a folder, relative, with forward slashes, sorted; links and other odd things are files too."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in found)
