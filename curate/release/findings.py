"""What `curate release verify` finds, in kinds, and how a kind ends the command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["files", "tables", "shards", "pictures", "splits", "croissant"]

EXIT_CODES: dict[Kind, int] = {"files": 4, "tables": 5, "shards": 6, "pictures": 7, "splits": 8, "croissant": 9}
MEANINGS: dict[Kind, str] = {
    "files": "missing, extra, changed against SHA256SUMS, or no plain file",
    "tables": "unreadable, newer, or rows that do not hold or do not agree",
    "shards": "members that are missing, extra, doubled, changed or hostile",
    "pictures": "undecodable, or of another size than promised",
    "splits": "a place or a source is in two of them",
    "croissant": "croissant.json is not about these files",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold of a release."""

    kind: Kind
    where: str  # the file, and the member or row in it
    problem: str


def exit_code(findings: Iterable[Finding]) -> int:
    """0 where there is none; else that of the first kind, in the order of EXIT_CODES."""
    return min((EXIT_CODES[finding.kind] for finding in findings), default=0)
