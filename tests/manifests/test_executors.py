from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from manifests.errors import InputError
from manifests.executors import call_in_child, run_rows


def square(number: int) -> list[int]:
    """Squares, with every kind of trouble at certain numbers."""
    if number == 3:
        os.abort()
    if number == 5:
        time.sleep(600)
    if number == 7:
        raise InputError("seven.mp4: is unlucky; try eight")
    if number == 9:
        raise ValueError("nine\nand a second line")
    if number == 11:
        os._exit(4)
    return [number * number]


def fresh_process(number: int) -> list[int]:
    return [os.getpid(), number]


def run(numbers: list[int], workers: int, timeout_s: float = 60) -> dict[int, object]:
    outcome: dict[int, object] = {}
    run_rows(
        lambda_free_square,
        numbers,
        name=str,
        on_error=lambda number, message: [(number, message)],
        save=lambda rows: outcome.update(dict(rows)),
        workers=workers,
        timeout_s=timeout_s,
        label="squares",
    )
    return outcome


def lambda_free_square(number: int) -> list[tuple[int, object]]:
    return [(number, value) for value in square(number)]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_every_row_has_its_outcome(workers: int) -> None:
    outcome = run([1, 2, 7, 4, 9, 6], workers)
    assert outcome == {1: 1, 2: 4, 4: 16, 6: 36, 7: "seven.mp4: is unlucky; try eight", 9: "ValueError: nine"}


def test_a_child_that_aborts_exits_or_hangs_fails_its_row_alone() -> None:
    outcome = run([1, 3, 2, 11, 5, 4, 6], workers=2, timeout_s=4)
    assert {number: value for number, value in outcome.items() if isinstance(value, int)} == {1: 1, 2: 4, 4: 16, 6: 36}
    assert "died (signal SIGABRT)" in str(outcome[3])
    assert "died (exit code 4)" in str(outcome[11])
    assert outcome[5] == "took longer than 4 s and was stopped"


def test_children_serve_many_rows_each() -> None:
    seen: list[int] = []
    run_rows(
        fresh_process,
        list(range(8)),
        name=str,
        on_error=lambda _row, message: pytest.fail(message),
        save=lambda rows: seen.append(rows[0]),
        workers=2,
        timeout_s=60,
        label="processes",
    )
    assert len(seen) == 8
    assert len(set(seen)) <= 2
    assert os.getpid() not in seen


def test_no_rows_is_no_work() -> None:
    assert run([], workers=2) == {}


def test_call_in_child_gives_the_value_or_the_error() -> None:
    assert call_in_child(square, 2, timeout_s=60) == [4]
    with pytest.raises(InputError, match="is unlucky"):
        call_in_child(square, 7, timeout_s=60)
    with pytest.raises(InputError, match="SIGABRT"):
        call_in_child(square, 3, timeout_s=60)


UNGUARDED = """
from manifests.executors import run_rows

def work(number):
    return [number]

run_rows(work, [1, 2], name=str, on_error=lambda row, message: print("row", message) or [], save=print, workers=1, timeout_s=60, label="x")
"""


def test_children_that_cannot_start_are_no_rows_fault(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(UNGUARDED)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert result.returncode == 1
    assert "InputError: a child process ended before its first row" in result.stderr
    assert result.stdout == ""


SLOW = """
import sys, time
from pathlib import Path
from manifests.executors import run_rows

def work(number):
    time.sleep(0.05 if number < 4 else 600)
    return [number]

def save(rows):
    print(*rows, flush=True)

if __name__ == "__main__":
    run_rows(work, list(range(20)), name=str, on_error=lambda row, message: [message], save=save, workers=2, timeout_s=900, label="x")
"""


def test_interrupt_ends_the_children_and_keeps_what_was_saved(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    runner = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    assert runner.stdout is not None
    assert sorted(int(runner.stdout.readline()) for _ in range(4)) == [0, 1, 2, 3]
    os.killpg(runner.pid, signal.SIGINT)
    _, errors = runner.communicate(timeout=60)
    assert runner.returncode != 0
    assert "KeyboardInterrupt" in errors
    until = time.monotonic() + 30  # multiprocessing's own tracker ends a moment later
    while _living(runner.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert _living(runner.pid) == []


STARTING = SLOW.replace(
    "def work",
    """if __name__ != "__main__":  # a child, which imports this file as it starts
    import os
    os.write(1, b"born\\n")  # at once, whoever else writes
    time.sleep(600)

def work""",
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_children_that_are_still_starting_end_without_a_word(number: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "starting.py"
    script.write_text(STARTING.replace("import time", "import signal, time\nsignal.signal(signal.SIGTERM, signal.default_int_handler)"))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    runner = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    assert runner.stdout is not None
    assert [runner.stdout.readline() for _ in range(2)] == ["born\n", "born\n"]
    os.killpg(runner.pid, number)
    _, errors = runner.communicate(timeout=60)
    assert errors.count("Traceback") <= 1  # the script's own
    assert "spawn_main" not in errors


def _living(group: int) -> list[int]:
    """Processes of a process group that are not zombies (Linux)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            process, (state, _, its_group) = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(process)
    return found
