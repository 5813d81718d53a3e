"""`curate release build`: the kept scenes as a versioned folder that others can check with `sha256sum` alone.

Built beside its place and renamed at the end: a release is there whole or not at all, and one that is there is never changed. Equal rows
give equal bytes, so a rebuild proves itself. A build that was killed goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from curate.release.disjoint import splits_tsv
from curate.release.facts import Facts
from curate.release.index import write_index
from curate.release.parts import PARTS, make_parts, members_of, plan_parts
from curate.release.portable import portable_scene
from curate.release.rights import Profile
from curate.release.selection import Selection, refuse, select
from curate.release.sums import file_names, write_sums
from curate.release.tables import BUILD, FORMAT, INDEX, PROOF, write_tables
from curate.release.versions import checked, next_patch, previous_release
from curate.release.words import write_words
from manifests.errors import InputError
from manifests.files import Provenance, fingerprint, versions, write_atomically
from manifests.folder_lock import hold_folder
from manifests.tables import SCHEMA_VERSION
from manifests.workspace import Workspace

SHARD_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Release:
    """What was built, or in a dry run what would be."""

    version: str
    profile: Profile
    folder: Path
    selection: Selection
    bytes: int  # of all its files; in a dry run, of the pictures that would be in its shards
    sha256: str  # of SHA256SUMS, and so of the whole release; empty in a dry run


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
    version = checked(releases, next_patch(releases) if version is None else version)
    selection = select(workspace, profile)
    if dry_run:
        planned = [part for part in plan_parts(selection, shard_bytes) if part.shard is not None]
        size = sum(sum(selection.pictures.sizes(scene)) for part in planned for scene in part.scenes)
        return Release(version, profile, releases / version, selection, size, "")
    return publish(releases, version, profile, selection, shard_bytes, workers)


def publish(releases: Path, version: str, profile: Profile, selection: Selection, shard_bytes: int, workers: int) -> Release:
    """Write a selection as a release. Raises InputError, leaving nothing behind, where pictures are damaged or the disk refuses."""
    folder = releases / version
    key = fingerprint(
        version, profile, shard_bytes, FORMAT, versions(), sorted(selection.pixels), [asdict(row) for row in selection.scenes]
    )
    try:
        with _staging(releases, version, key) as staging:
            parts = plan_parts(selection, shard_bytes)
            problems = make_parts(parts, selection, staging, workers)
            refuse(problems, "frames are missing or damaged", "run `curate sequences` again, or restore the files")
            members = members_of(parts, staging)
            write_index(staging / INDEX, members)
            write_tables(staging, selection, Provenance("curate release build", {"version": version, "profile": profile}))
            write_text(staging / PROOF, splits_tsv(portable_scene(scene, False) for scene in selection.scenes))
            write_text(staging / BUILD, _about(version, profile, selection, shard_bytes))
            shutil.rmtree(staging / PARTS)
            write_words(staging, Facts(version, profile, selection, members, previous_release(releases, version)))
            sha256 = write_sums(staging)
            staging.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error}); nothing is left of it, mend that and build again") from error
    size = sum((folder / name).stat().st_size for name in file_names(folder))
    return Release(version, profile, folder, selection, size, sha256)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8, whole or not at all."""
    with write_atomically(path) as file:
        file.write(text.encode())


def _about(version: str, profile: Profile, selection: Selection, shard_bytes: int) -> str:
    """What made the release, as JSON."""
    about = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "version": version,
        "profile": profile,
        "shard_bytes": shard_bytes,
        "scenes": len(selection.scenes),
        "scenes_fingerprint": fingerprint(sorted(scene.scene_id for scene in selection.scenes)),
        "made_by": versions(),
    }
    return json.dumps(about, indent=1, sort_keys=True) + "\n"


@contextlib.contextmanager
def _staging(releases: Path, version: str, key: str) -> Iterator[Path]:
    """The folder in which this very release is built: with what a killed build left of it, gone after an error.

    Other builds of the version, of other rows, were abandoned. Raises InputError where the same is built at this moment.
    """
    staging = releases / f".building-{version}-{key}"
    existed = releases.is_dir()
    staging.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        try:
            hold_folder(staging, held)
        except BlockingIOError:
            raise InputError(f"{staging}: another build of {version} is at work; let it end") from None
        try:
            for other in releases.glob(f".building-{version}-*"):
                if other != staging:
                    shutil.rmtree(other)
            for name in file_names(staging):
                if not name.startswith(("shards/", f"{PARTS}/")) or ".tmp" in name:
                    (staging / name).unlink()
            yield staging
        except Exception:
            shutil.rmtree(staging, ignore_errors=True)
            if not existed:
                with contextlib.suppress(OSError):
                    releases.rmdir()
            raise
