"""`train derain` as users meet it: a folder in, a folder out, a line for what failed, numbers for what was done."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from manifests.errors import InputError
from manifests.media import probe, read_picture, write_png
from tests.train.derain.clips import write_clip
from tests.train.derain.networks import takes_out
from tests.worlds import add_streaks, background
from train.cli import main
from train.derain import derain
from train.derain.plan import Job
from train.derain.run import _derain_photo
from train.derain.streaks import Deraining


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.derain.run.load_network", lambda _path: takes_out(10))


def rainy(seed: int = 0) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return add_streaks(background(48, 40, rng), rng)


def ten_less(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return np.maximum(picture.astype(np.int64) - 10, 0)


def command(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["derain", "checkpoint.safetensors", *map(str, arguments)])


def test_a_folder_of_everything(tmp_path: Path) -> None:
    write_png(tmp_path / "in" / "a.png", rainy())
    write_png(tmp_path / "in" / "day" / "grey.png", rainy(1)[..., 0])
    Image.fromarray(rainy(2)).save(tmp_path / "in" / "day" / "photo.jpg", quality=97)
    write_clip(tmp_path / "in" / "clip.mkv", [rainy(seed) for seed in range(4)], [0, 40, 80, 120])
    (tmp_path / "in" / "notes.txt").write_text("wet")
    done = command(tmp_path / "in", "-o", tmp_path / "out", "--streaks", "--json")
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "a.png"), ten_less(rainy()))
    with Image.open(tmp_path / "out" / "day" / "grey.png") as picture:
        assert picture.mode == "L"
        np.testing.assert_array_equal(np.asarray(picture), ten_less(rainy(1)[..., 0]))
    error = read_picture(tmp_path / "out" / "day" / "photo.jpg") - ten_less(read_picture(tmp_path / "in" / "day" / "photo.jpg"))
    assert np.abs(error).mean() < 2
    assert probe(tmp_path / "out" / "clip.mkv").frames == probe(tmp_path / "out" / "clip-streaks.mkv").frames == 4
    assert (read_picture(tmp_path / "out" / "a-streaks.png") == 10).all()
    *lines, summary = map(json.loads, done.stdout.splitlines())
    assert [Path(line["output"]).name for line in lines] == ["a.png", "clip.mkv", "grey.png", "photo.jpg"]
    assert lines[1].keys() >= {"input", "streaks", "frames", "flicker_rainy", "flicker_derained", "flicker_stabilised", "notes"}
    assert (summary["kept"], summary["failed"]) == (4, 0)
    assert "passed over 1 files that are neither picture nor video" in done.stderr


def test_streaks_of_deep_pictures_are_deep_and_lie_as_the_picture_does(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(rainy()[..., 0].astype(np.uint16) * 257).save(tmp_path / "a.png", exif=exif)
    derain(Path("x"), [tmp_path / "a.png"], tmp_path / "out", streaks=True)
    with Image.open(tmp_path / "out" / "a-streaks.png") as picture:
        assert (picture.mode, picture.size, picture.getexif()[0x0112]) == ("I;16", (48, 40), 8)
        assert (np.asarray(picture) == 2570).all()
    with Image.open(tmp_path / "out" / "a.png") as picture:
        assert picture.getexif()[0x0112] == 8
        np.testing.assert_array_equal(np.asarray(picture), ten_less(rainy()[..., 0]) * 257)


def test_what_cannot_be_done_fails_by_name_and_the_rest_is_done(tmp_path: Path) -> None:
    write_png(tmp_path / "in" / "good.png", rainy())
    write_png(tmp_path / "in" / "point.png", rainy()[:1, :1])
    (tmp_path / "in" / "empty.png").write_bytes(b"")
    (tmp_path / "in" / "cut.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42")
    Image.new("CMYK", (9, 9)).save(tmp_path / "in" / "ink.jpg")
    Image.fromarray(rainy()).save(tmp_path / "in" / "half.jpg")
    content = (tmp_path / "in" / "half.jpg").read_bytes()
    (tmp_path / "in" / "half.jpg").write_bytes(content[: len(content) // 2])
    done = command(tmp_path / "in", "-o", tmp_path / "out", "--streaks")
    assert done.exit_code == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "good-streaks.png",
        "good.png",
        "point-streaks.png",
        "point.png",
    ]
    for name in ("empty.png", "cut.mp4", "ink.jpg", "half.jpg"):
        assert f"{name}: " in done.stderr
    assert "pictures and videos: 2 kept, 0 rejected, 4 failed" in done.stdout
    assert "holds CMYK" in done.stdout


def test_what_was_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        write_png(tmp_path / "in" / f"{name}.png", rainy())

    def until_b(deraining: Deraining, job: Job) -> None:
        if job.source.stem == "b":
            raise KeyboardInterrupt
        _derain_photo(deraining, job)

    with monkeypatch.context() as patched:
        patched.setattr("train.derain.run._derain_photo", until_b)
        stopped = command(tmp_path / "in", "-o", tmp_path / "out")
    assert (stopped.exit_code, "files that were finished are kept: --skip-existing goes on" in stopped.stderr) == (1, True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png"]
    written = (tmp_path / "out" / "a.png").stat().st_mtime_ns
    done = command(tmp_path / "in", "-o", tmp_path / "out", "--skip-existing")
    assert (done.exit_code, "2 kept" in done.stdout) == (0, True)
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == written


def test_nothing_is_done_where_something_would_be_lost(tmp_path: Path) -> None:
    write_png(tmp_path / "in" / "a.png", rainy())
    write_png(tmp_path / "in" / "b.png", rainy())
    write_png(tmp_path / "out" / "b.png", rainy(5))
    done = command(tmp_path / "in", "-o", tmp_path / "out")
    assert (done.exit_code, "b.png: exists; give --overwrite" in done.output) == (1, True)
    assert not (tmp_path / "out" / "a.png").exists()
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "b.png"), rainy(5))
    assert "skipped 1 whose outputs exist, such as " in command(tmp_path / "in", "-o", tmp_path / "out", "--skip-existing").stderr
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "b.png"), rainy(5))
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "a.png"), ten_less(rainy()))
    assert command(tmp_path / "in", "-o", tmp_path / "out", "--overwrite").exit_code == 0
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "b.png"), ten_less(rainy()))
    (tmp_path / "x.txt").write_text("wet")
    assert command(tmp_path / "x.txt", "-o", tmp_path / "out").exit_code == 1


def test_a_full_disk_is_a_failure_with_its_reason_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "in" / "a.png", rainy())
    write_png(tmp_path / "in" / "b.tif", rainy())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("manifests.files.os.fsync", full)
    done = command(tmp_path / "in", "-o", tmp_path / "out", "--streaks")
    assert done.exit_code == 3
    assert done.stderr.count("No space left on device") == 2
    assert list((tmp_path / "out").iterdir()) == []


def test_an_error_that_nobody_foresaw_is_its_file_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "in" / "a.png", rainy())
    (tmp_path / "in" / "b.mp4").write_bytes(b"strange")
    write_png(tmp_path / "in" / "c.png", rainy())

    def stumbles(*_: object, **__: object) -> None:
        raise ValueError("stream type not supported")

    monkeypatch.setattr("train.derain.run.derain_video", stumbles)
    done = command(tmp_path / "in", "-o", tmp_path / "out")
    assert (done.exit_code, sorted(path.name for path in (tmp_path / "out").iterdir())) == (3, ["a.png", "c.png"])
    assert "b.mp4: ValueError: stream type not supported" in done.stderr


def test_video_in_words(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", [rainy(seed) for seed in range(4)], [0, 40, 80, 120])
    done = command(tmp_path / "clip.mp4", "-o", tmp_path / "out.mov", "--stabilise", "--precision", "bfloat16")
    assert done.exit_code == 0, done.output
    assert "out.mov: 4 frames, flicker " in done.stdout
    assert " stabilised (levels of 255)" in done.stdout


def test_a_device_that_is_not_there_is_told_before_anything_is_done(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", rainy())
    with pytest.raises(InputError, match="cuda:99"):
        derain(Path("x"), [tmp_path / "a.png"], tmp_path / "out", device="cuda:99")
    assert not (tmp_path / "out").exists()
