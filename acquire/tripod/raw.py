"""Raw pictures: their EXIF, read without decoding them, and their development to 8-bit PNG in which nothing floats.

Developed with LibRaw (the extra `[raw]`): one white balance for a whole series (its first picture's, as the camera set it), no automatic
brightness, and a white level that is the camera's instead of each picture's brightest pixel, so that equal light gives equal values in
every frame.
"""

from __future__ import annotations

import importlib.util
import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from acquire.failures import Refused
from manifests.errors import first_line

if TYPE_CHECKING:
    from PIL import Image

RAW_SUFFIXES = frozenset([".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"])

_EXIF_FOLDER = 0x8769
_WIDTH, _HEIGHT, _SUB_FOLDERS = 0x0100, 0x0101, 0x014A
_EXIF_WIDTH, _EXIF_HEIGHT = 0xA002, 0xA003
_PANASONIC_WIDTH, _PANASONIC_HEIGHT = 0x0002, 0x0003
# Tags that a developed picture keeps: camera, time with fraction and zone, exposure, lens. Not the orientation: it is developed upright.
_KEPT = (0x010F, 0x0110)
_KEPT_OF_EXIF = (0x829A, 0x829D, 0x8827, 0x8832, 0x9003, 0x9004, 0x9011, 0x9291, 0x920A, 0xA431, 0xA434)
_TIFF_START = {b"II": b"II*\0", b"MM": b"MM\0*"}
_CANON_BOX = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")  # CR3: the box in `moov` that holds EXIF
_LARGEST_HEADER = 1 << 24  # bytes in front of a CR3's pictures, at most


def available() -> bool:
    """Whether the extra `[raw]` is installed."""
    return importlib.util.find_spec("rawpy") is not None


def raw_tags(path: Path) -> tuple[dict[int, Any], tuple[int, int]]:
    """A raw picture's EXIF tags by number, and the size in px that they tell, (0, 0) where they do not.

    Raises OSError, ValueError, struct.error or what Pillow raises where the file is damaged or of another kind.
    """
    with path.open("rb") as file:
        start = file.read(16)
        if start.startswith(b"FUJIFILMCCD-RAW"):
            return _of_fuji(file)
        if start[4:12] == b"ftypcrx ":
            return _of_canon_boxes(file)
        tags = _of_tiff(_Tiff(file))
    return tags, _size(tags)


def develop(picture: Path, target: Path, white_balance: list[float] | None) -> list[float]:
    """Develop a raw picture to a PNG file, upright, 8 bit a channel, with the EXIF that says when and how it was taken.

    `white_balance` multiplies red, green, blue and the second green; None takes the picture's own, as the camera set it. Gives the one
    used, for the next picture of the series. Needs the extra `[raw]`. Raises Refused where LibRaw cannot read the picture.
    """
    import rawpy
    from PIL import Image

    try:
        with rawpy.imread(str(picture)) as raw:
            balance = white_balance or _white_balance(raw)
            developed = raw.postprocess(
                user_wb=balance,
                no_auto_bright=True,
                adjust_maximum_thr=0.0,  # else LibRaw lowers the white level to a picture's own brightest pixel
                gamma=(2.4, 12.92),  # sRGB
                output_bps=8,
            )
    except rawpy.LibRawError as error:
        raise Refused("decode", f"{picture}: LibRaw cannot develop it ({first_line(error)})") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(developed).save(target, format="PNG", compress_level=4, exif=_kept(picture))
    return balance


def _white_balance(raw: Any) -> list[float]:
    """The camera's multipliers of red, green, blue and the second green; daylight's where it set none."""
    told = [float(value) for value in raw.camera_whitebalance]
    if min(told[:3]) <= 0:
        told = [float(value) for value in raw.daylight_whitebalance]
    return [*told[:3], told[3] if told[3] > 0 else told[1]]


def _kept(picture: Path) -> Image.Exif:
    from PIL import Image

    tags, _ = raw_tags(picture)
    exif = Image.Exif()
    exif.update({tag: tags[tag] for tag in _KEPT if tag in tags})
    exif.get_ifd(_EXIF_FOLDER).update({tag: tags[tag] for tag in _KEPT_OF_EXIF if tag in tags})
    return exif


class _Tiff(io.RawIOBase):
    """A file whose first four bytes read as TIFF's: Olympus and Panasonic write their own there, and TIFF behind them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        start = file.read(4)
        self._start = _TIFF_START.get(start[:2], start)
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        at = self._file.tell()
        content = self._file.read(size)
        return self._start[at : at + len(content)] + content[max(0, 4 - at) :] if at < 4 else content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _of_tiff(file: Any) -> dict[int, Any]:
    from PIL import Image

    exif = Image.Exif()
    exif.load_from_fp(file)
    return {**exif, **exif.get_ifd(_EXIF_FOLDER)}


def _of_fuji(file: BinaryIO) -> tuple[dict[int, Any], tuple[int, int]]:
    """Fujifilm's RAF: at byte 84 stand offset and length of a full JPEG, which carries the EXIF."""
    from PIL import Image

    file.seek(84)
    offset, length = struct.unpack(">II", file.read(8))
    file.seek(offset)
    with Image.open(io.BytesIO(file.read(min(length, _LARGEST_HEADER)))) as preview:
        exif = preview.getexif()
        return {**exif, **exif.get_ifd(_EXIF_FOLDER)}, preview.size


def _of_canon_boxes(file: BinaryIO) -> tuple[dict[int, Any], tuple[int, int]]:
    """Canon's CR3: MP4 boxes; in `moov`, a box of Canon's own holds two TIFF blocks, CMT1 (camera) and CMT2 (EXIF)."""
    file.seek(0)
    header = file.read(_LARGEST_HEADER)
    movie = _boxes(header).get(b"moov", b"")
    blocks = _boxes(_boxes(movie).get(b"uuid" + _CANON_BOX, b""))
    tags: dict[int, Any] = {}
    for name in (b"CMT1", b"CMT2"):
        tags |= _of_tiff(io.BytesIO(blocks[name]))
    return tags, _size(tags)


def _boxes(content: bytes) -> dict[bytes, bytes]:
    """The boxes of an MP4 box's content by type; of `uuid` boxes, type and identifier."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        body = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", content, body)
            body += 8
        if kind == b"uuid":
            kind, body = kind + content[body : body + 16], body + 16
        if length < 8:
            break
        found.setdefault(kind, content[body : at + length])
        at += length
    return found


def _size(tags: dict[int, Any]) -> tuple[int, int]:
    """The picture's size: raw files often keep a thumbnail's in their first folder."""
    for width, height in ((_EXIF_WIDTH, _EXIF_HEIGHT), (_PANASONIC_WIDTH, _PANASONIC_HEIGHT), (_WIDTH, _HEIGHT)):
        if isinstance(tags.get(width), int) and isinstance(tags.get(height), int):
            return tags[width], tags[height]
    return 0, 0
