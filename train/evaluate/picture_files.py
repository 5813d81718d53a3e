"""Picture files as they are scored: 8-bit RGB, upright, or a word why not.

What cannot be had without a choice (colour management, rounding, what lies behind transparent pixels) is refused, since a score must not
hang on it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from manifests.errors import InputError, first_line
from manifests.media import Picture

_EXIF_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)
_EXACT = ("1", "L", "P", "RGB")  # converted to 8-bit RGB without loss
_TRANSPARENT = ("LA", "PA", "RGBA")


def read_rgb(path: Path) -> Picture:
    """One picture file as 8-bit HWC RGB, upright by its EXIF tag; grey and palettes become RGB.

    Raises InputError where it is missing, damaged, of more than 8 bits, transparent somewhere, or in another colour space.
    """
    try:
        with Image.open(path) as picture:
            if ";16" in str(picture.tile) or picture.mode.startswith(("I", "F")):
                raise InputError(f"{path}: holds more than 8 bits a channel, and scores are of 8-bit pictures; convert it, rounding")
            upright = ImageOps.exif_transpose(picture)
            if upright.mode in _TRANSPARENT or "transparency" in upright.info:
                upright = upright.convert("RGBA")
                if np.asarray(upright.getchannel("A")).min() < 255:
                    raise InputError(f"{path}: is transparent in places, so what it shows there is open; save it without transparency")
            elif upright.mode not in _EXACT:
                raise InputError(f"{path}: holds {upright.mode} colours, which become RGB in more than one way; convert it to RGB")
            return np.asarray(upright.convert("RGB"), dtype=np.uint8)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such picture; has it been moved or deleted?") from None
    except UnidentifiedImageError:
        why = "no format that is known" if path.stat().st_size else "it is empty"
        raise InputError(f"{path}: cannot be read as a picture ({why}); mend it or take it out") from None
    except Exception as error:  # Pillow raises many classes for damaged files
        raise InputError(f"{path}: cannot be read as a picture ({first_line(error)}); mend it or take it out") from error


def upright_size(path: Path) -> tuple[int, int] | None:
    """Width and height by the file's header, as it is shown upright; None where it has none that can be read."""
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            # asked for the tags of a PNG that has none before its pixels, Pillow would decode all of them to look behind
            tagged = picture.format != "PNG" or "exif" in picture.info
            # Pillow tells the size of a TIFF as it is shown.
            turned = tagged and picture.format != "TIFF" and picture.getexif().get(_EXIF_ORIENTATION) in _ON_ITS_SIDE
    except Exception:  # whoever reads it whole will say what is wrong with it
        return None
    return (height, width) if turned else (width, height)
