"""A playlist, channel or search as the videos that it names: its own pages are asked for, never the videos'."""

from __future__ import annotations

from typing import Any

from acquire.youtube.download import Offer, offer_of
from acquire.youtube.links import Link, read_link

DEEPEST_LIST = 3  # a channel lists its tabs, a tab its videos


def expand(link: Link, ydl: Any, depth: int = DEEPEST_LIST) -> dict[Link, Offer]:
    """The videos of a list, in its order, each once, with what the list states of each. Raises yt-dlp's errors."""
    info = ydl.extract_info(link.url, download=False) or {}
    found: dict[str, tuple[Link, Offer]] = {}
    for entry in info.get("entries") or [info]:
        try:
            inner = read_link(str((entry or {}).get("url") or (entry or {}).get("webpage_url") or ""), link.line)
        except ValueError:
            continue  # an advertisement, a mix or a shop: nothing that names a video
        if inner.kind == "list" and depth > 1 and inner.source_id != link.source_id:
            for video, offer in expand(inner, ydl, depth - 1).items():
                found.setdefault(video.source_id, (video, offer))
        elif inner.kind == "video":
            found.setdefault(inner.source_id, (inner, offer_of(entry)))
    return dict(found.values())
