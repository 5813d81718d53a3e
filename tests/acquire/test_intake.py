"""Media on their way to their place: there whole or not at all, one file for the same bytes."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from acquire.intake import footage_folder, footage_id, incoming_folder, make_ready, settle, sweep
from manifests.media import content_sha256, write_png
from manifests.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    make_ready(Workspace(tmp_path))
    return Workspace(tmp_path)


def arrived(workspace: Workspace, name: str, content: bytes) -> Path:
    folder = incoming_folder(workspace, "youtube", name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "media.mp4").write_bytes(content)
    return folder / "media.mp4"


def stills(folder: Path, number: int = 3) -> Path:
    for index in range(number):
        write_png(folder / f"{index}.png", np.full((64, 64, 3), index, np.uint8))
    return folder


def test_a_file_gets_its_contents_name_and_stays_until_it_is_swept(workspace: Workspace) -> None:
    file = arrived(workspace, "one", b"bytes")
    place = settle(file, "0123456789abcdef" * 4, workspace)
    assert place == footage_folder(workspace) / "0123456789abcdef.mp4"
    assert place.read_bytes() == file.read_bytes() == b"bytes"
    assert place.samefile(file)
    again = settle(file, "0123456789abcdef" * 4, workspace)  # a run that was killed before its row was written
    other = settle(arrived(workspace, "two", b"bytes"), "0123456789abcdef" * 4, workspace)
    assert place == again == other
    assert sorted(path.name for path in file.parent.iterdir()) == ["media.mp4"]
    sweep(workspace, "youtube", ["one", "never-there"])
    assert not file.exists()
    assert arrived(workspace, "two", b"bytes").exists()
    assert place.read_bytes() == b"bytes"


def test_a_disk_without_second_names_moves_the_file(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    file = arrived(workspace, "one", b"bytes")
    assert settle(file, "f" * 64, workspace).read_bytes() == b"bytes"
    assert not file.exists()


def test_stills_that_are_there_already_are_left_as_they_are(workspace: Workspace, tmp_path: Path) -> None:
    sha256 = content_sha256(stills(tmp_path / "one"))
    place = settle(tmp_path / "one", sha256, workspace)
    before = place.stat().st_ino
    assert settle(stills(tmp_path / "two"), sha256, workspace) == place
    assert place.stat().st_ino == before
    assert not (tmp_path / "two").exists()


def test_damaged_stills_give_way(workspace: Workspace, tmp_path: Path) -> None:
    sha256 = content_sha256(stills(tmp_path / "one"))
    place = settle(tmp_path / "one", sha256, workspace)
    (place / "1.png").write_bytes(b"damaged")
    settle(stills(tmp_path / "two"), sha256, workspace)
    assert content_sha256(place) == sha256
    assert [path.name for path in tmp_path.iterdir()] == ["footage"]


def test_the_same_stills_from_many_sides_at_once_are_whole_at_every_moment(workspace: Workspace, tmp_path: Path) -> None:
    sides = [stills(tmp_path / f"side{number}") for number in range(8)]
    sha256 = content_sha256(sides[0])
    first, barrier, errors = settle(stills(tmp_path / "first"), sha256, workspace), threading.Barrier(len(sides) + 1), []
    over = threading.Event()

    def take(side: Path) -> None:
        barrier.wait()
        try:
            settle(side, sha256, workspace)
        except Exception as error:  # told below
            errors.append(error)

    def watch() -> None:
        barrier.wait()
        while not over.is_set():
            try:
                found = len(list(first.iterdir()))
            except FileNotFoundError:
                found = 0
            if found != 3:
                errors.append(AssertionError(f"{found} of 3 pictures"))

    threads = [threading.Thread(target=take, args=(side,)) for side in sides]
    watcher = threading.Thread(target=watch)
    for thread in (*threads, watcher):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    watcher.join()
    assert errors == []
    assert content_sha256(first) == sha256


def test_what_holds_the_name_and_is_no_folder_is_told(workspace: Workspace, tmp_path: Path) -> None:
    sha256 = content_sha256(stills(tmp_path / "one"))
    (footage_folder(workspace) / footage_id(sha256)).write_text("a file")
    with pytest.raises(NotADirectoryError):
        settle(tmp_path / "one", sha256, workspace)
    shutil.rmtree(tmp_path / "one")
