"""Places: copies of a picture are found, other pictures are not, and wrong links do not merge a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import combinations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from acquire.simulator.procedural import street, thicket
from curate import places
from curate.places import SPANS, VIEW_SIDE, Link, clusters, links, place_hash, resemblance
from tests.curate.streaks import Grey

LEAST = 0.75
PHOTOS = ["astronaut", "camera", "chelsea", "coffee", "brick", "grass", "gravel", "coins", "page"]
SCENES = [*PHOTOS, *(f"street:{number}" for number in range(9)), *(f"thicket:{number}" for number in range(6))]


@cache
def picture(name: str) -> Grey:
    """A photo or a simulated scene, 480x320."""
    kind, _, number = name.partition(":")
    if number:
        drawn = (street if kind == "street" else thicket)(int(number), 480, 320)
        return np.asarray(cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY), np.uint8)
    return np.asarray(cv2.resize(getattr(data, name)(), (480, 320), interpolation=cv2.INTER_AREA), np.uint8)


def hash_of(shown: Grey) -> str:
    found = place_hash(shown)
    assert found is not None
    return found


def resized(shown: Grey, size: tuple[int, int]) -> Grey:
    return np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)


def as_jpeg(shown: Grey) -> Grey:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_UNCHANGED), np.uint8)


def cropped(shown: Grey, share: float, right: float, down: float) -> Grey:
    """Less `share` of width and height; what is left lies at the given place between left and right, top and bottom (0-1)."""
    height, width = shown.shape[:2]
    kept_height, kept_width = round(height * (1 - share)), round(width * (1 - share))
    top, left = round((height - kept_height) * down), round((width - kept_width) * right)
    return shown[top : top + kept_height, left : left + kept_width]


def in_other_light(shown: Grey) -> Grey:
    ramp = np.linspace(0.6, 1.1, shown.shape[1])
    ramp = ramp.reshape(1, -1, *[1] * (shown.ndim - 2))
    return np.clip(255 * (shown / 255.0) ** 1.5 * ramp, 0, 255).astype(np.uint8)


def with_a_banner(shown: Grey) -> Grey:
    marked = shown.copy()
    cv2.rectangle(marked, (int(0.02 * shown.shape[1]), 8), (int(0.18 * shown.shape[1]), 40), (240, 240, 240), -1)
    return marked


CHANGES: dict[str, Callable[[Grey], Grey]] = {
    "re-encoded": as_jpeg,
    "a quarter of the size": partial(resized, size=(120, 80)),
    "enlarged": partial(resized, size=(1000, 667)),
    "another aspect": partial(resized, size=(320, 240)),
    "noisy": lambda shown: np.clip(shown + np.random.default_rng(0).normal(0, 4, shown.shape), 0, 255).astype(np.uint8),
    "cropped in the middle": partial(cropped, share=0.1, right=0.5, down=0.5),
    "cropped in a corner": lambda shown: as_jpeg(resized(cropped(shown, 0.1, 1.0, 0.0), (300, 200))),
    "cropped anywhere": partial(cropped, share=0.1, right=0.3, down=0.75),
    "cropped by a fifth": partial(cropped, share=0.2, right=0.8, down=0.4),
    "mirrored": lambda shown: np.ascontiguousarray(shown[:, ::-1]),
    "in another light": in_other_light,
    "with a banner": with_a_banner,
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found(change: str) -> None:
    missed = [name for name in SCENES if not links([hash_of(picture(name)), hash_of(CHANGES[change](picture(name)))], LEAST)]
    assert len(missed) <= 0.05 * len(SCENES), missed  # a regular wall of bricks is easily lost when cropped


def test_other_scenes_are_not_merged() -> None:
    hashes = [hash_of(picture(name)) for name in SCENES] + [hash_of(picture(f"street:{number}")) for number in range(100, 130)]
    assert len(hashes) * (len(hashes) - 1) / 2 > 1000
    assert links(hashes, LEAST) == []


def test_a_camera_turned_elsewhere_shows_another_place_and_one_turned_a_little_the_same() -> None:
    for number in range(4):
        wide = np.asarray(cv2.cvtColor(street(number, 900, 320), cv2.COLOR_RGB2GRAY), np.uint8)
        here, beside, overlapping = (hash_of(wide[:, left : left + 450]) for left in (0, 450, 60))
        assert links([here, beside], LEAST) == []
        assert len(links([here, overlapping], LEAST)) == 1


def test_links_come_in_order_and_whatever_the_order_of_scenes() -> None:
    shown = [picture("coffee"), picture("street:1"), CHANGES["cropped anywhere"](picture("coffee")), as_jpeg(picture("street:1"))]
    hashes = [hash_of(one) for one in shown]
    assert [(link.one, link.other) for link in links(hashes, LEAST)] == [(0, 2), (1, 3)]
    assert [(link.one, link.other) for link in links(hashes[::-1], LEAST)] == [(0, 2), (1, 3)]
    assert links(hashes, 0.999) == []
    assert links([], LEAST) == []


def test_many_scenes_of_one_camera_cost_no_alignment(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    noisy = [np.clip(picture("street:3") + rng.normal(0, 3, (320, 480)), 0, 255).astype(np.uint8) for _ in range(6)]
    hashes = [hash_of(shown) for shown in [*noisy, picture("coffee")]]
    monkeypatch.setattr(places, "_aligned", None)
    assert [(link.one, link.other) for link in links(hashes, LEAST)] == list(combinations(range(6), 2))


def test_a_copy_is_linked_with_all_that_lie_on_its_original() -> None:
    shown = [picture("street:3"), cropped(picture("street:3"), 0.1, 0.2, 0.7), as_jpeg(picture("street:3"))]
    assert [(link.one, link.other) for link in links([hash_of(one) for one in shown], LEAST)] == [(0, 1), (0, 2), (1, 2)]


def test_dark_foggy_and_empty_pictures_have_no_hash() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 2, (320, 480))
    horizon = np.where(np.arange(320)[:, None] < 200, 200.0, 60.0)
    for level in (4 + noise, 200 + noise, horizon + 0.2 * noise, 128 + 0.004 * picture("coffee")[..., 0].astype(float)):
        assert place_hash(np.clip(level, 0, 255).astype(np.uint8)) is None


def test_the_hash_is_told_of_colour_and_of_grey_alike() -> None:
    grey = picture("street:2")
    assert place_hash(np.repeat(grey[..., None], 3, axis=2)) == place_hash(grey)
    assert len(hash_of(grey)) == 2 * 96 * 96 / 4


def test_views_are_crops_shrunk() -> None:
    pattern = np.random.default_rng(1).normal(size=(96, 96)).astype(np.float32)
    found = places._views(pattern)
    assert found.shape == (len(SPANS) ** 2, VIEW_SIDE**2)
    assert np.allclose(places._whole(pattern), found[0], atol=1e-5)
    fine = np.repeat(np.repeat(pattern, 40, axis=0), 40, axis=1)  # so fine that every span falls on whole pixels
    for view in (0, 37, len(SPANS) ** 2 - 1):
        (top, height), (left, width) = SPANS[view // len(SPANS)], SPANS[view % len(SPANS)]
        rows, columns = (slice(round(at * 3840), round((at + size) * 3840)) for at, size in ((top, height), (left, width)))
        expected = cv2.resize(fine[rows, columns], (VIEW_SIDE, VIEW_SIDE), interpolation=cv2.INTER_AREA).ravel()
        expected = (expected - expected.mean()) / expected.std() / VIEW_SIDE
        assert np.allclose(found[view], expected, atol=2e-3)


def test_what_cannot_be_aligned_does_not_resemble() -> None:
    blank = np.zeros((96, 96), np.float32)
    pattern = places._pattern(hash_of(picture("coffee")))
    assert resemblance(pattern, pattern, 0) == pytest.approx(1.0, abs=1e-3)
    assert resemblance(pattern, blank, 0) == 0.0
    assert resemblance(blank, blank, 0) == 0.0


# --- clusters -----------------------------------------------------------------------------------------------------------------------------


def test_a_chain_of_links_does_not_merge_a_dataset() -> None:
    chain = [Link(number, number + 1, 0.9) for number in range(99)]
    found = clusters(100, [], chain)
    assert max(len(place) for place in found) <= 3
    assert sorted(scene for place in found for scene in place) == list(range(100))


def test_wrong_links_between_two_places_do_not_join_them() -> None:
    right = [Link(*pair, 0.8) for pair in [*combinations(range(6), 2), *combinations(range(6, 12), 2)]]
    wrong = [Link(one, other, 0.66) for one in range(6) for other in range(6, 12) if (one + other) % 3 == 0]
    assert clusters(12, [], [*wrong, *right]) == [list(range(6)), list(range(6, 12))]


def test_a_copy_that_some_of_a_place_miss_still_belongs_to_it() -> None:
    assert clusters(3, [], [Link(0, 1, 0.9), Link(0, 2, 0.7)]) == [[0, 1, 2]]


def test_known_places_stay_together_without_a_link() -> None:
    assert clusters(4, [[0, 2], [3]], []) == [[0, 2], [1], [3]]
    assert clusters(4, [[0, 2]], [Link(1, 2, 0.9)]) == [[0, 1, 2], [3]]


sizes = st.lists(st.integers(1, 5), min_size=1, max_size=6)


@given(sizes, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_places_that_are_linked_throughout_come_out_as_they_are(counts: Sequence[int], random: object) -> None:
    numbers = list(range(sum(counts)))
    random.shuffle(numbers)  # type: ignore[attr-defined]
    groups = [sorted(numbers[sum(counts[:at]) : sum(counts[: at + 1])]) for at in range(len(counts))]
    found = [Link(*pair, 0.8) for group in groups for pair in combinations(group, 2)]
    random.shuffle(found)  # type: ignore[attr-defined]
    assert clusters(len(numbers), [], found) == sorted(groups)


@given(st.integers(1, 8), st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(65, 99)), max_size=20))
@settings(deadline=None)
def test_clusters_are_a_partition_in_which_every_join_was_linked_by_half(count: int, drawn: set[tuple[int, int, int]]) -> None:
    found = [Link(one, other, alike / 100) for one, other, alike in drawn if one < other < count]
    places_found = clusters(count, [], found)
    assert sorted(scene for place in places_found for scene in place) == list(range(count))
    pairs = {(link.one, link.other) for link in found}
    for place in places_found:
        within = sum(pair in pairs for pair in combinations(place, 2))
        assert within >= len(place) - 1
    for one, other in combinations(places_found, 2):  # nothing that half links is left apart
        between = sum((min(a, b), max(a, b)) in pairs for a in one for b in other)
        assert 2 * between < len(one) * len(other)
