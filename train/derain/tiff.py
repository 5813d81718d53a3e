"""TIFF of 8 or 16 bits a sample, losslessly compressed, with the tags of the file that it comes from.

Pillow has no RGB of 16 bits, and OpenCV keeps neither ICC profile nor EXIF: so the pixels are written here, and the directory of tags by
Pillow. (TIFF 6.0, 1992; its supplement for Deflate, 2002.)
"""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from manifests.errors import InputError
from train.derain.streaks import Samples

TIFF_TAGS = "tiff_tags"  # under which `tiff_tags` travel among Pillow's options
STRIP_BYTES = 1 << 20
LARGEST_BYTES = (1 << 32) - 1  # offsets have 32 bits
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS, CHANNELS = 256, 257, 258, 259, 262, 273, 277
ROWS_A_STRIP, STRIP_SIZES, X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT, PREDICTOR, EXTRA = 278, 279, 282, 283, 284, 296, 317, 338
XMP, EXIF, ICC, GPS = 700, 34665, 34675, 34853
ORIENTATION = 274
DEFLATE, DIFFERENCES, INCHES, UNASSOCIATED_ALPHA = 8, 2, 2, 2
DESCRIPTIVE = frozenset({270, 271, 272, 305, 306, 315, 33432})  # what it shows, make, model, software, time, artist, copyright
# How pixels are stored, which is written anew: kind of page, size, bits, compression, colours, strips, tiles, palette, sub-pictures, JPEG.
STRUCTURE = frozenset(
    {254, 255, *range(256, 260), 262, 263, 266, 273, *range(277, 282), 284, 292, 293, 317, 320, *range(321, 326), 330}
    | {*range(338, 344), 347, *range(512, 522), *range(529, 533)}
)


def tiff_tags(picture: ImageFile.ImageFile) -> ImageFileDirectory_v2:
    """The tags of a TIFF that do not say how its pixels are stored, EXIF and GPS among them; for upright pixels."""
    kept = ImageFileDirectory_v2()
    source: ImageFileDirectory_v2 = picture.tag_v2  # type: ignore[attr-defined]
    for tag, value in source.items():
        if tag not in STRUCTURE | {EXIF, GPS}:
            kept.tagtype[tag] = source.tagtype[tag]
            kept[tag] = value
    kept[ORIENTATION] = 1
    _add_directories(kept, picture.getexif())
    return kept


def exif_of(picture: ImageFile.ImageFile) -> bytes:
    """The tags of a TIFF that files of other kinds carry as EXIF: what it shows, who took it, when, where and with what."""
    source, carried = picture.getexif(), Image.Exif()
    for tag in DESCRIPTIVE & source.keys():
        carried[tag] = source[tag]
    for tag in (EXIF, GPS):
        if directory := source.get_ifd(tag):
            carried[tag] = dict(directory)
    return carried.tobytes() if len(carried) else b""


def write_tiff(file: BinaryIO, samples_HWC: Samples, options: dict[str, Any]) -> None:
    """Write a picture; `options` as Pillow's `save` names them, and TIFF_TAGS. Raises InputError beyond 4 GB."""
    height, width, channels = samples_HWC.shape
    rows = max(1, STRIP_BYTES // max(1, width * channels * samples_HWC.itemsize))
    strips = [_compressed(samples_HWC[top : top + rows]) for top in range(0, height, rows)]
    tags = options.get(TIFF_TAGS) or _tags_from(options)
    tags[WIDTH], tags[HEIGHT], tags[CHANNELS], tags[ROWS_A_STRIP] = width, height, channels, rows
    tags[BITS] = (8 * samples_HWC.itemsize,) * channels
    tags[COMPRESSION], tags[PREDICTOR], tags[PLANAR] = DEFLATE, DIFFERENCES, 1
    tags[PHOTOMETRIC] = 1 if channels < 3 else 2
    if channels in (2, 4):
        tags[EXTRA] = UNASSOCIATED_ALPHA
    sizes = [len(strip) for strip in strips]
    tags[STRIP_SIZES] = tuple(sizes)
    tags[STRIP_OFFSETS] = tuple(int(place) for place in np.cumsum([0, *sizes[:-1]]))
    if sum(sizes) + LARGEST_BYTES // 1000 > LARGEST_BYTES:
        raise InputError("larger than the 4 GB that a TIFF holds; name an output that ends in .png")
    tags.save(file)  # which places the strips behind itself
    for strip in strips:
        file.write(strip)


def _compressed(strip_HWC: Samples) -> bytes:
    """Differences between neighbours in a row, modulo their range, through zlib."""
    differences = strip_HWC.copy()
    differences[:, 1:] -= strip_HWC[:, :-1]
    return zlib.compress(differences.astype(differences.dtype.newbyteorder("<")).tobytes(), 6)


def _tags_from(options: dict[str, Any]) -> ImageFileDirectory_v2:
    """The tags for what a picture of another kind carries."""
    tags = ImageFileDirectory_v2()
    exif = Image.Exif()
    exif.load(options.get("exif", b""))
    for tag, value in exif.items():
        if tag not in STRUCTURE | {EXIF, GPS}:
            tags[tag] = value
    _add_directories(tags, exif)
    for tag, name in ((ICC, "icc_profile"), (XMP, "xmp")):
        if name in options:
            tags.tagtype[tag] = 7 if tag == ICC else 1  # undefined bytes; bytes
            tags[tag] = options[name]
    if "dpi" in options:
        tags[RESOLUTION_UNIT], tags[X_RESOLUTION], tags[Y_RESOLUTION] = INCHES, *map(float, options["dpi"])
    return tags


def _add_directories(tags: ImageFileDirectory_v2, exif: Image.Exif) -> None:
    for tag in (EXIF, GPS):
        directory = exif.get_ifd(tag)
        if directory:
            tags.tagtype[tag] = 4  # an offset, which Pillow fills in
            tags[tag] = dict(directory)
