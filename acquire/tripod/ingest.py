"""What was found on a card to rows: hashed, brought, decoded whole, described. Runs in a child process, which a time-out can end.

A file is known by its content. One that is known already, wherever it lies now, is neither copied nor decoded again, and one that could
not be decoded is not tried again by the same decoder.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acquire.failures import Failure, Refused, classify
from acquire.intake import TAKEN_DOWN, decode_whole, failed_row, footage_id, incoming_folder, probed, settle
from acquire.tripod.cards import Found
from acquire.tripod.copies import bring, content_sha256, file_hashes, is_whole_folder
from acquire.tripod.exif import exposure_of
from acquire.tripod.raw import available
from acquire.tripod.recordings import confirmed
from acquire.tripod.settings import TripodSettings
from acquire.tripod.telemetry import read_telemetry
from acquire.tripod.video_tags import read_video_tags
from manifests.tables import Footage
from manifests.workspace import Workspace


def ingest(
    found: Found, settings: TripodSettings, workspace: Workspace, known: Mapping[str, Footage], down: Mapping[str, str]
) -> list[Footage]:
    """The row of one file, recording or series; of candidates that turn out to be no one recording, a row each.

    `known` are rows by what their content is known by (`known_by`): such content gives the known row under its own name. `down` are the
    reasons for which content was taken down, by its footage id: it is not taken in, and its row says why.
    """
    if not found.parts:
        return [_row(found, settings, workspace, known, down)]
    recordings = [
        Found(parts[0], str(parts[0]), parts=tuple(parts)) if len(parts) > 1 else Found(parts[0], str(parts[0]))
        for parts in confirmed(found.parts)
    ]
    return [_row(recording, settings, workspace, known, down) for recording in recordings]


def known_by(row: Footage) -> str | None:
    """What a row's content is known by on a card: see `copies.content_sha256`."""
    return row.originals_sha256 or row.sha256


def failed(found: Found, failure: Failure, known: str | None) -> Footage:
    """A failed row; under its content's key where that is `known` and another attempt would fail alike: it is not tried again."""
    row = failed_row("tripod", found.name, found.name, failure, datetime.now(UTC), None, tool())
    if known is None or failure.retryable:
        return row
    made = bool(found.parts or found.raw)
    return dataclasses.replace(
        row,
        footage_id=footage_id(known),
        sha256=None if made else known,
        originals_sha256=known if made else None,
        bytes=sum(file.stat().st_size for file in found.files),
    )


def tool() -> str:
    """What reads the files: a file that failed is tried again by another."""
    from importlib import metadata

    import av

    return f"PyAV {av.__version__}" + (f", rawpy {metadata.version('rawpy')}" if available() else "")


def _row(found: Found, settings: TripodSettings, workspace: Workspace, known: Mapping[str, Footage], down: Mapping[str, str]) -> Footage:
    try:
        hashes = file_hashes(found)
        content = content_sha256(found, hashes)
    except OSError as error:  # of the card's; nothing was written yet
        told = f"{error.filename}: cannot be read ({error.strerror}); is the card still there, and open to you? Run again when it is"
        return failed(found, Failure("unknown", told), None)
    if there := known.get(content):
        return dataclasses.replace(there, source_id=found.name, origin=found.name, also_at=())
    if footage_id(content) in down:
        return _refused(found, content, down)
    if (refusal := _refusal(found, settings)) is not None:
        return failed(found, Failure("unsupported", refusal), None)
    arriving = incoming_folder(workspace, "tripod", found.name)
    try:
        return _taken(found, hashes, content, arriving, settings, workspace, down)
    except (Refused, OSError) as error:
        return failed(found, _failure(error, found, hashes), content)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _refused(found: Found, sha256: str, down: Mapping[str, str]) -> Footage:
    """The row of content that was taken down, which keeps nothing of it."""
    key = footage_id(sha256)
    reason = f"{TAKEN_DOWN}: {down[key]}"
    return Footage(key, "tripod", found.name, found.name, "rejected", datetime.now(UTC), reason=reason, sha256=sha256, tool=tool())


def _taken(
    found: Found,
    hashes: Sequence[str],
    content: str,
    arriving: Path,
    settings: TripodSettings,
    workspace: Workspace,
    down: Mapping[str, str],
) -> Footage:
    from manifests.media import content_sha256 as media_sha256

    source = found.path if settings.in_place else bring(found, hashes, arriving)
    probe = decode_whole(source, str(found.path))
    made = bool(found.parts or found.raw)
    sha256 = media_sha256(source) if made else content
    if footage_id(sha256) in down:  # what is made of several files is known by its own content, too
        return _refused(found, sha256, down)
    media_bytes = sum(file.stat().st_size for file in ([source] if source.is_file() else source.iterdir())) if made else _size(found)
    place = source if settings.in_place else settle(source, sha256, workspace)
    told = exposure_of(found.shots) if found.shots else _told_by(found.path)
    return Footage(
        footage_id=footage_id(sha256),
        source="tripod",
        source_id=found.name,
        origin=found.name,
        status="ok",
        acquired_at=datetime.now(UTC),
        path=workspace.relative(place),
        sha256=sha256,
        bytes=media_bytes,
        parts=tuple(str(part) for part in found.parts),
        originals_sha256=content if made else None,
        tool=tool(),
        **probed(probe),
        **told,
    )


def _told_by(video: Path) -> dict[str, Any]:
    """The columns that a camera fills for a video: what it recorded along with the frames goes before what it says of the whole."""
    recorded = {name: value for name, value in read_telemetry(video).items() if value is not None}
    return {**read_video_tags(video), **recorded}


def _refusal(found: Found, settings: TripodSettings) -> str | None:
    """Why a series cannot be taken so, although nothing is wrong with it."""
    if found.raw and settings.in_place:
        return f"{found.name}: raw pictures are developed into the workspace; leave --in-place out"
    if found.raw and not available():
        return f"{found.name}: raw pictures need the extra [raw]: pip install 'rainlapse[raw]', and run again"
    if found.shots and settings.in_place and not is_whole_folder(found):
        return f"{found.name}: its folder holds other pictures too, or sorts them otherwise; leave --in-place out"
    return None


def _failure(error: Exception, found: Found, hashes: Sequence[str]) -> Failure:
    """What went wrong. A card that was pulled out while it was decoded in place is no damaged file: it is read once more to tell."""
    failure = classify(error)
    if isinstance(error, OSError) and failure.kind == "unknown":
        return Failure(
            "unknown", f"{error.filename}: cannot be read or written ({error.strerror}); is the card still there? Run again when it is"
        )
    if failure.kind == "decode" and not _still_reads(found, hashes):
        return Failure("unknown", f"{found.name}: reads otherwise than a moment ago; check the card and its reader, and run again")
    return failure


def _still_reads(found: Found, hashes: Sequence[str]) -> bool:
    try:
        return file_hashes(found) == list(hashes)
    except OSError:
        return False


def _size(found: Found) -> int:
    return sum(file.stat().st_size for file in found.files)
