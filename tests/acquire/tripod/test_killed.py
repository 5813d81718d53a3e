"""A run that is killed at any moment is completed by the next one."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from manifests.files import file_sha256
from manifests.workspace import Workspace
from tests.acquire.tripod.clips import record
from tests.acquire.tripod.pictures import write_picture
from tests.acquire.tripod.raws import flat, write_dng
from tests.acquire.tripod.taking import rows, take


def filled(card: Path) -> Path:
    """Clips, a recording in chapters, stills and raw pictures."""
    for index in range(4):
        record(card / f"C000{index}.MP4", range(20 + index))
    for index in (1, 2):
        record(card / f"GH0{index}0001.MP4", range(30 * index, 30 * index + 30))
    for index in range(20):
        write_picture(card / "stills" / f"{index}.png", index)
        (card / "raw").mkdir(exist_ok=True)
        write_dng(card / "raw" / f"DSC{index:05d}.DNG", flat(1000 + 100 * index, 2000, 1000))
    return card


def arrived(workspace: Workspace) -> dict[str, str]:
    """Every file in footage/, half-arrived ones included, with its hash."""
    footage = workspace.root / "footage"
    return {path.relative_to(footage).as_posix(): file_sha256(path) for path in sorted(footage.rglob("*")) if path.is_file()}


def start(card: Path, workspace: Workspace) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-c",
        "from acquire.cli import main; main()",
        "tripod",
        str(card),
        "-C",
        str(workspace.root),
        "--workers",
        "1",
    ]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_killed_at_random_moments_the_next_run_completes(card: Path, tmp_path: Path) -> None:
    whole = Workspace(tmp_path / "whole")
    filled(card)
    began = time.monotonic()
    assert start(card, whole).wait() == 0
    took_s = time.monotonic() - began
    generator = random.Random(1)
    for attempt in range(10):
        workspace = Workspace(tmp_path / f"killed-{attempt}")
        for _ in range(3):
            process = start(card, workspace)
            time.sleep(generator.uniform(0.2, 1.0) * took_s)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        take(card, workspace)
        assert arrived(workspace) == arrived(whole)
        assert {name: row.footage_id for name, row in rows(workspace).items()} == {
            name: row.footage_id for name, row in rows(whole).items()
        }
