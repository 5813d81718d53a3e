"""Frames and their times: out of order, missing, doubled, beginning anew; interlaced pictures."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.media import frames, probe, upright
from manifests.video import LOOK_AHEAD, MediaError, in_order, key_frame_pairs, opened, timetable
from tests.manifests.clips import HEIGHT, WIDTH, encode, number_of, numbered_picture, tag_rotation

INTERVAL_S = 0.04


def times_of(times: list[float | None]) -> list[float]:
    entries = list(in_order(zip(times, range(len(times)), strict=True), INTERVAL_S, LOOK_AHEAD))
    assert [entry.item for entry in entries] == list(range(len(times)))
    return [entry.time_s for entry in entries]


@given(st.lists(st.integers(1, 120), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_times_shuffled_within_the_look_ahead_are_sorted(steps: list[int], chance: object) -> None:
    times = np.cumsum(steps) / 1000
    blocks = [times[first : first + LOOK_AHEAD].tolist() for first in range(0, len(times), LOOK_AHEAD)]
    for block in blocks:
        chance.shuffle(block)  # type: ignore[attr-defined]
    assert times_of([time for block in blocks for time in block]) == times.tolist()


@given(st.lists(st.one_of(st.none(), st.floats(-5, 50)), max_size=60))
def test_times_always_rise(times: list[float | None]) -> None:
    assert (np.diff(times_of(times)) > 0).all()


def test_missing_times_lie_an_interval_apart_or_share_the_gap() -> None:
    assert times_of([0.0, None, None, 0.12]) == pytest.approx([0, 0.04, 0.08, 0.12])
    assert times_of([0.0, None, None, 0.06]) == pytest.approx([0, 0.02, 0.04, 0.06])
    assert times_of([0.0, None, 1.0]) == pytest.approx([0, 0.04, 1.0])
    assert times_of([None, None, 0.5]) == pytest.approx([0.42, 0.46, 0.5])
    assert times_of([None, None, None]) == pytest.approx([0, 0.04, 0.08])


def test_times_that_fall_far_back_go_on_where_they_were() -> None:
    first, second = [number / 25 for number in range(50)], [number / 10 for number in range(30)]
    assert times_of([*first, *second]) == pytest.approx([*first, *(1.96 + INTERVAL_S + time for time in second)])


def test_only_a_files_own_times_are_called_so() -> None:
    entries = list(in_order([(0.0, 0), (0.08, 1), (0.04, 2), (None, 3), (0.16, 4)], INTERVAL_S, LOOK_AHEAD))
    assert [entry.own for entry in entries] == [True, False, False, False, True]


@pytest.mark.parametrize("name", ["clip.mts", "clip.mpg", "clip.avi", "clip.flv", "clip.vob", "clip.h264"])
def test_frame_times_of_every_container_are_even(name: str, tmp_path: Path) -> None:
    """H.264 in AVI is handed out with decoding times; a raw stream has none."""
    path = tmp_path / name
    with av.open(str(path), "w", format="mpegts" if name == "clip.mts" else None) as container:
        stream = container.add_stream("mpeg2video" if path.suffix in (".mpg", ".vob") else "libx264", rate=25, pix_fmt="yuv420p")
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.gop_size = WIDTH, HEIGHT, 40
        for number in range(60):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")))
        container.mux(stream.encode(None))
    found = probe(path)
    assert found.pts_s == pytest.approx([number / 25 for number in range(60)], abs=1e-3)
    assert not found.variable_frame_rate


def test_a_timetable_tells_all_times_and_key_frames_without_decoding(tmp_path: Path) -> None:
    times = [0.0, 0.05, 0.07, 0.2] + [0.2 + 0.04 * number for number in range(1, 27)]
    path = encode(tmp_path / "clip.mp4", times, key_frames_every=12)
    with opened(path) as container:
        table = timetable(container, path)
        assert table is not None
        pairs = [(key, key_frame, following) for key, key_frame, following, _ in key_frame_pairs(container, path, table)]
        seen = [
            (number_of(upright(first, None, False)), number_of(upright(second, None, False)))
            for _, first, _, second in key_frame_pairs(container, path, table)
        ]
    assert table.pts_s == pytest.approx(times, abs=1e-3)
    with av.open(str(path)) as container:
        assert table.key_frames == tuple(place for place, frame in enumerate(container.decode(video=0)) if frame.key_frame)
    assert [key for key, _, _ in pairs] == list(table.key_frames)
    assert all(key_frame.key_frame and following > key for key, key_frame, following in pairs)
    assert seen == [(key, following) for key, _, following in pairs]
    with opened(encode(tmp_path / "clip.avi", [number / 30 for number in range(20)])) as container:
        assert timetable(container, path) is None  # H.264 in AVI has no presentation times


# --- interlaced ---------------------------------------------------------------------------------------------------------------------

SIDE = 128


def passing_bar(instant: int) -> npt.NDArray[np.uint8]:
    """A bright bar before a still ground, 6 px further each field."""
    ground = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (SIDE, SIDE)).astype(np.float32), (0, 0), 3)
    picture = 60 + ground * 0.5
    picture[:, 6 * instant : 6 * instant + 12] = 240
    return np.repeat(picture[..., None], 3, axis=2).astype(np.uint8)


def woven(number: int) -> npt.NDArray[np.uint8]:
    """A frame of two instants, the lower field first, which encoders mark where nothing else is said."""
    picture = passing_bar(2 * number)
    picture[::2] = passing_bar(2 * number + 1)[::2]
    return picture


def interlaced_clip(path: Path, codec: str, count: int = 8) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, width=SIDE, height=SIDE, pix_fmt="yuv420p", options={"flags": "+ildct+ilme"})
        assert isinstance(stream, av.VideoStream)
        stream.bit_rate = 4_000_000
        for number in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(woven(number), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def combing(picture: npt.NDArray[np.uint8]) -> float:
    """How much rows differ from the two next to them, grey levels."""
    rows = picture.astype(float).mean(axis=2)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_interlaced_frames_come_out_whole_one_for_one(codec: str, tmp_path: Path) -> None:
    path = interlaced_clip(tmp_path / "interlaced.mkv", codec)
    assert probe(path).interlaced
    seen = list(frames(path))
    assert [frame.pts_s for frame in seen] == pytest.approx([number / 25 for number in range(8)], abs=1e-3)
    for frame in seen:
        assert combing(frame.picture) < 0.1 * combing(woven(frame.index))
        assert np.abs(frame.picture.astype(float) - passing_bar(2 * frame.index)).mean() < 3
    assert [frame.index for frame in frames(path, 3, 6, start_s=0.12)] == [3, 4, 5]


def test_interlaced_frames_are_turned_upright(tmp_path: Path) -> None:
    path = interlaced_clip(tmp_path / "interlaced.mp4", "libx264")
    turned = [frame.picture for frame in frames(tag_rotation(path, 90))]
    assert all(np.array_equal(np.rot90(frame.picture), other) for frame, other in zip(frames(path), turned, strict=True))


def test_progressive_frames_are_left_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "progressive.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=SIDE, height=SIDE, pix_fmt="yuv420p")
        assert isinstance(stream, av.VideoStream)
        for number in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(passing_bar(number), format="rgb24")))
        container.mux(stream.encode(None))
    assert not probe(path).interlaced
    with av.open(str(path)) as container:
        stored = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert all(np.array_equal(frame.picture, picture) for frame, picture in zip(frames(path, grey=True), stored, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile other.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
    ids=["concat", "hls", "sdp"],
)
@pytest.mark.parametrize("name", ["media.mp4", "media.m3u8"])
def test_a_file_that_names_others_to_play_is_no_video(name: str, text: str, tmp_path: Path) -> None:
    encode(tmp_path / "other.mp4", [0.0, 0.04])
    (tmp_path / name).write_text(text)
    with pytest.raises(MediaError, match=r"playlist|Invalid data"):
        probe(tmp_path / name)
