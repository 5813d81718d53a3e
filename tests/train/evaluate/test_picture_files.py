"""Pictures are scored as what they show, or refused with the reason; nothing is rounded, mixed or guessed on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from manifests.errors import InputError
from train.evaluate.picture_files import read_rgb, upright_size

RNG = np.random.default_rng(3)
COLOURS = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)


def test_rgb_grey_palettes_and_opaque_alpha_are_read_exactly(tmp_path: Path) -> None:
    few = (COLOURS // 128 * 255).astype(np.uint8)
    opaque = np.dstack([COLOURS, np.full((6, 9), 255, np.uint8)])
    cases = {
        "rgb.png": (Image.fromarray(COLOURS), COLOURS),
        "grey.png": (Image.fromarray(GREY), np.dstack([GREY] * 3)),
        "palette.png": (Image.fromarray(few).quantize(8), few),
        "alpha.png": (Image.fromarray(opaque), COLOURS),
        "bits.bmp": (Image.fromarray(GREY > 127), np.dstack([(GREY > 127).astype(np.uint8) * 255] * 3)),
    }
    for name, (picture, expected) in cases.items():
        picture.save(tmp_path / name)
        np.testing.assert_array_equal(read_rgb(tmp_path / name), expected, err_msg=name)


def test_pictures_are_upright_and_so_is_their_size(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=turned)
    assert read_rgb(tmp_path / "a.png").shape == (9, 6, 3)
    assert upright_size(tmp_path / "a.png") == (6, 9)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), np.rot90(COLOURS, -1))
    Image.fromarray(COLOURS).save(tmp_path / "a.tif", tiffinfo={0x0112: 6})
    assert upright_size(tmp_path / "a.tif") == read_rgb(tmp_path / "a.tif").shape[1::-1] == (6, 9)


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("rgb.png", np.full((6, 9, 3), 30_000, np.uint16)),
        ("rgb.tif", np.full((6, 9, 3), 30_000, np.uint16)),
        ("alpha.png", np.full((6, 9, 4), 65_535, np.uint16)),
        ("grey.png", np.full((6, 9), 30_000, np.uint16)),
        ("float.tif", np.full((6, 9), 0.5, np.float32)),
    ],
)
def test_more_than_8_bits_are_refused_and_never_cut_off(tmp_path: Path, name: str, samples: npt.NDArray[Any]) -> None:
    assert cv2.imwrite(str(tmp_path / name), samples)
    with pytest.raises(InputError, match=rf"{name}: holds more than 8 bits a channel"):
        read_rgb(tmp_path / name)


def test_transparency_and_other_colours_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([COLOURS, GREY])).save(tmp_path / "glass.png")
    Image.fromarray(COLOURS).convert("CMYK").save(tmp_path / "print.jpg")
    Image.fromarray(COLOURS // 128 * 255).quantize(8).save(tmp_path / "hole.png", transparency=0)
    with pytest.raises(InputError, match=r"glass\.png: is transparent in places"):
        read_rgb(tmp_path / "glass.png")
    with pytest.raises(InputError, match=r"hole\.png: is transparent in places"):
        read_rgb(tmp_path / "hole.png")
    with pytest.raises(InputError, match=r"print\.jpg: holds CMYK colours"):
        read_rgb(tmp_path / "print.jpg")


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    Image.fromarray(RNG.integers(0, 256, (60, 60, 3), dtype=np.uint8)).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:3000])
    (tmp_path / "folder.png").mkdir()
    for name in ("empty.png", "half.png", "folder.png"):
        with pytest.raises(InputError, match=rf"{name}: cannot be read as a picture"):
            read_rgb(tmp_path / name)
    with pytest.raises(InputError, match=r"gone\.png: no such picture"):
        read_rgb(tmp_path / "gone.png")
    assert upright_size(tmp_path / "empty.png") is None
