"""Places: the hash holds through re-encoding and tells backgrounds apart; splits are disjoint and do not move."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage import data

from curate.places import Splitting, assign_splits, place_hash
from manifests.tables import Scene
from tests.curate.streaks import Grey

SPLITTING = Splitting(place_distance=0.22, val_fraction=0.2, test_fraction=0.2)
PHOTOS = ["astronaut", "camera", "chelsea", "coffee", "rocket", "brick", "grass", "gravel", "coins", "hubble_deep_field", "page", "moon"]


def hash_distance(one: str, other: str) -> float:
    """Share of bits in which two hashes differ, 0-1: written apart from the product's own, which compares many at once."""
    return (int(one, 16) ^ int(other, 16)).bit_count() / (4 * len(one))


def photo(name: str) -> Grey:
    return np.asarray(cv2.resize(getattr(data, name)(), (480, 320), interpolation=cv2.INTER_AREA), np.uint8)


def resized(picture: Grey, size: tuple[int, int]) -> Grey:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def as_jpeg(picture: Grey) -> Grey:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_UNCHANGED), np.uint8)


CHANGES: dict[str, Callable[[Grey], Grey]] = {
    "re-encoded": as_jpeg,
    "half the size": partial(resized, size=(240, 160)),
    "enlarged": partial(resized, size=(1000, 667)),
    "darker": lambda picture: (picture * 0.8 + 10).astype(np.uint8),
    "noisy": lambda picture: np.clip(picture + np.random.default_rng(0).normal(0, 4, picture.shape), 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_holds_through_copies(change: str) -> None:
    for name in PHOTOS:
        picture = photo(name)
        here, there = place_hash(picture), place_hash(CHANGES[change](picture))
        assert here is not None
        assert there is not None
        assert hash_distance(here, there) < SPLITTING.place_distance / 1.5, name


def test_the_hash_tells_backgrounds_apart() -> None:
    hashes = [place_hash(photo(name)) for name in PHOTOS]
    distances = [hash_distance(one, other) for place, one in enumerate(hashes) for other in hashes[:place] if one and other]
    assert len(distances) == len(PHOTOS) * (len(PHOTOS) - 1) // 2
    assert min(distances) > SPLITTING.place_distance * 1.2


def test_dark_and_foggy_pictures_have_no_hash() -> None:
    noise = np.random.default_rng(0).normal(0, 3, (320, 480))
    assert place_hash(np.clip(noise, 0, 255).astype(np.uint8)) is None
    assert place_hash(np.clip(200 + noise, 0, 255).astype(np.uint8)) is None


def test_distance_counts_differing_bits() -> None:
    assert hash_distance("00", "ff") == 1
    assert hash_distance("f0", "f1") == pytest.approx(1 / 8)
    assert hash_distance("a3", "a3") == 0


# --- splits -------------------------------------------------------------------------------------------------------------------------------


def hash_of(place: int) -> str:
    """Hashes of different places are strangers: random bits."""
    return np.random.default_rng(place).bytes(64).hex()


def scene(number: int, place: int | None, source: int) -> Scene:
    """A scene of a place (null: dark), from a source."""
    return Scene(
        scene_id=f"{number:016x}",
        segment_id=f"{source}-{number}",
        footage_id=f"footage-{source}",
        source_id=f"source-{source}",
        frames=("a.png",),
        place_hash=None if place is None else hash_of(place),
    )


worlds = st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 12)), st.integers(0, 15)), min_size=1, max_size=25)


def scenes_of(world: list[tuple[int | None, int]]) -> list[Scene]:
    return [scene(number, place, source) for number, (place, source) in enumerate(world)]


def assert_disjoint(scenes: list[Scene]) -> None:
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


@given(worlds, worlds)
@settings(max_examples=100, deadline=None)
def test_adding_data_moves_no_old_scene(world: list[tuple[int | None, int]], more: list[tuple[int | None, int]]) -> None:
    before = assign_splits(scenes_of(world), [], (), SPLITTING)
    everything = scenes_of(world + more)
    after = assign_splits(everything, before, (), SPLITTING)
    assert [(row.split, row.place_id) for row in after[: len(world)]] == [(row.split, row.place_id) for row in before]
    assert_disjoint(after)
    for row in after[len(world) :]:
        assert (row.split is None) == (row.reason is not None)
    assert assign_splits(after, after, (), SPLITTING) == after


@given(worlds)
@settings(max_examples=50, deadline=None)
def test_hold_out_wins_for_all_that_shows_its_place(world: list[tuple[int | None, int]]) -> None:
    first = scenes_of(world)[0]
    assume(first.place_hash is not None)
    before = assign_splits(scenes_of(world), [], (), SPLITTING)
    after = assign_splits(scenes_of(world), before, {first.source_id}, SPLITTING)
    assert all(row.split == "test" for row in after if row.place_hash == first.place_hash or row.source_id == first.source_id)
    assert_disjoint(after)


def test_a_compilation_of_known_places_is_rejected_not_the_places() -> None:
    old = [scene(0, 0, 0), scene(1, 1, 1)]
    known = [
        Scene(**{**{name: getattr(row, name) for name in row.__dataclass_fields__}, "split": split, "place_id": f"p{number}"})
        for number, (row, split) in enumerate(zip(old, ("train", "test"), strict=True))
    ]
    found = assign_splits([*old, scene(2, 0, 7), scene(3, 1, 7)], known, (), SPLITTING)
    assert [row.split for row in found] == ["train", "test", None, None]
    assert found[2].reason == "ties scenes of different splits together: test and train"
    assert [row.place_id for row in found] == ["p0", "p1", "p0", "p1"]


def test_a_scene_made_anew_keeps_its_sources_split() -> None:
    for split in ("train", "val", "test"):
        earlier = Scene("old", "s", "f", "source-3", split=split, place_id="p", frames=("a.png",), place_hash=hash_of(3))
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


def test_a_new_scene_between_two_places_moves_neither() -> None:
    bits = np.zeros((3, 512), np.uint8)
    bits[1, :160] = 1  # too far from the first to be its place
    bits[2, :80] = 1  # near to both
    rows = [dataclasses.replace(scene(number, 0, number), place_hash=np.packbits(bits[number]).tobytes().hex()) for number in range(3)]
    known = [dataclasses.replace(rows[0], split="train", place_id="one"), dataclasses.replace(rows[1], split="test", place_id="other")]
    found = assign_splits(rows, known, (), SPLITTING)
    assert [row.split for row in found] == ["train", "test", None]
    assert found[2].reason == "ties scenes of different splits together: test and train"
