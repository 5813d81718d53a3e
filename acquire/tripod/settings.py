"""How a camera's card is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from manifests.columns import refuse_outside


@dataclass(frozen=True, slots=True)
class TripodSettings:
    """How a camera's card or folder is read. Raises ValueError for values that cannot be meant."""

    in_place: Annotated[bool, "leave the files where they are and keep their absolute path, instead of copying them"] = False
    timeout_s: Annotated[float, "how long hashing, copying and decoding 4 GB of video, or 200 stills, may take, s"] = 3600.0
    gap_s: Annotated[float, "stills: a gap longer than this may begin a new series, s"] = 60.0
    gap_factor: Annotated[float, "stills: and does where it is so many times the usual interval too"] = 5.0
    prefer_raw: Annotated[bool, "stills: of a shot kept as raw file and as JPEG, take the raw file"] = False

    def __post_init__(self) -> None:
        refuse_outside(self, ("timeout_s", "gap_s", "gap_factor"), zero=False)
