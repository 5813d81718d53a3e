"""How long a user waits for `--help`: the slowest of all commands, each the best of three runs of its installed script."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.figure import Figure
from tests.commands import every_command

BOUND_S = 0.5


def run() -> list[Figure]:
    """Time every command's help."""
    scripts = Path(sys.executable).parent
    slowest = max((_best_of_three([str(scripts / command[0]), *command[1:], "--help"]), " ".join(command)) for command in every_command())
    return [Figure(f"`{slowest[1]} --help`, the slowest of all", slowest[0], "s", BOUND_S)]


def _best_of_three(command: list[str]) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)
