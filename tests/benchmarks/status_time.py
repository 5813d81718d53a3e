"""How long a user waits for `acquire status` over 10,000 rows of every kind: the best of three runs of the installed script.

Once over a table at rest, and once as a run leaves it that is under way: with as many parts beside it as a run lets grow.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from acquire.failures import KINDS
from acquire.youtube.archive import COMPACTED_EVERY
from acquire.youtube.tool import tool
from manifests.files import Provenance, append_rows, write_rows
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.benchmarks.figure import Figure

ROWS = 10_000
BOUND_S = 2.0
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_MADE_BY = Provenance("a benchmark")


def run() -> list[Figure]:
    """Time it over both tables."""
    rows = [_row(index) for index in range(ROWS)]
    figures = []
    for parts, when in ((0, "at rest"), (COMPACTED_EVERY - 1, f"with {COMPACTED_EVERY - 1} parts, as a run leaves it")):
        with tempfile.TemporaryDirectory() as folder:
            table = Workspace(Path(folder)).table(Footage)
            write_rows(Footage, table, rows[: ROWS - parts], _MADE_BY)
            for row in rows[ROWS - parts :]:
                append_rows(Footage, table, [row], _MADE_BY)
            wall, processor = min(_once(Path(folder)) for _ in range(3))
        figures.append(Figure(f"`acquire status` over {ROWS:,} rows {when}", wall, "s", BOUND_S))
        figures.append(Figure(f"processor time of that, {when}", processor, "s", None))
    return figures


def _row(index: int) -> Footage:
    kinds = [None, *KINDS]
    kind = kinds[index % len(kinds)]
    name = f"{index:011}"
    row = Footage(f"{index:016x}", "youtube", name, f"https://www.youtube.com/watch?v={name}", "ok", _NOW - timedelta(minutes=index))
    if kind is None:
        return replace(row, path=f"footage/{index:016x}.mp4", sha256="0" * 64, bytes=10**7, frames=1500, duration_s=60.0, title="Rain")
    again = _NOW + timedelta(minutes=index) if KINDS[kind].wait is not None else None
    said = f"ERROR: [youtube] {name}: the words of a tool, about as long as they are in general"
    return replace(row, status="failed", error_kind=kind, error=said, retryable=KINDS[kind].retryable, next_attempt_at=again, tool=tool())


def _once(folder: Path) -> tuple[float, float]:
    """Seconds on the wall, and of the processor."""
    command = [str(Path(sys.executable).parent / "acquire"), "status", "-C", str(folder)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
