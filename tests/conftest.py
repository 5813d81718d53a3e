"""What the tests' processes begin with: one thread each, and ears for signals."""

from __future__ import annotations

import os
import signal


def pytest_configure() -> None:
    """Before torch or OpenMP is loaded anywhere."""
    # Tests run side by side, and threads that wait for each other cost more than they bring.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # A shell starts jobs in the background with Ctrl-C ignored, nohup with SIGHUP: what tests interrupt must feel it all the same.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
