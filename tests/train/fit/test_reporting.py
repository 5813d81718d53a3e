"""What a run says: pace and time left against arithmetic, lines without a terminal, a bar on one."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from train.fit import reporting
from train.fit.reporting import LONGEST_SILENCE_S, RECENT, Pace, Reporter, clock
from train.fit.validation import LabelFree

TERMS = {"total": 0.5, "background": 0.1, "structure": 0.2, "directional": 0.9, "reconstruction": 0.001}


@given(speed=st.floats(1e-4, 0.01), started_at=st.floats(0, 0.5), tellings=st.integers(1, 60))
def test_an_even_pace_is_told_exactly(speed: float, started_at: float, tellings: int) -> None:
    pace = Pace(started_at, now=100.0)
    for second in range(1, tellings + 1):
        pace.add(100.0 + second, started_at + second * speed, 8 * second)
    assert pace.images_per_s == pytest.approx(8)
    assert pace.left_s == pytest.approx((1 - started_at - tellings * speed) / speed, rel=1e-6, abs=1e-6)


def test_a_slow_start_is_forgotten() -> None:
    pace = Pace(0, now=0)
    pace.add(1000, 0.01, 8)  # a network is compiled
    for number in range(1, RECENT + 1):
        pace.add(1000 + number, 0.01 + number / 1000, 8 + 80 * number)
    assert pace.images_per_s == pytest.approx(80)
    assert pace.left_s == pytest.approx((1 - 0.01 - RECENT / 1000) * 1000)


def test_nothing_is_foreseen_before_anything_was_done() -> None:
    assert Pace(0.2, now=0).left_s is None
    assert Pace(0.2, now=0).images_per_s == 0


@pytest.mark.parametrize(("seconds", "told"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3723, "1:02:03")])
def test_clock(seconds: float, told: str) -> None:
    assert clock(seconds) == told


def reporter(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> tuple[Reporter, io.StringIO, list[float]]:
    """A reporter on a console of 120 columns, what it writes, and the clock that it reads."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=120, legacy_windows=False)
    monkeypatch.setattr(reporting, "Console", lambda stderr: console)
    return Reporter("train small", 0.0), written, now


@pytest.mark.parametrize("name", ["of {rain}", "of [bold]rain", "of {"])
def test_any_name_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    _, written, _ = reporter(monkeypatch, terminal=True)
    named = Reporter(name, 0.0)
    with named:
        named.tell(0.5, 50, 400, TERMS)
        named.live.refresh()
    assert name in written.getvalue()


def test_without_a_terminal_a_twentieth_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    said, written, now = reporter(monkeypatch, terminal=False)
    with said:
        for step in range(1, 101):
            now[0] = step / 10
            said.tell(step / 100, step, 8 * step, TERMS)
    lines = written.getvalue().splitlines()
    assert len(lines) == 20
    assert lines[9].startswith("train small:  50%  step 50, 80 images/s, 0:05 left  loss: total 0.5000  background 0.1000")
    assert all(name in lines[0] for name in TERMS)


def test_a_long_run_is_never_silent_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    said, written, now = reporter(monkeypatch, terminal=False)
    for step in range(1, 11):
        now[0] = step * LONGEST_SILENCE_S / 2
        said.tell(step / 10_000, step, 8 * step, TERMS)
    assert len(written.getvalue().splitlines()) == 5


def test_a_terminal_shows_a_bar_and_all_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    said, written, now = reporter(monkeypatch, terminal=True)
    with said:
        now[0] = 10.0
        said.tell(0.25, 250, 2000, TERMS)
        said.say("a line of its own")
        said.live.refresh()
    shown = written.getvalue()
    assert "25%" in shown
    assert "step 250, 200 images/s, 0:30 left" in shown
    assert "reconstruction 0.0010" in shown
    assert "a line of its own" in shown


@pytest.mark.parametrize(("psnr", "words"), [(29.5, "against the truth 29.50 dB, doing nothing 26.00 dB"), (None, "contrast kept 98%")])
def test_a_validation_is_a_line(monkeypatch: pytest.MonkeyPatch, psnr: float | None, words: str) -> None:
    said, written, _ = reporter(monkeypatch, terminal=False)
    said.tell_validation(300, LabelFree(30.25, 26.5, 0.01, 0.02, 0.03, 0.98, psnr, None if psnr is None else 26.0))
    (line,) = written.getvalue().splitlines()
    assert line.startswith("train small: step 300, held-out scenes: score 30.25 dB, doing nothing 26.50 dB (")
    assert line.endswith(words)
