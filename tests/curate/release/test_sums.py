"""SHA256SUMS, as coreutils writes it, and nothing else."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from curate.release.sums import file_names, read_sums, write_sums
from manifests.errors import InputError
from manifests.files import file_sha256


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "a/c d.txt", "a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_sums_are_those_of_coreutils(folder: Path) -> None:
    assert write_sums(folder) == file_sha256(folder / "SHA256SUMS")
    names = ["a.txt", "a/c d.txt", "b.txt"]
    assert file_names(folder) == sorted([*names, "SHA256SUMS"])
    told = subprocess.run(["sha256sum", *names], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert (folder / "SHA256SUMS").read_text() == told
    assert read_sums(folder) == {name: file_sha256(folder / name) for name in names}


def test_any_flipped_bit_of_a_line_is_refused_or_names_another_sum_or_file(folder: Path) -> None:
    write_sums(folder)
    whole = (folder / "SHA256SUMS").read_bytes()
    sums = read_sums(folder)
    for place in range(len(whole)):
        for bit in (0, 1, 5):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            (folder / "SHA256SUMS").write_bytes(changed)
            with contextlib.suppress(InputError):
                assert read_sums(folder) != sums, (place, bit)
