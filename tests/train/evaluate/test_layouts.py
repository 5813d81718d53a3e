"""Every dataset's layout is told by its names, each picture finds its partner by name, and what does not pair is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.media import write_png
from tests.worlds import add_streaks, background
from train.evaluate.layouts import Found, bare
from train.evaluate.pairs import find_pairs
from train.evaluate.truths import Crop

Picture = npt.NDArray[np.uint8]
BLANK = np.zeros((8, 10, 3), np.uint8)


def lay_out(root: Path, *names: str) -> Path:
    for name in names:
        write_png(root / name, BLANK)
    return root


def paired(found: Found, root: Path) -> list[tuple[str, str]]:
    return [
        (frame.relative_to(root).as_posix(), group.truth.relative_to(root).as_posix()) for group in found.groups for frame in group.frames
    ]


def unpaired(found: Found, root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in found.unpaired]


LAYOUTS: dict[str, tuple[Sequence[tuple[str, str]], Sequence[str]]] = {
    "Rain100L as passed on": ([("input/1.png", "target/1.png"), ("input/2.png", "target/2.png")], ["input/9.png", "target/8.png"]),
    "Rain100L as published": ([("rain/X2/norain-1x2.png", "norain/norain-1.png")], ["norain/norain-7.png"]),
    "Rain200H as published": ([(f"rain/X2/norain-{n}x2.png", f"norain/norain-{n}.png") for n in (1, 2, 10)], []),
    "Rain100H of PReNet": ([("rainy/rain-001.png", "norain-001.png"), ("rainy/rain-002.png", "norain-002.png")], ["norain-003.png"]),
    "Rain100L, rain and norain": ([("rain/rain-1.png", "norain/norain-1.png")], ["rain/rain-2.png"]),
    "Rain12": ([("001_in.png", "001_GT.png"), ("012_in.png", "012_GT.png")], ["013_in.png"]),
    "JORDER's training set": ([("rain-1.png", "norain-1.png")], ["rainregion-1.png", "rainstreak-1.png"]),
    "SPANet": ([("rain/000.png", "gt/000gt.png"), ("rain/999.png", "gt/999gt.png")], ["gt/500gt.png"]),
    "DDN": (
        [(f"rainy_image/{photo}_{rain}.png", f"ground_truth/{photo}.png") for photo in (901, 902) for rain in range(1, 15)],
        ["rainy_image/903_1.png", "ground_truth/1000.png"],
    ),
    "DDN with blanks": ([("rainy image/901_1.png", "ground truth/901.png"), ("rainy image/901_2.png", "ground truth/901.png")], []),
    "Rain800 in two folders": ([("rain/rain-001.png", "norain/norain-001.png")], []),
    "validation of DDN": ([("input_val/input7.png", "label_val/norain7.png")], []),
    "two parallel folders": ([("lq/a b.png", "hq/a b.png"), ("lq/ü.png", "hq/ü.png")], []),
    "capitals": ([("Rainy/A_Rainy.png", "Clean/A_clean.png")], []),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_pictures_pair_by_name_in_every_layout(tmp_path: Path, name: str) -> None:
    pairs, alone = LAYOUTS[name]
    found = find_pairs(lay_out(tmp_path, *{picture for pair in pairs for picture in pair}, *alone))
    assert paired(found, tmp_path) == list(pairs)
    assert unpaired(found, tmp_path) == list(alone)
    assert not any(group.one_scene for group in found.groups)


def test_gt_rain_has_scenes_that_share_a_clean_picture(tmp_path: Path) -> None:
    rainy = [f"Oinari_0-0/Oinari_0-0-Webcam-R-{number:03d}.png" for number in (0, 1, 299)]
    second = [f"Winter_0-1/Winter_0-1-Webcam-R-{number:03d}.png" for number in (0, 1)]
    clean = ["Oinari_0-0/Oinari_0-0-Webcam-C-000.png", "Winter_0-1/Winter_0-1-Webcam-C-000.png"]
    found = find_pairs(lay_out(tmp_path, *rainy, *second, *clean, "Lost_2-0/Lost_2-0-Webcam-R-000.png"))
    assert [[frame.relative_to(tmp_path).as_posix() for frame in group.frames] for group in found.groups] == [rainy, second]
    assert [group.truth.relative_to(tmp_path).as_posix() for group in found.groups] == clean
    assert all(group.one_scene for group in found.groups)
    assert unpaired(found, tmp_path) == ["Lost_2-0/Lost_2-0-Webcam-R-000.png"]


def test_gt_rain_scene_with_a_clean_picture_for_each_rainy_one(tmp_path: Path) -> None:
    names = [f"Gurutto_1-2-Webcam-{kind}-{number:03d}.png" for kind in "CR" for number in (0, 1)]
    strays = ["Gurutto_1-2-Webcam-R-002.png", "notes.png"]
    found = find_pairs(lay_out(tmp_path, *names, *strays))  # the scene's own folder
    assert paired(found, tmp_path) == [(f"Gurutto_1-2-Webcam-R-00{n}.png", f"Gurutto_1-2-Webcam-C-00{n}.png") for n in (0, 1)]
    assert not any(group.one_scene for group in found.groups)
    assert sorted(unpaired(found, tmp_path)) == strays


def test_gt_rain_without_one_pair_is_refused(tmp_path: Path) -> None:
    names = [f"Gurutto_1-2-Webcam-{kind}.png" for kind in ("C-000", "C-001", "R-005")]
    with pytest.raises(InputError, match="no rainy picture of its 1 GT-RAIN scenes has a clean one"):
        find_pairs(lay_out(tmp_path, *names))


def side_by_side(root: Path, *, rainy_left: Sequence[bool]) -> Path:
    rng = np.random.default_rng(4)
    for number, left in enumerate(rainy_left):
        clean = background(40, 30, rng)
        halves = [add_streaks(clean, rng), clean]
        write_png(root / f"{number}.png", np.hstack(halves if left else halves[::-1]))
    return root


@pytest.mark.parametrize("left", [True, False])
def test_halves_of_one_picture_are_told_by_their_rain(tmp_path: Path, left: bool) -> None:
    found = find_pairs(side_by_side(tmp_path, rainy_left=[left] * 4))
    halves = (Crop(0, 0, 40, 30), Crop(40, 0, 40, 30))
    assert len(found.groups) == 4
    for group in found.groups:
        assert (group.part, group.crop) == (halves if left else halves[::-1])
        assert group.frames == (group.truth,)


def test_halves_that_disagree_and_pictures_that_are_no_halves_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the left half is the brighter one in 2 of 4"):
        find_pairs(side_by_side(tmp_path / "mixed", rainy_left=[True, False, True, False]))
    rng = np.random.default_rng(0)
    for number in range(3):
        write_png(tmp_path / "photos" / f"{number}.png", np.hstack([background(40, 30, rng), background(40, 30, rng)]))
    with pytest.raises(InputError, match="no layout of rainy and clean pictures"):
        find_pairs(tmp_path / "photos")


def test_odd_widths_have_no_halves(tmp_path: Path) -> None:
    side_by_side(tmp_path, rainy_left=[True] * 3)
    write_png(tmp_path / "odd.png", np.zeros((30, 81, 3), np.uint8))
    assert unpaired(find_pairs(tmp_path), tmp_path) == ["odd.png"]


def test_two_folders_of_one_meaning_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both input and rain may be meant"):
        find_pairs(lay_out(tmp_path, "input/1.png", "rain/1.png", "target/1.png"))


@given(
    st.lists(st.text("abxyz019", min_size=1, max_size=6), min_size=1, max_size=8, unique=True),
    st.sampled_from([("rain-{}", "norain-{}"), ("{}_in", "{}_GT"), ("input {}", "label {}"), ("rainy_{}", "clean_{}")]),
)
@settings(max_examples=60, deadline=None)
def test_words_for_rainy_and_clean_never_change_the_rest_of_a_name(stems: list[str], words: tuple[str, str]) -> None:
    rainy, clean = ([bare(Path(word.format(name) + ".png")) for name in stems] for word in words)
    assert rainy == clean == stems
