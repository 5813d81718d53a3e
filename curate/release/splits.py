"""The proof that no place and no source is in two splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from manifests.tables import Scene

DISJOINT_BY = ("place_id", "source_id")


def split_groups(scenes: Iterable[Scene]) -> dict[tuple[str, str], list[str]]:
    """The splits that each place and each source is in, sorted: ("place_id", its id) to splits."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for scene in scenes:
        for column in DISJOINT_BY:
            value = getattr(scene, column)
            if value is not None:
                found[column, value].add(str(scene.split))
    return {key: sorted(found[key]) for key in sorted(found)}


def leaks(scenes: Iterable[Scene]) -> list[str]:
    """What is in two splits, in words."""
    return [f"{column} {value} is in {' and '.join(found)}" for (column, value), found in split_groups(scenes).items() if len(found) > 1]


def splits_tsv(scenes: Iterable[Scene]) -> str:
    """The proof as tab-separated lines: a place or a source, and a split that it is in. In disjoint splits no two lines begin alike."""
    lines = [("column", "value", "split")]
    lines += [(column, " ".join(value.split()), split) for (column, value), found in split_groups(scenes).items() for split in found]
    return "".join("\t".join(line) + "\n" for line in lines)
