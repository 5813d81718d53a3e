"""Ranges cut without encoding: what decodes is the range of the source, frame by frame and bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from acquire.failures import Refused
from acquire.youtube.clip import cut
from manifests.media import probe
from tests.manifests.clips import numbered_picture, tag_rotation

FRAMES, RATE = 60, 25
Decoded = list[tuple[float, npt.NDArray[np.uint8]]]


def encode(path: Path, codec: str, options: dict[str, str], first_s: float = 0.0) -> Path:
    """A drifting texture, from which encoders predict both ways, with a key frame each 24 frames."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, width=96, height=64, pix_fmt="yuv420p", options={"g": "24", **options})
        assert isinstance(stream, av.VideoStream)
        for number in range(FRAMES):
            picture = np.ascontiguousarray(noise[number : number + 64, 2 * number : 2 * number + 96])
            picture[:16, :] = numbered_picture(number)[16:32]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number + round(first_s * RATE), Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decoded(path: Path) -> Decoded:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(frame.time, np.asarray(frame.to_ndarray(format="yuv420p"), dtype=np.uint8)) for frame in container.decode(stream)]
    return [(time - frames[0][0], picture) for time, picture in frames]


CODECS = {
    "h264.mp4": lambda path: encode(path, "libx264", {"bf": "3"}),
    "h264-open.mkv": lambda path: encode(path, "libx264", {"bf": "3", "x264-params": "open-gop=1:b-pyramid=normal"}),
    "h264.ts": lambda path: encode(path, "libx264", {"bf": "3"}, first_s=3.0),
    "vp9.webm": lambda path: encode(path, "libvpx-vp9", {"cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16"}),
    "hevc.mkv": lambda path: encode(path, "libx265", {"x265-params": "log-level=none:pools=1"}),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("sources")

    def made(name: str) -> Path:
        path = folder / name
        return path if path.exists() else CODECS[name](path)

    return made


@pytest.mark.parametrize("name", CODECS)
def test_what_decodes_is_the_range_bit_by_bit(name: str, source: Callable[[str], Path]) -> None:
    whole = decoded(source(name))
    assert len(whole) == FRAMES
    hidden = 0
    for start_s, end_s in [(None, 0.6), (0.52, 1.24), (0.52, 1.28), (0.96, 1.96), (1.0, 1.84), (0.52, 9.0), (1.2, None), (2.36, None)]:
        clip = cut(source(name), start_s, end_s)
        expected = [(time, picture) for time, picture in whole if (start_s or 0) - 1e-6 <= time < (end_s or 99) - 1e-6]
        found = decoded(clip.file)
        assert len(found) == len(expected)
        for (time, picture), (expected_time, expected_picture) in zip(found, expected, strict=True):
            assert time == pytest.approx(expected_time - expected[0][0], abs=1e-3)
            assert np.array_equal(picture, expected_picture)
        assert clip.start_s == pytest.approx(expected[0][0], abs=1e-3)
        assert clip.end_s == (None if expected[-1][0] == whole[-1][0] else pytest.approx(expected[-1][0] + 1 / RATE, abs=1e-3))
        assert probe(clip.file).frames == len(expected)
        with av.open(str(clip.file)) as container:
            hidden += sum(1 for packet in container.demux(video=0) if packet.size) - len(expected)
    assert hidden > 0  # frames that are needed and not shown: else this would have been easy


def test_a_clip_is_the_same_bytes_each_time(source: Callable[[str], Path]) -> None:
    first = cut(source("h264.mp4"), 0.5, 1.5).file.read_bytes()
    assert cut(source("h264.mp4"), 0.5, 1.5).file.read_bytes() == first


def test_what_mp4_cannot_hold_begins_at_the_key_frame_and_says_so(tmp_path: Path) -> None:
    path = encode(tmp_path / "vp8.webm", "libvpx", {"deadline": "realtime"})
    whole = decoded(path)
    clip = cut(path, 1.2, 1.6)
    assert clip.file.suffix == ".mkv"
    assert clip.start_s == pytest.approx(0.96)
    assert clip.end_s == pytest.approx(1.6)
    found = decoded(clip.file)
    assert len(found) == 16
    assert all(np.array_equal(picture, whole[24 + at][1]) for at, (_, picture) in enumerate(found))


def test_a_turned_clip_stays_turned(source: Callable[[str], Path], tmp_path: Path) -> None:
    copy = tmp_path / "clip.mp4"
    copy.write_bytes(source("h264.mp4").read_bytes())
    turned = tag_rotation(copy, 90)
    assert probe(cut(turned, 0.5, 1.5).file).rotation_deg == probe(turned).rotation_deg != 0


@pytest.mark.parametrize(("start_s", "end_s"), [(7.0, 8.0), (0.53, 0.54), (2.5, None)])
def test_a_range_without_a_frame_is_refused_with_the_videos_end(start_s: float, end_s: float | None, source: Callable[[str], Path]) -> None:
    with pytest.raises(Refused, match=r"last is at 2\.36 s") as refused:
        cut(source("h264.mp4"), start_s, end_s)
    assert refused.value.kind == "unsupported"


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "garbage.mp4").write_bytes(b"no video at all" * 999)
    with pytest.raises(Refused) as refused:
        cut(tmp_path / "garbage.mp4", 1.0, 2.0)
    assert refused.value.kind == "decode"
    assert not list(tmp_path.glob("clip*"))
