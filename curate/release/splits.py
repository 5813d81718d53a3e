"""The proof that no place and no source is in two splits."""

from __future__ import annotations

import csv
import io
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


def splits_csv(scenes: Iterable[Scene]) -> str:
    """The proof as a table: one line a place and a source, in each split that it is in. In no line but the first two columns repeat."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["column", "value", "split"])
    writer.writerows([*key, split] for key, found in split_groups(scenes).items() for split in found)
    return text.getvalue()
