"""What a camera wrote beside its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL.TiffImagePlugin import IFDRational

from acquire.tripod.exposure import read_exposure
from tests.acquire.tripod.pictures import write_picture


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_exposure_is_the_series_median_and_time_and_camera_the_firsts(tmp_path: Path, suffix: str) -> None:
    told: dict[str, Any] = {
        "make": "SONY",
        "model": "ILCE-7M4",
        "zone": "+02:00",
        "f_number": IFDRational(56, 10),
        "focal_length": IFDRational(50, 1),
    }
    pictures = [
        write_picture(
            tmp_path / f"{number}{suffix}",
            number,
            time=f"2024:05:17 12:00:0{number}",
            fraction="25",
            exposure=IFDRational(1, denominator),
            iso=iso,
            **told,
        )
        for number, (denominator, iso) in enumerate([(50, 100), (100, 400), (200, 200)])
    ]
    assert read_exposure(pictures) == {
        "captured_at": "2024-05-17T12:00:00.25+02:00",
        "camera_model": "SONY ILCE-7M4",
        "exposure_s": pytest.approx(0.01),
        "iso": 200,
        "f_number": pytest.approx(5.6),
        "focal_length_mm": pytest.approx(50.0),
    }


def test_what_is_not_told_is_null(tmp_path: Path) -> None:
    plain = write_picture(tmp_path / "a.jpg")
    assert set(read_exposure([plain]).values()) == {None}
    unknown = write_picture(
        tmp_path / "b.jpg", exposure=IFDRational(0, 0), iso=0, time="0000:00:00 00:00:00", model="Canon EOS R6", make="Canon"
    )
    told = read_exposure([unknown])
    assert told.pop("camera_model") == "Canon EOS R6"
    assert set(told.values()) == {None}


def test_damaged_pictures_tell_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8damaged")
    assert read_exposure([tmp_path / "a.jpg"]) == {}
