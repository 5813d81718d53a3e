"""Raw pictures written by hand: a real Bayer DNG, and the shells that other makers put around their EXIF."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10
_EXIF_FOLDER, _STRIP = 0x8769, 0x0111
Tag = tuple[int, Any]  # type, values

EXIF: Mapping[int, Tag] = {
    0x829A: (_RATIONAL, [(1, 125)]),
    0x829D: (_RATIONAL, [(56, 10)]),
    0x8827: (_SHORT, [400]),
    0x9003: (_ASCII, "2024:05:17 12:00:00"),
    0x9011: (_ASCII, "+02:00"),
    0x9291: (_ASCII, "50"),
    0x920A: (_RATIONAL, [(35, 1)]),
    0xA431: (_ASCII, "4711"),
    0xA434: (_ASCII, "A lens"),
}
CAMERA: Mapping[int, Tag] = {0x010F: (_ASCII, "Maker"), 0x0110: (_ASCII, "Maker Model")}


def flat(red: int, green: int, blue: int, size: tuple[int, int] = (128, 96)) -> npt.NDArray[np.uint16]:
    """An RGGB mosaic of one colour; `size` is width and height."""
    mosaic = np.full(size[::-1], green, dtype=np.uint16)
    mosaic[::2, ::2], mosaic[1::2, 1::2] = red, blue
    return mosaic


def write_dng(
    path: Path,
    mosaic: npt.NDArray[np.uint16],
    *,
    neutral: Sequence[tuple[int, int]] = ((1, 2), (1, 1), (1, 2)),
    orientation: int = 1,
    exif: Mapping[int, Tag] = EXIF,
) -> Path:
    """An uncompressed DNG of 16 bits; `neutral` is what the camera held for white, as ratios."""
    high, wide = mosaic.shape
    unit = [(1, 1) if index % 4 == 0 else (0, 1) for index in range(9)]
    tags: dict[int, Tag] = {
        0x00FE: (_LONG, [0]),
        0x0100: (_LONG, [wide]),
        0x0101: (_LONG, [high]),
        0x0102: (_SHORT, [16]),
        0x0103: (_SHORT, [1]),
        0x0106: (_SHORT, [32803]),  # a colour filter array
        **CAMERA,
        0x0112: (_SHORT, [orientation]),
        0x0115: (_SHORT, [1]),
        0x0116: (_LONG, [high]),
        0x0117: (_LONG, [mosaic.nbytes]),
        0x828D: (_SHORT, [2, 2]),
        0x828E: (_BYTE, [0, 1, 1, 2]),
        0xC612: (_BYTE, [1, 4, 0, 0]),
        0xC614: (_ASCII, "Maker Model"),
        0xC61D: (_LONG, [65535]),
        0xC621: (_SIGNED_RATIONAL, unit),
        0xC628: (_RATIONAL, list(neutral)),
        0xC65A: (_SHORT, [21]),
    }
    path.write_bytes(tiff(tags, exif, mosaic.astype("<u2").tobytes()))
    return path


def tiff(tags: Mapping[int, Tag], exif: Mapping[int, Tag] = {}, strip: bytes = b"", start: bytes = b"II*\0") -> bytes:
    """A little-endian TIFF of one folder of tags, EXIF below it, and one strip of pixels."""
    everything = {**tags, **({_EXIF_FOLDER: (_LONG, [0])} if exif else {}), **({_STRIP: (_LONG, [0])} if strip else {})}
    length = len(_folder(everything, 8))
    exif_at = 8 + length
    strip_at = exif_at + len(_folder(exif, exif_at))
    told = {_EXIF_FOLDER: (_LONG, [exif_at]), _STRIP: (_LONG, [strip_at])}
    body = _folder({**everything, **{tag: told[tag] for tag in told if tag in everything}}, 8)
    return start + struct.pack("<I", 8) + body + _folder(exif, exif_at) + strip


def raf(exif: Mapping[int, Any]) -> bytes:
    """Fujifilm's shell: a JPEG with EXIF at an offset that stands at byte 84."""
    preview = io.BytesIO()
    told = Image.Exif()
    told.get_ifd(_EXIF_FOLDER).update(exif)
    Image.new("RGB", (96, 64)).save(preview, "JPEG", exif=told)
    header = b"FUJIFILMCCD-RAW 0201FF000000".ljust(84, b"\0")
    return header + struct.pack(">II", 160, len(preview.getvalue())) + bytes(160 - 92) + preview.getvalue() + b"sensor"


def cr3(camera: bytes, exif: bytes) -> bytes:
    """Canon's shell: boxes, with two TIFF blocks in one of Canon's own."""
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    inside = canon + _box(b"CNCV", b"CanonCR3_001") + _box(b"CMT1", camera) + _box(b"CMT2", exif)
    return _box(b"ftyp", b"crx \0\0\0\1crx isom") + _box(b"moov", _box(b"uuid", inside)) + _box(b"mdat", b"sensor")


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _folder(tags: Mapping[int, Tag], at: int) -> bytes:
    if not tags:
        return b""
    entries, behind = b"", b""
    behind_at = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        content = _encoded(kind, values)
        count = len(content) if kind == _ASCII else len(values)
        if len(content) > 4:
            where = struct.pack("<I", behind_at + len(behind))
            behind += content + b"\0" * (len(content) % 2)
        else:
            where = content.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, count) + where
    return struct.pack("<H", len(tags)) + entries + bytes(4) + behind


def _encoded(kind: int, values: Any) -> bytes:
    if kind == _ASCII:
        return bytes(values.encode() + b"\0")
    if kind in (_RATIONAL, _SIGNED_RATIONAL):
        return b"".join(struct.pack("<ii" if kind == _SIGNED_RATIONAL else "<II", *ratio) for ratio in values)
    return b"".join(struct.pack({_BYTE: "<B", _SHORT: "<H", _LONG: "<I"}[kind], value) for value in values)
