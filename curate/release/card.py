"""The words of a release: its card (README.md) and its change log, from the rows alone, so that they are true of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pyarrow as pa
import pyarrow.parquet as pq

from curate.release.rights import Profile, is_ours
from curate.release.selection import Selection
from manifests.errors import InputError
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
    """One line of the card's table of licences."""

    source: str
    licence: str
    footage: int
    scenes: int
    with_pixels: int


def card(selection: Selection, version: str, profile: Profile, shards: list[Path], shards_bytes: int) -> str:
    """The dataset card, Markdown."""
    return _template("card.md").render(
        version=version,
        profile=profile,
        splits=split_counts(selection),
        licences=licence_counts(selection),
        scenes=len(selection.scenes),
        frames=sum(len(scene.frames) for scene in selection.scenes),
        sizes=sorted({f"{scene.width}x{scene.height}" for scene in selection.scenes}),
        shards=[shard.name for shard in shards],
        shards_mb=shards_bytes / 1e6,
        withheld=sorted(Counter(selection.without_pixels.values()).items()),
        unreachable=_scenes_without_address(selection),
    )


def change_log(selection: Selection, version: str, profile: Profile, previous: Path | None) -> str:
    """An entry for this version on top of the previous release's entries. Raises InputError when that one's scenes cannot be read."""
    before = set() if previous is None else _scene_ids(previous / "scenes.parquet")
    after = {scene.scene_id for scene in selection.scenes}
    older = "" if previous is None else (previous / "CHANGELOG.md").read_text(encoding="utf-8")
    return _template("changelog.md").render(
        version=version,
        profile=profile,
        previous=None if previous is None else previous.name,
        scenes=len(after),
        added=len(after - before),
        removed=len(before - after),
        older=older.partition("\n")[2].strip(),
    )


def split_counts(selection: Selection) -> list[SplitCounts]:
    """Counts by split, in the order train, val, test."""
    rows = []
    for split in SPLITS:
        scenes = [scene for scene in selection.scenes if scene.split == split]
        rows.append(
            SplitCounts(
                split=split,
                scenes=len(scenes),
                frames=sum(len(scene.frames) for scene in scenes),
                places=len({scene.place_id for scene in scenes}),
                sources=len({scene.source_id for scene in scenes}),
                with_pixels=sum(scene.scene_id in selection.pixels for scene in scenes),
            )
        )
    return rows


def licence_counts(selection: Selection) -> list[LicenceCounts]:
    """Counts by source and licence."""
    groups: dict[tuple[str, str], list[Footage]] = {}
    for footage in selection.footage:
        unstated = "own footage, none stated" if is_ours(footage) else "none stated"
        groups.setdefault((footage.source, footage.licence or unstated), []).append(footage)
    rows = []
    for (source, licence), members in sorted(groups.items()):
        ids = {footage.footage_id for footage in members}
        scenes = [scene for scene in selection.scenes if scene.footage_id in ids]
        rows.append(LicenceCounts(source, licence, len(members), len(scenes), sum(scene.scene_id in selection.pixels for scene in scenes)))
    return rows


def _scene_ids(scenes: Path) -> set[str]:
    # Not through `read_rows`, whose lock would be a new file in a release that is out
    try:
        return set(pq.read_table(scenes, columns=["scene_id"]).column("scene_id").to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{scenes}: the previous release cannot be read ({error}); restore it, or move it away") from error


def _scenes_without_address(selection: Selection) -> int:
    """Scenes that nobody else can rebuild: without pixels here, of footage without a URL."""
    ids = {footage.footage_id for footage in selection.footage if not footage.origin.lower().startswith(("http://", "https://"))}
    return sum(scene.footage_id in ids and scene.scene_id not in selection.pixels for scene in selection.scenes)


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
