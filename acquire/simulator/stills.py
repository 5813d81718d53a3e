"""Write pictures as a camera's folder of JPEG files, with what a camera writes into them."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from acquire.simulator.specification import ClipSpecification

FIRST_SHOT = datetime(2024, 5, 17, 12, 0)
# EXIF's orientation: what turns the stored picture upright, by our counter-clockwise degrees.
ORIENTATION = {0: 1, 90: 8, 180: 3, 270: 6}


def write_stills(
    specification: ClipSpecification, pictures: Iterable[npt.NDArray[np.uint8]], times_s: Iterable[float], folder: Path
) -> None:
    """Write upright HWC RGB pictures as `DSC00000.JPG`, …; the folder appears whole or not at all and replaces one of its name."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        whole = Path(temporary) / folder.name
        whole.mkdir()
        for number, (picture, time_s) in enumerate(zip(pictures, times_s, strict=True)):
            stored = Image.fromarray(np.ascontiguousarray(np.rot90(picture, -specification.rotation_deg // 90)))
            encoded = io.BytesIO()
            stored.save(encoded, format="JPEG", quality=round(40 + 0.6 * specification.quality), exif=_exif(specification, time_s))
            (whole / f"DSC{number:05d}.JPG").write_bytes(encoded.getvalue())
        shutil.rmtree(folder, ignore_errors=True)
        whole.replace(folder)


def _exif(specification: ClipSpecification, time_s: float) -> Image.Exif:
    shot = FIRST_SHOT + timedelta(seconds=time_s)
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Simulated", "Rain camera"
    exif[ExifTags.Base.Orientation] = ORIENTATION[specification.rotation_deg]
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = shot.strftime("%Y:%m:%d %H:%M:%S")
    details[ExifTags.Base.SubsecTimeOriginal] = f"{shot.microsecond // 1000:03d}"
    details[ExifTags.Base.OffsetTimeOriginal] = "+00:00"
    details[ExifTags.Base.ExposureTime] = 1 / 60
    details[ExifTags.Base.ISOSpeedRatings] = 400
    details[ExifTags.Base.FNumber] = 5.6
    details[ExifTags.Base.FocalLength] = 35.0
    return exif
