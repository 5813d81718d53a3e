"""What key frames tell: what moves throughout is not decoded, and no still span is lost by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from skimage import data

from curate import key_frames
from curate.key_frames import MovingInterval, moving_intervals
from curate.measures import StillSpan
from curate.static_segments import StaticSegmentsSettings, measured, static_segments
from manifests.media import frames, probe
from manifests.tables import Footage
from manifests.video import Timetable
from manifests.workspace import Workspace

WIDTH, HEIGHT = 256, 144
STILL = StillSpan(1.0, 2.0, 30)

Picture = npt.NDArray[np.uint8]


def rainy(picture: Picture, generator: np.random.Generator, streaks: int) -> Picture:
    light = np.zeros(picture.shape[:2], np.float32)
    for _ in range(streaks):
        right, down = generator.integers(0, WIDTH), generator.integers(-20, HEIGHT)
        cv2.line(light, (int(right), int(down)), (int(right) + 2, int(down) + 20), float(generator.integers(40, 110)), 1)
    return np.asarray(np.clip(picture + cv2.GaussianBlur(light, (3, 3), 0)[..., None], 0, 255), np.uint8)


def film(path: Path, places: Sequence[tuple[float, float]], streaks: int = 150, key_frames_every: int = 25, seed: int = 0) -> Path:
    """A photo seen through a window that stands at the places (px), in rain; 25 frames a second."""
    generator = np.random.default_rng(seed)
    photo = data.immunohistochemistry() if seed % 2 else data.astronaut()  # type: ignore[no-untyped-call]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        assert isinstance(stream, av.VideoStream)
        stream.gop_size = key_frames_every
        stream.options = {"x264-params": "scenecut=0:threads=1", "crf": "22", "preset": "veryfast"}
        for right, down in places:
            seen = np.asarray(cv2.getRectSubPix(photo, (WIDTH, HEIGHT), (256 + right, 226 + down)), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rainy(seen, generator, streaks), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def panning(count: int, speed: float = 2.0) -> list[tuple[float, float]]:
    """There and back, so that it stays on the photo."""
    return [(120 - abs((speed * number) % 480 - 240), 0.2 * speed * number % 60) for number in range(count)]


def intervals(path: Path, still: StillSpan = STILL) -> list[MovingInterval]:
    return moving_intervals(path, probe(path).frames, WIDTH, 1.0, still)


def footage_of(path: Path) -> Footage:
    seen = probe(path)
    return Footage(
        footage_id=path.stem,
        source="simulated",
        source_id=path.stem,
        origin=path.name,
        status="ok",
        acquired_at=datetime(2026, 1, 1, tzinfo=UTC),
        path=str(path),
        sha256=path.stem,
        width=seen.width,
        height=seen.height,
        frames=seen.frames,
    )


@pytest.fixture(scope="module")
def pan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "pan.mp4", panning(110), seed=1)


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera that pans for four seconds, rests for nine and pans on."""
    going = panning(205)
    places = going[:104] + [going[104]] * 225 + going[104:]
    return film(tmp_path_factory.mktemp("films") / "rest.mp4", places, seed=1)


def test_a_camera_that_pans_throughout_is_not_decoded(pan: Path, tmp_path: Path) -> None:
    found = intervals(pan)
    assert [(interval.first_frame, interval.end_frame) for interval in found] == [(0, 25), (25, 50), (50, 75), (75, 100), (100, 110)]
    assert [time for interval in found for time in interval.pts_s] == pytest.approx([frame.pts_s for frame in frames(pan)])
    for interval in found:
        apart = (interval.second_frame - interval.first_frame) * 2.0
        assert abs(interval.motion.right_px) == pytest.approx(apart, abs=0.4)
    (row,) = static_segments(footage_of(pan), StaticSegmentsSettings(), Workspace(tmp_path))
    assert (row.first_frame, row.end_frame, row.verdict, row.undecoded_fraction) == (0, 110, "moving", 1.0)
    assert str(row.reason).startswith("camera moves: ")


def test_a_rest_between_two_pans_is_found_as_if_all_were_decoded(rest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    early, thorough = Workspace(tmp_path / "early"), Workspace(tmp_path / "thorough")
    footage = footage_of(rest)
    rows = static_segments(footage, StaticSegmentsSettings(), early)
    undecoded = measured(footage, early).undecoded.tolist()
    assert undecoded[0][0] == 0
    assert undecoded[-1][1] == footage.frames
    assert sum(end - first for first, end in undecoded) >= 100
    assert (rows[0].first_frame, rows[-1].end_frame) == (0, footage.frames)
    monkeypatch.setattr(key_frames, "FIRST_TRIED", 10_000)
    all_decoded = static_segments(footage, StaticSegmentsSettings(), thorough)
    assert not len(measured(footage, thorough).undecoded)
    (one,), (other,) = ([row for row in found if row.verdict == "static"] for found in (rows, all_decoded))
    for row in (one, other):
        assert row.reason is None
        assert abs(row.first_frame - 104) <= 3
        assert abs(row.end_frame - 329) <= 3
    told = sum((row.undecoded_fraction or 0.0) * (row.end_frame - row.first_frame) for row in rows)
    assert told == pytest.approx(sum(end - first for first, end in undecoded))
    assert max(one.shift_px or 0.0, other.shift_px or 0.0) < 0.5


def test_frames_between_are_those_of_the_whole(rest: Path, tmp_path: Path) -> None:
    measures = measured(footage_of(rest), Workspace(tmp_path))
    assert measures.frames == probe(rest).frames
    assert measures.pts_s == pytest.approx([frame.pts_s for frame in frames(rest)])
    assert (np.diff(measures.window_first) > 0).all()
    decoded = ~np.isnan(measures.change)
    expected = np.ones(measures.frames, bool)
    for first, end in measures.undecoded:
        expected[first:end] = False
    assert (decoded == expected).all()


def test_settings_under_which_a_span_might_hide_decode_it_after_all(pan: Path, tmp_path: Path) -> None:
    workspace, footage = Workspace(tmp_path), footage_of(pan)
    assert len(measured(footage, workspace).undecoded)
    stricter = StaticSegmentsSettings(shift_px=0.5, least_s=3.0, least_frames=60)
    assert len(measured(footage, workspace, stricter).undecoded)
    for lenient in ({"shift_px": 4.0}, {"edge_px": 4.0}, {"least_s": 0.5, "least_frames": 10}):
        found = measured(footage, Workspace(tmp_path), dataclasses.replace(StaticSegmentsSettings(), **lenient))  # type: ignore[arg-type]
        assert len(found.undecoded) == 0 or found.serves(StillSpan(4.0, 2.0, 30))
    assert not len(measured(footage, workspace, StaticSegmentsSettings(least_s=0.5, least_frames=10)).undecoded)


def test_key_frames_too_far_apart_tell_nothing(tmp_path: Path) -> None:
    assert intervals(film(tmp_path / "pan.mp4", panning(130), key_frames_every=40)) == []
    assert intervals(film(tmp_path / "short.mp4", panning(45))) == []


def test_another_number_of_frames_than_the_packets_tell_and_stills_are_decoded(pan: Path, tmp_path: Path) -> None:
    assert moving_intervals(pan, 109, WIDTH, 1.0, STILL) == []
    assert moving_intervals(tmp_path, 5, WIDTH, 1.0, STILL) == []


@pytest.mark.parametrize("streaks", [0, 400])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_camera_that_stands_is_decoded_whatever_falls(streaks: int, seed: int, tmp_path: Path) -> None:
    assert intervals(film(tmp_path / "still.mp4", [(0, 0)] * 60, streaks, key_frames_every=12, seed=seed)) == []


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(40))
def test_no_camera_that_stands_is_passed_over(seed: int, tmp_path: Path) -> None:
    """From no rain to so much that streaks cover most of the picture; also dimmed until hardly anything is seen behind."""
    generator = np.random.default_rng(seed)
    path = film(
        tmp_path / "still.mp4", [(0, 0)] * 60, int(generator.integers(0, 1500)), key_frames_every=int(generator.integers(5, 15)), seed=seed
    )
    assert intervals(path) == []


def test_key_frames_right_behind_others_are_passed_over() -> None:
    times = tuple(number / 25 for number in range(100))
    table = Timetable(tuple(range(100)), times, (0, 3, 9, 10, 30, 31, 32, 41, 99))
    assert key_frames._spaced(table) == (0, 9, 30, 41, 99)


def test_a_spans_length_is_told_from_times_as_a_segments_is() -> None:
    def short(frames_: int, fps: float, still: StillSpan = STILL) -> bool:
        times = tuple(number / fps for number in range(200))
        return key_frames._too_short(Timetable(tuple(range(200)), times, (0,)), 20, 20 + frames_, still)

    assert short(48, 25)  # 1.96 s, with the grace of an interval that segments have
    assert not short(49, 25)
    assert short(29, 10)  # too few, however long they last
    assert not short(30, 10)
    assert short(110, 60)
    assert not short(30, 25, StillSpan(1.0, 1.0, 30))
    assert not short(180, 25)  # to the end
