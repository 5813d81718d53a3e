"""Which yt-dlp is installed: what rows are marked with, told without loading it."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def tool() -> str:
    """Name and version: `yt-dlp 2026.8.19`."""
    return f"yt-dlp {metadata.version('yt-dlp')}"
