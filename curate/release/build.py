"""`curate release build`: the kept scenes as a versioned folder that others can check with `sha256sum` alone.

Built beside its place and renamed at the end: a release is there whole or not at all, and one that is there is never changed. Equal rows
give equal bytes, so a rebuild proves itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curate.release.card import card, change_log
from curate.release.rights import Profile
from curate.release.selection import Selection, picture_bytes, select
from curate.release.shards import Sample, write_shards
from curate.release.tables import frame_name, mask_name, portable_footage, portable_scene, write_tables
from manifests.errors import InputError
from manifests.files import file_sha256, write_atomically
from manifests.tables import Footage, Scene
from manifests.workspace import Workspace

SHARD_BYTES = 1_000_000_000
FIRST_VERSION = "0.1.0"
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


@dataclass(frozen=True)
class Release:
    """What was built, or in a dry run what would be."""

    version: str
    profile: Profile
    folder: Path
    selection: Selection
    bytes: int  # of all its files; in a dry run, of the pictures that would be in its shards


def build(
    workspace: Workspace,
    version: str | None = None,
    profile: Profile = "links",
    *,
    confirm_full: bool = False,
    workers: int = 0,
    shard_bytes: int = SHARD_BYTES,
    dry_run: bool = False,
) -> Release:
    """Build release/<version>/ in the workspace; the version defaults to the next patch of those that are there.

    Raises InputError, and leaves nothing behind, where the version exists or is none, where rows or frames are damaged, where no scene is
    left, or for the profile `full` without `confirm_full`.
    """
    if profile == "full" and not confirm_full:
        raise InputError("profile full copies pixels of footage that others made: confirm that you hold the rights with --confirm-full")
    releases = workspace.root / "release"
    version = next_version(releases) if version is None else version
    folder = releases / version
    if not _VERSION.fullmatch(version):
        raise InputError(f"{version!r} is no version; write three numbers, such as {FIRST_VERSION}")
    if folder.exists():
        raise InputError(f"{folder}: exists, and a release never changes; the next version is {next_version(releases)}")
    selection = select(workspace, profile, workers)
    if dry_run:
        return Release(version, profile, folder, selection, _picture_sizes(workspace, selection))
    staging = releases / f".building-{version}-{os.getpid()}"
    try:
        staging.mkdir(parents=True)
        _write(workspace, staging, selection, version, profile, _previous(releases, version), shard_bytes)
        staging.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error}); nothing is left of it, mend that and build again") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # gone already where all went well
    return Release(version, profile, folder, selection, sum(path.stat().st_size for path in _files(folder)))


def next_version(releases: Path) -> str:
    """The patch after the highest version in the folder; 0.1.0 where there is none."""
    known = _versions(releases)
    if not known:
        return FIRST_VERSION
    major, minor, patch = known[-1]
    return f"{major}.{minor}.{patch + 1}"


def _write(
    workspace: Workspace, folder: Path, selection: Selection, version: str, profile: Profile, previous: Path | None, shard_bytes: int
) -> None:
    shards = []
    for split in sorted({str(scene.split) for scene in selection.scenes}):
        shards += write_shards(folder / "shards", split, _samples(workspace, selection, split), shard_bytes)
    write_tables(folder, selection, version, profile)
    size = sum(shard.stat().st_size for shard in shards)
    _write_text(folder / "README.md", card(selection, version, profile, shards, size))
    _write_text(folder / "CHANGELOG.md", change_log(selection, version, profile, previous))
    sums = [f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in _files(folder)]
    _write_text(folder / "SHA256SUMS", "".join(sums))


def _samples(workspace: Workspace, selection: Selection, split: str) -> Iterator[Sample]:
    """One scene's files at a time, in order of scene id."""
    footage = {row.footage_id: row for row in selection.footage}
    for scene in selection.scenes:
        if scene.split != split or scene.scene_id not in selection.pixels:
            continue
        sample = {frame_name(scene, number): picture_bytes(workspace, scene, number) for number in range(len(scene.frames))}
        if scene.mask is not None:
            sample[mask_name(scene)] = workspace.resolve(scene.mask).read_bytes()
        sample[f"scenes/{scene.scene_id}.json"] = _about(portable_scene(scene, True), portable_footage(footage[scene.footage_id]))
        yield sample


def _about(scene: Scene, footage: Footage) -> bytes:
    """What a reader of the shards alone needs to know of a scene, as JSON."""
    about = {
        "scene_id": scene.scene_id,
        "footage_id": scene.footage_id,
        "place_id": scene.place_id,
        "split": scene.split,
        "frame_index": scene.frame_index,
        "pts_s": scene.pts_s,
        "sha256": scene.sha256,
        "source": footage.source,
        "origin": footage.origin,
        "licence": footage.licence,
    }
    return json.dumps(about, sort_keys=True, indent=1).encode() + b"\n"


def _previous(releases: Path, version: str) -> Path | None:
    """The highest release below this version."""
    numbers = tuple(int(part) for part in version.split("."))
    lower = [known for known in _versions(releases) if known < numbers]
    return releases / ".".join(str(part) for part in lower[-1]) if lower else None


def _versions(releases: Path) -> list[tuple[int, ...]]:
    names = [path.name for path in releases.iterdir() if path.is_dir()] if releases.is_dir() else []
    return sorted(tuple(int(part) for part in name.split(".")) for name in names if _VERSION.fullmatch(name))


def _files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.relative_to(folder).as_posix())


def _picture_sizes(workspace: Workspace, selection: Selection) -> int:
    scenes = [scene for scene in selection.scenes if scene.scene_id in selection.pixels]
    return sum(workspace.resolve(path).stat().st_size for scene in scenes for path in scene.frames)


def _write_text(path: Path, text: str) -> None:
    with write_atomically(path) as file:
        file.write(text.encode())
