from __future__ import annotations

import hashlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from manifests.media import MediaError, decode_picture, frames, probe, read_picture, still_paths, write_png
from tests.manifests.clips import HEIGHT, WIDTH, encode, number_of, numbered_picture, tag_rotation

STEADY = [number / 25 for number in range(40)]
UNEVEN = [0.0, 0.04, 0.05, 0.2, 0.21, 0.5, 0.54, 0.58, 0.9, 1.3] + [1.3 + 0.037 * number for number in range(1, 25)]


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("media") / "steady.mp4", STEADY)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("media") / "uneven.mp4", UNEVEN)


def test_probe_of_a_steady_clip(steady: Path) -> None:
    found = probe(steady)
    assert (found.media, found.codec, found.width, found.height, found.frames) == ("video", "h264", WIDTH, HEIGHT, 40)
    assert found.pts_s == pytest.approx(STEADY, abs=1e-3)
    assert found.duration_s == pytest.approx(1.6, abs=1e-3)
    assert found.mean_fps == pytest.approx(25, abs=0.1)
    assert not found.variable_frame_rate


def test_times_of_a_variable_frame_rate_are_the_frames_own(uneven: Path) -> None:
    found = probe(uneven)
    assert found.variable_frame_rate
    assert found.pts_s == pytest.approx(UNEVEN, abs=1.1e-3)
    assert [frame.pts_s for frame in frames(uneven)] == pytest.approx(UNEVEN, abs=1.1e-3)


def test_frames_come_in_order_with_their_content(steady: Path) -> None:
    found = list(frames(steady))
    assert [frame.index for frame in found] == list(range(40))
    assert [number_of(frame.picture) for frame in found] == list(range(40))


@pytest.mark.parametrize(("first", "end"), [(0, 5), (7, 8), (13, 40), (39, 40), (12, 24)])
@pytest.mark.parametrize("clip", ["steady", "uneven"])
@pytest.mark.parametrize("entered", [False, True])
def test_a_span_is_the_same_entered_by_time_or_from_the_start(
    clip: str, first: int, end: int, entered: bool, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(clip)
    times = probe(path).pts_s
    end = min(end, len(times))
    if first >= end:
        first = end - 1
    found = list(frames(path, first, end, start_s=times[first] if entered else None))
    assert [frame.index for frame in found] == list(range(first, end))
    assert [number_of(frame.picture) for frame in found] == list(range(first, end))
    assert [frame.pts_s for frame in found] == pytest.approx(times[first:end], abs=1e-6)


@pytest.mark.parametrize("name", ["clip.mts", "clip.mpg", "clip.avi"])
def test_a_span_is_the_same_where_a_container_cannot_be_entered_for_certain(name: str, tmp_path: Path) -> None:
    """MPEG streams have no index, and H.264 in AVI no presentation times."""
    path = tmp_path / name
    codec = "mpeg2video" if name == "clip.mpg" else "libx264"
    with av.open(str(path), "w", format="mpegts" if name == "clip.mts" else None) as container:
        stream = container.add_stream(codec, rate=25, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        assert isinstance(stream, av.VideoStream)
        stream.gop_size = 40
        for number in range(90):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")))
        container.mux(stream.encode(None))
    times = probe(path).pts_s
    for first in (5, 30, 39, 60, 85):
        found = list(frames(path, first, first + 3, start_s=times[first]))
        assert [number_of(frame.picture) for frame in found] == list(range(first, first + 3))
        assert [frame.index for frame in found] == list(range(first, first + 3))
        assert [frame.pts_s for frame in found] == pytest.approx(times[first : first + 3], abs=1e-6)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_tag_is_obeyed_as_another_reader_does(steady: Path, degrees: int) -> None:
    turned = tag_rotation(steady, degrees)
    found = probe(turned)
    assert (found.width, found.height) == ((WIDTH, HEIGHT) if degrees == 180 else (HEIGHT, WIDTH))
    picture = next(frames(turned)).picture
    assert picture.shape == (found.height, found.width, 3)
    reader = cv2.VideoCapture(str(turned))
    _, expected = reader.read()
    reader.release()
    assert np.abs(picture.astype(int) - expected[..., ::-1]).mean() < 3
    small = next(frames(turned, width=32)).picture
    assert small.shape[1] == 32
    assert np.abs(small.astype(float) - cv2.resize(expected, small.shape[1::-1], interpolation=cv2.INTER_AREA)[..., ::-1]).mean() < 4


def test_small_and_grey(steady: Path) -> None:
    full = next(frames(steady, 3, 4)).picture
    grey = next(frames(steady, 3, 4, width=48, grey=True)).picture
    assert grey.shape == (32, 48)
    expected = cv2.resize(cv2.cvtColor(full, cv2.COLOR_RGB2GRAY), (48, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(grey.astype(float) - expected).mean() < 2
    assert next(frames(steady, width=1000)).picture.shape == full.shape


def test_colours_come_out_as_bright_as_they_are(tmp_path: Path) -> None:
    """Against the conversion's own formula (BT.601, limited range), on planes written without loss."""
    generator = np.random.default_rng(3)
    luma = cv2.GaussianBlur(generator.integers(16, 236, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 3)
    chroma = [cv2.GaussianBlur(generator.integers(60, 200, (HEIGHT // 2, WIDTH // 2)).astype(np.float32), (0, 0), 6) for _ in range(2)]
    planes = np.concatenate([plane.round().astype(np.uint8).ravel() for plane in (luma, *chroma)]).reshape(HEIGHT * 3 // 2, WIDTH)
    path = tmp_path / "lossless.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        assert isinstance(stream, av.VideoStream)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    y = planes[:HEIGHT].astype(float)
    u, v = (cv2.resize(plane.round(), (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) - 128.0 for plane in chroma)
    red, green, blue = (
        1.164383 * (y - 16) + 1.596027 * v,
        1.164383 * (y - 16) - 0.391762 * u - 0.812968 * v,
        1.164383 * (y - 16) + 2.017232 * u,
    )
    expected = np.clip(np.stack([red, green, blue], axis=-1), 0, 255)
    bias = (next(frames(path)).picture - expected).mean(axis=(0, 1))
    assert np.abs(bias).max() < 0.3, bias


def test_a_span_beyond_the_end_is_an_error(steady: Path) -> None:
    with pytest.raises(MediaError, match="ends after 40 frames, and frame 49 is asked for"):
        list(frames(steady, 30, 50))


@pytest.mark.parametrize("name", ["empty.mp4", "words.mp4"])
def test_what_is_no_video_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"" if name == "empty.mp4" else b"not a video at all, " * 100)
    with pytest.raises(MediaError, match=f"{name}: cannot be opened as video"):
        probe(path)
    with pytest.raises(MediaError, match="no such file"):
        probe(tmp_path / "gone.mp4")


def test_a_clip_cut_off_in_the_middle_is_an_error(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mkv", [number / 10 for number in range(60)], codec="mpeg4")
    broken = tmp_path / "broken.mp4"
    faststart = tmp_path / "faststart.mp4"
    with av.open(str(whole)) as source, av.open(str(faststart), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    broken.write_bytes(faststart.read_bytes()[: int(faststart.stat().st_size * 0.6)])
    assert probe(faststart).frames == 60
    with pytest.raises(MediaError, match=r"broken\.mp4: (breaks off|decoding fails)"):
        probe(broken)


@pytest.mark.parametrize(("name", "codec"), [("whole.mkv", "libx264"), ("whole.webm", "libvpx")])
def test_matroska_that_breaks_off_is_told(name: str, codec: str, tmp_path: Path) -> None:
    whole = encode(tmp_path / name, [number / 25 for number in range(150)], codec)
    assert probe(whole).frames == 150
    broken = whole.with_stem("broken")
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(MediaError, match=r"broken\.(mkv|webm): breaks off"):
        probe(broken)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_picture_of_16_bits_is_refused_instead_of_clipped(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"deep{suffix}"
    Image.fromarray(np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)).save(path)
    with pytest.raises(MediaError, match="more than 8 bits a pixel; convert it to 8 bits"):
        read_picture(path, grey=True)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="holds no video stream"):
        probe(path)


def test_a_folder_of_pictures_is_a_series_of_stills_in_order_of_number(tmp_path: Path) -> None:
    for number in (1, 2, 10, 9):
        write_png(tmp_path / f"frame{number}.png", numbered_picture(number))
    (tmp_path / "notes.txt").write_text("not a picture")
    assert [path.name for path in still_paths(tmp_path)] == ["frame1.png", "frame2.png", "frame9.png", "frame10.png"]
    found = probe(tmp_path)
    assert (found.media, found.frames, found.width, found.height) == ("stills", 4, WIDTH, HEIGHT)
    assert [number_of(frame.picture) for frame in frames(tmp_path)] == [1, 2, 9, 10]
    assert [frame.index for frame in frames(tmp_path, 1, 3, grey=True, width=48)] == [1, 2]
    with pytest.raises(MediaError, match="holds 4 pictures, and number 5 is asked for"):
        list(frames(tmp_path, 0, 5))
    write_png(tmp_path / "frame11.png", numbered_picture(3, width=80))
    with pytest.raises(MediaError, match=r"frame11.png: 80x64 px, unlike the pictures before it"):
        probe(tmp_path)


def test_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds no pictures"):
        probe(tmp_path)


def test_png_round_trip_and_hash(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = tmp_path / "deep" / "picture.png"
    told = write_png(path, picture)
    assert told == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.array_equal(read_picture(path), picture)
    other_reader = cv2.imread(str(path))
    assert other_reader is not None
    assert np.array_equal(other_reader[..., ::-1], picture)
    assert write_png(tmp_path / "again.png", picture) == told


def test_picture_is_upright_by_its_tag_and_damage_is_named(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to be upright
    Image.fromarray(numbered_picture(5)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").shape == (WIDTH, HEIGHT, 3)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG and nothing")
    with pytest.raises(MediaError, match=r"bad\.png: cannot be read as a picture"):
        read_picture(tmp_path / "bad.png")
    with pytest.raises(MediaError, match="no such picture"):
        read_picture(tmp_path / "gone.png")


@pytest.mark.parametrize(("content", "why"), [(b"", "the file is empty"), (b"text", "no known file format")])
def test_what_is_no_picture_is_said_in_words(content: bytes, why: str) -> None:
    with pytest.raises(MediaError, match=rf"^x\.png: cannot be read as a picture \({why}\)$"):
        decode_picture(content, "x.png")


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuvj420p", "yuv420p10le", "gray"])
def test_grey_is_the_luma_at_full_range_whatever_the_pixel_format(pixels: str, tmp_path: Path) -> None:
    """Against the stored plane itself, stretched and averaged in floating point."""
    generator = np.random.default_rng(5)
    ground = cv2.GaussianBlur(generator.integers(0, 256, (120, 192)).astype(np.float32), (0, 0), 2)
    picture = np.repeat(cv2.normalize(ground, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)[..., None], 3, axis=2)  # type: ignore[call-overload]
    path = tmp_path / "lossless.mkv"
    with av.open(str(path), "w") as container:
        codec, options = ("mjpeg", {"flags": "+qscale", "global_quality": "118"}) if pixels.startswith("yuvj") else ("ffv1", {})
        stream = container.add_stream(codec, rate=25, width=192, height=120, pix_fmt=pixels, options=options)
        assert isinstance(stream, av.VideoStream)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    for width, height in ((96, 60), (32, 20), (64, 40), (80, 50), (192, 120)):
        found = next(frames(path, width=width, grey=True)).picture
        assert found.shape == (height, width)
        expected = cv2.resize(picture[..., 0].astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        assert np.abs(found - expected).mean() < (2.5 if width == 80 else 1.0), width  # 2.4 is halved first
        assert abs((found - expected).mean()) < 0.7
