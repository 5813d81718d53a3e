"""Bounds on a download: whatever it is busy with, it ends when one is broken."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from acquire.failures import Refused
from acquire.youtube.guard import Bounds, held, room, within
from acquire.youtube.settings import YoutubeSettings

SETTINGS = YoutubeSettings(least_free_bytes=0, stall_s=0.6, slowest_bytes_per_s=1000.0)


def blocked_in_a_read() -> None:
    reading, _writing = os.pipe()
    os.read(reading, 1)


def waiting_for_a_child() -> None:
    subprocess.run(["sleep", "60"], check=True)


def swallowing_exceptions() -> None:
    while True:
        try:
            time.sleep(60)
        except Exception:
            continue


@pytest.mark.parametrize("work", [blocked_in_a_read, waiting_for_a_child, swallowing_exceptions])
def test_work_ends_at_its_bound_wherever_it_waits(work: object) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="page: timed out after"), held(within(0.3, "page")):
        work()  # type: ignore[operator]
    assert time.monotonic() - began < 30
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_a_bound_that_is_never_broken_changes_nothing() -> None:
    threads = threading.active_count()
    with held(lambda: None):
        done = 1
    assert (done, threading.active_count(), signal.getsignal(signal.SIGUSR1)) == (1, threads, signal.SIG_DFL)
    with pytest.raises(ValueError, match="its own"), held(lambda: None):
        raise ValueError("its own")


def test_off_the_main_thread_nothing_is_held() -> None:
    done: list[int] = []

    def work() -> None:
        with held(lambda: ValueError("never")):
            time.sleep(0.4)
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


def stalled(bounds: Bounds, seconds: float, grow: int = 0) -> Exception | None:
    """The first bound that breaks while a file grows by so many bytes each 20 ms."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if grow:
            with (bounds.folder / "media.part").open("ab") as file:
                file.write(bytes(grow))
        if (error := bounds.broken()) is not None:
            return error
        time.sleep(0.02)
    return None


def test_a_download_that_hardly_grows_has_stalled(tmp_path: Path) -> None:
    assert isinstance(stalled(Bounds(tmp_path, "clip", SETTINGS, lambda: False), 3.0, grow=1), TimeoutError)
    assert stalled(Bounds(tmp_path, "clip", SETTINGS, lambda: False), 1.5, grow=2000) is None


def test_what_rests_of_its_own_will_has_not_stalled(tmp_path: Path) -> None:
    assert stalled(Bounds(tmp_path, "clip", SETTINGS, lambda: True), 1.5) is None


def test_the_deadline_and_the_disk_are_held_to(tmp_path: Path) -> None:
    late = Bounds(tmp_path, "clip", replace(SETTINGS, deadline_s=1.0), lambda: False, began=time.monotonic() - 2).broken()
    assert isinstance(late, Refused)
    assert late.kind == "network"
    full = Bounds(tmp_path, "clip", replace(SETTINGS, least_free_bytes=10**18), lambda: False).broken()
    assert isinstance(full, Refused)
    assert full.kind == "disk_full"


def test_room_is_told_in_numbers(tmp_path: Path) -> None:
    room(tmp_path, "clip", SETTINGS)
    with pytest.raises(Refused, match=r"clip: 1000000\.0 TB wanted, .* free at .*, and 0 B are to stay free"):
        room(tmp_path, "clip", SETTINGS, 10**18)
