"""What a camera wrote into its pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from acquire.tripod.exif import Shot, bracket, exposure_of, read_shot, varying
from tests.acquire.tripod.pictures import write_picture
from tests.acquire.tripod.raws import CAMERA, EXIF, tiff

SERIES: dict[str, Any] = {
    "make": "SONY",
    "model": "ILCE-7M4",
    "serial": "3141592",
    "lens": "FE 50mm F1.8",
    "zone": "+02:00",
    "f_number": IFDRational(56, 10),
    "focal_length": IFDRational(50, 1),
}


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_exposure_is_the_series_median_and_time_and_camera_the_firsts(tmp_path: Path, suffix: str) -> None:
    shots = [
        read_shot(
            write_picture(
                tmp_path / f"{number}{suffix}",
                number,
                time=f"2024:05:17 12:00:{4 * number:02d}",
                fraction="25",
                exposure=IFDRational(1, denominator),
                iso=iso,
                **SERIES,
            )
        )
        for number, (denominator, iso) in enumerate([(50, 100), (100, 400), (200, 200)])
    ]
    assert exposure_of(shots) == {
        "captured_at": "2024-05-17T12:00:00.25+02:00",
        "camera_model": "SONY ILCE-7M4",
        "lens_model": "FE 50mm F1.8",
        "exposure_s": pytest.approx(0.01),
        "iso": 200,
        "f_number": pytest.approx(5.6),
        "focal_length_mm": pytest.approx(50.0),
        "interval_s": pytest.approx(4.0),
        "varying": ("exposure_s", "iso"),
    }
    assert {shot.serial for shot in shots} == {"3141592"}
    assert {shot.size for shot in shots} == {(80, 64)}
    assert shots[0].taken_s == pytest.approx(1715940000.25)  # 10:00:00.25 UTC


def test_exif_of_a_tiff_is_read_too(tmp_path: Path) -> None:
    strip = bytes(80 * 64)
    told = {0x0100: (3, [80]), 0x0101: (3, [64]), 0x0102: (3, [8]), 0x0103: (3, [1]), 0x0106: (3, [1]), 0x0116: (3, [64])}
    (tmp_path / "a.tif").write_bytes(tiff({**CAMERA, **told, 0x0117: (4, [len(strip)])}, EXIF, strip))
    shot = read_shot(tmp_path / "a.tif")
    assert (shot.size, shot.camera, shot.captured_at) == ((80, 64), "Maker Model", "2024-05-17T12:00:00.50+02:00")
    assert (shot.iso, shot.f_number, shot.focal_length_mm, shot.lens) == (400, 5.6, 35, "A lens")


def test_what_is_not_told_is_none(tmp_path: Path) -> None:
    plain = write_picture(tmp_path / "a.jpg")
    assert read_shot(plain) == Shot(plain, (80, 64))
    unknown = write_picture(
        tmp_path / "b.jpg", exposure=IFDRational(0, 0), iso=0, time="0000:00:00 00:00:00", model="Canon EOS R6", make="Canon"
    )
    assert read_shot(unknown) == Shot(unknown, (80, 64), camera="Canon EOS R6")
    assert exposure_of([read_shot(plain), read_shot(unknown)])["interval_s"] is None


def test_sensitivities_above_what_the_tag_holds_stand_elsewhere(tmp_path: Path) -> None:
    assert read_shot(write_picture(tmp_path / "a.jpg", iso=65535, exposure_index=204800)).iso == 204800
    assert read_shot(write_picture(tmp_path / "b.jpg", iso=65535)).iso == 65535


def test_a_damaged_header_gives_a_shot_without_size(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8damaged")
    assert read_shot(tmp_path / "a.jpg") == Shot(tmp_path / "a.jpg")


def test_headers_alone_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [write_picture(tmp_path / f"{index}{suffix}") for index, suffix in enumerate((".png", ".jpg"))]

    def refuse(*_arguments: object) -> None:
        raise AssertionError("a picture is decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    monkeypatch.setattr(Image.Image, "load", refuse)
    assert [read_shot(picture).size for picture in pictures] == [(80, 64), (80, 64)]


def at(*exposures: float) -> list[Shot]:
    return [Shot(Path(f"{index}.jpg"), (80, 64), exposure_s=exposure, iso=100, f_number=8) for index, exposure in enumerate(exposures)]


def test_alternating_exposures_are_a_bracket() -> None:
    assert bracket(at(*[0.01, 0.04, 0.0025] * 4)) == 3
    assert bracket(at(*[0.01, 0.02] * 4)) == 2
    assert bracket(at(*[0.01] * 12)) is None
    assert bracket(at(*[0.01 * 1.2**index for index in range(12)])) is None  # dusk
    assert bracket(at(0.01, 0.02)) is None
    with_one_retaken = at(*[0.01, 0.04, 0.0025] * 12)
    with_one_retaken[7] = replace(with_one_retaken[7], exposure_s=0.011)
    assert bracket(with_one_retaken) == 3


def test_what_few_pictures_tell_varies_among_those() -> None:
    shots = [*at(0.01, 0.01), Shot(Path("x.jpg"), (80, 64), focal_length_mm=24), Shot(Path("y.jpg"), (80, 64), focal_length_mm=70)]
    assert varying(shots) == ("focal_length_mm",)
