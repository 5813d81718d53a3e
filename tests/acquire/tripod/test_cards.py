"""What lies on a card."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acquire.tripod.cards import Found, find
from acquire.tripod.settings import TripodSettings
from manifests.errors import InputError
from manifests.workspace import Workspace
from tests.acquire.tripod.pictures import write_picture


def names(found: Found) -> list[str]:
    return [file.name for file in found.files]


def look(card: Path, settings: TripodSettings = TripodSettings()) -> tuple[list[Found], int]:  # noqa: B008 (frozen)
    found = find([card], Workspace(card.parent / "work"), settings)
    return found.found, len(found.ignored)


def test_videos_anywhere_below_in_a_stable_order(card: Path) -> None:
    for name in ("b.MP4", "a.mov", "PRIVATE/M4ROOT/CLIP/C0002.mp4", "DCIM/100/MOV_1.AVI", "AVCHD/0001.MTS", "z.webm"):
        (card / name).parent.mkdir(parents=True, exist_ok=True)
        (card / name).write_bytes(b"x")
    for name in ("C0002.XML", "notes.txt", ".hidden.mp4", ".Trashes/c.mp4", "._a.mov", "list.csv"):
        (card / name).parent.mkdir(parents=True, exist_ok=True)
        (card / name).write_bytes(b"x")
    found, ignored = look(card)
    expected = ["a.mov", "b.MP4", "z.webm", "AVCHD/0001.MTS", "DCIM/100/MOV_1.AVI", "PRIVATE/M4ROOT/CLIP/C0002.mp4"]
    assert [entry.path.relative_to(card.resolve()).as_posix() for entry in found] == expected
    assert [entry.name for entry in found] == [str(card.resolve() / name) for name in expected]
    assert ignored == 3  # hidden files do not count


def test_numbered_pictures_are_a_series_in_order_of_number(card: Path) -> None:
    for number in (10, 2, 1):
        write_picture(card / f"frame-{number}.png", number)
    (series,), ignored = look(card)
    assert names(series) == ["frame-1.png", "frame-2.png", "frame-10.png"]
    assert (series.path, series.name, ignored) == (card.resolve(), str(card.resolve()), 0)


def test_each_pattern_and_size_is_its_own_series_and_single_pictures_are_left(card: Path) -> None:
    for number in range(3):
        write_picture(card / f"rainy-{number}.png")
        write_picture(card / f"wide_{number}.jpg", size=(96, 64))
    write_picture(card / "wide_7.jpg", size=(64, 96))
    write_picture(card / "clean.png")
    write_picture(card / "portrait.jpg", size=(64, 96))
    found, ignored = look(card)
    assert [names(entry) for entry in found] == [
        ["rainy-0.png", "rainy-1.png", "rainy-2.png"],
        ["wide_0.jpg", "wide_1.jpg", "wide_2.jpg"],
    ]
    assert len({entry.name for entry in found}) == 2
    assert ignored == 3


def test_a_date_and_time_in_a_name_is_one_number(card: Path) -> None:
    shot = ["cam 2024-05-17 23-59-58.jpg", "cam 2024-05-17 23-59-59.jpg", "cam 2024-05-18 00-00-00.jpg"]
    for name in reversed(shot):
        write_picture(card / name)
    (series,), _ = look(card)
    assert names(series) == shot


def test_time_goes_before_the_number_where_all_pictures_tell_it(card: Path) -> None:
    write_picture(card / "IMG_9998.jpg", time="2024:05:17 12:00:01")
    write_picture(card / "IMG_9999.jpg", time="2024:05:17 12:00:02")
    write_picture(card / "IMG_0001.jpg", time="2024:05:17 12:00:03")
    write_picture(card / "IMG_0002.jpg", time="2024:05:17 12:00:03", fraction="50")
    (series,), _ = look(card)
    assert names(series) == ["IMG_9998.jpg", "IMG_9999.jpg", "IMG_0001.jpg", "IMG_0002.jpg"]
    write_picture(card / "IMG_0003.jpg")
    write_picture(card / "IMG_0000.jpg")
    (series,), _ = look(card)  # not all tell their time: by number, which rolls over
    assert names(series) == [f"IMG_{number}.jpg" for number in ("9998", "9999", "0000", "0001", "0002", "0003")]


def test_names_without_numbers_need_times(card: Path) -> None:
    for name in ("dawn", "noon"):
        write_picture(card / f"{name}.jpg")
    assert look(card) == ([], 2)
    write_picture(card / "dawn.jpg", time="2024:05:17 05:00:00")
    write_picture(card / "noon.jpg", time="2024:05:17 12:00:00")
    (series,), ignored = look(card)
    assert (names(series), ignored) == (["dawn.jpg", "noon.jpg"], 0)


def test_a_damaged_picture_belongs_to_its_series(card: Path) -> None:
    for number in range(3):
        write_picture(card / f"frame-{number}.png")
    (card / "frame-1.png").write_bytes(b"damaged")
    (series,), _ = look(card)
    assert names(series) == ["frame-0.png", "frame-1.png", "frame-2.png"]


def test_damaged_pictures_of_no_series_are_told_of(card: Path) -> None:
    for number in range(3):
        (card / f"frame-{number}.png").write_bytes(b"damaged")
    write_picture(card / "whole-0.png")
    write_picture(card / "whole-1.png")
    found = find([card], Workspace(card / "work"), TripodSettings())
    assert [names(entry) for entry in found.found] == [["whole-0.png", "whole-1.png"]]
    assert found.remarks == [f"pictures that cannot be read (or are absurdly large), passed over: 3, the first {card / 'frame-0.png'}"]


def test_the_workspaces_own_folders_are_passed_over(tmp_path: Path) -> None:
    for name in ("footage/a.mp4", "release/1/b.mp4", "mine/footage/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    write_picture(tmp_path / "scenes" / "s" / "0.png")
    write_picture(tmp_path / "scenes" / "s" / "1.png")
    assert [entry.path.name for entry in find([tmp_path], Workspace(tmp_path), TripodSettings()).found] == ["c.mp4"]


def test_folders_that_overlap_and_single_files_are_read_once(card: Path) -> None:
    (card / "in").mkdir()
    (card / "in" / "a.mp4").write_bytes(b"x")
    assert len(find([card, card / "in", card / "in" / "a.mp4"], Workspace(card / "work"), TripodSettings()).found) == 1


def test_a_missing_or_closed_folder_is_named(card: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        find([card / "missing"], Workspace(card), TripodSettings())
    if os.geteuid() != 0:  # root may read everything
        card.chmod(0)
        with pytest.raises(InputError, match="cannot be read"):
            find([card], Workspace(card / "work"), TripodSettings())
        card.chmod(0o755)


def test_a_name_in_no_encoding_can_be_kept(card: Path) -> None:
    Path(os.fsdecode(os.fsencode(card) + b"/r\xe9n.mp4")).write_bytes(b"x")
    (entry,), _ = look(card)
    assert entry.name.encode("utf-8")
