"""Text of strangers (titles, error messages, lines of a list) made safe to print on a terminal and to keep in a table."""

from __future__ import annotations

import re
import unicodedata

# A terminal's own commands: CSI (colours, cursor), OSC (window title, clipboard; up to BEL or ST), and single-character escapes.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]|\x9b[0-?]*[ -/]*[@-~]")


def printable(text: str, longest: int = 2000) -> str:
    """The text on one line, without terminal escapes, control characters or marks that turn the writing direction.

    At most `longest` characters, the rest told by an ellipsis.
    """
    without = _ESCAPES.sub("", text)
    # Cc: control; Cf: format, which holds the direction overrides; Cs: lone surrogates, which no file can hold.
    kept = "".join(" " if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") else sign for sign in without)
    line = " ".join(kept.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def shown_size(number: float) -> str:
    """A number of bytes as people say it."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
