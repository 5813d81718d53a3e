"""When stills were taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from manifests.capture_times import captured_at, clock_s, exif_tags, still_times
from manifests.media import frames, probe

MAKE, EXIF_FOLDER, TIME, TIME_DIGITISED, FRACTION, ZONE = 0x010F, 0x8769, 0x9003, 0x9004, 0x9291, 0x9011


def picture(path: Path, told: dict[int, Any]) -> Path:
    exif = Image.Exif()
    exif[MAKE] = "Maker"
    exif.get_ifd(EXIF_FOLDER).update(told)
    Image.new("RGB", (16, 16)).save(path, exif=exif)
    return path


def series(folder: Path, *seconds: str, suffix: str = ".jpg") -> list[Path]:
    """Pictures of 17 May 2024 at twelve o'clock, so many seconds past it."""
    made = []
    for index, second in enumerate(seconds):
        whole, _, fraction = second.partition(".")
        made.append(picture(folder / f"{index}{suffix}", {TIME: f"2024:05:17 12:00:{int(whole):02d}", FRACTION: fraction}))
    return made


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({TIME: "2024:05:17 12:00:05"}, "2024-05-17T12:00:05"),
        ({TIME: "2024:05:17 12:00:05", FRACTION: "25", ZONE: "+02:00"}, "2024-05-17T12:00:05.25+02:00"),
        ({TIME_DIGITISED: "2024:05:17 12:00:05"}, "2024-05-17T12:00:05"),
        ({TIME: "2024:05:17 12:00:05\0", ZONE: "east"}, "2024-05-17T12:00:05"),
        ({TIME: "0000:00:00 00:00:00"}, None),
        ({TIME: "2024:13:01 00:00:00"}, None),
        ({TIME: "yesterday"}, None),
        ({}, None),
    ],
)
def test_what_a_camera_tells_of_time(told: dict[int, Any], expected: str | None) -> None:
    assert captured_at(told) == expected


def test_clocks_are_told_in_seconds_heeding_the_zone() -> None:
    assert clock_s("1970-01-01T00:00:01.5") == 1.5
    assert clock_s("2024-10-27T02:00:01+01:00") - clock_s("2024-10-27T02:59:59+02:00") == 2


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_times_of_a_series_are_seconds_since_its_first(tmp_path: Path, suffix: str) -> None:
    assert still_times(series(tmp_path, "3", "8", "13.5", "30", suffix=suffix)) == pytest.approx((0, 5, 10.5, 27))


def test_pictures_of_one_second_are_spread_over_it(tmp_path: Path) -> None:
    assert still_times(series(tmp_path, "3", "3", "3", "3", "4", "4")) == pytest.approx((0, 0.25, 0.5, 0.75, 1, 1.5))
    assert still_times(series(tmp_path, "3", "3", "30")) == pytest.approx((0, 0.5, 27))
    assert still_times(series(tmp_path, "3.0", "3.0", "3.2")) == pytest.approx((0, 0.1, 0.2))


def test_times_that_go_back_or_are_missing_are_none_at_all(tmp_path: Path) -> None:
    assert still_times(series(tmp_path, "3", "5", "4")) is None
    assert still_times([*series(tmp_path, "3", "5"), picture(tmp_path / "x.jpg", {})]) is None
    (tmp_path / "y.jpg").write_bytes(b"damaged")
    assert still_times([tmp_path / "y.jpg"]) is None


def test_media_are_told_at_their_cameras_times(tmp_path: Path) -> None:
    series(tmp_path, "3", "8", "13", "18")
    told = probe(tmp_path)
    assert told.pts_s == (0, 5, 10, 15)
    assert (told.duration_s, told.mean_fps, told.variable_frame_rate) == (20, 0.2, False)
    assert [frame.pts_s for frame in frames(tmp_path, 1, 3)] == [5, 10]


def test_the_headers_of_a_series_are_read_once_for_all_its_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = series(tmp_path, "3", "8", "13", "18")
    assert [next(frames(tmp_path, index, index + 1)).pts_s for index in range(3)] == [0, 5, 10]

    def refuse(*_arguments: object) -> None:
        raise AssertionError("a header is read again")

    monkeypatch.setattr("manifests.capture_times._told_by", refuse)
    assert next(frames(tmp_path, 3, 4)).pts_s == 15
    monkeypatch.undo()
    made[3].unlink()
    assert probe(tmp_path).pts_s == (0, 5, 10)


def test_media_at_uneven_times_vary(tmp_path: Path) -> None:
    series(tmp_path, "3", "8", "13", "40")
    assert probe(tmp_path).variable_frame_rate


def test_media_without_times_are_a_picture_a_second(tmp_path: Path) -> None:
    picture(tmp_path / "0.jpg", {TIME: "2024:05:17 12:00:05"})
    picture(tmp_path / "1.jpg", {})
    told = probe(tmp_path)
    assert (told.pts_s, told.duration_s, told.mean_fps) == ((0, 1), 2, 1)
    assert [frame.pts_s for frame in frames(tmp_path)] == [0, 1]


def test_a_png_without_exif_is_not_decoded_to_look_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")

    def refuse(*_arguments: object) -> None:
        raise AssertionError("the picture is decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    with Image.open(tmp_path / "a.png") as opened:
        assert exif_tags(opened) == {}
