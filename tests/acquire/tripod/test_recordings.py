"""Recordings that a camera split over several files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from acquire.tripod.recordings import Head, candidates, confirmed, continues, join
from manifests.media import probe
from tests.acquire.tripod.clips import FPS, cut_transport_stream, numbers_of, record

HOUR = datetime(2024, 5, 17, 12, tzinfo=UTC)


def sized(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def found(folder: Path) -> list[list[str]]:
    return [[part.name for part in parts] for parts in candidates(sorted(folder.iterdir()), split_sizes=(1000, 2000))]


def test_full_files_of_consecutive_numbers_are_candidates(tmp_path: Path) -> None:
    for name, size in {
        "C0001.MP4": 1990,  # full
        "C0002.MP4": 1950,
        "C0003.MP4": 300,  # the rest
        "C0004.MP4": 300,
        "C0005.MP4": 2001,  # larger than any limit: no split file
        "C0006.MP4": 500,
        "C0008.MP4": 990,  # full, but the next number is not there
        "00000.MTS": 980,
        "00001.mts": 500,
        "MVI_9999.MOV": 1000,
        "MVI_10000.MOV": 10,
        "P1000007.AVI": 1000,  # never joined
        "P1000008.AVI": 10,
    }.items():
        sized(tmp_path / name, size)
    assert found(tmp_path) == [
        ["00000.MTS", "00001.mts"],
        ["C0001.MP4", "C0002.MP4", "C0003.MP4"],
        ["C0004.MP4"],
        ["C0005.MP4"],
        ["C0006.MP4"],
        ["C0008.MP4"],
        ["MVI_9999.MOV", "MVI_10000.MOV"],
        ["P1000007.AVI"],
        ["P1000008.AVI"],
    ]


def test_gopro_chapters_are_candidates_by_name_alone(tmp_path: Path) -> None:
    for name in ("GH010123", "GH020123", "GH030123", "GH010124", "GX010123", "GX020123", "GX040123", "GOPR0007", "GP010007", "GP020007"):
        sized(tmp_path / f"{name}.MP4", 10)
    assert sorted(found(tmp_path)) == [
        ["GH010123.MP4", "GH020123.MP4", "GH030123.MP4"],
        ["GH010124.MP4"],
        ["GOPR0007.MP4", "GP010007.MP4", "GP020007.MP4"],
        ["GX010123.MP4", "GX020123.MP4"],
        ["GX040123.MP4"],
    ]


def test_parts_in_other_folders_are_no_candidates(tmp_path: Path) -> None:
    videos = [sized(tmp_path / "a" / "C0001.MP4", 1000), sized(tmp_path / "b" / "C0002.MP4", 10)]
    assert list(candidates(videos, (1000,))) == [[videos[0]], [videos[1]]]


def head(name: str = "C0001.MP4", **told: object) -> Head:
    given = {"parameters": ("h264",), "start_s": 0.0, "duration_s": 600.0, "fps": 30000 / 1001, "timecode": None, "created": None} | told
    return Head(path=Path(name), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        (head(created=HOUR), head(created=HOUR + timedelta(seconds=601)), True),  # dated by their beginning
        (head(created=HOUR), head(created=HOUR + timedelta(seconds=100), duration_s=100.0), True),  # dated by their end
        (head(created=HOUR), head(created=HOUR + timedelta(seconds=700)), False),
        (head(created=HOUR), head(created=HOUR), False),
        (head(created=HOUR), head(created=HOUR - timedelta(seconds=600)), False),
        (head(), head(), False),  # nothing tells
        (head(parameters=("h264", 25)), head(created=HOUR), False),
        (head(created=HOUR, parameters=("hevc",)), head(created=HOUR + timedelta(seconds=600)), False),
        # 600 s at 29.97 frames a second are 17982 frames: 9:59:12 frames when counted by 30, ten minutes with dropped numbers
        (head(timecode="10:00:00:00"), head(timecode="10:09:59:12"), True),
        (head(timecode="10:00:00;00"), head(timecode="10:10:00;00"), True),
        (head(timecode="10:00:00;00"), head(timecode="10:09:57;00"), False),
        (head(timecode="23:55:00;00"), head(timecode="00:05:00;00"), True),  # over midnight
        (head(timecode="00:00:00:00"), head(timecode="00:00:00:00"), False),  # a timecode that begins anew with each file
        (head("00000.MTS", start_s=1.4), head("00001.MTS", start_s=601.4), True),
        (head("00000.MTS", start_s=1.4), head("00001.MTS", start_s=1.4), False),
        (head("00000.MTS", start_s=95_000.0), head("00001.MTS", start_s=95_600.0 - (1 << 33) / 90_000), True),  # the clock began anew
        (head("C0001.MP4", start_s=0.0), head("C0002.MP4", start_s=600.0), False),  # no camera's MP4 keeps a clock over files
        (head("GH010123.MP4"), head("GH020123.MP4"), True),
        (head("GH010123.MP4"), head("GH020123.MP4", parameters=("hevc",)), False),
    ],
)
def test_clocks_tell_whether_a_file_continues_another(earlier: Head, later: Head, expected: bool) -> None:
    assert continues(earlier, later) is expected


def parts_by_creation(folder: Path, suffix: str = ".MP4") -> list[Path]:
    return [
        record(folder / f"C{index + 1:04d}{suffix}", numbers, {"creation_time": (HOUR + timedelta(seconds=begin)).isoformat()})
        for index, (numbers, begin) in enumerate([(range(35), 0), (range(35, 70), 1.4), (range(70, 90), 60)])
    ]


def test_candidates_are_cut_where_nothing_tells_that_they_continue(tmp_path: Path) -> None:
    parts = parts_by_creation(tmp_path)
    assert list(confirmed(parts)) == [parts[:2], parts[2:]]
    broken = tmp_path / "C0004.MP4"
    broken.write_bytes(b"no video")
    assert list(confirmed([*parts[:2], broken])) == [parts[:2], [broken]]


@pytest.mark.parametrize("suffix", [".MP4", ".MOV"])
def test_joined_parts_hold_every_frame_at_steady_times(tmp_path: Path, suffix: str) -> None:
    parts = parts_by_creation(tmp_path, suffix)[:2]
    joined = tmp_path / f"joined{suffix.lower()}"
    join(parts, joined)
    assert numbers_of(joined) == list(range(70))
    told = probe(joined)
    assert np.diff(told.pts_s) == pytest.approx(1 / FPS, abs=1e-4)
    assert not told.variable_frame_rate
    assert told.duration_s == pytest.approx(2.8)
    again = tmp_path / f"again{suffix.lower()}"
    join(parts, again)
    assert again.read_bytes() == joined.read_bytes()


def test_timecodes_of_real_files_are_read(tmp_path: Path) -> None:
    first = record(tmp_path / "C0001.MP4", range(30), timecode="01:00:00:00")
    second = record(tmp_path / "C0002.MP4", range(30, 60), timecode="01:00:01:05")
    other = record(tmp_path / "C0003.MP4", range(30, 60), timecode="01:00:07:00")
    assert list(confirmed([first, second])) == [[first, second]]
    assert list(confirmed([first, other])) == [[first], [other]]


def test_a_transport_stream_that_was_cut_is_whole_again_by_its_bytes(tmp_path: Path) -> None:
    whole = record(tmp_path / "whole.MTS", range(90))
    first, second = tmp_path / "00000.MTS", tmp_path / "00001.MTS"
    assert 0 < cut_transport_stream(whole, first, second) < 90
    assert list(confirmed([first, second])) == [[first, second]]
    join([first, second], tmp_path / "joined.mts")
    assert (tmp_path / "joined.mts").read_bytes() == whole.read_bytes()
    assert numbers_of(tmp_path / "joined.mts") == list(range(90))


def test_transport_streams_whose_clock_begins_anew_are_joined_packet_by_packet(tmp_path: Path) -> None:
    parts = [record(tmp_path / "GH010001.MTS", range(30)), record(tmp_path / "GH020001.MTS", range(30, 60))]
    join(parts, tmp_path / "joined.mts")
    assert numbers_of(tmp_path / "joined.mts") == list(range(60))
    assert np.diff(probe(tmp_path / "joined.mts").pts_s) == pytest.approx(1 / FPS, abs=1e-4)


def test_a_turned_recording_stays_turned(tmp_path: Path) -> None:
    from tests.manifests.clips import tag_rotation

    parts = [tag_rotation(part, 90) for part in parts_by_creation(tmp_path)[:2]]
    join(parts, tmp_path / "joined.mp4")
    assert probe(tmp_path / "joined.mp4").rotation_deg == probe(parts[0]).rotation_deg == 90
