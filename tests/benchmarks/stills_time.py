"""How long a card of 5,000 stills takes to be read and grouped, headers of the size that cameras write; and processor time by file type."""

from __future__ import annotations

import io
import tempfile
import time
import zlib
from datetime import datetime, timedelta
from pathlib import Path

from PIL import Image

from acquire.tripod import TripodSettings
from acquire.tripod.cards import find
from manifests.workspace import Workspace
from tests.acquire.tripod.raws import EXIF, flat, write_dng
from tests.benchmarks.figure import Figure

STILLS = 5000
BOUND_S = 30.0
_MAKER_NOTE = 40_000  # bytes: what the makers keep for themselves in each header
_EXIF_FOLDER = 0x8769
_TIME = b"2024:05:17 12:00:00"


def run() -> list[Figure]:
    """Group 5,000 JPEGs of one card, and 1,000 pictures of each other type."""
    figures = []
    for suffix, number in ((".jpg", STILLS), (".png", 1000), (".dng", 1000)):
        with tempfile.TemporaryDirectory() as folder:
            _fill(Path(folder) / "DCIM", suffix, number)
            wall, processor = time.perf_counter(), time.process_time()
            card = find([Path(folder)], Workspace(Path(folder) / "work"), TripodSettings())
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            assert [len(found.shots) for found in card.found] == [number], "one series, whole"
        if number == STILLS:
            figures.append(Figure(f"{number:,} stills over {number // 1000} folders read and grouped", wall, "s", BOUND_S))
        figures.append(Figure(f"processor time of reading and grouping 1,000 {suffix[1:].upper()}", processor * 1000 / number, "s", None))
    return figures


def _fill(top: Path, suffix: str, number: int) -> None:
    """A time-lapse of one picture in 5 s, a thousand a folder, as cameras lay them down."""
    template = _template(suffix)
    assert template.count(_TIME) == 1
    for index in range(number):
        folder = top / f"{100 + index // 1000}MSDCF"
        folder.mkdir(parents=True, exist_ok=True)
        taken = datetime(2024, 5, 17, 12) + timedelta(seconds=5 * index)
        content = _checked(template.replace(_TIME, taken.strftime("%Y:%m:%d %H:%M:%S").encode()))
        (folder / f"DSC{index % 9999 + 1:05d}{suffix.upper()}").write_bytes(content)


def _checked(content: bytes) -> bytes:
    """With the right checksum of a PNG's EXIF, whose time was changed."""
    at = content.find(b"eXIf")
    if not content.startswith(b"\x89PNG") or at < 0:
        return content
    end = at + 4 + int.from_bytes(content[at - 4 : at], "big")
    return content[:end] + zlib.crc32(content[at:end]).to_bytes(4, "big") + content[end + 4 :]


def _template(suffix: str) -> bytes:
    if suffix == ".dng":
        with tempfile.TemporaryDirectory() as folder:
            return write_dng(Path(folder) / "a.dng", flat(1000, 2000, 1000), exif={**EXIF, 0x9003: (2, _TIME.decode())}).read_bytes()
    exif = Image.Exif()
    exif.update({0x010F: "SONY", 0x0110: "ILCE-7M4"})
    exif.get_ifd(_EXIF_FOLDER).update({0x9003: _TIME.decode(), 0xA431: "4711", 0x8827: 100, 0x927C: bytes(_MAKER_NOTE)})
    written = io.BytesIO()
    Image.new("RGB", (192, 128)).save(written, "JPEG" if suffix == ".jpg" else "PNG", exif=exif)
    return written.getvalue()
