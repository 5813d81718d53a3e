"""From a file that has arrived to a row of footage: the same steps for every source.

Media lie in `footage/<footage_id>.<suffix>` (stills: in a folder of that name), named by their content alone, and get there by one rename
from `footage/.incoming/`, decoded whole and hashed. So a file in `footage/` is never half of one, and two sources of the same bytes share
one file and one row.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from acquire.failures import Failure, Refused
from manifests.errors import InputError
from manifests.tables import Footage, Withdrawal
from manifests.workspace import Workspace

if TYPE_CHECKING:
    from manifests.media import Probe

TAKEN_DOWN = "taken down"  # how the reason begins of what is not acquired again
SMALLEST_SIDE_PX = 64  # less, and there is nothing to measure rain on or to train with

Source = Literal["youtube", "tripod"]


def footage_folder(workspace: Workspace) -> Path:
    """Where media lie."""
    return workspace.root / "footage"


def make_ready(workspace: Workspace) -> Path:
    """The folder where media arrive, made. Raises InputError where nothing can be written."""
    folder = footage_folder(workspace) / ".incoming"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose a workspace that can be written with -C") from error
    return folder


def incoming_folder(workspace: Workspace, source: Source, source_id: str) -> Path:
    """Where one source's media arrive; the same in every run, so that a download goes on where it stopped."""
    return footage_folder(workspace) / ".incoming" / _source_key(source, source_id)


def read_footage(workspace: Workspace) -> list[Footage]:
    """The footage table's rows; none where there is no table yet."""
    from manifests.files import read_rows, table_exists

    table = workspace.table(Footage)
    return read_rows(Footage, table) if table_exists(table) else []


def taken_down(workspace: Workspace) -> list[Withdrawal]:
    """What releases had to be rid of, which is not taken in again; nothing where nothing was taken down."""
    from manifests.files import read_rows, table_exists

    table = workspace.table(Withdrawal)
    return read_rows(Withdrawal, table) if table_exists(table) else []


def decode_whole(media: Path, name: str, timeout_s: float | None = None) -> Probe:
    """Decode media to their end; in a child process of its own where `timeout_s` is given. `name` is what messages call them.

    Raises Refused where they do not decode, or are too small to be of use.
    """
    from manifests.executors import call_in_child
    from manifests.media import probe

    try:
        found = probe(media) if timeout_s is None else call_in_child(probe, media, timeout_s=timeout_s)
    except InputError as error:
        raise Refused("decode", str(error).replace(str(media), name)) from error
    if min(found.width, found.height) < SMALLEST_SIDE_PX:
        raise Refused("unsupported", f"{name}: {found.width}x{found.height} px, and a side must have at least {SMALLEST_SIDE_PX} px")
    return found


def settle(arrived: Path, sha256: str, workspace: Workspace) -> Path:
    """Put a file, or a folder of stills, at the place that its content names; gives that place.

    A file stays where it arrived, too (one file with two names, where the disk can do that): until its row is written it may be needed
    again. A folder moves.
    """
    suffix = "" if arrived.is_dir() else arrived.suffix.lower()
    place = footage_folder(workspace) / f"{footage_id(sha256)}{suffix}"
    if arrived.is_dir():
        _settle_folder(arrived, sha256, place)
        return place
    with arrived.open("rb") as file:
        os.fsync(file.fileno())
    second = arrived.with_name(f"{arrived.name}.settling")
    second.unlink(missing_ok=True)
    try:
        os.link(arrived, second)
    except OSError:  # exFAT, some network disks
        arrived.replace(place)
    else:
        second.replace(place)
        second.unlink(missing_ok=True)  # replacing a name by another of the same file does nothing
    return place


def sweep(workspace: Workspace, source: Source, source_ids: Iterable[str]) -> None:
    """Remove what is left of the arrival of media whose rows are written."""
    arriving = footage_folder(workspace) / ".incoming"
    settled = {_source_key(source, source_id) for source_id in source_ids}
    for folder in arriving.iterdir() if arriving.is_dir() else ():
        if folder.name in settled:
            shutil.rmtree(folder, ignore_errors=True)


def _settle_folder(arrived: Path, sha256: str, place: Path) -> None:
    """A folder gives way to no rename. What bears its name is the same stills from elsewhere, or something damaged, which is put aside."""
    from manifests.media import content_sha256

    while True:
        try:
            arrived.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
        try:
            same = content_sha256(place) == sha256
        except OSError:  # gone meanwhile
            continue
        if same:
            shutil.rmtree(arrived)
            return
        with contextlib.suppress(FileNotFoundError), tempfile.TemporaryDirectory(dir=arrived.parent) as aside:
            place.rename(Path(aside) / place.name)


def footage_id(sha256: str) -> str:
    """A footage's key: the beginning of its content's hash."""
    return sha256[:16]


def failed_id(source: Source, source_id: str) -> str:
    """The key of a row that has no content."""
    return f"failed-{_source_key(source, source_id)}"


def probed(probe: Probe) -> dict[str, Any]:
    """The columns that decoding fills."""
    return {
        "media": probe.media,
        "codec": probe.codec,
        "width": probe.width,
        "height": probe.height,
        "rotation_deg": probe.rotation_deg,
        "frames": probe.frames,
        "duration_s": probe.duration_s,
        "mean_fps": probe.mean_fps,
        "variable_frame_rate": probe.variable_frame_rate,
        "interlaced": probe.interlaced,
    }


def failed_row(source: Source, source_id: str, origin: str, failure: Failure, now: datetime, before: Footage | None, tool: str) -> Footage:
    """The row of an attempt that gave no usable media; `before` is the row of the attempt before it."""
    return Footage(
        footage_id=failed_id(source, source_id),
        source=source,
        source_id=source_id,
        origin=origin,
        status="failed",
        acquired_at=now,
        error_kind=failure.kind,
        error=failure.message,
        retryable=failure.retryable,
        attempts=1 + (before.attempts if before is not None else 0),
        next_attempt_at=failure.next_attempt_at(now),
        tool=tool,
    )


def also_at(row: Footage, source_id: str) -> Footage:
    """The row with a further source that gave the same bytes; the same row where it is known."""
    if source_id in (row.source_id, *row.also_at):
        return row
    return dataclasses.replace(row, also_at=(*row.also_at, source_id))


def _source_key(source: Source, source_id: str) -> str:
    return hashlib.sha256(f"{source}:{source_id}".encode()).hexdigest()[:12]
