"""A release is made part by part: a shard and its members' rows, or the rows of scenes that are only told of.

A part is there when its rows are, which are written last; so an interrupted build goes on with the parts that are missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from curate.release.index import Member, read_index, write_index
from curate.release.pictures import Pictures, described, described_mask
from curate.release.portable import about_name, portable_footage, portable_scene
from curate.release.selection import Selection
from curate.release.shards import packed, size_in_tar, write_shard
from manifests.errors import InputError
from manifests.executors import run_rows
from manifests.tables import Footage, Scene

PARTS = "parts"
TOLD_SCENES = 32  # of which one part tells
TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class Part:
    """Some scenes of one split, and the shard that they make; None where they are only told of."""

    name: str
    scenes: tuple[Scene, ...]
    shard: str | None


def plan_parts(selection: Selection, shard_bytes: int) -> list[Part]:
    """The parts of a release, the same for the same rows. Raises InputError where a picture is gone."""
    parts = []
    footage = {row.footage_id: row for row in selection.footage}
    for split in sorted({str(scene.split) for scene in selection.scenes}):
        scenes = [scene for scene in selection.scenes if scene.split == split and scene.scene_id in selection.pixels]
        sizes = [_size_in_tar(scene, selection.pictures, footage[scene.footage_id]) for scene in scenes]
        for number, places in enumerate(packed(sizes, shard_bytes)):
            name = f"{split}-{number:06d}"
            parts.append(Part(name, tuple(scenes[place] for place in places), f"shards/{name}.tar"))
    told = [scene for scene in selection.scenes if scene.scene_id not in selection.pixels]
    for number, first in enumerate(range(0, len(told), TOLD_SCENES)):
        parts.append(Part(f"told-{number:06d}", tuple(told[first : first + TOLD_SCENES]), None))
    return parts


def make_parts(parts: Sequence[Part], selection: Selection, folder: Path, workers: int) -> list[str]:
    """Make those parts of a release that its folder lacks; gives what is wrong with the pictures behind them, sorted."""
    problems: list[str] = []
    footage = {row.footage_id: row for row in selection.footage}
    run_rows(
        _Maker(selection.pictures, footage, folder),
        [part for part in parts if not _rows_file(folder, part).exists()],
        name=lambda part: part.name,
        on_error=lambda part, error: [f"{part.name}: {error}"],
        save=problems.extend,
        workers=workers,
        timeout_s=TIMEOUT_S,
        label="packing",
    )
    return sorted(problems)


def members_of(parts: Sequence[Part], folder: Path) -> list[Member]:
    """The index rows of all parts."""
    return [member for part in parts for member in read_index(_rows_file(folder, part))]


@dataclass(frozen=True)
class _Maker:
    pictures: Pictures
    footage: dict[str, Footage]
    folder: Path

    def __call__(self, part: Part) -> list[str]:
        """Make one part; gives the problems with its pictures instead where there are any, one a scene."""
        problems: list[str] = []
        members = self._shard(part, problems) if part.shard is not None else self._told(part, problems)
        if not problems:
            write_index(_rows_file(self.folder, part), members)
        return problems

    def _told(self, part: Part, problems: list[str]) -> list[Member]:
        members: list[Member] = []
        for scene in part.scenes:
            try:
                members += (replace(member, shard=None, offset=None, bytes=None) for member in self.pictures.told(scene))
            except InputError as error:
                problems.append(str(error))
        return members

    def _shard(self, part: Part, problems: list[str]) -> list[Member]:
        assert part.shard is not None
        members: list[Member] = []

        def streamed() -> Iterator[tuple[str, bytes]]:
            for scene in part.scenes:
                try:
                    for member, content in self._sample(scene):
                        members.append(replace(member, shard=part.shard, bytes=len(content)))
                        yield member.name, content
                except InputError as error:
                    problems.append(str(error))

        offsets = write_shard(self.folder / part.shard, streamed())
        if problems:
            (self.folder / part.shard).unlink()
            return []
        return [replace(member, offset=offset) for member, offset in zip(members, offsets, strict=True)]

    def _sample(self, scene: Scene) -> Iterator[tuple[Member, bytes]]:
        """One scene's files, one at a time, in the order of their names."""
        for number in range(len(scene.frames)):
            content = self.pictures.frame(scene, number)
            yield described(scene, number, content), content
        about = _about(scene, self.footage[scene.footage_id])
        yield Member(about_name(scene), scene.scene_id, "about", str(scene.split), hashlib.sha256(about).hexdigest()), about
        mask = self.pictures.mask(scene)
        yield described_mask(scene, mask), mask


def _about(scene: Scene, footage: Footage) -> bytes:
    """What a reader of the shards alone needs to know of a scene, as JSON."""
    scene, footage = portable_scene(scene, True), portable_footage(footage)
    about = {
        "scene_id": scene.scene_id,
        "footage_id": scene.footage_id,
        "place_id": scene.place_id,
        "split": scene.split,
        "frame_index": scene.frame_index,
        "pts_s": scene.pts_s,
        "sha256": scene.sha256,
        "source": footage.source,
        "origin": footage.origin,
        "licence": footage.licence,
    }
    return json.dumps(about, sort_keys=True, indent=1).encode() + b"\n"


def _size_in_tar(scene: Scene, pictures: Pictures, footage: Footage) -> int:
    return sum(size_in_tar(size) for size in [*pictures.sizes(scene), len(_about(scene, footage))])


def _rows_file(folder: Path, part: Part) -> Path:
    return folder / PARTS / f"{part.name}.parquet"
