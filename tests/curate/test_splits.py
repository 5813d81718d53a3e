"""Splits share neither a place nor a source, and do not move. Which scenes show one place is told by a stand-in: `curate.places` has tests
of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from curate import splits
from curate.places import Link
from curate.splits import Splitting, assign_splits, moved, source_of
from manifests.tables import Scene

SPLITTING = Splitting(place_resemblance=0.65, val_fraction=0.2, test_fraction=0.2)


def stand_in_links(hashes: Sequence[str], least_resemblance: float) -> list[Link]:
    """A hash lists the spots that a picture shows; pictures that share one show one place."""
    pairs = combinations(range(len(hashes)), 2)
    return [Link(one, other, 1.0) for one, other in pairs if set(hashes[one].split("+")) & set(hashes[other].split("+"))]


@pytest.fixture(scope="module", autouse=True)
def links() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "links", stand_in_links)
        yield


def scene(number: int, place: int | str | None, source: int | str) -> Scene:
    """A scene of a place (null: dark), from a source."""
    return Scene(
        scene_id=f"{number:016x}",
        segment_id=f"{source}-{number}",
        footage_id=f"footage-{source}",
        source_id=f"source-{source}",
        frames=("a.png",),
        place_hash=None if place is None else str(place),
    )


entries = st.tuples(st.one_of(st.none(), st.integers(0, 12)), st.integers(0, 15))
worlds = st.lists(entries, min_size=1, max_size=25)


def scenes_of(world: Sequence[tuple[int | None, int]]) -> list[Scene]:
    return [scene(number, place, source) for number, (place, source) in enumerate(world)]


def assert_disjoint(scenes: Sequence[Scene]) -> None:
    kept = [row for row in scenes if row.reason is None]
    assert all(row.split is not None and row.place_id is not None for row in kept)
    for name in ("source_id", "place_id", "place_hash"):
        values = {getattr(row, name) for row in kept} - {None}
        for value in values:
            assert len({row.split for row in kept if getattr(row, name) == value}) == 1


@given(worlds, st.sets(st.integers(0, 15), max_size=2))
@settings(max_examples=80, deadline=None)
def test_splits_share_neither_place_nor_source(world: list[tuple[int | None, int]], held: set[int]) -> None:
    held_out = {f"source-{source}" for source in held}
    found = assign_splits(scenes_of(world), [], held_out, SPLITTING)
    assert_disjoint(found)
    assert all(row.split == "test" for row in found if row.source_id in held_out)
    assert all(row.reason is None for row in found)
    assert "train" in {row.split for row in found} or held_out


@given(worlds, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_rows_does_not_matter(world: list[tuple[int | None, int]], random: object) -> None:
    rows = scenes_of(world)
    shuffled = rows.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    there = {row.scene_id: row for row in assign_splits(shuffled, [], (), SPLITTING)}
    assert there == {row.scene_id: row for row in assign_splits(rows, [], (), SPLITTING)}


@given(st.lists(worlds, min_size=2, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_adding_data_in_any_order_moves_no_old_scene(parts: list[list[tuple[int | None, int]]], random: object) -> None:
    rows = scenes_of([entry for part in parts for entry in part])
    random.shuffle(rows)  # type: ignore[attr-defined]
    so_far: list[Scene] = []
    for part in parts:
        fresh, rows = rows[: len(part)], rows[len(part) :]
        found = assign_splits([*so_far, *fresh], so_far, (), SPLITTING)
        for row, before in zip(found, so_far, strict=False):
            assert before.split is None or (row.split, row.place_id) == (before.split, before.place_id)
        assert_disjoint(found)
        assert all((row.split is None) == (row.reason is not None) for row in found)
        assert assign_splits(found, found, (), SPLITTING) == found
        assert moved(so_far, found) == []
        so_far = found


@given(worlds)
@settings(max_examples=50, deadline=None)
def test_hold_out_wins_for_all_that_shows_its_place(world: list[tuple[int | None, int]]) -> None:
    first = scenes_of(world)[0]
    assume(first.place_hash is not None)
    before = assign_splits(scenes_of(world), [], (), SPLITTING)
    after = assign_splits(scenes_of(world), before, {first.source_id}, SPLITTING)
    assert all(row.split == "test" for row in after if row.place_hash == first.place_hash or row.source_id == first.source_id)
    assert_disjoint(after)
    assert {new.scene_id for _, new in moved(before, after)} == {
        new.scene_id for old, new in zip(before, after, strict=True) if old.split != new.split
    }


def test_parts_of_one_video_are_one_source() -> None:
    assert source_of("ID#t=600-1500") == source_of("ID") == "ID"
    assert source_of("https://a.org/rain#1") == "https://a.org/rain#1"
    for first in range(20):  # drawn apart, some of these would part
        rows = [dataclasses.replace(scene(n, n, first), source_id=f"v{first}{span}") for n, span in enumerate(("", "#t=0-9", "#t=9-"))]
        assert len({row.split for row in assign_splits([*rows, scene(9, 9, "other")], [], (), SPLITTING)[:3]}) == 1
        assert {row.split for row in assign_splits(rows, [], {f"v{first}#t=50-60"}, SPLITTING)} == {"test"}
        known = [dataclasses.replace(rows[0], split="val", place_id="p")]
        assert assign_splits([rows[1]], known, (), SPLITTING)[0].split == "val"


def test_a_compilation_of_known_places_is_rejected_not_the_places() -> None:
    old = [scene(0, 0, 0), scene(1, 1, 1)]
    known = [
        dataclasses.replace(row, split=split, place_id=f"p{number}")  # type: ignore[arg-type]
        for number, (row, split) in enumerate(zip(old, ("train", "test"), strict=True))
    ]
    found = assign_splits([*old, scene(2, 0, 7), scene(3, 1, 7)], known, (), SPLITTING)
    assert [row.split for row in found] == ["train", "test", None, None]
    assert found[2].reason == "ties scenes of different splits together: test and train"
    assert [row.place_id for row in found] == ["p0", "p1", "p0", "p1"]


def test_a_new_scene_between_two_places_moves_neither() -> None:
    rows = [scene(0, "a", 0), scene(1, "b", 1), scene(2, "a+b", 2)]
    known = [dataclasses.replace(rows[0], split="train", place_id="one"), dataclasses.replace(rows[1], split="test", place_id="other")]
    found = assign_splits(rows, known, (), SPLITTING)
    assert [row.split for row in found] == ["train", "test", None]
    assert found[2].reason == "ties scenes of different splits together: test and train"


def test_two_known_places_that_turn_out_to_be_one_are_held_out_and_told() -> None:
    rows = [scene(0, "a", 0), scene(1, "a", 1)]
    known = [dataclasses.replace(rows[0], split="train", place_id="one"), dataclasses.replace(rows[1], split="test", place_id="other")]
    found = assign_splits(rows, known, (), SPLITTING)
    assert [row.split for row in found] == ["test", "test"]
    assert moved(known, found) == [(known[0], found[0])]


def test_a_scene_made_anew_keeps_its_sources_split() -> None:
    for split in ("train", "val", "test"):
        earlier = Scene("old", "s", "f", "source-3", split=split, place_id="p", frames=("a.png",), place_hash="3")
        (found,) = assign_splits([scene(9, 4, 3)], [earlier], (), SPLITTING)
        assert found.split == split


def test_shares_come_out_as_asked() -> None:
    found = assign_splits([scene(number, number, number) for number in range(600)], [], (), SPLITTING)
    shares = {split: sum(row.split == split for row in found) / len(found) for split in ("train", "val", "test")}
    assert shares["train"] == pytest.approx(0.6, abs=0.06)
    assert shares["val"] == pytest.approx(0.2, abs=0.05)


def test_rejected_rows_get_no_split() -> None:
    rejected = Scene("s-none", "s", "f", "source", reason="too few good frames: only 3")
    assert assign_splits([rejected], [], (), SPLITTING) == [rejected]
