"""A folder that one process at a time may use."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


def hold_folder(folder: Path, stack: contextlib.ExitStack) -> None:
    """Lock a folder itself until the stack unwinds, or the process dies; nothing is written.

    Raises BlockingIOError where another holds it, another OSError where folders cannot be opened or locked.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
