"""What lies on a card becomes footage: recordings joined, raw pictures developed, series over folders; read again, nothing is added."""

from __future__ import annotations

import dataclasses
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL.TiffImagePlugin import IFDRational

from acquire.tripod import TripodSettings
from acquire.tripod.cards import Found
from acquire.tripod.copies import file_hashes
from acquire.tripod.recordings import candidates
from manifests.checks import check
from manifests.errors import InputError
from manifests.files import read_rows
from manifests.media import frames
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.acquire.tripod.clips import cut_transport_stream, numbers_of, record
from tests.acquire.tripod.pictures import write_picture
from tests.acquire.tripod.raws import flat, write_dng
from tests.acquire.tripod.taking import media_files, rows, take
from tests.acquire.tripod.test_telemetry import as_sonys, sony
from tests.acquire.tripod.test_video_tags import SONY, SONY_COLUMNS

HOUR = datetime(2024, 5, 17, 12, tzinfo=UTC)


def findings(workspace: Workspace) -> list[str]:
    """What `manifests check --media` finds."""
    return [finding.problem for finding in check(workspace, media=True)[1]]


def forget_folder(card: Path, elsewhere: Path) -> Path:
    """The card, mounted elsewhere."""
    elsewhere.parent.mkdir(parents=True, exist_ok=True)
    return card.rename(elsewhere)


# --- split recordings ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a few kB count as full."""
    monkeypatch.setattr(
        "acquire.tripod.cards.candidates", lambda videos: candidates(videos, [video.stat().st_size + 1 for video in videos])
    )


def chapters(card: Path) -> list[Path]:
    return [record(card / "DCIM" / "100GOPRO" / f"GH0{index}0123.MP4", range(30 * index, 30 * index + 30)) for index in (1, 2, 3)]


def test_chapters_become_one_recording(card: Path, workspace: Workspace) -> None:
    parts, said = chapters(card), list[str]()
    assert take(card, workspace, say=said.append).total("kept") == 1
    (row,) = rows(workspace).values()
    assert row.parts == tuple(str(part.resolve()) for part in parts)
    assert (row.origin, row.frames, row.variable_frame_rate) == (row.parts[0], 90, False)
    assert numbers_of(workspace.resolve(row.path or "")) == list(range(30, 120))
    assert media_files(workspace) == [f"{row.footage_id}.mp4"]
    assert row.bytes == workspace.resolve(row.path or "").stat().st_size
    assert any("3 files joined" in line for line in said)
    assert findings(workspace) == []


def test_a_split_recording_read_again_adds_nothing(card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    chapters(card)
    take(card, workspace)
    (before,) = rows(workspace).values()

    def refuse(*_arguments: object) -> None:
        raise AssertionError("joined again")

    monkeypatch.setattr("acquire.tripod.copies.join", refuse)
    moved = forget_folder(card, card.parent / "media" / "card")
    assert take(moved, workspace).total("kept") == 0
    (row,) = rows(workspace).values()
    assert row == dataclasses.replace(before, also_at=(str((moved / "DCIM" / "100GOPRO" / "GH010123.MP4").resolve()),))


def test_left_in_place_parts_are_kept_apart_with_a_word(card: Path, workspace: Workspace) -> None:
    chapters(card)
    said = list[str]()
    assert take(card, workspace, TripodSettings(in_place=True), say=said.append).total("kept") == 3
    assert all(row.parts == () and row.originals_sha256 is None for row in rows(workspace).values())
    assert any("first of 3 files of one recording" in line for line in said)


@pytest.mark.usefixtures("small_limits")
def test_full_files_without_evidence_are_kept_apart_with_a_word(card: Path, workspace: Workspace) -> None:
    for index in (1, 2):
        record(card / f"C000{index}.MP4", range(30 * index, 30 * index + 30))
    said = list[str]()
    assert take(card, workspace, say=said.append).total("kept") == 2
    assert any("nothing tells that one continues another" in line for line in said)
    assert take(card, workspace).total("kept") == 0


@pytest.mark.usefixtures("small_limits")
def test_full_files_whose_times_continue_are_joined(card: Path, workspace: Workspace) -> None:
    for index in (0, 1):
        created = (HOUR + timedelta(seconds=1.2 * index)).isoformat()
        record(card / f"P100000{index}.MP4", range(30 * index, 30 * index + 30), {"creation_time": created})
    take(card, workspace)
    (row,) = rows(workspace).values()
    assert (row.frames, row.captured_at) == (60, "2024-05-17T12:00:00+00:00")


@pytest.mark.usefixtures("small_limits")
def test_avchd_is_joined_and_deinterlaced(card: Path, workspace: Workspace, tmp_path: Path) -> None:
    whole = record(tmp_path / "whole.MTS", range(60), flags="+ilme+ildct", x264="tff=1")
    stream = card / "PRIVATE" / "AVCHD" / "BDMV" / "STREAM"
    stream.mkdir(parents=True)
    cut_transport_stream(whole, stream / "00000.MTS", stream / "00001.MTS")
    (stream.parent / "INDEX.BDM").write_bytes(b"INDX")
    said = list[str]()
    take(card, workspace, say=said.append)
    (row,) = rows(workspace).values()
    assert (row.interlaced, row.frames, len(row.parts)) == (True, 60, 2)
    assert workspace.resolve(row.path or "").read_bytes() == whole.read_bytes()
    assert any("deinterlaced" in line for line in said)


# --- what a card holds besides ------------------------------------------------------------------------------------------------------


def test_a_sony_card(card: Path, workspace: Workspace) -> None:
    root = card / "PRIVATE" / "M4ROOT"
    clip = record(root / "CLIP" / "C0001.MP4", range(12))
    record(root / "SUB" / "C0001S03.MP4", range(12), preset="ultrafast")
    (root / "CLIP" / "C0001M01.XML").write_text(SONY)
    (root / "MEDIAPRO.XML").write_text("<MediaProfile/>")
    for number in (1, 2):
        write_picture(root / "THMBNL" / f"C000{number}T01.JPG", number)
    (card / ".Trashes" / "501").mkdir(parents=True)
    shutil.copy(clip, card / ".Trashes" / "501" / "C0000.MP4")
    (root / "CLIP" / "._C0001.MP4").write_bytes(b"\0\5\x16\7")
    said = list[str]()
    take(card, workspace, say=said.append)
    (row,) = rows(workspace).values()
    assert row.origin == str(clip.resolve())
    assert {name: getattr(row, name) for name in SONY_COLUMNS} == SONY_COLUMNS
    assert any(line.startswith("low-resolution copies") and line.endswith(": 1") for line in said)


def test_exposure_recorded_along_with_the_frames_goes_before_what_is_said_of_the_whole(card: Path, workspace: Workspace) -> None:
    as_sonys(record(card / "C0001.MP4", range(12), telemetry=[sony(denominator=100 + 100 * (index > 5)) for index in range(12)]))
    (card / "C0001M01.XML").write_text(SONY)
    said = list[str]()
    take(card, workspace, say=said.append)
    (row,) = rows(workspace).values()
    assert row.exposure_s == pytest.approx(0.0075)
    assert row.focal_length_mm == pytest.approx(24)
    assert (row.iso, row.capture_fps, row.varying) == (800, 100.0, ("exposure_s",))
    assert any("not the same throughout: exposure_s" in line for line in said)


# --- stills -------------------------------------------------------------------------------------------------------------------------


def time_lapse(card: Path, count: int = 6, **told: Any) -> list[Path]:
    """A camera whose counter rolls over into the next folder."""
    taken = []
    for index in range(count):
        folder, number = ("100MSDCF", 9998 + index) if index < 2 else ("101MSDCF", index - 1)
        path = card / "DCIM" / folder / f"DSC{number:05d}.JPG"
        time = f"2024:05:17 12:00:{5 * index:02d}"
        taken.append(write_picture(path, 20 * index, time=time, model="ILCE-7M4", serial="1", exposure=IFDRational(1, 50), **told))
    return taken


def test_a_series_over_two_folders_is_one_footage_in_order_of_time(card: Path, workspace: Workspace) -> None:
    taken = time_lapse(card, focal_length=IFDRational(24, 1), zone="+02:00")
    take(card, workspace)
    (row,) = rows(workspace).values()
    assert (row.frames, row.interval_s, row.varying, row.captured_at) == (6, 5.0, (), "2024-05-17T12:00:00+02:00")
    assert row.focal_length_mm == 24.0
    assert row.exposure_s == pytest.approx(0.02)
    assert (row.duration_s, row.mean_fps, row.variable_frame_rate) == (30, 0.2, False)
    folder = workspace.resolve(row.path or "")
    shown = [int(frame.picture[0, 0, 0]) for frame in frames(folder)]
    assert shown == pytest.approx([20 + 20 * index for index in range(6)], abs=1)
    assert sorted(path.read_bytes() for path in folder.iterdir()) == sorted(path.read_bytes() for path in taken)
    assert findings(workspace) == []
    moved = forget_folder(card, card.parent / "media" / "card")
    assert take(moved, workspace).total("kept") == 0
    assert len(media_files(workspace)) == 6


def test_a_series_that_has_grown_is_told_from_its_beginning(card: Path, workspace: Workspace) -> None:
    time_lapse(card, 4)
    take(card, workspace)
    time_lapse(card, 6)
    said = list[str]()
    take(card, workspace, say=said.append)
    assert [row.frames for row in read_rows(Footage, workspace.table(Footage))] == [4, 6]
    assert any("(4 frames), which is there too" in line for line in said)


def test_changing_exposure_is_said(card: Path, workspace: Workspace) -> None:
    for index in range(6):
        write_picture(
            card / f"DSC{index:05d}.JPG",
            20 * index,
            time=f"2024:05:17 12:00:{5 * index:02d}",
            exposure=IFDRational(1, (50, 200, 800)[index % 3]),
            iso=100,
            focal_length=IFDRational(24 + index, 1),
        )
    said = list[str]()
    take(card, workspace, say=said.append)
    (row,) = rows(workspace).values()
    assert row.varying == ("exposure_s", "focal_length_mm")
    assert any("exposure_s, focal_length_mm" in line for line in said)
    assert any("alternates every 3 pictures" in line for line in said)


def test_folders_of_frames_as_gt_rain_publishes_them(card: Path, workspace: Workspace) -> None:
    for scene in ("Winter_Road_0-0", "Porch_1-2"):
        for number in range(4):
            write_picture(card / scene / f"{scene}-R-{number:03d}.png", 20 * number + len(scene))
        write_picture(card / scene / f"{scene}-C-000.png", 250 - 20)
    said = list[str]()
    take(card, workspace, say=said.append)
    assert {name: row.frames for name, row in rows(workspace).items()} == {"Winter_Road_0-0": 4, "Porch_1-2": 4}
    assert any(line.startswith("clean pictures") and line.endswith(": 2") for line in said)


# --- raw pictures -------------------------------------------------------------------------------------------------------------------


def raw_series(card: Path) -> None:
    for index in range(3):
        write_dng(card / f"DSC{index:05d}.DNG", flat(2000, 4000 + 100 * index, 2000))


def test_raw_pictures_are_developed_once(card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    raw_series(card)
    assert take(card, workspace).total("kept") == 1
    (row,) = rows(workspace).values()
    assert (row.codec, row.frames, row.width, row.height, row.iso, row.lens_model) == ("png", 3, 128, 96, 400, "A lens")
    folder = workspace.resolve(row.path or "")
    assert sorted(path.name for path in folder.iterdir()) == [f"{index:06d}-DSC{index:05d}.png" for index in range(3)]
    assert all(frame.picture.dtype == np.uint8 for frame in frames(folder))
    assert findings(workspace) == []

    def refuse(*_arguments: object) -> None:
        raise AssertionError("developed again")

    monkeypatch.setattr("acquire.tripod.copies.develop", refuse)
    assert take(forget_folder(card, card.parent / "media" / "card"), workspace).total("kept") == 0
    assert len(rows(workspace)) == 1


def test_raw_pictures_without_the_extra_wait_for_it(card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    raw_series(card)
    with monkeypatch.context() as without:
        without.setattr("acquire.tripod.ingest.available", lambda: False)
        assert take(card, workspace).exit_code == 3
        (row,) = rows(workspace).values()
        assert (row.error_kind, row.retryable) == ("unsupported", False)
        assert "pip install 'rainlapse[raw]'" in (row.error or "")
        assert str(card.resolve()) in (row.error or "")
        assert take(card, workspace).exit_code == 3
    assert media_files(workspace) == []
    assert take(card, workspace).total("kept") == 1
    assert [row.status for row in rows(workspace).values()] == ["ok"]


def test_raw_pictures_cannot_stay_in_place(card: Path, workspace: Workspace) -> None:
    raw_series(card)
    take(card, workspace, TripodSettings(in_place=True))
    (row,) = rows(workspace).values()
    assert "leave --in-place out" in (row.error or "")


# --- a card that is pulled out ------------------------------------------------------------------------------------------------------


def test_a_card_pulled_out_while_it_is_copied(card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second clip vanishes with the card while it is copied: one line, nothing half-written, and a rerun completes."""
    for index in range(3):
        record(card / f"C000{index}.MP4", range(12 + index))
    copy, elsewhere = shutil.copyfile, card.parent / "pulled"

    def pulled(source: Path, target: Path) -> None:
        if source.name == "C0001.MP4":
            target.write_bytes(source.read_bytes()[:100])
            card.rename(elsewhere)
        copy(source, target)

    monkeypatch.setattr("shutil.copyfile", pulled)
    with pytest.raises(InputError, match=r"card: gone while it was read; what was taken in is kept"):
        take(card, workspace)
    monkeypatch.undo()
    known = rows(workspace)
    assert {name: row.status for name, row in known.items()} == {"C0000.MP4": "ok", "C0001.MP4": "failed"}
    assert known["C0001.MP4"].retryable
    assert "is the card still there?" in (known["C0001.MP4"].error or "")
    assert media_files(workspace) == [f"{known['C0000.MP4'].footage_id}.mp4"]
    elsewhere.rename(card)
    assert take(card, workspace).exit_code == 0
    assert {row.status for row in rows(workspace).values()} == {"ok"}
    assert len(media_files(workspace)) == 3


def test_a_single_file_that_vanishes_fails_alone(card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(2):
        record(card / f"C000{index}.MP4", range(12 + index))
    time_lapse(card)
    from acquire.tripod.cards import find

    def then_gone(*arguments: object) -> object:
        found = find(*arguments)  # type: ignore[arg-type]
        (card / "C0000.MP4").unlink()
        (card / "DCIM" / "101MSDCF" / "DSC00002.JPG").unlink()
        return found

    monkeypatch.setattr("acquire.tripod.batch.find", then_gone)
    assert take(card, workspace).exit_code == 3
    assert sorted((row.status, row.retryable) for row in rows(workspace).values()) == [("failed", True), ("failed", True), ("ok", None)]
    assert len(media_files(workspace)) == 1


def test_a_file_that_can_be_listed_and_not_read(card: Path, workspace: Workspace) -> None:
    """`/proc/self/mem` is a file whose first bytes give an I/O error, as a dying card's do."""
    record(card / "C0000.MP4", range(12))
    (card / "C0001.MP4").symlink_to("/proc/self/mem")
    os.mkfifo(card / "C0002.MP4")  # would block whoever opened it
    assert take(card, workspace, workers=1).exit_code == 3
    row = rows(workspace)["C0001.MP4"]
    assert (row.error_kind, row.retryable) == ("unknown", True)
    assert "C0001.MP4: cannot be read" in (row.error or "")
    assert "C0002.MP4" not in rows(workspace)


def test_a_file_that_is_closed_to_us_is_no_full_disk(card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    record(card / "C0000.MP4", range(12))
    closed = record(card / "C0001.MP4", range(13))

    def hashes(found: Found) -> list[str]:
        if found.path == closed:
            raise PermissionError(13, "Permission denied", str(closed))
        return file_hashes(found)

    monkeypatch.setattr("acquire.tripod.ingest.file_hashes", hashes)
    assert take(card, workspace).exit_code == 3
    assert {name: row.error_kind for name, row in rows(workspace).items()} == {"C0000.MP4": None, "C0001.MP4": "unknown"}
    assert "C0001.MP4: cannot be read (Permission denied)" in (rows(workspace)["C0001.MP4"].error or "")


def test_a_card_pulled_out_while_it_is_decoded_in_place_is_no_damaged_file(
    card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = record(card / "C0000.MP4", range(12))
    content = clip.read_bytes()

    def gone(path: Path) -> None:
        clip.unlink()
        raise InputError(f"{path}: decoding fails")

    with monkeypatch.context() as pulled:
        pulled.setattr("manifests.media.probe", gone)
        take(card, workspace, TripodSettings(in_place=True))
    assert rows(workspace)["C0000.MP4"].retryable
    clip.write_bytes(content)
    assert take(card, workspace, TripodSettings(in_place=True)).exit_code == 0


# --- settings -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["timeout_s", "gap_s", "gap_factor"])
@pytest.mark.parametrize("value", [-1.0, 0.0, float("nan")])
def test_settings_that_cannot_be_meant_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}: .* is no number above zero"):
        TripodSettings(**{name: value})  # type: ignore[arg-type]
