"""`acquire tripod`: a camera's folder to rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from acquire.intake import failed_id
from acquire.tripod import TripodSettings
from manifests.errors import InputError
from manifests.files import Provenance, append_rows, read_rows
from manifests.media import frames, still_paths
from manifests.tables import Footage, Withdrawal
from manifests.workspace import Workspace
from tests.acquire.tripod.pictures import write_picture
from tests.acquire.tripod.taking import media_files, rows, take
from tests.manifests.clips import encode, tag_rotation
from tests.worlds import NOW


def clip(path: Path, count: int = 12) -> Path:
    return encode(path, [index / 30 for index in range(count)])


def small_clip(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25, width=48, height=48, pix_fmt="bgr24")
        assert isinstance(stream, av.VideoStream)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 48, 3), np.uint8), format="bgr24")))
        container.mux(stream.encode(None))
    return path


def test_files_are_copied_named_by_content_and_described_upright(card: Path, workspace: Workspace) -> None:
    source = clip(card / "C0001.MP4", 12)
    turned = tag_rotation(source, 90)
    assert take(card, workspace, workers=2).exit_code == 0
    known = rows(workspace)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    row = known["C0001.MP4"]
    assert (row.footage_id, row.sha256, row.bytes) == (sha256[:16], sha256, source.stat().st_size)
    assert (row.source, row.source_id, row.origin) == ("tripod", str(source.resolve()), str(source.resolve()))
    assert (row.path, row.status, row.frames) == (f"footage/{sha256[:16]}.mp4", "ok", 12)
    assert (row.width, row.height, row.codec, row.media) == (96, 64, "h264", "video")
    assert row.duration_s == pytest.approx(0.4, abs=0.01)
    assert (known[turned.name].width, known[turned.name].height) == (64, 96)
    assert (workspace.root / "footage" / f"{row.footage_id}.mp4").read_bytes() == source.read_bytes()
    assert len(media_files(workspace)) == 2


def test_what_was_taken_down_is_not_taken_in_again(card: Path, workspace: Workspace) -> None:
    source = clip(card / "C0001.MP4", 12)
    clip(card / "C0002.MP4", 14)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    down = Withdrawal(sha256[:16], "tripod", (), "asked by who is seen", "0.2.0", NOW)
    append_rows(Withdrawal, workspace.table(Withdrawal), [down], Provenance("a test"))
    for _ in range(2):
        summary = take(card, workspace)
        assert (summary.exit_code, summary.counts["rejected", "taken down"]) == (0, 1)
        row = rows(workspace)["C0001.MP4"]
        assert (row.footage_id, row.status, row.path) == (sha256[:16], "rejected", None)
        assert row.reason == "taken down: asked by who is seen"
        assert rows(workspace)["C0002.MP4"].status == "ok"
        assert len(media_files(workspace)) == 1


def test_a_joined_recording_is_known_for_taken_down_by_what_it_comes_to(card: Path, workspace: Workspace, tmp_path: Path) -> None:
    for name in ("GH010001.MP4", "GH020001.MP4"):
        clip(card / name)
    take(card, workspace)
    (joined,) = rows(workspace).values()
    assert len(joined.parts) == 2
    again = Workspace(tmp_path / "again")
    down = Withdrawal(joined.footage_id, "tripod", (), "asked", "0.2.0", NOW)
    append_rows(Withdrawal, again.table(Withdrawal), [down], Provenance("a test"))
    assert take(card, again).counts["rejected", "taken down"] == 1
    assert media_files(again) == []


def test_bad_files_are_failed_rows_and_the_run_goes_on(card: Path, workspace: Workspace) -> None:
    whole = clip(card / "whole.mp4")
    (card / "garbage.mp4").write_bytes(b"no video" * 1000)
    (card / "empty.mov").write_bytes(b"")
    (card / "cut.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    small_clip(card / "small.avi")
    summary = take(card, workspace)
    known = rows(workspace)
    assert {name: row.error_kind for name, row in known.items()} == {
        "whole.mp4": None,
        "garbage.mp4": "decode",
        "empty.mov": "decode",
        "cut.mp4": "decode",
        "small.avi": "unsupported",
    }
    assert (summary.total("kept"), summary.total("failed"), summary.exit_code) == (1, 4, 3)
    assert "48x48 px" in (known["small.avi"].error or "")
    assert "64 px" in (known["small.avi"].error or "")
    for name, row in known.items():
        if row.status == "failed":
            assert str(card.resolve() / name) in (row.error or "")
            assert ".incoming" not in (row.error or "")
            assert (row.path, row.retryable) == (None, False)
    assert media_files(workspace) == [f"{known['whole.mp4'].footage_id}.mp4"]


def test_a_card_read_twice_adds_nothing_and_decodes_nothing(card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    clip(card / "whole.mp4")
    (card / "garbage.mp4").write_bytes(b"no video" * 1000)
    for number in range(3):
        write_picture(card / "stills" / f"{number}.png", number)
    first = take(card, workspace)
    before, files = rows(workspace), media_files(workspace)

    def refuse(path: Path) -> None:
        raise AssertionError(f"{path} is decoded again")

    monkeypatch.setattr("manifests.media.probe", refuse)
    second = take(card, workspace)
    assert rows(workspace) == before
    assert media_files(workspace) == files
    assert (first.total("kept"), second.total("kept"), second.exit_code) == (2, 0, 3)


def test_the_same_bytes_under_another_name_join_their_row(card: Path, workspace: Workspace) -> None:
    source = clip(card / "a.mp4")
    (card / "b").mkdir()
    (card / "b" / "again.mp4").write_bytes(source.read_bytes())
    assert take(card, workspace, workers=2).exit_code == 0
    (row,) = rows(workspace).values()
    assert sorted([row.source_id, *row.also_at]) == [str(card.resolve() / "a.mp4"), str(card.resolve() / "b" / "again.mp4")]
    assert len(media_files(workspace)) == 1
    take(card, workspace)
    assert list(rows(workspace).values()) == [row]


def test_a_copy_that_was_deleted_is_made_again(card: Path, workspace: Workspace) -> None:
    clip(card / "a.mp4")
    take(card, workspace)
    before = media_files(workspace)
    workspace.resolve(rows(workspace)["a.mp4"].path or "").unlink()
    assert take(card, workspace).total("kept") == 1
    assert media_files(workspace) == before


def test_in_place_keeps_the_absolute_path_and_copies_nothing(card: Path, workspace: Workspace) -> None:
    source = clip(card / "a.mp4")
    for number in range(3):
        write_picture(card / "series" / f"{number}.png", number)
    write_picture(card / "mixed" / "0.png")
    write_picture(card / "mixed" / "1.png")
    write_picture(card / "mixed" / "cover.png")
    summary = take(card, workspace, TripodSettings(in_place=True))
    known = rows(workspace)
    assert known["a.mp4"].path == str(source.resolve())
    assert known["series"].path == str((card / "series").resolve())
    assert known["mixed"].error_kind == "unsupported"
    assert "--in-place" in (known["mixed"].error or "")
    assert media_files(workspace) == []
    assert summary.exit_code == 3
    assert take(card, workspace).exit_code == 0  # copied, the mixed folder is no trouble
    assert rows(workspace)["mixed"].status == "ok"


def test_a_folder_of_frames_becomes_stills_in_their_order(card: Path, workspace: Workspace) -> None:
    shot: Sequence[tuple[str, str]] = [("IMG_9999", "01"), ("IMG_0001", "02"), ("IMG_0002", "03")]
    for number, (name, second) in enumerate(shot):
        write_picture(card / f"{name}.png", 40 * number, time=f"2024:05:17 12:00:{second}", exposure=0.02, iso=100, model="Tripod 1")
    write_picture(card / "poster.png", 200)
    assert take(card, workspace).exit_code == 0
    (row,) = rows(workspace).values()
    assert (row.media, row.codec, row.frames, row.width, row.height) == ("stills", "png", 3, 80, 64)
    assert row.exposure_s == pytest.approx(0.02)
    assert (row.iso, row.camera_model, row.captured_at) == (100, "Tripod 1", "2024-05-17T12:00:01")
    assert row.path == f"footage/{row.footage_id}"
    folder = workspace.resolve(row.path)
    originals = [(card / f"{name}.png").read_bytes() for name, _ in shot]
    assert [path.read_bytes() for path in still_paths(folder)] == originals
    assert [int(frame.picture[0, 0, 0]) for frame in frames(folder)] == [20, 60, 100]


def test_a_damaged_still_fails_its_series_by_name(card: Path, workspace: Workspace) -> None:
    for number in range(3):
        write_picture(card / f"{number}.png", number)
    (card / "1.png").write_bytes((card / "1.png").read_bytes()[:40])
    assert take(card, workspace).exit_code == 3
    (row,) = rows(workspace).values()
    assert row.error_kind == "decode"
    assert "1.png" in (row.error or "")
    assert media_files(workspace) == []


def test_a_file_that_takes_too_long_fails_and_is_tried_again(card: Path, workspace: Workspace) -> None:
    source = clip(card / "a.mp4")
    take(card, workspace, TripodSettings(timeout_s=1e-9), workers=1)
    (row,) = rows(workspace).values()
    assert (row.footage_id, row.error_kind) == (failed_id("tripod", str(source.resolve())), "decode")
    assert "longer than 1e-09 s" in (row.error or "")
    assert take(card, workspace, workers=1).exit_code == 0
    (row,) = rows(workspace).values()
    assert (row.status, row.attempts) == ("ok", 2)
    assert not list((workspace.root / "footage" / ".incoming").glob("*"))


def test_what_is_large_may_take_longer(card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    clip(card / "a.mp4")
    for number in range(3):
        write_picture(card / "short" / f"{number}.png", number)
    for number in range(5):
        write_picture(card / "long" / f"{number}.png", number)
    asked: list[tuple[int, float]] = []

    def noted(_work: object, entries: Sequence[object], **settings: Any) -> None:
        asked.append((len(entries), settings["timeout_s"]))

    monkeypatch.setattr("manifests.executors.run_rows", noted)
    monkeypatch.setattr("acquire.tripod.batch._STILLS_AT_ONCE", 2)
    take(card, workspace, TripodSettings(timeout_s=10))
    assert asked == [(1, 10), (1, 20), (1, 40)]
    asked.clear()
    monkeypatch.setattr("acquire.tripod.batch._BYTES_AT_ONCE", (card / "a.mp4").stat().st_size // 7)
    take(card, workspace, TripodSettings(timeout_s=10))
    assert asked[-1] == (1, 80)


def test_a_file_that_was_mended_leaves_no_failed_row(card: Path, workspace: Workspace) -> None:
    (card / "a.mp4").write_bytes(b"half a video")
    take(card, workspace)
    clip(card / "a.mp4")
    assert take(card, workspace).exit_code == 0
    (row,) = rows(workspace).values()
    assert (row.status, row.attempts) == ("ok", 2)


def test_a_folder_without_footage_is_an_error_and_writes_nothing(card: Path, workspace: Workspace) -> None:
    (card / "notes.txt").write_text("nothing")
    write_picture(card / "single.jpg")
    with pytest.raises(InputError, match=r"card: no footage; of 2 files none is a video"):
        take(card, workspace)
    assert not workspace.root.exists()


def test_a_copy_that_differs_from_its_original_is_refused(card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    clip(card / "a.mp4")

    def worn(_source: Path, target: Path) -> None:
        target.write_bytes(b"what a worn card gave")

    monkeypatch.setattr("shutil.copyfile", worn)
    take(card, workspace)
    (row,) = rows(workspace).values()
    assert (row.error_kind, row.retryable) == ("unknown", True)
    assert "two readings differ" in (row.error or "")


def test_a_full_disk_ends_the_run_with_one_line(card: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    clip(card / "a.mp4")
    clip(card / "b.mp4", 13)

    def full(_source: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(InputError, match="no space left"):
        take(card, workspace)
    assert [row.error_kind for row in rows(workspace).values()] == ["disk_full"]


def test_footage_known_from_another_source_is_not_copied_again(card: Path, workspace: Workspace) -> None:
    source = clip(card / "a.mp4")
    take(card, workspace)
    import dataclasses

    from manifests.files import Provenance

    fetched = dataclasses.replace(
        rows(workspace)["a.mp4"], source="youtube", source_id="abcdefghijk", origin="https://youtu.be/abcdefghijk"
    )
    append_rows(Footage, workspace.table(Footage), [fetched], Provenance("test"))
    take(card, workspace)
    (row,) = read_rows(Footage, workspace.table(Footage))
    assert (row.source, row.source_id, row.also_at) == ("youtube", "abcdefghijk", (str(source.resolve()),))
