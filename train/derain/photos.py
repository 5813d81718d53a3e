"""Pictures as photographers keep them: stored samples of 8 or 16 bits, transparency, and what goes along in the file.

Nothing is converted that a file can hold as it is. EXIF (with its orientation), ICC profile, resolution, XMP and text go into the new
file, a JPEG's quantisation and IPTC too. Thumbnails within EXIF go along as they are and still show the rain.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from manifests.errors import InputError, first_line
from train.derain.streaks import Samples
from train.derain.tiff import TIFF_TAGS, exif_of, tiff_tags, write_tiff

LARGEST_PIXELS = 1_000_000_000
ORIENTATION = 0x0112
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CARRIED = (b"cHRM", b"cICP", b"gAMA", b"sRGB", b"sPLT", b"tEXt", b"zTXt", b"iTXt")
JPEG_DEFAULT = {"quality": 95, "subsampling": 0}
_DIRECT = {"L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "1": "L", "P": "RGB", "PA": "RGBA", "YCbCr": "RGB", "RGBX": "RGB"}
_TRANSPARENT = {"L": "LA", "RGB": "RGBA"}
_BITS, _SAMPLE_FORMAT, _PHOTOMETRIC = 258, 339, 262  # tags of TIFF


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as its file stores it."""

    samples: Samples  # HWC: grey, grey and alpha, RGB, RGBA
    orientation: int = 1  # of EXIF: how the stored samples are to be turned
    about: dict[str, Any] = field(default_factory=dict)  # what goes along, by the names of Pillow's `save`
    of_kind: dict[str, Any] = field(default_factory=dict)  # the same, for files of the source's own kind alone
    kind: str = ""  # Pillow's name of the source's format

    @property
    def colours(self) -> Samples:
        """The samples without alpha."""
        return self.samples[..., : 1 if self.samples.shape[2] < 3 else 3]

    def with_colours(self, colours_HWC: Samples) -> Photo:
        """The same with other colours, alpha untouched."""
        count = colours_HWC.shape[2]
        if count == self.samples.shape[2]:
            return replace(self, samples=colours_HWC)
        return replace(self, samples=np.concatenate([colours_HWC, self.samples[..., count:]], axis=2))


def read_photo(path: Path) -> Photo:
    """A picture's stored samples and what goes along.

    Raises InputError where the file is damaged, or holds what would be lost: several pictures, inks (CMYK), more than 16 bits, floats.
    """
    try:
        content = path.read_bytes()
        with _up_to_a_gigapixel(), Image.open(io.BytesIO(content)) as picture:
            return _photo(content, picture)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except UnidentifiedImageError:
        why = "no format that is known" if content else "it is empty"
        raise InputError(f"{path}: cannot be read as a picture ({why}); mend it or take it out") from None
    except Exception as error:  # Pillow raises many classes for damaged files
        raise InputError(f"{path}: cannot be read as a picture ({first_line(error)}); mend it or take it out") from error


def write_photo(file: BinaryIO, photo: Photo, suffix: str) -> None:
    """Write a picture as the kind of file that `suffix` names. Raises InputError where that cannot hold its samples, or what goes along."""
    kind = Image.registered_extensions()[suffix.lower()]
    channels = photo.samples.shape[2]
    if photo.samples.dtype == np.uint16 and kind not in ("PNG", "TIFF"):
        raise InputError(f"16 bits a sample, which {kind} does not hold; name an output that ends in .png or .tif")
    if channels in (2, 4) and kind == "JPEG":
        raise InputError("transparent, which JPEG does not hold; name an output that ends in .png")
    try:
        _encode(file, photo, kind)
    except (InputError, OSError):
        raise
    except Exception as error:  # Pillow raises many classes for what a format has no room for
        raise InputError(f"cannot be written as {kind} ({first_line(error)}); name an output that ends in .png or .tif") from error


def _encode(file: BinaryIO, photo: Photo, kind: str) -> None:
    options = photo.about | (photo.of_kind if kind == photo.kind else {})
    if kind == "PNG" and kind != photo.kind and "xmp" in options:  # which Pillow does not write into a PNG
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", options["xmp"].decode("utf-8", "replace"))
        options |= {"pnginfo": text}
    if kind == "TIFF":
        write_tiff(file, photo.samples, options)
    elif photo.samples.dtype == np.uint16:
        file.write(_deep_png(photo.samples, options))
    else:
        if kind == "JPEG":
            options = options if "qtables" in options else JPEG_DEFAULT | options
        elif kind == "WEBP":
            options = {**options, "lossless": True}
        samples = photo.samples[..., 0] if photo.samples.shape[2] == 1 else photo.samples
        Image.fromarray(samples).save(file, format=kind, **{name: value for name, value in options.items() if name != TIFF_TAGS})


# --- reading ------------------------------------------------------------------------------------------------------------------------


def _photo(content: bytes, picture: ImageFile.ImageFile) -> Photo:
    kind = "JPEG" if picture.format == "MPO" else str(picture.format)  # a camera's MPO is a JPEG with a preview behind it
    pictures = getattr(picture, "n_frames", 1)
    if pictures > 1 and picture.format != "MPO":
        raise InputError(f"holds {pictures} pictures, and one would be kept; split it first")
    deep = _bits(content, picture) > 8
    samples = _deep_samples(content, picture) if deep else _samples(picture)
    orientation = picture.getexif().get(ORIENTATION, 1)
    if kind == "TIFF":  # which Pillow and OpenCV turn upright as they read it
        orientation = 1
    about = {name: picture.info[name] for name in ("exif", "icc_profile", "dpi", "xmp") if picture.info.get(name)}
    if kind == "TIFF" and (exif := exif_of(picture)):
        about["exif"] = exif
    return Photo(samples, orientation if orientation in range(1, 9) else 1, about, _of_kind(kind, content, picture), kind)


def _bits(content: bytes, picture: ImageFile.ImageFile) -> int:
    """Bits a sample by the file's header, since Pillow opens many deep pictures as shallow ones."""
    if picture.format == "PNG":
        return content[24]
    if picture.format == "TIFF":
        tags = picture.tag_v2  # type: ignore[attr-defined]
        bits, formats = tags.get(_BITS, (1,)), tags.get(_SAMPLE_FORMAT, (1,))
        if max(bits) > 8 and (set(bits) != {16} or set(formats) != {1} or tags.get(_PHOTOMETRIC) not in (1, 2)):
            raise InputError("holds samples other than grey or RGB of 8 or 16 bits; convert it to one of these first")
        return int(max(bits))
    return 8


def _samples(picture: ImageFile.ImageFile) -> Samples:
    if picture.mode == "CMYK":
        raise InputError("holds CMYK, inks for a press, which cannot be brought to light and back without change; convert it to RGB first")
    if picture.mode not in _DIRECT:
        raise InputError(f"holds {picture.mode} samples; only grey and RGB of 8 or 16 bits can be done, so convert it first")
    mode = _DIRECT[picture.mode]
    if "transparency" in picture.info:
        mode = _TRANSPARENT.get(mode, mode)
    samples = np.asarray(picture if picture.mode == mode else picture.convert(mode), np.uint8)
    return samples[..., None] if samples.ndim == 2 else samples


def _deep_samples(content: bytes, picture: ImageFile.ImageFile) -> Samples:
    """16 bits a sample, which Pillow does not read in colour. Grey that is transparent somewhere comes as RGB with alpha."""
    samples = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16 or samples.shape[:2] != (picture.height, picture.width):
        raise InputError("its 16-bit samples cannot be decoded; mend it or take it out")
    if samples.ndim == 2:
        grey = samples[..., None]
        if "transparency" not in picture.info:
            return np.asarray(grey)
        alpha = np.where(grey == picture.info["transparency"], 0, np.iinfo(np.uint16).max).astype(np.uint16)
        return np.concatenate([grey, grey, grey, alpha], axis=2)
    order = [2, 1, 0, 3][: samples.shape[2]]  # OpenCV's BGR
    return np.asarray(samples[..., order])


def _of_kind(kind: str, content: bytes, picture: ImageFile.ImageFile) -> dict[str, Any]:
    if kind == "JPEG":
        quantisation = {"qtables": picture.quantization, "subsampling": JpegImagePlugin.get_sampling(picture)}  # type: ignore[attr-defined]
        segments = [data for name, data in picture.applist if name == "APP13"]  # type: ignore[attr-defined]
        extra = b"".join(b"\xff\xed" + struct.pack(">H", len(data) + 2) + data for data in segments)
        comment = {"comment": picture.info["comment"]} if "comment" in picture.info else {}
        return {**quantisation, **comment, "extra": extra, "progressive": bool(picture.info.get("progressive"))}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        for name, data in _png_chunks(content):
            if name in PNG_CARRIED:
                text.add(name, data)
        return {"pnginfo": text}
    return {TIFF_TAGS: tiff_tags(picture)} if kind == "TIFF" else {}


@contextmanager
def _up_to_a_gigapixel() -> Iterator[None]:
    """Pillow takes pictures of more than 90 megapixels for an attack; a user's own pictures may be larger."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS // 2  # Pillow warns beyond, and refuses beyond twice of it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


# --- PNG of 16 bits -----------------------------------------------------------------------------------------------------------------


def _deep_png(samples: Samples, options: dict[str, Any]) -> bytes:
    """Encoded by OpenCV, with the chunks that Pillow would have written beside the pixels."""
    plain = io.BytesIO()
    Image.new("L", (1, 1)).save(plain, format="PNG", **options)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[samples.shape[2]]
    encoded = cv2.imencode(".png", samples[..., order], [cv2.IMWRITE_PNG_COMPRESSION, 4])[1].tobytes()
    pixels = [chunk for chunk in _png_chunks(encoded) if chunk[0] == b"IDAT"]
    about = [chunk for chunk in _png_chunks(plain.getvalue()) if chunk[0] not in (b"IHDR", b"IDAT", b"IEND")]
    header = next(_png_chunks(encoded))
    return PNG_SIGNATURE + b"".join(_packed(*chunk) for chunk in (header, *about, *pixels, (b"IEND", b"")))


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(PNG_SIGNATURE)
    while place + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, place)
        yield name, content[place + 8 : place + 8 + size]
        place += size + 12


def _packed(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
