"""One thread for each test process and each command that it starts: they run side by side, and threads that wait for each other cost
more than they bring."""

from __future__ import annotations

import os


def pytest_configure() -> None:
    """Before torch or OpenMP is loaded anywhere."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
