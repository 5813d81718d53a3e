"""Which file becomes which, and what is refused before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import InputError
from train.derain.plan import plan


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def targets(*args: object, **more: str) -> dict[str, str]:
    return {job.source.name: str(job.target) for job in plan(*args, **more).jobs}  # type: ignore[arg-type]


def test_folders_are_mirrored_with_all_below_and_the_rest_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    touch(folder / "a.png", folder / "day 1" / "b.JPG", folder / "day 1" / "c.avi", folder / "notes.txt")
    touch(folder / ".hidden" / "d.png", folder / "._a.png")
    planned = plan([folder], tmp_path / "out")
    assert [str(job.target.relative_to(tmp_path / "out")) for job in planned.jobs] == ["a.png", "day 1/b.JPG", "day 1/c.mkv"]
    assert planned.passed_over == (folder / "notes.txt",)


def test_what_an_earlier_run_wrote_into_the_folder_is_not_taken_for_input(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "derained" / "a.png")
    assert targets([tmp_path], tmp_path / "derained", existing="overwrite") == {"a.png": str(tmp_path / "derained" / "a.png")}


@pytest.mark.parametrize(
    ("name", "becomes"),
    [("a.mp4", "a.mp4"), ("a.MOV", "a.mov"), ("a.webm", "a.mkv"), ("a.mts", "a.mp4"), ("a.wmv", "a.mkv"), ("a.tif", "a.tif")],
)
def test_files_keep_their_kind_where_it_can_be_written(tmp_path: Path, name: str, becomes: str) -> None:
    touch(tmp_path / name)
    assert targets([tmp_path / name], tmp_path / "out") == {name: str(tmp_path / "out" / becomes)}


def test_one_input_may_name_its_output(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "a.avi")
    assert targets([tmp_path / "a.png"], tmp_path / "deep" / "b.bmp") == {"a.png": str(tmp_path / "deep" / "b.bmp")}
    assert targets([tmp_path / "a.avi"], tmp_path / "b.mov") == {"a.avi": str(tmp_path / "b.mov")}
    for source, target in (("a.png", "b.mp4"), ("a.avi", "b.png"), ("a.avi", "b.avi")):
        with pytest.raises(InputError, match=rf"{source}: cannot become a \.\w+ file"):
            plan([tmp_path / source], tmp_path / target)


def test_streaks_lie_beside_each_output(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "b.webm")
    planned = plan([tmp_path], tmp_path / "out", streaks=True)
    assert [job.streaks for job in planned.jobs] == [tmp_path / "out" / "a-streaks.png", tmp_path / "out" / "b-streaks.mkv"]


def test_plans_that_would_lose_a_file_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "one" / "a.png", tmp_path / "two" / "a.png", tmp_path / "x" / "a.mp4", tmp_path / "x" / "a.ts")
    touch(tmp_path / "x.txt", tmp_path / "s" / "a-streaks.png", tmp_path / "s" / "a.png")
    (tmp_path / "empty").mkdir()
    for inputs, output, why in (
        (["one", "two"], "out", "and so would"),
        (["x"], "out", "and so would"),
        (["one"], "one", "is an input itself"),
        (["one/a.png"], "one/a.png", "is an input itself"),
        (["one/a.png", "two/a.png"], "two", "is an input itself"),
        (["s"], "out", "and so would"),
        (["none.png"], "out", "no such file"),
        (["one/a.png"], "x.txt", r"x\.txt: is a file, where a folder for a\.png is needed"),
        (["x.txt"], "out", "neither a picture nor a video"),
        (["empty"], "out", "holds no pictures and no videos"),
    ):
        with pytest.raises(InputError, match=why):
            plan([tmp_path / path for path in inputs], tmp_path / output, existing="overwrite", streaks=True)


def test_an_output_that_exists_is_refused_unless_it_may_be_replaced(tmp_path: Path) -> None:
    touch(tmp_path / "in" / "a.png", tmp_path / "in" / "b.png", tmp_path / "out" / "b.png")
    with pytest.raises(InputError, match=r"b\.png: exists; give --overwrite"):
        plan([tmp_path / "in"], tmp_path / "out")
    assert len(plan([tmp_path / "in"], tmp_path / "out", existing="overwrite").jobs) == 2
    skipping = plan([tmp_path / "in"], tmp_path / "out", existing="skip")
    assert [[job.source.name for job in jobs] for jobs in (skipping.jobs, skipping.there)] == [["a.png"], ["b.png"]]
    assert len(plan([tmp_path / "in"], tmp_path / "out", existing="skip", streaks=True).jobs) == 2  # there are no streaks of either
    (tmp_path / "out2" / "a.png").mkdir(parents=True)
    with pytest.raises(InputError, match="a folder of that name is in the way"):
        plan([tmp_path / "in"], tmp_path / "out2", existing="overwrite")


def test_a_link_to_an_input_is_that_input(tmp_path: Path) -> None:
    touch(tmp_path / "in" / "a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").symlink_to(tmp_path / "in" / "a.png")
    with pytest.raises(InputError, match="is an input itself"):
        plan([tmp_path / "in"], tmp_path / "out", existing="overwrite")
