"""Raw pictures. No camera's own are at hand: a DNG stands in for development, hand-made shells for other makers' EXIF."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rawpy

from acquire.failures import Refused
from acquire.tripod.exif import Shot, read_shot
from acquire.tripod.raw import develop
from manifests.media import read_picture
from tests.acquire.tripod.raws import CAMERA, EXIF, cr3, flat, raf, tiff, write_dng

AS_TOLD = Shot(
    path=Path(),
    size=(128, 96),
    captured_at="2024-05-17T12:00:00.50+02:00",
    camera="Maker Model",
    serial="4711",
    lens="A lens",
    exposure_s=1 / 125,
    iso=400,
    f_number=5.6,
    focal_length_mm=35,
)


def test_a_dng_is_developed_with_its_exif(tmp_path: Path) -> None:
    source = write_dng(tmp_path / "a.dng", flat(8000, 16000, 8000))
    assert read_shot(source) == replace(AS_TOLD, path=source)
    develop(source, tmp_path / "a.png", None)
    assert read_shot(tmp_path / "a.png") == replace(AS_TOLD, path=tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.shape == (96, 128, 3)
    # White to the camera, a quarter of the white level: sRGB's curve by its definition
    assert np.abs(picture.astype(int) - round(255 * (1.055 * (16000 / 65535) ** (1 / 2.4) - 0.055))).max() <= 1
    develop(source, tmp_path / "b.png", None)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()


def test_equal_light_gives_equal_values_whatever_else_is_in_the_picture(tmp_path: Path) -> None:
    dark, bright = flat(4000, 8000, 4000), flat(4000, 8000, 4000)
    bright[:, 64:] = 60000
    developed, by_default = [], []
    for name, mosaic in (("dark", dark), ("bright", bright)):
        source = write_dng(tmp_path / f"{name}.dng", mosaic)
        develop(source, tmp_path / f"{name}.png", None)
        developed.append(read_picture(tmp_path / f"{name}.png")[:, :48])
        with rawpy.imread(str(source)) as raw:
            by_default.append(raw.postprocess(use_camera_wb=True)[:, :48])
    assert np.array_equal(developed[0], developed[1])
    assert np.abs(by_default[0].astype(int) - by_default[1]).mean() > 20  # LibRaw's own settings let brightness float


def test_the_first_pictures_white_balance_serves_the_series(tmp_path: Path) -> None:
    first = write_dng(tmp_path / "1.dng", flat(8000, 16000, 8000))
    second = write_dng(tmp_path / "2.dng", flat(8000, 16000, 8000), neutral=((1, 1), (1, 1), (1, 4)))  # the camera balanced anew
    balance = develop(first, tmp_path / "1.png", None)
    develop(second, tmp_path / "2.png", balance)
    assert np.array_equal(read_picture(tmp_path / "1.png"), read_picture(tmp_path / "2.png"))
    develop(second, tmp_path / "alone.png", None)
    assert not np.array_equal(read_picture(tmp_path / "1.png"), read_picture(tmp_path / "alone.png"))


def test_a_turned_camera_gives_an_upright_picture_once(tmp_path: Path) -> None:
    mosaic = flat(4000, 8000, 4000)
    mosaic[:16, :32] = 50000  # a mark at the top left of the sensor
    source = write_dng(tmp_path / "a.dng", mosaic, orientation=6)  # to be turned clockwise
    develop(source, tmp_path / "a.png", None)
    picture = read_picture(tmp_path / "a.png", grey=True)
    assert picture.shape == (128, 96)
    assert picture[:24, -12:].min() > 150  # the mark is at the top right
    assert picture[:24, :12].max() < 150


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(b"II*\0damaged")
    with pytest.raises(Refused, match=r"a\.dng: LibRaw cannot develop it"):
        develop(tmp_path / "a.dng", tmp_path / "a.png", None)


@pytest.mark.parametrize(("name", "start"), [("a.ARW", b"II*\0"), ("a.NEF", b"II*\0"), ("a.ORF", b"IIRO"), ("a.RW2", b"IIU\0")])
def test_makers_own_tiffs_are_read(tmp_path: Path, name: str, start: bytes) -> None:
    (tmp_path / name).write_bytes(tiff({**CAMERA, 0x0100: (4, [128]), 0x0101: (4, [96])}, EXIF, start=start))
    assert read_shot(tmp_path / name) == replace(AS_TOLD, path=tmp_path / name)


def test_the_size_is_the_pictures_and_not_its_thumbnails(tmp_path: Path) -> None:
    exif = {**EXIF, 0xA002: (4, [6000]), 0xA003: (4, [4000])}
    (tmp_path / "a.NEF").write_bytes(tiff({**CAMERA, 0x0100: (4, [160]), 0x0101: (4, [120])}, exif))
    assert read_shot(tmp_path / "a.NEF").size == (6000, 4000)


def test_canons_and_fujifilms_shells_are_opened(tmp_path: Path) -> None:
    (tmp_path / "a.CR3").write_bytes(cr3(tiff(CAMERA), tiff({**EXIF, 0xA002: (4, [128]), 0xA003: (4, [96])})))
    assert read_shot(tmp_path / "a.CR3") == replace(AS_TOLD, path=tmp_path / "a.CR3")
    (tmp_path / "a.RAF").write_bytes(raf({0x9003: "2024:05:17 12:00:00", 0x8827: 400}))
    told = read_shot(tmp_path / "a.RAF")
    assert (told.size, told.captured_at, told.iso) == ((96, 64), "2024-05-17T12:00:00", 400)


@pytest.mark.parametrize("content", [b"", b"II*\0", b"FUJIFILMCCD-RAW short", b"\0\0\0\x18ftypcrx \0\0\0\1", b"\xff" * 400])
def test_damaged_headers_give_a_shot_without_size(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ARW").write_bytes(content)
    assert read_shot(tmp_path / "a.ARW") == Shot(tmp_path / "a.ARW")
