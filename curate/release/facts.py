"""The numbers that a release's words are made of, counted from its rows alone, so that the words are true of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from curate.release.index import Member
from curate.release.rights import Profile, is_ours
from curate.release.selection import Selection
from manifests.tables import Footage

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """One line of the card's table of splits."""

    split: str
    scenes: int
    frames: int
    places: int
    sources: int
    with_pixels: int


@dataclass(frozen=True, slots=True)
class LicenceCounts:
    """One line of the table of licences."""

    source: str
    licence: str
    footage: int
    scenes: int
    with_pixels: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How a measure of the rain spreads over the frames in which it could be measured."""

    measure: str
    unit: str
    frames: int
    low: float  # 5th percentile
    median: float
    high: float  # 95th percentile


@dataclass(frozen=True)
class Facts:
    """A release as far as words need it."""

    version: str
    profile: Profile
    selection: Selection
    members: list[Member]
    previous: Path | None  # the folder of the release before

    @property
    def scenes(self) -> int:
        """Scenes in the release."""
        return len(self.selection.scenes)

    @property
    def frames(self) -> int:
        """Frames in the release, told of only or with pixels."""
        return sum(len(scene.frames) for scene in self.selection.scenes)

    @property
    def frame_bytes(self) -> int:
        """Bytes of all members in shards."""
        return sum(member.bytes or 0 for member in self.members)

    @property
    def shards(self) -> list[str]:
        """The shards' names in the release."""
        return sorted({member.shard for member in self.members if member.shard is not None})

    @property
    def splits_with_shards(self) -> list[str]:
        """Splits that have pixels, in the order train, val, test."""
        return [split for split in SPLITS if any(member.shard is not None and member.split == split for member in self.members)]

    @property
    def as_of(self) -> str:
        """The day on which the newest of the footage was acquired, YYYY-MM-DD: a release does not say when it was built."""
        return max(row.acquired_at for row in self.selection.footage).date().isoformat()

    @property
    def sizes(self) -> list[str]:
        """Picture sizes."""
        return sorted({f"{scene.width}x{scene.height}" for scene in self.selection.scenes})

    @property
    def withheld(self) -> list[tuple[str, int]]:
        """Why pixels are not in the release though its profile holds pixels, and of how many scenes."""
        return sorted(Counter(self.selection.without_pixels.values()).items())

    @property
    def unreachable(self) -> int:
        """Scenes that nobody else can rebuild: without pixels here, of footage without a URL."""
        ids = {row.footage_id for row in self.selection.footage if not row.origin.lower().startswith(("http://", "https://"))}
        return sum(scene.footage_id in ids and scene.scene_id not in self.selection.pixels for scene in self.selection.scenes)

    @property
    def simulated(self) -> int:
        """Scenes whose rain was drawn."""
        ids = {row.footage_id for row in self.selection.footage if row.source == "simulated"}
        return sum(scene.footage_id in ids for scene in self.selection.scenes)

    @cached_property
    def splits(self) -> list[SplitCounts]:
        """Counts by split, in the order train, val, test."""
        return [self._split(split) for split in SPLITS]

    @cached_property
    def licences(self) -> list[LicenceCounts]:
        """Counts by source and licence."""
        groups: dict[tuple[str, str], set[str]] = {}
        for footage in self.selection.footage:
            groups.setdefault((footage.source, stated_licence(footage)), set()).add(footage.footage_id)
        return [self._licence(*key, ids) for key, ids in sorted(groups.items())]

    @cached_property
    def sources(self) -> list[tuple[str, int]]:
        """Footage by where it comes from."""
        return sorted(Counter(row.source for row in self.selection.footage).items())

    @cached_property
    def footage_s(self) -> float:
        """Duration of the footage behind the scenes, s."""
        return sum(row.duration_s or 0.0 for row in self.selection.footage)

    @cached_property
    def spreads(self) -> list[Spread]:
        """The rain of the frames."""
        found = []
        for column, measure, unit in (
            ("frame_orientation_deg", "orientation", "degrees, 90 is vertical"),
            ("frame_length_px", "streak length", "px"),
            ("frame_width_px", "streak width", "px"),
            ("frame_cover", "cover", "share of pixels"),
            ("frame_amplitude", "brightening", "grey levels"),
        ):
            values = [value for value in self._rain(column) if value is not None]
            if values:
                low, median, high = np.percentile(values, (5, 50, 95)).tolist()
                found.append(Spread(measure, unit, len(values), low, median, high))
        return found

    @cached_property
    def streaks(self) -> list[tuple[float, float]]:
        """Orientation (degrees) and length (px) of the rain of each frame in which it was measured."""
        measured = zip(self._rain("frame_orientation_deg"), self._rain("frame_length_px"), strict=True)
        return [(orientation, length) for orientation, length in measured if orientation is not None and length is not None]

    def _rain(self, column: str) -> list[float | None]:
        """A per-frame measure of the rain, frame by frame of all scenes."""
        rain = {row.segment_id: row for row in self.selection.rain}
        first = {row.segment_id: row.first_frame for row in self.selection.segments}
        values: list[float | None] = []
        for scene in self.selection.scenes:
            if scene.segment_id in rain:
                of_segment: tuple[float | None, ...] = getattr(rain[scene.segment_id], column)
                places = [index - first[scene.segment_id] for index in scene.frame_index]
                values += [of_segment[place] if place < len(of_segment) else None for place in places]
        return values

    def _split(self, split: str) -> SplitCounts:
        scenes = [scene for scene in self.selection.scenes if scene.split == split]
        return SplitCounts(
            split=split,
            scenes=len(scenes),
            frames=sum(len(scene.frames) for scene in scenes),
            places=len({scene.place_id for scene in scenes}),
            sources=len({scene.source_id for scene in scenes}),
            with_pixels=sum(scene.scene_id in self.selection.pixels for scene in scenes),
        )

    def _licence(self, source: str, licence: str, ids: set[str]) -> LicenceCounts:
        scenes = [scene for scene in self.selection.scenes if scene.footage_id in ids]
        return LicenceCounts(source, licence, len(ids), len(scenes), sum(scene.scene_id in self.selection.pixels for scene in scenes))


def stated_licence(footage: Footage) -> str:
    """A footage's licence in words; Markdown's own signs made harmless."""
    unstated = "own footage, none stated" if is_ours(footage) else "none stated"
    return " ".join((footage.licence or unstated).replace("|", "/").split())
