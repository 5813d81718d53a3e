"""Splits that share neither a place nor a source, and that stay.

All scenes that are tied by a place or by a source, directly or through others, go to one split, drawn by a hash of the tie's first source.
What a table already says is kept: adding data moves no old scene. Where new scenes would tie old ones of different splits (a compilation
of two known places), the new ones are rejected. A known scene moves for two reasons only: `hold_out` names a footage that it is tied to, or
a laxer setting shows two known places of different splits to be one; `moved` tells which.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from curate.places import Link, clusters, links
from manifests.tables import Scene, Split

HELD_MOST_FIRST: tuple[Split, ...] = ("test", "val", "train")


@dataclass(frozen=True, slots=True)
class Splitting:
    """How scenes are split."""

    place_resemblance: float  # least resemblance of two scenes of one place
    val_fraction: float
    test_fraction: float


def source_of(source_id: str) -> str:
    """The source without a time range (`#t=600-1500`): parts of one video are one source."""
    return source_id.partition("#t=")[0]


def assign_splits(scenes: Sequence[Scene], known: Sequence[Scene], held_out: Collection[str], splitting: Splitting) -> list[Scene]:
    """The scenes with `place_id` and `split` set; rows without frames stay as they are.

    `known`: earlier rows, whose places and splits (also of their sources) are kept. `held_out`: source ids that go to `test` with all
    that is tied to them. A new scene that ties together known ones of different splits comes back with a reason and no split.
    """
    held = {source_of(source_id) for source_id in held_out}
    placed = {row.scene_id: row for row in known if row.split is not None}
    made = sorted((scene for scene in scenes if scene.frames), key=lambda scene: (scene.scene_id not in placed, scene.scene_id))
    found = _links(made, splitting.place_resemblance)
    places = _places(made, placed, found)
    earlier = _Earlier(placed)
    between: dict[str, str] = {}  # new scenes that tie different splits together
    for group in _groups(made, places):
        if len(before := earlier.splits(group)) > 1 and not _held(group, held):
            reason = f"ties scenes of different splits together: {' and '.join(sorted(before))}"
            between.update((scene.scene_id, reason) for scene in group if scene.scene_id not in placed)
    left = [scene for scene in made if scene.scene_id not in between]
    splits = _splits(_groups(left, _places(left, placed, found) if between else places), earlier, held, splitting)
    names = {scene.scene_id: _place_name(scene, place, placed) for place in places for scene in place}

    def assigned(scene: Scene) -> Scene:
        if not scene.frames:
            return scene
        name, split = names[scene.scene_id], splits.get(scene.scene_id)
        return dataclasses.replace(scene, place_id=name, split=split, reason=between.get(scene.scene_id))

    return [assigned(scene) for scene in scenes]


def moved(known: Iterable[Scene], rows: Iterable[Scene]) -> list[tuple[Scene, Scene]]:
    """Scenes whose split is another than it was: (earlier row, present row)."""
    before = {row.scene_id: row for row in known if row.split is not None}
    return [(before[row.scene_id], row) for row in rows if row.scene_id in before and row.split not in (None, before[row.scene_id].split)]


class _Earlier:
    """The splits that scenes and sources had before."""

    def __init__(self, placed: Mapping[str, Scene]) -> None:
        self.of_scene = {scene_id: row.split for scene_id, row in placed.items()}
        self.of_source: dict[str, set[Split | None]] = defaultdict(set)
        for row in placed.values():
            self.of_source[source_of(row.source_id)].add(row.split)

    def splits(self, group: Sequence[Scene]) -> set[Split]:
        """Those of a group's scenes and of their sources."""
        own = {self.of_scene.get(scene.scene_id) for scene in group}
        return {split for split in own.union(*(self.of_source[source_of(scene.source_id)] for scene in group)) if split is not None}


def _splits(groups: Sequence[Sequence[Scene]], earlier: _Earlier, held: Collection[str], splitting: Splitting) -> dict[str, Split]:
    """The split of each scene of groups that must not be parted."""
    splits: dict[str, Split] = {}
    drawn: list[Sequence[Scene]] = []
    for group in groups:
        before = earlier.splits(group)
        split: Split | None = "test" if _held(group, held) else next((split for split in HELD_MOST_FIRST if split in before), None)
        if split is None:
            drawn.append(group)
            split = _drawn(group, splitting)
        splits.update((scene.scene_id, split) for scene in group)
    if drawn and "train" not in splits.values():  # a handful of scenes must be of use for training
        splits.update((scene.scene_id, "train") for scene in min(drawn, key=_draw))
    return splits


def _drawn(group: Sequence[Scene], splitting: Splitting) -> Split:
    drawn = _draw(group)
    if drawn < splitting.test_fraction:
        return "test"
    return "val" if drawn < splitting.test_fraction + splitting.val_fraction else "train"


def _draw(group: Sequence[Scene]) -> float:
    """A number in [0, 1) that depends on the group's first source alone."""
    first = min(source_of(scene.source_id) for scene in group)
    return int.from_bytes(hashlib.sha256(first.encode()).digest()[:6]) / 2**48


def _held(group: Iterable[Scene], held: Collection[str]) -> bool:
    return any(source_of(scene.source_id) in held for scene in group)


def _place_name(scene: Scene, place: Sequence[Scene], placed: Mapping[str, Scene]) -> str:
    """A scene's place: what an earlier row of it says, else of its cluster's first scene, else named after that one."""
    for row in (scene, place[0]):
        if row.scene_id in placed and (name := placed[row.scene_id].place_id) is not None:
            return name
    return f"place-{place[0].scene_id}"


def _links(made: Sequence[Scene], least_resemblance: float) -> list[tuple[str, str, float]]:
    """Pairs of scene ids that show one place, and how alike they are."""
    hashed = [scene for scene in made if scene.place_hash is not None]
    found = links([scene.place_hash or "" for scene in hashed], least_resemblance)
    return [(hashed[link.one].scene_id, hashed[link.other].scene_id, link.resemblance) for link in found]


def _places(made: Sequence[Scene], placed: Mapping[str, Scene], found: Iterable[tuple[str, str, float]]) -> list[list[Scene]]:
    """Scenes by place, known places kept together; scenes without a hash stand with the others of their footage."""
    number = {scene.scene_id: index for index, scene in enumerate(made)}
    together: dict[Hashable, list[int]] = defaultdict(list)
    for index, scene in enumerate(made):
        if scene.scene_id in placed:
            together["place", placed[scene.scene_id].place_id].append(index)
        if scene.place_hash is None:
            together["footage", scene.footage_id].append(index)
    between = [Link(number[one], number[other], alike) for one, other, alike in found if one in number and other in number]
    return [[made[index] for index in place] for place in clusters(len(made), list(together.values()), between)]


def _groups(made: Sequence[Scene], places: Sequence[Sequence[Scene]]) -> list[list[Scene]]:
    """Scenes tied by a place or by a source, directly or through others, in order of first appearance (union-find)."""
    parent: dict[Hashable, Hashable] = {}

    def root(node: Hashable) -> Hashable:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for number, place in enumerate(places):
        for scene in place:
            parent[root(scene.scene_id)] = root(("place", number))
            parent[root(scene.scene_id)] = root(("source", source_of(scene.source_id)))
    groups: dict[Hashable, list[Scene]] = defaultdict(list)
    for scene in made:
        groups[root(scene.scene_id)].append(scene)
    return list(groups.values())
