"""What the footage table knows of links, and where their rows are written: because of it nothing is asked for twice."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from acquire.failures import is_due
from acquire.intake import TAKEN_DOWN, also_at, failed_id, read_footage, taken_down
from acquire.youtube.links import Link
from acquire.youtube.pacing import TRIPPING
from acquire.youtube.settings import YoutubeSettings, permits
from acquire.youtube.tool import tool
from manifests.tables import Footage
from manifests.workspace import Workspace

SECRETS = ("cookies", "proxy", "extractor_args")  # kept out of provenance, which travels with the table
COMPACTED_EVERY = 50  # rows: a table of very many small parts is slow to read


class Archive:
    """The footage rows of a workspace, as they stand on disk."""

    def __init__(self, workspace: Workspace, settings: YoutubeSettings) -> None:
        """Read them, and what was taken down. Raises InputError where a table cannot be read."""
        self.workspace = workspace
        self.settings = settings
        self.rows = {row.footage_id: row for row in read_footage(workspace)}
        # The source ids of media that are where their rows say.
        self.there = {name for row in self.rows.values() if self._has_media(row) for name in (row.source_id, *row.also_at)}
        self._parts = 0
        withdrawals = taken_down(workspace)
        self._down_sources = {key: row.reason for row in withdrawals for key in row.source_keys}
        self._down_content = {row.withdrawal_id: row.reason for row in withdrawals}

    def is_there(self, link: Link) -> bool:
        """Whether a row says that the link brought media, and they are where it says."""
        return link.source_id in self.there

    def earlier(self, link: Link) -> Footage | None:
        """The row of the attempt before, which brought nothing."""
        return self.rows.get(failed_id("youtube", link.source_id))

    def refusal(self, link: Link, content_id: str | None = None) -> str | None:
        """Why the link, or the content that it brought (by its footage id), is not acquired: it was taken down. None where it was not."""
        from manifests.files import fingerprint

        reason = self._down_sources.get(fingerprint("youtube", link.whole_id)) or self._down_content.get(content_id or "")
        return None if reason is None else f"{TAKEN_DOWN}: {reason}"

    def is_due(self, link: Link, now: datetime) -> bool:
        """Whether the attempt before allows another now. How long a refusal that closes a whole site binds is left to the breaker."""
        earlier = self.earlier(link)
        if self.refusal(link) is not None:
            return False
        if earlier is None or earlier.error_kind in TRIPPING:
            return True
        if earlier.status == "rejected":
            return permits(self.settings.licence, earlier.licence) and not (earlier.reason or "").startswith(TAKEN_DOWN)
        return is_due(earlier, now, tool(), self.settings.retry)

    def save(self, row: Footage) -> None:
        """Write a row; where it brought media, in place of the attempt before. Content that is there already notes its further link."""
        from manifests.files import Provenance, append_rows

        known = self.rows.get(row.footage_id)
        written = also_at(known, row.source_id) if known is not None and row.status == "ok" and self._has_media(known) else row
        settings = {name: value for name, value in dataclasses.asdict(self.settings).items() if name not in SECRETS}
        made_good = self._keys(row.source_id) if row.status == "ok" else ()
        append_rows(Footage, self.workspace.table(Footage), [written], Provenance("acquire youtube", settings), made_good)
        self._forget(made_good)
        self.rows[written.footage_id] = written
        if row.status == "ok":
            self.there.add(row.source_id)
        self._parts += 1
        if self._parts % COMPACTED_EVERY == 0:
            self.compact()

    def drop(self, source_id: str) -> None:
        """Take out the row of an attempt that a later one, which leaves no row, made good."""
        from manifests.files import Provenance, append_rows

        keys = self._keys(source_id)
        append_rows(Footage, self.workspace.table(Footage), [], Provenance("acquire youtube"), keys)
        self._forget(keys)

    def compact(self) -> None:
        """Fold the table's parts into its file."""
        from manifests.files import compact, table_exists

        if table_exists(self.workspace.table(Footage)):
            compact(Footage, self.workspace.table(Footage))

    def _keys(self, source_id: str) -> tuple[str, ...]:
        key = failed_id("youtube", source_id)
        return (key,) if key in self.rows else ()

    def _forget(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            del self.rows[key]

    def _has_media(self, row: Footage) -> bool:
        return row.status == "ok" and row.path is not None and self.workspace.resolve(row.path).exists()
