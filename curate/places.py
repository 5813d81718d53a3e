"""Scenes of one place, however often uploaded; splits that share neither a place nor a source.

A scene's place is known by a hash of its temporal median, which holds no rain; scenes with near hashes show one place. All scenes that
are tied by a place or by a source, directly or through others, go to one split, drawn by a hash of the tie's first source. What a table
already says is kept: adding data moves no old scene. Where new scenes would tie old ones of different splits (a compilation of two known
places), the new ones are rejected. `hold_out` alone overrules: whatever is tied to a footage that it names goes to `test`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from manifests.tables import Scene, Split

HASH_SIDE = 16  # cells a side: two bits a cell
LEAST_CONTRAST = 4.0  # grey levels: below this standard deviation (dark, foggy) a hash is that of noise, and there is none
HELD_MOST_FIRST: tuple[Split, ...] = ("test", "val", "train")


@dataclass(frozen=True, slots=True)
class Splitting:
    """How scenes are split."""

    place_distance: float  # most share of differing bits between two hashes of one place
    val_fraction: float
    test_fraction: float


def place_hash(picture: npt.NDArray[np.uint8]) -> str | None:
    """Perceptual hash of a picture (HWC RGB or HW), 128 hex digits; null for one too dark or foggy to tell places by.

    A difference hash: whether each cell of a small grey copy is brighter than its neighbour to the left, and than the one above. Blind to
    size, codec, brightness and contrast.
    """
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (HASH_SIDE + 1, HASH_SIDE + 1), interpolation=cv2.INTER_AREA).astype(np.int16)
    if float(small.std()) < LEAST_CONTRAST:
        return None
    rises_right = small[:HASH_SIDE, 1:] > small[:HASH_SIDE, :HASH_SIDE]
    rises_down = small[1:, :HASH_SIDE] > small[:HASH_SIDE, :HASH_SIDE]
    return np.packbits(np.concatenate([rises_right.ravel(), rises_down.ravel()])).tobytes().hex()


def assign_splits(scenes: Sequence[Scene], known: Sequence[Scene], held_out: Collection[str], splitting: Splitting) -> list[Scene]:
    """The scenes with `place_id` and `split` set; rows without frames stay as they are.

    `known`: earlier rows, whose places and splits (also of their sources) are kept. `held_out`: source ids that go to `test` with all
    that is tied to them. A new scene that ties together known ones of different splits comes back with a reason and no split.
    """
    placed = {row.scene_id: row for row in known if row.split is not None}
    made = sorted((scene for scene in scenes if scene.frames), key=lambda scene: (scene.scene_id not in placed, scene.scene_id))
    clusters = _clusters(made, splitting.place_distance)
    cluster_of = _numbered(clusters)
    split_of_source = _by_source(placed.values())

    def earlier(group: Sequence[Scene]) -> set[Split]:
        """The splits that a group's scenes and sources had before."""
        own: set[Split] = {split for scene in group if scene.scene_id in placed and (split := placed[scene.scene_id].split)}
        return own.union(*(split_of_source.get(scene.source_id, set()) for scene in group))

    between: dict[str, set[Split]] = {}  # new scenes that tie different splits together
    for group in _groups(made, cluster_of):
        if len(earlier(group)) > 1 and not _held(group, held_out):
            between.update((scene.scene_id, earlier(group)) for scene in group if scene.scene_id not in placed)
    splits: dict[str, Split] = {}
    drawn: list[list[Scene]] = []
    left = [scene for scene in made if scene.scene_id not in between]
    for group in _groups(left, _numbered(_clusters(left, splitting.place_distance)) if between else cluster_of):
        if not earlier(group) and not _held(group, held_out):
            drawn.append(group)
        split = _split_of(group, earlier(group), held_out, splitting)
        splits.update((scene.scene_id, split) for scene in group)
    if drawn and "train" not in splits.values():  # a handful of scenes must be of use for training
        splits.update((scene.scene_id, "train") for scene in min(drawn, key=lambda group: _draw(_first_source(group))))
    names = {scene.scene_id: _place_name(scene, cluster, placed) for cluster in clusters for scene in cluster}

    def assigned(scene: Scene) -> Scene:
        if not scene.frames:
            return scene
        reason = None
        if scene.scene_id in between:
            reason = f"ties scenes of different splits together: {' and '.join(sorted(between[scene.scene_id]))}"
        return dataclasses.replace(scene, place_id=names[scene.scene_id], split=splits.get(scene.scene_id), reason=reason)

    return [assigned(scene) for scene in scenes]


def _split_of(group: Sequence[Scene], before: set[Split], held_out: Collection[str], splitting: Splitting) -> Split:
    if _held(group, held_out):
        return "test"
    for split in HELD_MOST_FIRST:
        if split in before:
            return split
    drawn = _draw(_first_source(group))
    if drawn < splitting.test_fraction:
        return "test"
    return "val" if drawn < splitting.test_fraction + splitting.val_fraction else "train"


def _held(group: Iterable[Scene], held_out: Collection[str]) -> bool:
    return any(scene.source_id in held_out for scene in group)


def _first_source(group: Iterable[Scene]) -> str:
    return min(scene.source_id for scene in group)


def _draw(source_id: str) -> float:
    """A number in [0, 1) that depends on the source id alone."""
    return int.from_bytes(hashlib.sha256(source_id.encode()).digest()[:6]) / 2**48


def _by_source(rows: Iterable[Scene]) -> dict[str, set[Split]]:
    splits: dict[str, set[Split]] = defaultdict(set)
    for row in rows:
        if row.split is not None:
            splits[row.source_id].add(row.split)
    return splits


def _place_name(scene: Scene, cluster: Sequence[Scene], placed: Mapping[str, Scene]) -> str:
    """A scene's place: what an earlier row of it says, else of its cluster's first scene, else named after that one."""
    for row in (scene, cluster[0]):
        if row.scene_id in placed and (name := placed[row.scene_id].place_id) is not None:
            return name
    return f"place-{cluster[0].scene_id}"


def _clusters(made: Sequence[Scene], most: float) -> list[list[Scene]]:
    """Scenes whose hashes are near; one without a hash stands with its own footage."""
    ties: list[tuple[Hashable, Hashable]] = []
    hashed = [scene for scene in made if scene.place_hash is not None]
    bytes_of = [np.frombuffer(bytes.fromhex(scene.place_hash or ""), dtype=np.uint8) for scene in hashed]
    signs = np.unpackbits(np.array(bytes_of), axis=1).astype(np.float32) * 2 - 1 if hashed else np.empty((0, 1), np.float32)
    for index, scene in enumerate(hashed):
        apart = (1 - signs[index + 1 :] @ signs[index] / signs.shape[1]) / 2  # share of differing bits
        ties += [(scene.scene_id, hashed[index + 1 + int(other)].scene_id) for other in np.flatnonzero(apart <= most)]
    ties += [(scene.scene_id, ("footage", scene.footage_id)) for scene in made if scene.place_hash is None]
    return _connected(made, ties)


def _numbered(clusters: Sequence[Sequence[Scene]]) -> dict[str, int]:
    return {scene.scene_id: number for number, cluster in enumerate(clusters) for scene in cluster}


def _groups(made: Sequence[Scene], cluster_of: Mapping[str, int]) -> list[list[Scene]]:
    """Scenes tied by a place or by a source, directly or through others."""
    ties: list[tuple[Hashable, Hashable]] = []
    for scene in made:
        ties += [(scene.scene_id, ("cluster", cluster_of[scene.scene_id])), (scene.scene_id, ("source", scene.source_id))]
    return _connected(made, ties)


def _connected(scenes: Sequence[Scene], ties: Iterable[tuple[Hashable, Hashable]]) -> list[list[Scene]]:
    """Scenes in groups of those that ties connect, groups and scenes in order of first appearance (union-find)."""
    parent: dict[Hashable, Hashable] = {}

    def root(node: Hashable) -> Hashable:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in ties:
        parent[root(one)] = root(other)
    groups: dict[Hashable, list[Scene]] = defaultdict(list)
    for scene in scenes:
        groups[root(scene.scene_id)].append(scene)
    return list(groups.values())
