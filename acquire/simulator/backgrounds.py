"""Rain-free pictures to rain on: scikit-image's bundled photos, a user's own pictures, and procedural scenes where photos run out.

A background is named `photo:place`. A photo is divided into as many places as it holds pictures of the clip's size, and no two places of
one photo overlap; beyond them the same places follow mirrored, then those of the photo made smaller, upright and turned by a quarter, so
that what lay stands. Procedural scenes are named `street:number`, `thicket:number` or `uprights:number`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from acquire.simulator.procedural import PROCEDURAL
from manifests.errors import InputError

Picture = npt.NDArray[np.uint8]

# Photos that lie inside scikit-image's wheel, with the shadow and light tints (RGB) that colour those stored grey.
BUNDLED: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]] | None] = {
    "astronaut": None,
    "motorcycle": None,
    "rocket": None,
    "cat": None,
    "coffee": None,
    "camera": ((10, 12, 16), (236, 238, 240)),
    "brick": ((38, 22, 18), (226, 178, 150)),
    "grass": ((10, 24, 6), (196, 214, 130)),
    "coins": ((30, 26, 20), (240, 226, 200)),
    "gravel": ((26, 24, 24), (222, 214, 202)),
}
SMALLER = 0.6  # a photo made smaller shows more, and finer, in a picture
LARGEST_ENLARGEMENT = 1.12  # a place is enlarged by no more than this to fill a picture, as long as the photo is large enough


def background(name: str, frame: tuple[int, int], canvas: tuple[int, int]) -> Picture:
    """The named background as a canvas of the given (width, height), HWC RGB.

    `frame` is the clip's (width, height): it decides how many places a photo holds. A canvas larger than the frame, for a camera that
    moves, shows more of the place, and enlarges it where it holds no more. Raises InputError for a name that is neither a photo, a
    procedural scene nor a readable picture, and for a place beyond the photo's.
    """
    source, place = split_name(name)
    if source in PROCEDURAL:
        return PROCEDURAL[source](place, canvas[0], canvas[1])
    photo = _photo(source)
    smaller = _smaller(photo)
    for view, mirrored in ((photo, False), (photo, True), (smaller, False), (np.rot90(smaller), False)):
        held = math.prod(_grid(view, frame))
        if place < held:
            tile = _tile(view, place, frame, canvas)
            return np.ascontiguousarray(tile[:, ::-1]) if mirrored else tile
        place -= held
    raise InputError(
        f"background {name}: {source} holds {places(source, frame)} places of {frame[0]}x{frame[1]} px, as many mirrored, "
        f"and {len(smaller_places(source, frame))} made smaller"
    )


def places(source: str, frame: tuple[int, int]) -> int:
    """How many pictures of `frame` (width, height) that do not overlap a photo holds."""
    return math.prod(_grid(_photo(source), frame))


def smaller_places(source: str, frame: tuple[int, int]) -> range:
    """The numbers of the places of a photo made smaller, upright and turned."""
    smaller = _smaller(_photo(source))
    first = 2 * places(source, frame)
    return range(first, first + math.prod(_grid(smaller, frame)) + math.prod(_grid(np.rot90(smaller), frame)))


def split_name(name: str) -> tuple[str, int]:
    """`coffee:1` → (`coffee`, 1); a name without a number means place 0."""
    source, colon, place = name.rpartition(":")
    return (source, int(place)) if colon and place.isdigit() else (name, 0)


def stem(name: str) -> str:
    """The photo's or scene's bare name, for a clip's name: `coffee` of `coffee:1`, `yard` of `/pictures/yard.jpg:0`."""
    source, _ = split_name(name)
    return source if source in BUNDLED or source in PROCEDURAL else Path(source).stem


def _tile(photo: Picture, place: int, frame: tuple[int, int], canvas: tuple[int, int]) -> Picture:
    columns, rows = _grid(photo, frame)
    row, column = divmod(place, columns)
    left, right = (photo.shape[1] * c // columns for c in (column, column + 1))
    top, bottom = (photo.shape[0] * r // rows for r in (row, row + 1))
    return _fill(photo[top:bottom, left:right], canvas)


def _smaller(photo: Picture) -> Picture:
    return np.asarray(cv2.resize(photo, None, fx=SMALLER, fy=SMALLER, interpolation=cv2.INTER_AREA), np.uint8)


def _grid(photo: Picture, frame: tuple[int, int]) -> tuple[int, int]:
    return tuple(max(1, int(side * LARGEST_ENLARGEMENT) // wanted) for side, wanted in zip(photo.shape[1::-1], frame, strict=True))  # type: ignore[return-value]


def _fill(tile: Picture, canvas: tuple[int, int]) -> Picture:
    """The middle of the tile in the canvas's shape, resized to it."""
    height, width = tile.shape[:2]
    scale = max(canvas[0] / width, canvas[1] / height)
    cut_width, cut_height = min(width, round(canvas[0] / scale)), min(height, round(canvas[1] / scale))
    left, top = (width - cut_width) // 2, (height - cut_height) // 2
    cut = tile[top : top + cut_height, left : left + cut_width]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, canvas, interpolation=method), np.uint8)


@lru_cache(maxsize=4)
def _photo(source: str) -> Picture:
    """HWC RGB of a bundled photo or of a picture file."""
    if source not in BUNDLED:
        return _picture_file(Path(source))
    import skimage.data

    loaded = getattr(skimage.data, "stereo_motorcycle" if source == "motorcycle" else source)()
    picture = np.asarray(loaded[0] if source == "motorcycle" else loaded, np.uint8)
    tints = BUNDLED[source]
    if tints is None:
        return picture
    dark, light = (np.array(t, np.float32) for t in tints)
    share = picture[..., None].astype(np.float32) / 255.0
    return np.asarray(np.rint(dark + share * (light - dark)), np.uint8)


def _picture_file(path: Path) -> Picture:
    stored = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if stored is None:
        raise InputError(
            f"background {path}: neither a bundled photo ({', '.join(BUNDLED)}), nor a procedural scene ({', '.join(PROCEDURAL)}), "
            "nor a picture that can be read"
        )
    return np.ascontiguousarray(stored[..., ::-1], np.uint8)
