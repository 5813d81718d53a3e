"""Pictures in, pictures out: samples to the bit, and all that a photographer keeps in them; judged by Pillow and OpenCV."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin

from manifests.errors import InputError
from train.derain.photos import ORIENTATION, Photo, read_photo, write_photo
from train.derain.tiff import DESCRIPTIVE, EXIF, GPS

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def samples(channels: int, depth: Any = np.uint8, width: int = 30, height: int = 21, seed: int = 0) -> npt.NDArray[Any]:
    """Smooth below, noise in the lowest bits: every one of them counts."""
    full = np.iinfo(depth).max
    ramp = np.linspace(0, full, width * height * channels).reshape(height, width, channels)
    return np.clip(ramp + np.random.default_rng(seed).integers(-9, 9, ramp.shape), 0, full).astype(depth)


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x010F], made[0x0112], made[0x8298] = "Maker", 6, "(c) somebody"
    made.get_ifd(0x8769)[0x829A] = 0.004  # exposure time
    made.get_ifd(0x8769)[0x8827] = 800  # ISO
    made.get_ifd(0x8825)[1] = "N"
    return made


def rewritten(path: Path, target: Path) -> Photo:
    photo = read_photo(path)
    with target.open("wb") as file:
        write_photo(file, photo, target.suffix)
    return photo


def as_pillow_sees(path: Path) -> npt.NDArray[Any]:
    with Image.open(path) as picture:
        return np.atleast_3d(np.asarray(picture))


@pytest.mark.parametrize(
    ("suffix", "mode"),  # Pillow writes no grey with transparency as WebP or BMP, and does not read transparent BMP back
    [*itertools.product([".png", ".tif"], CHANNELS), (".webp", "L"), (".webp", "RGB"), (".webp", "RGBA"), (".bmp", "L"), (".bmp", "RGB")],
)
def test_8_bits_come_back_to_the_bit(suffix: str, mode: str, tmp_path: Path) -> None:
    stored = np.maximum(samples(CHANNELS[mode]), 1)  # what is wholly transparent has no colour in WebP
    lossless: Any = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(stored[..., 0] if mode == "L" else stored).save(tmp_path / f"in{suffix}", **lossless)
    photo = rewritten(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    if suffix == ".webp" and mode == "L":
        stored = np.repeat(stored, 3, axis=2)  # which WebP stores grey as
    np.testing.assert_array_equal(photo.samples, stored)
    np.testing.assert_array_equal(as_pillow_sees(tmp_path / f"out{suffix}"), stored)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_come_back_to_the_bit(channels: int, suffix: str, tmp_path: Path) -> None:
    stored = samples(channels, np.uint16)
    order = [0, 1, 2, 3][:channels] if channels == 1 else [2, 1, 0, 3][:channels]
    cv2.imwrite(str(tmp_path / f"in{suffix}"), stored[..., order])
    photo = rewritten(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(photo.samples, stored)
    read = np.atleast_3d(np.asarray(cv2.imread(str(tmp_path / f"out{suffix}"), cv2.IMREAD_UNCHANGED)))
    np.testing.assert_array_equal(read[..., order], stored)
    with Image.open(tmp_path / f"out{suffix}") as picture:
        picture.load()


def test_16_bits_of_grey_with_transparency_become_rgb_with_transparency(tmp_path: Path) -> None:
    grey, alpha = samples(1, np.uint16), samples(1, np.uint16, seed=1)
    rows = np.concatenate([grey, alpha], axis=2).astype(">u2")
    header = struct.pack(">IIBBBBB", 30, 21, 16, 4, 0, 0, 0)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.samples, np.concatenate([grey, grey, grey, alpha], axis=2))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_exif_profile_and_resolution_go_along(suffix: str, depth: Any, tmp_path: Path) -> None:
    first = Photo(samples(3, depth), about={"exif": exif().tobytes(), "icc_profile": PROFILE, "dpi": (300.0, 300.0)})
    with (tmp_path / f"in{suffix}").open("wb") as file:
        write_photo(file, first, suffix)
    photo = rewritten(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    upright = suffix == ".tif"  # which is turned as it is read
    assert photo.orientation == (1 if upright else 6)
    np.testing.assert_array_equal(photo.samples, np.rot90(first.samples, -1) if upright else first.samples)
    with Image.open(tmp_path / f"out{suffix}") as picture:
        told = picture.getexif()
        assert (told[0x010F], told[0x0112], told[0x8298]) == ("Maker", photo.orientation, "(c) somebody")
        assert float(told.get_ifd(0x8769)[0x829A]) == pytest.approx(0.004)
        assert told.get_ifd(0x8769)[0x8827] == 800
        assert told.get_ifd(0x8825)[1] == "N"
        assert picture.info["icc_profile"] == PROFILE
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_jpeg_keeps_its_quality_and_all_that_is_in_it(tmp_path: Path, subsampling: int) -> None:
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x07\x1c\x02\x78\x00\x02hi\x00"
    Image.fromarray(samples(3)).save(
        tmp_path / "in.jpg", quality=83, subsampling=subsampling, exif=exif(), icc_profile=PROFILE, dpi=(72, 72), comment=b"words",
        progressive=True, xmp=b"<x:xmpmeta/>", extra=b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc,
    )  # fmt: skip
    rewritten(tmp_path / "in.jpg", tmp_path / "out.jpg")
    with Image.open(tmp_path / "in.jpg") as before, Image.open(tmp_path / "out.jpg") as after:
        assert isinstance(before, JpegImagePlugin.JpegImageFile)
        assert isinstance(after, JpegImagePlugin.JpegImageFile)
        assert after.quantization == before.quantization
        assert JpegImagePlugin.get_sampling(after) == JpegImagePlugin.get_sampling(before) == subsampling
        for name in ("exif", "icc_profile", "dpi", "comment", "progressive", "xmp", "photoshop"):
            assert after.info[name] == before.info[name], name
        assert np.abs(np.asarray(after).astype(int) - np.asarray(before)).mean() < 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_tags_and_xmp_go_along_into_a_file_of_another_kind(suffix: str, tmp_path: Path) -> None:
    Image.fromarray(samples(3)).save(tmp_path / "in.jpg", exif=exif(), xmp=b"<x:xmpmeta/>")
    rewritten(tmp_path / "in.jpg", tmp_path / "in.tif")
    rewritten(tmp_path / "in.tif", tmp_path / f"out{suffix}")
    with Image.open(tmp_path / "in.tif") as before, Image.open(tmp_path / f"out{suffix}") as after:
        after.load()
        wanted, found = before.getexif(), after.getexif()
        assert {tag: found.get(tag) for tag in DESCRIPTIVE & wanted.keys()} == {tag: wanted[tag] for tag in DESCRIPTIVE & wanted.keys()}
        for directory in (EXIF, GPS):
            assert dict(found.get_ifd(directory)) == dict(wanted.get_ifd(directory))
        assert len(found) > 0
        assert found.get(ORIENTATION, 1) == 1
        assert after.info["xmp"] == b"<x:xmpmeta/>"


def test_a_png_keeps_its_text_and_what_its_samples_mean(tmp_path: Path) -> None:
    for depth in (np.uint8, np.uint16):
        text = PngImagePlugin.PngInfo()
        text.add_text("Author", "somebody")
        text.add_itxt("Title", "雨", "ja")
        text.add(b"gAMA", struct.pack(">I", 100_000))
        with (tmp_path / "in.png").open("wb") as file:
            write_photo(file, Photo(samples(3, depth), of_kind={"pnginfo": text}, kind="PNG"), ".png")
        rewritten(tmp_path / "in.png", tmp_path / "out.png")
        with Image.open(tmp_path / "out.png") as picture:
            picture.load()
            assert isinstance(picture, PngImagePlugin.PngImageFile)
            assert (picture.text["Author"], picture.text["Title"]) == ("somebody", "雨")
            assert picture.info["gamma"] == 1.0


def test_palettes_and_bitmaps_are_spread_out(tmp_path: Path) -> None:
    colour = Image.fromarray(samples(3)).quantize(16)
    colour.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "p.png").samples, np.asarray(colour.convert("RGB")))
    colour.save(tmp_path / "t.png", transparency=3)
    with Image.open(tmp_path / "t.png") as picture:
        np.testing.assert_array_equal(read_photo(tmp_path / "t.png").samples, np.asarray(picture.convert("RGBA")))
    Image.fromarray(samples(1)[..., 0]).convert("1").save(tmp_path / "b.png")
    assert set(np.unique(read_photo(tmp_path / "b.png").samples)) == {0, 255}


def test_a_colour_that_counts_as_transparent_becomes_alpha(tmp_path: Path) -> None:
    Image.fromarray(samples(3)).save(tmp_path / "k.png", transparency=tuple(samples(3)[5, 5].tolist()))
    photo = read_photo(tmp_path / "k.png")
    assert photo.samples.shape[2] == 4
    assert photo.samples[5, 5, 3] == 0


def test_a_deep_grey_that_counts_as_transparent_becomes_alpha(tmp_path: Path) -> None:
    grey = samples(1, np.uint16)
    encoded = cv2.imencode(".png", grey)[1].tobytes()
    value = struct.pack(">H", int(grey[5, 5, 0]))
    chunk = struct.pack(">I", 2) + b"tRNS" + value + struct.pack(">I", zlib.crc32(b"tRNS" + value))
    header_end = 8 + 12 + 13
    (tmp_path / "k.png").write_bytes(encoded[:header_end] + chunk + encoded[header_end:])
    photo = read_photo(tmp_path / "k.png")
    np.testing.assert_array_equal(photo.colours, np.repeat(grey, 3, axis=2))
    np.testing.assert_array_equal(photo.samples[..., 3] == 0, grey[..., 0] == grey[5, 5, 0])


def test_alpha_is_untouched_by_new_colours() -> None:
    photo = Photo(samples(4))
    changed = photo.with_colours(photo.colours // 2)
    np.testing.assert_array_equal(changed.samples[..., 3], photo.samples[..., 3])
    np.testing.assert_array_equal(changed.colours, photo.colours // 2)


def refused() -> dict[str, bytes]:
    """Files and, by their names, what should be said of them."""
    made: dict[str, bytes] = {"empty": b"", "text": b"no picture at all"}

    def save(name: str, picture: Image.Image, kind: str, **options: Any) -> None:
        file = io.BytesIO()
        picture.save(file, format=kind, **options)
        made[name] = file.getvalue()

    save("CMYK", Image.new("CMYK", (9, 9)), "JPEG")
    save("floats", Image.new("F", (9, 9)), "TIFF")
    save("integers", Image.new("I", (9, 9)), "TIFF")
    save("two", Image.new("RGB", (9, 9)), "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    save("animated", Image.new("RGB", (9, 9)), "WEBP", save_all=True, append_images=[Image.new("RGB", (9, 9), "red")])
    save("cut", Image.fromarray(samples(3, width=90, height=90)), "PNG")
    made["cut"] = made["cut"][:-400]
    deep = cv2.imencode(".png", samples(3, np.uint16, width=90, height=90))[1].tobytes()
    made["cut and deep"] = deep[: len(deep) // 2]
    return made


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("empty", r"cannot be read as a picture \(it is empty\)"),
        ("text", r"cannot be read as a picture \(no format that is known\)"),
        ("CMYK", "holds CMYK.*convert it to RGB first"),
        ("floats", "holds samples other than grey or RGB of 8 or 16 bits"),
        ("integers", "holds samples other than grey or RGB of 8 or 16 bits"),
        ("two", "holds 2 pictures"),
        ("animated", "holds 2 pictures"),
        ("cut", "cannot be read as a picture"),
        ("cut and deep", "cannot be (read|decoded)"),
    ],
)
def test_what_would_be_lost_or_is_damaged_is_refused_by_name(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(refused()[name])
    with pytest.raises(InputError, match=rf"x\.png: .*{told}"):
        read_photo(tmp_path / "x.png")


def test_a_target_that_cannot_hold_the_samples_is_refused() -> None:
    for photo, suffix in ((Photo(samples(3, np.uint16)), ".jpg"), (Photo(samples(1, np.uint16)), ".webp"), (Photo(samples(4)), ".jpg")):
        with pytest.raises(InputError, match="does not hold; name an output that ends in"):
            write_photo(io.BytesIO(), photo, suffix)


def test_a_target_that_cannot_hold_what_goes_along_is_refused() -> None:
    large = Image.Exif()
    large[0x010E] = "wet " * 20_000  # a JPEG holds 64 KB of EXIF
    with pytest.raises(InputError, match=r"cannot be written as JPEG \(EXIF data is too long\); name an output that ends in \.png"):
        write_photo(io.BytesIO(), Photo(samples(3), about={"exif": large.tobytes()}), ".jpg")


def test_a_camera_s_jpeg_with_a_preview_behind_it_is_its_first_picture(tmp_path: Path) -> None:
    first, preview = Image.fromarray(samples(3)), Image.fromarray(samples(3, width=10, height=7))
    first.save(tmp_path / "in.jpg", format="MPO", save_all=True, append_images=[preview], quality=90)
    photo = rewritten(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert photo.samples.shape == (21, 30, 3)
    with Image.open(tmp_path / "out.jpg") as picture:
        assert picture.format == "JPEG"


def test_pillow_is_left_as_it_was(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    Image.fromarray(samples(3)).save(tmp_path / "a.png")
    read_photo(tmp_path / "a.png")
    assert before == Image.MAX_IMAGE_PIXELS
