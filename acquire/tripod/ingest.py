"""`acquire tripod`: footage of one's own camera to rows, decoded whole, copied with a verified hash or left in place.

A file is known by its content. One that is known already, wherever it lies now, is neither copied nor decoded again, and one that could
not be decoded is not tried again by the same decoder.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from acquire.failures import Failure, Refused, classify
from acquire.intake import (
    also_at,
    decode_whole,
    failed_row,
    footage_folder,
    footage_id,
    incoming_folder,
    make_ready,
    probed,
    read_footage,
    settle,
)
from acquire.tripod.cards import PICTURE_SUFFIXES, VIDEO_SUFFIXES, Found, find
from manifests.errors import InputError
from manifests.options import Summary
from manifests.tables import Footage
from manifests.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TripodSettings:
    """How a camera's folder is read."""

    in_place: Annotated[bool, "leave the files where they are and keep their absolute path, instead of copying them"] = False
    timeout_s: Annotated[float, "how long hashing, copying and decoding one file or series may take, s"] = 3600.0


def tripod(
    folders: Sequence[Path],
    settings: TripodSettings,
    workspace: Workspace,
    *,
    workers: int,
    say: Callable[[str], None] = lambda _line: None,
    on_row: Callable[[Footage], None] = lambda _row: None,
) -> Summary:
    """Take in the footage of folders; each file or series of stills becomes a row, or joins the row of the same content.

    `say` is told in words what a user should know, `on_row` gets each row as it is written. Raises InputError where there is no footage.
    """
    from manifests.executors import run_rows
    from manifests.files import compact, table_exists

    run = _Run(settings, workspace, say, on_row, {row.footage_id: row for row in read_footage(workspace)})
    found = found_footage(folders, workspace, say)
    make_ready(workspace)
    try:
        run_rows(
            functools.partial(ingest, settings=settings, workspace=workspace, known=dict(run.known)),
            found,
            name=lambda entry: entry.path.name,
            on_error=run.broken,
            save=run.save,
            workers=workers,
            timeout_s=settings.timeout_s,
            label="footage",
        )
    finally:
        if table_exists(workspace.table(Footage)):
            compact(Footage, workspace.table(Footage))
    if run.repeated:
        say(f"{run.repeated} of {len(found)}: known already by their content")
    return run.summary


def found_footage(folders: Sequence[Path], workspace: Workspace, say: Callable[[str], None] = lambda _line: None) -> list[Found]:
    """What `tripod` would take in. Raises InputError where there is nothing."""
    found, ignored = find(folders, workspace)
    if not found:
        named = ", ".join(str(folder) for folder in folders)
        raise InputError(
            f"{named}: no footage; of {ignored} files none is a video ({', '.join(sorted(VIDEO_SUFFIXES))}) or one of at least two "
            f"numbered pictures of one size ({', '.join(sorted(PICTURE_SUFFIXES))}); name another folder"
        )
    say(f"{len(found)} videos and series of stills; {ignored} other files passed over")
    return found


def ingest(found: Found, settings: TripodSettings, workspace: Workspace, known: Mapping[str, Footage]) -> list[Footage]:
    """The row of one file or series; one whose content is known gives the known row under its own name."""
    try:
        sha256 = content_sha256(found)
    except OSError as error:
        return [_failed(found, classify(error), None)]
    if there := known.get(footage_id(sha256)):
        return [dataclasses.replace(there, source_id=found.name, origin=found.name, also_at=())]
    if settings.in_place and found.pictures and not _is_whole_folder(found):
        reason = f"{found.name}: its folder holds other pictures too, or sorts them otherwise; leave --in-place out"
        return [_failed(found, Failure("unsupported", reason), None)]
    arriving = incoming_folder(workspace, "tripod", found.name)
    try:
        return [_taken(found, sha256, arriving, settings, workspace)]
    except (Refused, OSError) as error:
        return [_failed(found, classify(error), sha256)]
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def content_sha256(found: Found) -> str:
    """A file's SHA-256; of stills, over their names and hashes in order."""
    from manifests.files import file_sha256
    from manifests.media import stills_sha256

    return stills_sha256(found.pictures) if found.pictures else file_sha256(found.path)


def _taken(found: Found, sha256: str, arriving: Path, settings: TripodSettings, workspace: Workspace) -> Footage:
    from acquire.tripod.exposure import read_exposure

    source = found.path if settings.in_place else _copy(found, arriving)
    decoded = decode_whole(source, str(found.path))
    place = source if settings.in_place else settle(source, sha256, workspace)
    return Footage(
        footage_id=footage_id(sha256),
        source="tripod",
        source_id=found.name,
        origin=found.name,
        status="ok",
        acquired_at=datetime.now(UTC),
        path=workspace.relative(place),
        sha256=sha256,
        bytes=sum(file.stat().st_size for file in found.files),
        tool=_tool(),
        **probed(decoded),
        **(read_exposure(found.pictures) if found.pictures else {}),
    )


def _is_whole_folder(found: Found) -> bool:
    """Whether the folder, read in order of name as folders of stills are, gives just this series."""
    from manifests.media import still_paths

    return still_paths(found.path) == list(found.pictures)


def _copy(found: Found, arriving: Path) -> Path:
    """A copy in the private folder, read back and compared."""
    from manifests.media import still_paths

    shutil.rmtree(arriving, ignore_errors=True)
    if not found.pictures:
        return _copy_file(found.path, arriving / f"media{found.path.suffix.lower()}")
    in_order = [path for path in still_paths(found.path) if path in set(found.pictures)] == list(found.pictures)
    for index, picture in enumerate(found.pictures):
        name = picture.name if in_order else f"{index:06d}{picture.suffix.lower()}"  # a folder is read in order of name
        _copy_file(picture, arriving / "stills" / name)
    return arriving / "stills"


def _copy_file(source: Path, target: Path) -> Path:
    from manifests.files import file_sha256

    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    if file_sha256(target) != file_sha256(source):
        raise Refused("unknown", f"{source}: two readings differ; check the card, its reader and the disk, and run again")
    return target


def _failed(found: Found, failure: Failure, sha256: str | None) -> Footage:
    """A failed row, under its content's key where that could be read: the same bytes are not tried again."""
    row = failed_row("tripod", found.name, found.name, failure, datetime.now(UTC), None, _tool())
    if sha256 is None or failure.retryable:
        return row
    return dataclasses.replace(row, footage_id=footage_id(sha256), sha256=sha256, bytes=sum(file.stat().st_size for file in found.files))


def _tool() -> str:
    import av

    return f"PyAV {av.__version__}"


@dataclass
class _Run:
    """What one run knows and writes, in the parent process."""

    settings: TripodSettings
    workspace: Workspace
    say: Callable[[str], None]
    on_row: Callable[[Footage], None]
    rows: dict[str, Footage]  # by key
    known: dict[str, Footage] = field(init=False)  # rows by key whose content need not be looked at again
    failures: dict[str, Footage] = field(init=False)  # failed rows by source, as they were when the run began
    summary: Summary = field(default_factory=lambda: Summary("footage"))
    repeated: int = 0

    def __post_init__(self) -> None:
        self.known = {key: row for key, row in self.rows.items() if self._is_settled(row)}
        self.failures = {row.source_id: row for row in self.rows.values() if row.status == "failed"}

    def broken(self, found: Found, message: str) -> list[Footage]:
        """The row of a file whose process died or took too long. Without its content's key, so that the next run tries it again."""
        shutil.rmtree(incoming_folder(self.workspace, "tripod", found.name), ignore_errors=True)
        return [_failed(found, Failure("decode", message), None)]

    def save(self, rows: Sequence[Footage]) -> None:
        """Write what is new, count it, and drop the failed row that a source had before."""
        from manifests.files import Provenance, append_rows

        for row in rows:
            known, failure = self.known.get(row.footage_id), self.failures.get(row.source_id)
            attempts = 1 + (failure.attempts if failure is not None else 0)
            new = also_at(known, row.source_id) if known is not None else dataclasses.replace(row, attempts=attempts)
            dropped = [failure.footage_id] if failure is not None and failure.footage_id != new.footage_id else []
            if new != known or dropped:
                provenance = Provenance("acquire tripod", dataclasses.asdict(self.settings))
                append_rows(Footage, self.workspace.table(Footage), [new], provenance, dropped)
                if self._is_settled(new):
                    self.known[new.footage_id] = new
                self.on_row(new)
            if known is not None and new.status == "ok":
                self.repeated += 1
            else:
                self.summary.add("kept" if new.status == "ok" else "failed", new.error_kind)
            if new.status == "failed":
                self.say(f"{row.origin}: {new.error_kind}: {new.error}")
            if new.error_kind == "disk_full":
                raise InputError(f"{footage_folder(self.workspace)}: no space left on the disk; free some and run again")

    def _is_settled(self, row: Footage) -> bool:
        if row.status == "ok":
            return row.path is not None and self.workspace.resolve(row.path).exists()
        return row.sha256 is not None and row.retryable is False and row.tool == _tool()
