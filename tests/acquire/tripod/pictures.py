"""Small pictures as a camera writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

EXIF_FOLDER = 0x8769


def write_picture(path: Path, number: int = 0, size: tuple[int, int] = (80, 64), **told: Any) -> Path:
    """A picture of its own shade; `told` goes to its EXIF: see `folders`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.full((size[1], size[0], 3), 20 + number, dtype=np.uint8))
    exif = Image.Exif()
    details = exif.get_ifd(EXIF_FOLDER)
    folders: dict[str, tuple[Any, int]] = {
        "make": (exif, 0x010F),
        "model": (exif, 0x0110),
        "time": (details, 0x9003),
        "fraction": (details, 0x9291),
        "zone": (details, 0x9011),
        "exposure": (details, 0x829A),
        "f_number": (details, 0x829D),
        "iso": (details, 0x8827),
        "focal_length": (details, 0x920A),
        "exposure_index": (details, 0x8832),
        "serial": (details, 0xA431),
        "lens": (details, 0xA434),
        "orientation": (exif, 0x0112),
    }
    for name, value in told.items():
        folder, tag = folders[name]
        folder[tag] = value
    picture.save(path, exif=exif)
    return path
