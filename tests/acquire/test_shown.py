"""Strangers' text on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.shown import printable, shown_size


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rain \x1b[31mred\x1b[0m", "rain red"),
        ("\x1b]0;new window title\x07rain", "rain"),
        ("\x1b]52;c;cm0gLXJmIC8=\x1b\\rain", "rain"),
        ("two\nlines\r\n\tand a tab", "two lines and a tab"),
        ("a\x00b\x7fc\x9b2Jd", "a b cd"),
        ("‮gpj.niar‬", "gpj.niar"),
        ("Regen im Wald — 雨 🌧", "Regen im Wald — 雨 🌧"),
    ],
)
def test_escapes_and_control_characters_go(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(alphabet=st.characters() | st.sampled_from("\x1b[]\\;0m\x07\x9b")))
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    shown = printable(text, longest=50)
    assert len(shown) <= 50
    assert not [sign for sign in shown if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert shown.encode().decode() == shown  # a table can hold it


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert printable("x" * 60, longest=50) == "x" * 49 + "…"


def test_sizes_as_people_say_them() -> None:
    assert [shown_size(number) for number in (999, 10**4, 10**13)] == ["999 B", "10.0 kB", "10.0 TB"]
