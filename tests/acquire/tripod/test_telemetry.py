"""The exposure that cameras record along with their frames: samples by hand, from what is publicly known of the two formats."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from acquire.tripod.telemetry import MOMENTS, read_telemetry
from tests.acquire.tripod.clips import record


def sony(denominator: int = 50, iso: int = 800, aperture: int = 0xB06D) -> bytes:
    """One frame's sample: a header of 28 bytes, then the sets of lens and camera, each behind its universal label and length."""

    def item(tag: int, content: bytes) -> bytes:
        return struct.pack(">HH", tag, len(content)) + content

    def set_of(label: str, *items: bytes) -> bytes:
        content = b"".join(items)
        return bytes.fromhex(f"060e2b34025301010c020101{label}010000") + b"\x83" + len(content).to_bytes(3, "big") + content

    # 24 mm are 24 with the exponent -3, in metres
    lens = set_of("01", item(0x8000, struct.pack(">H", aperture)), item(0x8005, struct.pack(">H", 0xD018)), item(0x8007, b"a lens"))
    camera = set_of("02", item(0x8109, struct.pack(">II", 1, denominator)), item(0x810B, struct.pack(">H", iso)))
    return b"\x00\x1c" + bytes(26) + lens + camera


def gopro(exposure_s: float = 0.004, iso: int = 100) -> bytes:
    def item(key: bytes, kind: bytes, size: int, content: bytes) -> bytes:
        return key + kind + struct.pack(">BH", size, len(content) // size) + content + bytes(-len(content) % 4)

    shutter = item(b"STMP", b"J", 8, bytes(8)) + item(b"SHUT", b"f", 4, struct.pack(">3f", *[exposure_s] * 3))
    sensitivity = item(b"ISOE", b"S", 2, struct.pack(">3H", iso, iso, iso))
    device = item(b"DVNM", b"c", 1, b"Hero7 Black") + item(b"STRM", b"\0", 1, shutter) + item(b"STRM", b"\0", 1, sensitivity)
    return item(b"DEVC", b"\0", 1, device)


def as_sonys(clip: Path) -> Path:
    """The track under Sony's name: the muxer knows GoPro's."""
    content = clip.read_bytes()
    assert b"gpmd" in content
    clip.write_bytes(content.replace(b"gpmd", b"rtmd"))
    return clip


def test_sonys_exposure_frame_by_frame(tmp_path: Path) -> None:
    clip = as_sonys(record(tmp_path / "C0001.MP4", range(30), telemetry=[sony()] * 30))
    told = read_telemetry(clip)
    assert told == {
        "exposure_s": pytest.approx(0.02),
        "iso": 800,
        "f_number": pytest.approx(5.6, rel=0.01),
        "focal_length_mm": pytest.approx(24),
        "varying": (),
    }


def test_gopros_exposure_second_by_second(tmp_path: Path) -> None:
    told = read_telemetry(record(tmp_path / "GH010001.MP4", range(30), telemetry=[gopro()] * 3))
    assert told == {"exposure_s": pytest.approx(0.004), "iso": 100, "f_number": None, "focal_length_mm": None, "varying": ()}


def test_what_a_camera_changed_meanwhile_is_told_although_few_moments_are_read(tmp_path: Path) -> None:
    samples = [sony(iso=800 if index < 70 else 1600) for index in range(80)]
    assert len(samples) > 2 * MOMENTS
    told = read_telemetry(as_sonys(record(tmp_path / "C0001.MP4", range(80), telemetry=samples)))
    assert (told["iso"], told["varying"]) == (800, ("iso",))


@pytest.mark.parametrize(
    "sample",
    [
        b"\x00\x1c",
        b"\x00\x1c" + bytes(26) + struct.pack(">HHII", 0x8109, 8, 1, 0),  # divided by zero
        b"\x00\x1c" + bytes(26) + struct.pack(">HHI", 0x8109, 8, 1),  # cut
        b"\x00\x1c" + bytes(26) + b"\x06\x0e",
        b"DEVC\0\x01\xff\xff" + b"SHUTf\x04\0\x01",
        b"DEVC\0\x01\0\x0cSHUTf\x04\0\x01" + struct.pack(">f", float("nan")),
        b"".join(b"DEVC\0\x01" + struct.pack(">H", 8 * (8000 - level)) for level in range(8000)),  # sets within sets within sets
        b"another maker's own",
        b"",
    ],
    ids=range(9),
)
def test_damaged_samples_tell_nothing(tmp_path: Path, sample: bytes) -> None:
    assert read_telemetry(record(tmp_path / "C0001.MP4", range(5), telemetry=[sample or b"\0"] * 5)) == {}


def test_a_clip_without_such_a_track_and_no_clip_tell_nothing(tmp_path: Path) -> None:
    assert read_telemetry(record(tmp_path / "C0001.MP4", range(5))) == {}
    (tmp_path / "a.MP4").write_bytes(b"no video")
    assert read_telemetry(tmp_path / "a.MP4") == {}
