"""The proof of disjoint splits."""

from __future__ import annotations

from curate.release.disjoint import leaks, splits_tsv
from manifests.tables import Scene, Split


def scene(name: str, place: str | None, source: str, split: Split) -> Scene:
    return Scene(name, f"{name}-segment", f"{name}-footage", source, place_id=place, split=split)


def test_disjoint_splits_leak_nothing_and_are_proved_line_by_line() -> None:
    scenes = [scene("a", "p", "one\ttwo", "train"), scene("b", "p", "s", "train"), scene("c", None, "t", "val")]
    assert leaks(scenes) == []
    assert splits_tsv(scenes).splitlines() == [
        "column\tvalue\tsplit",
        "place_id\tp\ttrain",
        "source_id\tone two\ttrain",
        "source_id\ts\ttrain",
        "source_id\tt\tval",
    ]


def test_what_is_in_two_splits_is_named_and_shows_in_the_proof() -> None:
    scenes = [scene("a", "p", "s", "train"), scene("b", "p", "s", "test"), scene("c", "q", "s", "val")]
    assert leaks(scenes) == ["place_id p is in test and train", "source_id s is in test and train and val"]
    lines = [line.rpartition("\t")[0] for line in splits_tsv(scenes).splitlines()]
    assert len(set(lines)) < len(lines)
