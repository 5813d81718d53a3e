"""What the tables of a workspace come to: kept, rejected and failed by stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

from manifests.options import reason_class
from manifests.tables import Footage, Rain, Scene, Segment, Split

SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Tables:
    """The rows of a workspace; empty lists where a stage has not run."""

    footage: list[Footage]
    segments: list[Segment] = field(default_factory=list)
    rain: list[Rain] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)

    @property
    def kept_scenes(self) -> list[Scene]:
        """Scenes with frames, by split and footage."""
        kept = [row for row in self.scenes if row.reason is None and row.error is None]
        return sorted(kept, key=lambda row: (SPLITS.index(row.split or "train"), row.source_id, row.scene_id))


@dataclass(frozen=True, slots=True)
class Stage:
    """What became of the rows of one stage. Like reasons and errors count together (`manifests.options.reason_class`)."""

    name: str
    command: str
    kept: int
    rejected: tuple[tuple[str, int], ...]
    failed: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """All rows."""
        return self.kept + sum(number for _, number in (*self.rejected, *self.failed))


@dataclass(frozen=True, slots=True)
class Rejected:
    """A segment of which no scene came: at which stage, and why."""

    segment: Segment
    footage: Footage
    stage: str
    reason: str


def stages(tables: Tables) -> list[Stage]:
    """Counts by stage, in the order of the chain."""
    failed = Counter(row.error_kind or "unknown" for row in tables.footage if row.status == "failed")
    ok = sum(row.status == "ok" for row in tables.footage)
    return [
        Stage("footage", "acquire youtube | tripod", ok, (), tuple(failed.most_common())),
        _stage("segments", "curate static-segments", tables.segments),
        _stage("rain", "curate rain-diversity", tables.rain),
        _stage("scenes", "curate sequences", tables.scenes),
    ]


def rejected_segments(tables: Tables) -> list[Rejected]:
    """Every segment that a stage rejected, once, by stage and reason. Failed rows are no rejections."""
    footage = {row.footage_id: row for row in tables.footage}
    segments = {row.segment_id: row for row in tables.segments}
    found: dict[str, Rejected] = {}
    for stage, rows in (("segments", tables.segments), ("rain", tables.rain), ("scenes", tables.scenes)):
        rejected = [(row.segment_id, row.reason) for row in rows if row.reason is not None]
        for segment_id, reason in sorted(rejected, key=lambda entry: (reason_class(entry[1]), entry[0])):
            segment = segments.get(segment_id)
            if segment is not None and segment.footage_id in footage:
                found.setdefault(segment_id, Rejected(segment, footage[segment.footage_id], stage, reason))
    return list(found.values())


def errors(tables: Tables) -> list[tuple[str, str, str]]:
    """Stage, key and message of each row that could not be done."""
    of_footage = [("footage", row.origin, f"{row.error_kind}: {row.error}") for row in tables.footage if row.status == "failed"]
    of_segments = [("segments", row.segment_id, row.error) for row in tables.segments if row.error is not None]
    of_rain = [("rain", row.segment_id, row.error) for row in tables.rain if row.error is not None]
    of_scenes = [("scenes", row.scene_id, row.error) for row in tables.scenes if row.error is not None]
    return [*of_footage, *of_segments, *of_rain, *of_scenes]


def _stage(name: str, command: str, rows: Sequence[Segment] | Sequence[Rain] | Sequence[Scene]) -> Stage:
    rejected = Counter(reason_class(row.reason) for row in rows if row.reason is not None)
    failed = Counter(reason_class(row.error) for row in rows if row.error is not None)
    kept = len(rows) - rejected.total() - failed.total()
    return Stage(name, command, kept, tuple(rejected.most_common()), tuple(failed.most_common()))
