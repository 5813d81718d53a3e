"""The commands of the chain, in order, with what each is for."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class Step:
    """One command that was run, and how long it took."""

    command: str
    seconds: float


def run(command: str, folder: Path) -> Step:
    """Run one command line as a user would, its output on this terminal.

    Raises SystemExit when its exit code is not 0.
    """
    print(f"\n$ {command}", flush=True)
    program, *arguments = shlex.split(command)
    start = time.monotonic()
    code = subprocess.run([str(SCRIPTS / program), *arguments], cwd=folder, check=False).returncode
    step = Step(command, time.monotonic() - start)
    if code:
        raise SystemExit(f"`{command}` in {folder} ended with exit code {code}")
    return step
