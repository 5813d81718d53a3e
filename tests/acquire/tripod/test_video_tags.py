"""What a camera says of a video that it recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from acquire.tripod.video_tags import read_video_tags
from tests.acquire.tripod.clips import record

# As Sony's cameras write it (NonRealTimeMeta 2.x), by hand from what is publicly known of the format.
SONY = """<?xml version="1.0" encoding="UTF-8"?>
<NonRealTimeMeta xmlns="urn:schemas-professionalDisc:nonRealTimeMeta:ver.2.20" xmlns:lib="urn:schemas-professionalDisc:lib:ver.2.1"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" lastUpdate="2024-05-17T14:03:01+02:00">
	<TargetMaterial umidRef="060A2B340101010501010D43130000000000000000000000000000000000"/>
	<Duration value="1500"/>
	<LtcChangeTable tcFps="25" halfStep="false">
		<LtcChange frameCount="0" value="00000001" status="increment"/>
	</LtcChangeTable>
	<CreationDate value="2024-05-17T14:02:01+02:00"/>
	<VideoFormat>
		<VideoRecPort port="DIRECT"/>
		<VideoFrame videoCodec="AVC_3840_2160_HP@L51" captureFps="100.00p" formatFps="25p"/>
		<VideoLayout pixel="3840" numOfVerticalLine="2160" aspectRatio="16:9"/>
	</VideoFormat>
	<Device manufacturer="Sony" modelName="ILCE-7M4" serialNo="4294967295"/>
	<Lens modelName="FE 24-105mm F4 G OSS"/>
	<RecordingMode type="normal" cacheRec="false"/>
	<AcquisitionRecord>
		<Group name="CameraUnitMetadataSet">
			<Item name="CaptureGammaEquation" value="rec709"/>
			<Item name="ISOSensitivity" value="800"/>
			<Item name="ShutterSpeedTime" value="1/200"/>
		</Group>
		<Group name="LensUnitMetadataSet">
			<Item name="IrisFNumber" value="F5.6"/>
		</Group>
	</AcquisitionRecord>
</NonRealTimeMeta>
"""
SONY_COLUMNS = {
    "captured_at": "2024-05-17T14:02:01+02:00",
    "camera_model": "Sony ILCE-7M4",
    "lens_model": "FE 24-105mm F4 G OSS",
    "capture_fps": 100.0,
    "exposure_s": 0.005,
    "iso": 800,
    "f_number": 5.6,
}


@pytest.mark.parametrize("name", ["C0001M01.XML", "C0001m01.xml", "C0001.XML"])
def test_sonys_xml_beside_a_clip(tmp_path: Path, name: str) -> None:
    clip = record(tmp_path / "C0001.MP4", range(3), {"creation_time": "2024-05-17T12:00:00Z"})
    (tmp_path / name).write_text(SONY)
    (tmp_path / "C0002M01.XML").write_text(SONY.replace("ILCE-7M4", "another clip's"))
    assert read_video_tags(clip) == SONY_COLUMNS


def test_sonys_xml_inside_a_clip(tmp_path: Path) -> None:
    clip = record(tmp_path / "C0001.MP4", range(3))
    content = SONY.encode()
    clip.write_bytes(clip.read_bytes() + (8 + len(content)).to_bytes(4, "big") + b"free" + content)
    assert read_video_tags(clip) == SONY_COLUMNS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not XML",
        SONY.encode()[:700],
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + SONY.replace("ILCE-7M4", "&b;").encode(),
        SONY.replace("<CreationDate", " " * (1 << 20) + "<CreationDate").encode(),
    ],
    ids=["empty", "text", "cut", "entities", "huge"],
)
def test_xml_that_is_damaged_or_hostile_tells_nothing(tmp_path: Path, content: bytes) -> None:
    clip = record(tmp_path / "C0001.MP4", range(3))
    (tmp_path / "C0001M01.XML").write_bytes(content)
    assert read_video_tags(clip) == {}


def test_words_are_made_printable_and_numbers_checked(tmp_path: Path) -> None:
    clip = record(tmp_path / "C0001.MP4", range(3))
    hostile = SONY.replace("ILCE-7M4", "\u202ereversed").replace('"800"', '"-5"').replace("1/200", "1/0").replace("F5.6", "nan")
    (tmp_path / "C0001M01.XML").write_text(hostile.replace("2024-05-17T14:02:01", "yesterday"))
    told = read_video_tags(clip)
    assert told == {"camera_model": "Sony reversed", "lens_model": "FE 24-105mm F4 G OSS", "capture_fps": 100.0}


def test_quicktime_tags_with_their_zone_first(tmp_path: Path) -> None:
    apple = "com.apple.quicktime."
    tags = {
        "creation_time": "2024-05-17T12:02:01.000000Z",
        f"{apple}creationdate": "2024-05-17T14:02:01+0200",
        f"{apple}make": "Apple",
        f"{apple}model": "iPhone 14 Pro",
    }
    told = read_video_tags(record(tmp_path / "IMG_0001.MOV", range(3), tags))
    assert told == {"captured_at": "2024-05-17T14:02:01+02:00", "camera_model": "Apple iPhone 14 Pro"}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_time_of_creation_is_told_as_the_file_states_it(tmp_path: Path, suffix: str) -> None:
    clip = record(tmp_path / f"clip{suffix}", range(3), {"creation_time": "2024-05-17T12:02:01.000000Z"})
    assert read_video_tags(clip) == {"captured_at": "2024-05-17T12:02:01+00:00"}


def test_a_camera_whose_clock_was_never_set_and_a_damaged_file_tell_nothing(tmp_path: Path) -> None:
    assert read_video_tags(record(tmp_path / "a.mp4", range(3), {"creation_time": "1970-01-01T00:00:00Z"})) == {}
    (tmp_path / "b.mp4").write_bytes(b"no video")
    assert read_video_tags(tmp_path / "b.mp4") == {}
    (tmp_path / "c.mts").write_bytes(b"no video")
    assert read_video_tags(tmp_path / "c.mts") == {}


def test_gopros_model(tmp_path: Path) -> None:
    clip = record(tmp_path / "GH010001.MP4", range(3))
    settings = b"DEVC\0\x01\0\x24MINFc\x01\0\x0cHERO11 BlackDZOMc\x01\0\1N\0\0\0"
    clip.write_bytes(clip.read_bytes() + (8 + len(settings)).to_bytes(4, "big") + b"free" + settings)
    assert read_video_tags(clip) == {"camera_model": "GoPro HERO11 Black"}


def test_a_sidecar_that_is_no_file_is_not_opened(tmp_path: Path) -> None:
    import os

    clip = record(tmp_path / "C0001.MP4", range(3))
    os.mkfifo(tmp_path / "C0001M01.XML")  # would block whoever opened it
    assert read_video_tags(clip) == {}


def avchd_message() -> bytes:
    """An SEI message as an AVCHD camcorder of Sony's puts it before its pictures: 17 May 2024, 14:02:01, two hours east."""
    packs = {
        0x18: bytes([0x04, 0x20, 0x24, 0x05]),
        0x19: bytes([0x17, 0x14, 0x02, 0x01]),
        0xA0: (1).to_bytes(2, "big") + (250).to_bytes(2, "big"),
        0xA1: (40).to_bytes(2, "big") + (10).to_bytes(2, "big"),
        0xE0: bytes([0x01, 0x08, 0xFF, 0xFF]),
        0xE4: b"HDR-",
        0xE5: b"CX7\0",
        0xE6: bytes(4),
    }
    mark = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66")
    payload = mark + b"MDPM" + bytes([len(packs)]) + b"".join(bytes([tag]) + pack for tag, pack in packs.items())
    unescaped = bytes([5, len(payload)]) + payload + b"\x80"
    escaped = bytearray()
    for byte in unescaped:
        if byte <= 3 and escaped[-2:] == b"\0\0":
            escaped.append(3)
        escaped.append(byte)
    return b"\0\0\0\1\x06" + bytes(escaped)


def test_avchds_own_messages_are_read(tmp_path: Path) -> None:
    import av

    source = record(tmp_path / "plain.MTS", range(12))
    with av.open(str(source)) as plain, av.open(str(tmp_path / "00000.MTS"), "w", format="mpegts") as told:
        stream = told.add_stream_from_template(plain.streams.video[0])
        for packet in plain.demux(video=0):
            if packet.size:
                with_message = av.Packet(bytes(packet)[:6] + avchd_message() + bytes(packet)[6:])  # behind the access unit's delimiter
                with_message.pts, with_message.dts, with_message.time_base = packet.pts, packet.dts, packet.time_base
                with_message.stream = stream
                told.mux(with_message)
    assert read_video_tags(source) == {}
    assert read_video_tags(tmp_path / "00000.MTS") == {
        "captured_at": "2024-05-17T14:02:01+02:00",
        "camera_model": "Sony HDR-CX7",
        "exposure_s": pytest.approx(0.004),
        "f_number": pytest.approx(4.0),
    }
