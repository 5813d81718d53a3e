"""The proof that no place and no source is in two splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from curate.splits import source_of
from manifests.tables import Scene


def split_groups(scenes: Iterable[Scene]) -> dict[tuple[str, str], list[str]]:
    """The splits that each place and each source (parts of one video are one) is in, sorted: ("place_id", its id) to splits."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for scene in scenes:
        found["source_id", source_of(scene.source_id)].add(str(scene.split))
        if scene.place_id is not None:
            found["place_id", scene.place_id].add(str(scene.split))
    return {key: sorted(found[key]) for key in sorted(found)}


def leaks(scenes: Iterable[Scene]) -> list[str]:
    """What is in two splits, in words."""
    return [f"{column} {value} is in {' and '.join(found)}" for (column, value), found in split_groups(scenes).items() if len(found) > 1]


def splits_tsv(scenes: Iterable[Scene]) -> str:
    """The proof as tab-separated lines: a place or a source, and a split that it is in. In disjoint splits no two lines begin alike."""
    lines = [("column", "value", "split")]
    lines += [(column, " ".join(value.split()), split) for (column, value), found in split_groups(scenes).items() for split in found]
    return "".join("\t".join(line) + "\n" for line in lines)
