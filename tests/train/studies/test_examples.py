"""Which pictures are looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from manifests.errors import InputError
from manifests.media import read_picture, write_png
from tests.worlds import World, clean_picture
from train.studies.examples import QUICK_EXAMPLES, examples


def test_frames_of_held_out_scenes_with_their_truth(world: World) -> None:
    found = examples(world.workspace, None, None, quick=False)
    assert len(found) == 2 * 5
    scene = world.scenes[1]
    of_scene = [example for example in found if example.group.scene_id == scene.scene_id]
    rainy, clean = of_scene[0].read()
    assert np.array_equal(rainy, read_picture(world.workspace.resolve(scene.frames[0])))
    assert np.array_equal(clean, clean_picture(world, 1))
    assert len({example.name for example in found}) == len({example.known_by for example in found}) == 10


def test_quick_takes_a_few_from_all_over(world: World) -> None:
    found = examples(world.workspace, None, None, quick=True)
    assert len(found) == QUICK_EXAMPLES
    assert len({example.group.scene_id for example in found}) == 2


def test_pairs_are_known_by_their_content(world: World, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("1.png", "2.png", "3.png"):
        for folder in ("input", "target"):
            write_png(tmp_path / folder / name, random.integers(0, 255, (20, 24, 3), dtype=np.uint8))
    before = examples(world.workspace, None, tmp_path, quick=False)
    assert [example.name for example in before] == ["1.png", "2.png", "3.png"]
    known = [example.known_by for example in before]
    write_png(tmp_path / "target" / "2.png", np.zeros((20, 24, 3), np.uint8))
    after = [example.known_by for example in examples(world.workspace, None, tmp_path, quick=False)]
    assert [now == then for now, then in zip(after, known, strict=True)] == [True, False, True]


def test_without_truth_there_is_nothing_to_hold_against(world: World) -> None:
    (world.workspace.root / "manifests" / "truth.parquet").unlink()
    with pytest.raises(InputError, match="truth"):
        examples(world.workspace, None, None, quick=False)
