"""Which pictures were shot as one time-lapse."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.tripod.exif import Shot
from acquire.tripod.series import Grouped, group

NOON = datetime(2024, 5, 17, 12)


def shot(name: str, seconds: float | None = None, serial: str | None = "1", size: tuple[int, int] = (6000, 4000)) -> Shot:
    captured_at = None if seconds is None else (NOON + timedelta(seconds=seconds)).isoformat()
    return Shot(Path("/card") / name, size, captured_at, "SONY ILCE-7M4", serial)


def grouped(shots: list[Shot], prefer_raw: bool = False) -> Grouped:
    return group(shots, gap_s=60.0, gap_factor=5.0, prefer_raw=prefer_raw)


def names(found: Grouped) -> list[list[str]]:
    return [[member.path.name for member in members] for members in found.series]


@st.composite
def time_lapses(draw: st.DrawFn) -> list[list[Shot]]:
    """Time-lapses of one or two cameras, apart by more than five of the longer interval and a minute; the counter rolls over on the way."""
    number = draw(st.integers(1, 9999))
    made = []
    for serial in ("1", "2")[: draw(st.integers(1, 2))]:
        seconds, before_s = 0.0, 0.0
        for _ in range(draw(st.integers(1, 3))):
            interval_s = draw(st.sampled_from([0.25, 1.0, 2.0, 10.0, 300.0]))
            seconds += 1.1 * max(60.0, 5 * interval_s, 5 * before_s)
            members = []
            for _ in range(draw(st.integers(12, 16))):
                members.append(shot(f"DSC{number:05d}.JPG", seconds, serial))
                number = number % 9999 + 1
                seconds += interval_s
            made.append(members)
            before_s = interval_s
    return made


@given(made=time_lapses(), folders=st.integers(1, 4), seed=st.integers(0, 1000))
def test_series_are_found_in_any_order_and_whatever_folders_they_lie_in(made: list[list[Shot]], folders: int, seed: int) -> None:
    generator = random.Random(seed)
    moved = {
        old.path.name: replace(old, path=Path(f"/card/DCIM/{100 + generator.randrange(folders)}MSDCF/{old.path.name}"))
        for members in made
        for old in members
    }
    shuffled = list(moved.values())
    generator.shuffle(shuffled)
    assert sorted(names(grouped(shuffled))) == sorted([member.path.name for member in members] for members in made)
    assert grouped(shuffled) == grouped(sorted(shuffled, key=lambda member: member.path))


@given(made=time_lapses(), seed=st.integers(0, 1000))
def test_no_picture_is_in_two_series_and_none_is_lost(made: list[list[Shot]], seed: int) -> None:
    """Under any times at all."""
    generator = random.Random(seed)
    shots = [
        replace(member, captured_at=(NOON + timedelta(seconds=generator.choice([1, 90, 4000]) * generator.random())).isoformat())
        for members in made
        for member in members
    ]
    taken = [member.path for members in grouped(shots).series for member in members]
    assert len(taken) == len(set(taken))
    assert set(taken) <= {member.path for member in shots}
    for members in grouped(shots).series:
        assert [member.taken_s for member in members] == sorted(member.taken_s or 0 for member in members)
        assert len({member.serial for member in members}) == 1


def test_a_gap_is_long_by_the_clock_and_by_the_pace() -> None:
    def found(*seconds: float) -> list[int]:
        return [len(members) for members in grouped([shot(f"DSC{index:05d}.JPG", at) for index, at in enumerate(seconds, 1)]).series]

    steady = [2.0 * index for index in range(20)]
    assert found(*steady, *(38 + 59 + at for at in steady)) == [40]  # thirty times the pace, and less than a minute
    assert found(*steady, *(38 + 61 + at for at in steady)) == [20, 20]
    slow = [100.0 * index for index in range(20)]
    assert found(*slow, *(1900 + 499 + at for at in slow)) == [40]  # more than a minute, and less than five times the pace
    assert found(*slow, *(1900 + 501 + at for at in slow)) == [20, 20]
    assert found(*steady, *(138 + 100 * index for index in range(20))) == [40]  # a change of pace is no gap
    assert found(0.0, 7200.0) == [2]


def test_counters_roll_over_within_one_second() -> None:
    shots = [shot(f"101MSDCF/DSC{number:05d}.JPG", 5) for number in (1, 2)] + [
        shot(f"100MSDCF/DSC{number:05d}.JPG", 5) for number in (9999, 9998)
    ]
    assert names(grouped(shots)) == [["DSC09998.JPG", "DSC09999.JPG", "DSC00001.JPG", "DSC00002.JPG"]]
    unknown = [replace(each, captured_at=None, path=Path("/card") / each.path.name) for each in shots]
    assert names(grouped(unknown)) == [["DSC09998.JPG", "DSC09999.JPG", "DSC00001.JPG", "DSC00002.JPG"]]


def test_zones_are_heeded_where_told() -> None:
    before, after = "2024-10-27T02:59:59+02:00", "2024-10-27T02:00:01+01:00"  # the hour that comes twice
    shots = [replace(shot("DSC00001.JPG"), captured_at=before), replace(shot("DSC00002.JPG"), captured_at=after)]
    assert names(grouped(shots)) == [["DSC00001.JPG", "DSC00002.JPG"]]


@pytest.mark.parametrize(
    "other",
    [
        {"camera": "SONY ILCE-9"},
        {"serial": "2"},
        {"lens": "FE 35mm F1.8"},
        {"size": (4000, 6000)},
        {"orientation": 6},
        {"path": Path("/card/b/DSC00001.PNG")},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_camera_lens_size_orientation_or_file_type_is_another_series(other: dict[str, object]) -> None:
    ours = [shot(f"a/DSC{number:05d}.JPG", 2.0 * number) for number in range(6)]
    theirs = [replace(each, **({"path": Path(f"/card/b/{each.path.name}")} | other)) for each in ours]  # type: ignore[arg-type]
    if "path" in other:
        theirs = [replace(each, path=Path(f"/card/b/DSC{number:05d}.PNG")) for number, each in enumerate(ours)]
    found = grouped([*ours, *theirs])
    assert [{member.path.parent.name for member in members} for members in found.series] == [{"a"}, {"b"}]


def test_without_serial_numbers_cameras_that_ran_at_once_are_kept_apart() -> None:
    left = [shot(f"left/GOPR{number:04d}.JPG", 2.0 * number, serial=None) for number in range(6)]
    right = [shot(f"right/GOPR{number:04d}.JPG", 2.0 * number + 1, serial=None) for number in range(6)]
    found = grouped([*left, *right])
    assert [{member.path.parent.name for member in members} for members in found.series] == [{"left"}, {"right"}]
    later = [replace(each, captured_at=(NOON + timedelta(seconds=20 + 2 * index)).isoformat()) for index, each in enumerate(right)]
    assert len(grouped([*left, *later]).series) == 1  # one after the other: one camera's folders
    same_card = [replace(each, path=Path(f"/card/DCIM/101GOPRO/{each.path.name}")) for each in right]
    other_folder = [replace(each, path=Path(f"/card/DCIM/100GOPRO/{each.path.name}")) for each in left]
    assert len(grouped([*other_folder, *same_card]).series) == 1


def test_a_copy_of_a_card_beside_it_doubles_no_frame() -> None:
    ours = [shot(f"card/DSC{number:05d}.JPG", 2.0 * number) for number in range(6)]
    copies = [replace(each, path=Path("/card/backup") / each.path.name) for each in ours]
    found = grouped([*ours, *copies])
    assert len(names(found)) == 1
    assert len(set(names(found)[0])) == len(names(found)[0]) == 6


def test_of_raw_and_jpeg_one_is_taken() -> None:
    jpeg = [shot(f"DSC{number:05d}.JPG", 2.0 * number) for number in range(3)]
    raw = [shot(f"DSC{number:05d}.ARW", 2.0 * number, size=(6024, 4024)) for number in range(4)]
    found = grouped([*jpeg, *raw])
    assert names(found) == [["DSC00000.JPG", "DSC00001.JPG", "DSC00002.JPG"]]  # the fourth raw picture is alone
    assert found.raw_beside_jpeg == 3
    assert names(grouped([*jpeg, *raw], prefer_raw=True)) == [[f"DSC0000{number}.ARW" for number in range(4)]]


def test_gt_rains_clean_pictures_are_no_footage() -> None:
    rainy = [shot(f"Scene_0-0/Scene_0-0-R-{number:03d}.png", None, None) for number in range(3)]
    clean = [shot(f"Scene_0-0/Scene_0-0-C-{number:03d}.png", None, None) for number in range(2)]
    found = grouped([*rainy, *clean])
    assert names(found) == [[each.path.name for each in rainy]]
    assert found.clean == 2
    assert names(grouped(clean)) == [[each.path.name for each in clean]]  # alone, they are pictures like others


def test_a_picture_that_cannot_be_read_belongs_to_the_series_of_its_name() -> None:
    shots = [shot(f"DSC{number:05d}.JPG", 2.0 * number) for number in range(6)]
    shots[2] = Shot(shots[2].path)
    assert names(grouped(shots)) == [[f"DSC0000{number}.JPG" for number in range(6)]]
    alone = Shot(Path("/card/elsewhere/DSC00009.JPG"))
    assert grouped([*shots, alone]) == grouped(shots)
