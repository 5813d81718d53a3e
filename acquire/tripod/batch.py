"""`acquire tripod`: footage of one's own camera to rows, decoded whole, copied with a verified hash or left in place."""

from __future__ import annotations

import dataclasses
import functools
import math
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from acquire.failures import KINDS, Failure
from acquire.intake import also_at, footage_folder, incoming_folder, make_ready, read_footage, taken_down
from acquire.tripod.cards import PICTURE_SUFFIXES, VIDEO_SUFFIXES, Found, find
from acquire.tripod.ingest import failed, ingest, known_by, tool
from acquire.tripod.settings import TripodSettings
from manifests.errors import InputError
from manifests.options import Summary
from manifests.tables import Footage
from manifests.workspace import Workspace

_STILLS_AT_ONCE, _BYTES_AT_ONCE = 200, 1 << 32  # what `timeout_s` is for; larger footage may take longer


def tripod(
    folders: Sequence[Path],
    settings: TripodSettings,
    workspace: Workspace,
    *,
    workers: int,
    say: Callable[[str], None] = lambda _line: None,
    on_row: Callable[[Footage], None] = lambda _row: None,
) -> Summary:
    """Take in the footage of folders; each file, recording or series of stills becomes a row, or joins the row of the same content.

    `say` is told in words what a user should know, `on_row` gets each row as it is written. Raises InputError where there is no footage,
    and where a folder is gone before its end: what was taken in until then is kept.
    """
    from manifests.executors import run_rows
    from manifests.files import compact, table_exists

    run = _Run(tuple(folders), settings, workspace, say, on_row, {row.footage_id: row for row in read_footage(workspace)})
    found = found_footage(folders, workspace, settings, say)
    make_ready(workspace)
    known = {content: row for row in run.known.values() if (content := known_by(row)) is not None}
    down = {row.withdrawal_id: row.reason for row in taken_down(workspace)}
    work = functools.partial(ingest, settings=settings, workspace=workspace, known=known, down=down)
    try:
        for entries, timeout_s in _by_patience(found, settings.timeout_s):
            run_rows(
                work,
                entries,
                name=lambda entry: entry.path.name,
                on_error=run.broken,
                save=run.save,
                workers=workers,
                timeout_s=timeout_s,
                label="footage",
            )
    finally:
        if table_exists(workspace.table(Footage)):
            compact(Footage, workspace.table(Footage))
    if run.repeated:
        say(f"{run.repeated} of {len(found)}: known already by their content")
    return run.summary


def found_footage(
    folders: Sequence[Path], workspace: Workspace, settings: TripodSettings, say: Callable[[str], None] = lambda _line: None
) -> list[Found]:
    """What `tripod` would take in. Raises InputError where there is nothing."""
    card = find(folders, workspace, settings)
    if not card.found:
        named = ", ".join(str(folder) for folder in folders)
        raise InputError(
            f"{named}: no footage; of {len(card.ignored)} files none is a video ({', '.join(sorted(VIDEO_SUFFIXES))}) or one of several "
            f"pictures of one camera or name ({', '.join(sorted(PICTURE_SUFFIXES))}); name another folder"
        )
    kinds = Counter(file.suffix.lower() or "without suffix" for file in card.ignored).most_common(5)
    told = f" ({', '.join(f'{number} {kind}' for kind, number in kinds)})" if kinds else ""
    say(f"{len(card.found)} videos and series of stills; {len(card.ignored)} other files passed over{told}")
    for remark in card.remarks:
        say(remark)
    return card.found


def _by_patience(found: Sequence[Found], timeout_s: float) -> Iterator[tuple[list[Found], float]]:
    """The small first, then what is so large that it may take twice as long, four times, and so on."""
    by_doublings: dict[int, list[Found]] = defaultdict(list)
    for entry in found:
        size = max(len(entry.shots) / _STILLS_AT_ONCE, sum(_bytes(file) for file in entry.files) / _BYTES_AT_ONCE, 1.0)
        by_doublings[math.ceil(math.log2(size))].append(entry)
    for doublings, entries in sorted(by_doublings.items()):
        yield entries, timeout_s * 2**doublings


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # gone meanwhile, which reading it will tell
        return 0


@dataclass
class _Run:
    """What one run knows and writes, in the parent process."""

    folders: tuple[Path, ...]
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
        return [failed(found, Failure("decode", message), None)]

    def save(self, rows: Sequence[Footage]) -> None:
        """Write what is new, count it, and drop the failed row that a source had before."""
        if len(rows) > 1:
            self.say(f"{rows[0].origin}: the {len(rows)} files from here on are kept apart: nothing tells that one continues another")
        for row in rows:
            self._save(row)
        if any(row.status == "failed" for row in rows):
            gone = next((folder for folder in self.folders if not folder.exists()), None)
            if gone is not None:
                raise InputError(f"{gone}: gone while it was read; what was taken in is kept: put the card back and run again")

    def _save(self, row: Footage) -> None:
        from manifests.files import Provenance, append_rows

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
            outcome: Literal["kept", "rejected", "failed"] = "kept" if new.status == "ok" else new.status
            self.summary.add(outcome, new.reason or new.error_kind)
            self._tell(new, row.origin)
        if new.error_kind == "disk_full":
            raise InputError(f"{footage_folder(self.workspace)}: {new.error}: {KINDS['disk_full'].advice}")

    def _tell(self, row: Footage, origin: str) -> None:
        """What a user should know of a row beyond its columns."""
        if row.status == "rejected":
            self.say(f"{origin}: {row.reason}")
        if row.status == "failed":
            self.say(f"{origin}: {row.error_kind}: {row.error}")
        if row.parts:
            self.say(f"{origin}: {len(row.parts)} files joined to one recording")
        if (before := self._begins_like(row)) is not None:
            self.say(f"{origin}: begins like {before.footage_id} ({before.frames} frames), which is there too: was it read before its end?")
        if row.interlaced:
            self.say(f"{origin}: interlaced; it is deinterlaced whenever it is decoded")
        if row.varying:
            self.say(f"{origin}: not the same throughout: {', '.join(row.varying)}; the length and brightness of streaks change with them")

    def _begins_like(self, row: Footage) -> Footage | None:
        """Footage of the same camera and moment whose content is another: a series that has grown since, or a part of a recording."""
        if row.captured_at is None or not (row.media == "stills" or row.parts):
            return None
        return next(
            (
                other
                for other in self.known.values()
                if (other.captured_at, other.camera_model) == (row.captured_at, row.camera_model) and other.footage_id != row.footage_id
            ),
            None,
        )

    def _is_settled(self, row: Footage) -> bool:
        if row.status == "ok":
            return row.path is not None and self.workspace.resolve(row.path).exists()
        return known_by(row) is not None and row.retryable is False and row.tool == tool()
