"""Signals let the step in hand end."""

import os
import signal
import threading

import pytest

from train.fit import stopping
from train.fit.stopping import stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_told_and_its_echo_is_the_same_signal(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_signals() as stopped:
        assert not stopped()
        os.kill(os.getpid(), number)
        assert stopped()
        os.kill(os.getpid(), signal.SIGTERM)  # torchrun passes on what the terminal has sent to all already
        assert stopped()
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_is_ignored_stays_ignored(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stop_signals() as stopped:
            os.kill(os.getpid(), number)
            assert not stopped()
    finally:
        signal.signal(number, before)


def test_a_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "ECHO_S", -1.0)
    with stop_signals() as stopped:
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_thread_leaves_signals_alone() -> None:
    found: list[bool] = []

    def run() -> None:
        with stop_signals() as stopped:
            found.append(stopped())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [False]
