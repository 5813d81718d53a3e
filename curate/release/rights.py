"""Whose pixels may be in a release.

A release may name any public footage, but copies pixels only where the rights are ours or stated. The three profiles:

- `links`: no pixels at all: ids, spans, times, hashes and masks, from which the scenes can be rebuilt while the footage is online.
- `own`: pixels of simulated and tripod footage, and of footage under a Creative Commons licence or in the public domain.
- `full`: pixels of all footage whose source and licence are known; for those who hold the rights, so it must be confirmed.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from manifests.tables import Footage

Profile = Literal["links", "own", "full"]
PROFILES: tuple[Profile, ...] = get_args(Profile)

_FREE_LICENCE = re.compile(r"creative commons|public domain|\bcc[ -]?(by|0|zero)", re.IGNORECASE)


def is_ours(footage: Footage) -> bool:
    """Whether the user made the footage: filmed it with a camera or rendered it."""
    return footage.source in ("tripod", "simulated")


def why_no_pixels(footage: Footage, profile: Profile) -> str | None:
    """Why a release of this profile may not hold the footage's pixels; None where it may."""
    if profile == "links":
        return "the profile holds no pixels"
    if is_ours(footage):
        return None
    if not footage.origin or not footage.licence:
        return "no licence or provenance stated"
    if profile == "own" and not _FREE_LICENCE.search(footage.licence):
        return "licence not free"
    return None
