"""`curate release verify DIR`: whether a release is whole and true, without a network and without unpacking it.

Every file is hashed, every table read, every shard read once with every picture in it decoded; nothing is written.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet as pq

from curate.release.findings import Finding, exit_code
from curate.release.shard_checks import Shard, check_shard
from curate.release.sums import SUMS, file_names, read_sums
from curate.release.table_checks import table_findings
from curate.release.tables import PROOF, Tables, read_tables
from manifests.errors import InputError
from manifests.executors import run_rows
from manifests.files import file_sha256

TIMEOUT_S = 4 * 3600.0


@dataclass(frozen=True)
class Verified:
    """What was looked at, and what does not hold."""

    release: Path
    sha256: str  # of SHA256SUMS: it stands for the whole release
    scenes: int
    frames: int
    opened: int  # pictures that were decoded or should have been
    findings: list[Finding]

    @property
    def exit_code(self) -> int:
        """0 where all holds; else by the kind of what was found (findings.EXIT_CODES)."""
        return exit_code(self.findings)


def verify(folder: Path, *, sample: int | None = None, workers: int = 0) -> Verified:
    """Check a release. With `sample`, only so many pictures are opened and shards are not hashed whole; the rest is checked all the same.

    Raises InputError where there is no release in the folder, or one of a newer format.
    """
    if not (folder / SUMS).is_file() and not (folder / "build.json").is_file():
        raise InputError(f"{folder}: is no release (neither {SUMS} nor build.json is there); name the folder of a version")
    findings: list[Finding] = []
    sums = _sums(folder, findings)
    present = _plain_files(folder, sums, findings)
    findings += _changed(folder, {name for name in present if not name.startswith("shards/")}, sums)
    tables = _tables(folder, findings)
    members = [] if tables is None else tables.index
    shards = _shards(folder, present, sums, members, sample, tables, findings)
    run_rows(
        check_shard,
        shards,
        name=lambda shard: shard.name,
        on_error=lambda shard, error: [Finding("shards", shard.name, error)],
        save=findings.extend,
        workers=workers,
        timeout_s=TIMEOUT_S,
        label="shards",
    )
    findings += (Finding("croissant", "croissant.json", problem) for problem in _croissant(folder, sums, present))
    pictures = [member for member in members if member.shard is not None and member.kind != "about"]
    opened = len(pictures) if sample is None else min(sample, len(pictures))
    scenes = 0 if tables is None else len(tables.scenes)
    frames = sum(member.kind == "frame" for member in members)
    digest = file_sha256(folder / SUMS) if (folder / SUMS).is_file() else ""
    return Verified(folder, digest, scenes, frames, opened, sorted(findings, key=lambda found: (exit_code([found]), found.where)))


def _sums(folder: Path, findings: list[Finding]) -> dict[str, str]:
    """SHA256SUMS; empty where it cannot be read."""
    try:
        return read_sums(folder)
    except InputError as error:
        findings.append(Finding("files", SUMS, str(error).removeprefix(f"{folder / SUMS}: ")))
        return {}


def _plain_files(folder: Path, sums: dict[str, str], findings: list[Finding]) -> set[str]:
    """The plain files that SHA256SUMS names (all, where it cannot be read); what is amiss with the names is found."""
    names = set(file_names(folder))
    for name in sorted(names):
        if (folder / name).is_symlink():
            findings.append(Finding("files", name, f"is a symbolic link to {(folder / name).readlink()}, not a plain file"))
        elif not (folder / name).is_file():
            findings.append(Finding("files", name, "is no plain file"))
        elif sums and name not in sums and name != SUMS:
            findings.append(Finding("files", name, f"is not in {SUMS}"))
    for name in sums:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            findings.append(Finding("files", name, f"{SUMS} names a path that escapes the release"))
        elif name not in names:
            findings.append(Finding("files", name, "is missing"))
    plain = {name for name in names if (folder / name).is_file() and not (folder / name).is_symlink()}
    return plain & sums.keys() if sums else plain


def _changed(folder: Path, names: set[str], sums: dict[str, str]) -> Iterator[Finding]:
    for name in sorted(names):
        found = file_sha256(folder / name)
        if sums and found != sums[name]:
            yield Finding("files", name, f"its SHA-256 is {found}, and {SUMS} says {sums[name]}")


def _tables(folder: Path, findings: list[Finding]) -> Tables | None:
    try:
        tables = read_tables(folder)
        proof = (folder / PROOF).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        findings.append(Finding("tables", PROOF, f"cannot be read ({error})"))
        return None
    except InputError as error:
        path, _, problem = str(error).partition(": ")
        if "upgrade rainlapse" in problem:
            raise
        findings.append(Finding("tables", Path(path).name, problem))
        return None
    findings += table_findings(tables, proof)
    return tables


def _shards(
    folder: Path,
    present: set[str],
    sums: dict[str, str],
    members: Sequence[Any],
    sample: int | None,
    tables: Tables | None,
    findings: list[Finding],
) -> list[Shard]:
    """What to check of each shard; without a readable index only its hash."""
    of_shard = defaultdict(list)
    for member in members:
        if member.shard is not None:
            of_shard[member.shard].append(member)
    for name in sorted(of_shard.keys() - present):
        findings.append(Finding("shards", name, f"is missing, or not in {SUMS}, and the index has {len(of_shard[name])} members in it"))
    there = sorted(name for name in present if name.startswith("shards/"))
    if tables is None:
        findings += _changed(folder, set(there), sums)
        return []
    sampled = None if sample is None else _sampled(members, sample)
    return [Shard(folder, name, sums.get(name), tuple(of_shard[name]), sampled) for name in there]


def _sampled(members: Sequence[Any], number: int) -> tuple[str, ...]:
    """So many pictures, spread by chance, and the same ones each time."""
    names = [member.name for member in members if member.shard is not None and member.kind != "about"]
    return tuple(sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:number])


def _croissant(folder: Path, sums: dict[str, str], present: set[str]) -> Iterator[str]:
    """Whether the metadata for machines are about these files and their columns."""
    try:
        about = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
        files = {entry["contentUrl"]: entry["sha256"] for entry in about["distribution"]}
        fields = [entry["source"] for records in about["recordSet"] for entry in records["field"]]
        columns = [(source["fileObject"]["@id"], source["extract"]["column"]) for source in fields]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"cannot be read ({error!r})"
        return
    for name, sha256 in files.items():
        if sums and sums.get(name) != sha256:
            yield f"says of {name} that its SHA-256 is {sha256}, and {SUMS} says {sums.get(name)}"
    wanted = {name for name in present if name.startswith("shards/") or name.endswith(".parquet")}
    for name in sorted(wanted - files.keys()):
        yield f"does not name {name}"
    for name, number in Counter(name for name, _ in columns).items():
        try:
            known = set(pq.read_schema(folder / name).names) if name in present else set()
        except Exception as error:  # what is wrong with a table is found with the tables
            yield f"tells of {number} columns of {name}, which cannot be read ({error!r})"
            continue
        for column in sorted({column for table, column in columns if table == name} - known):
            yield f"tells of a column {column} that {name} does not have"
