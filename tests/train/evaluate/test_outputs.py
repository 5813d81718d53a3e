"""Another method's pictures are found by the rainy picture's name, and never by position."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import InputError
from tests.train.evaluate.test_layouts import lay_out
from train.evaluate.outputs import find_outputs
from train.evaluate.pairs import find_pairs


@pytest.mark.parametrize(
    ("rainy", "clean", "output"),
    [
        ("input/1.png", "target/1.png", "1.jpg"),
        ("input/1.png", "target/1.png", "1_derained.png"),
        ("input/1.png", "target/1.png", "deep/er/1-fake_B.png"),
        ("rain/rain-001.png", "norain/norain-001.png", "rain-001.png"),
        ("rain/rain-001.png", "norain/norain-001.png", "norain-001_out.png"),
        ("rain/000.png", "gt/000gt.png", "000.png"),
        ("rainy_image/901_1.png", "ground_truth/901.png", "901_1.png"),
        ("rainy_image/901_1.png", "ground_truth/901.png", "901_1_output.png"),
    ],
)
def test_outputs_are_found_by_the_rainy_name(tmp_path: Path, rainy: str, clean: str, output: str) -> None:
    found = find_pairs(lay_out(tmp_path / "pairs", rainy, clean))
    outputs = find_outputs(lay_out(tmp_path / "out", output), found)
    assert outputs.of == {tmp_path / "pairs" / rainy: tmp_path / "out" / output}
    assert outputs.missing == outputs.without_rainy == ()


def test_numbers_are_not_taken_for_endings(tmp_path: Path) -> None:
    found = find_pairs(lay_out(tmp_path / "pairs", "input/1.png", "target/1.png", "input/10.png", "target/10.png"))
    outputs = find_outputs(lay_out(tmp_path / "out", "10_b.png", "1_1.png"), found)
    assert [(rainy.name, output.name) for rainy, output in outputs.of.items()] == [("10.png", "10_b.png")]
    assert [path.name for path in outputs.missing] == ["1.png"]
    assert [path.name for path in outputs.without_rainy] == ["1_1.png"]


def test_where_names_repeat_the_folder_counts(tmp_path: Path) -> None:
    scenes = [f"{scene}/x-{kind}-{number}.png" for scene in "ab" for kind, number in (("C", 0), ("R", 0), ("R", 1))]
    found = find_pairs(lay_out(tmp_path / "pairs", *scenes))
    outputs = find_outputs(lay_out(tmp_path / "out", "a/x-R-0.png", "b/x-R-0.png", "x-R-1.png"), found)
    assert [(rainy.parent.name, output.parent.name) for rainy, output in outputs.of.items()] == [("a", "a"), ("b", "b")]
    assert [path.name for path in outputs.without_rainy] == ["x-R-1.png"]


def test_no_output_two_outputs_and_no_folder_are_refused(tmp_path: Path) -> None:
    found = find_pairs(lay_out(tmp_path / "pairs", "input/1.png", "target/1.png"))
    with pytest.raises(InputError, match=r"none of its 1 pictures has the name of one of the 1 rainy ones, such as 1\.png"):
        find_outputs(lay_out(tmp_path / "other", "2.png"), found)
    with pytest.raises(InputError, match=r"an output of 1\.png, and so is 1\.png"):
        find_outputs(lay_out(tmp_path / "two", "1.png", "1_best.png"), found)
    with pytest.raises(InputError, match="no such folder"):
        find_outputs(tmp_path / "nowhere", found)
