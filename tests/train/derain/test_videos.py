"""Videos: light changes, and nothing else. Times, sound, colour, depth, rotation; whole or not at all; a few frames in memory."""

from __future__ import annotations

import contextlib
import itertools
import re
import resource
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.media import frames, probe
from manifests.video import timed
from tests.train.derain.clips import sound_packets, stored_planes, write_clip
from tests.train.derain.networks import random_network, takes_out
from tests.worlds import add_streaks, background
from train.derain.plan import Job
from train.derain.stabilise import WINDOW
from train.derain.streaks import Deraining, derain_samples
from train.derain.videos import AHEAD_FRAMES, VideoResult, _Frame, _without_rain, derain_video

CPU = torch.device("cpu")
TEN = 10 * 219 / 255  # levels of stored luma that ten levels of light are
UNEVEN_MS = [0, 40, 95, 120, 333, 350]
Picture = npt.NDArray[np.uint8]


def pictures(count: int = 6, width: int = 48, height: int = 40) -> list[Picture]:
    rng = np.random.default_rng(0)
    clean = np.clip(background(width, height, rng), 40, 200).astype(np.uint8)
    return [add_streaks(clean, rng, streaks=12) for _ in range(count)]


def derain(source: Path, target: Path, *, levels: float = 10, streaks: Path | None = None, stabilise: bool = False) -> VideoResult:
    return derain_video(Deraining(takes_out(levels), CPU), Job(source, target, streaks), stabilise=stabilise)


@pytest.mark.parametrize("size", [(48, 40), (47, 39)])
def test_light_falls_and_times_and_colours_stay(size: tuple[int, int], tmp_path: Path) -> None:
    pixels = "yuv420p" if size[0] % 2 == 0 else "yuv444p"
    write_clip(tmp_path / "in.mp4", pictures(6, *size), UNEVEN_MS, pixels=pixels)
    result = derain(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert result.frames == 6
    before, after = stored_planes(tmp_path / "in.mp4"), stored_planes(tmp_path / "out.mp4")
    assert [time for time, _ in after] == [time for time, _ in before]
    assert probe(tmp_path / "out.mp4").duration_s == probe(tmp_path / "in.mp4").duration_s
    for (_, rainy), (_, derained) in zip(before, after, strict=True):
        assert (derained[0] - rainy[0].astype(float)).mean() == pytest.approx(-TEN, abs=0.5)
        for chroma in (1, 2):
            assert np.abs(derained[chroma].astype(float) - rainy[chroma]).mean() < 1.5


@pytest.mark.parametrize(
    ("name", "target", "sound", "tick"),
    [
        ("in.mp4", "out.mp4", "aac", Fraction(1, 30_000)),
        ("in.mov", "out.mov", "pcm_s16le", Fraction(1, 600)),
        ("in.mkv", "out.mkv", "flac", Fraction(1, 1000)),
        ("in.avi", "out.mkv", "pcm_s16le", Fraction(1, 25)),
        ("in.ts", "out.mp4", "mp2", Fraction(1, 90_000)),
    ],
)
def test_sound_is_copied_to_the_bit_and_in_step(name: str, target: str, sound: str, tick: Fraction, tmp_path: Path) -> None:
    step = max(1, round(Fraction(1, 25) / tick))
    write_clip(tmp_path / name, pictures(12), [step * number for number in range(12)], tick=tick, sound=sound)
    derain(tmp_path / name, tmp_path / target)
    before, after = sound_packets(tmp_path / name), sound_packets(tmp_path / target)
    assert [content for _, _, content in after] == [content for _, _, content in before]
    assert [time for time, _, _ in after] == pytest.approx([time for time, _, _ in before], abs=0.0011 if target.endswith("mkv") else 1e-4)
    times, expected = ([entry.pts_s for entry in frames(tmp_path / path)] for path in (target, name))
    assert times == pytest.approx(expected, abs=0.0006 if target.endswith("mkv") else 1e-9)
    with av.open(str(tmp_path / target)) as container:
        assert container.metadata.get("title") or container.metadata.get("TITLE") or name.endswith(".ts")


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_the_network_sees_frames_upright_and_the_tag_stays(rotation_deg: int, tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", pictures(2), [0, 40], rotation_deg=rotation_deg, pixels="yuv444p")
    deraining = Deraining(random_network(strength=30), CPU)
    derain_video(deraining, Job(tmp_path / "in.mp4", tmp_path / "out.mp4"))
    before, after = probe(tmp_path / "in.mp4"), probe(tmp_path / "out.mp4")
    assert (after.rotation_deg, after.width, after.height) == (before.rotation_deg, before.width, before.height)
    for rainy, derained in zip(frames(tmp_path / "in.mp4"), frames(tmp_path / "out.mp4"), strict=True):
        turned = np.ascontiguousarray(np.rot90(rainy.picture))
        expected, not_expected = derain_samples(deraining, rainy.picture)[0], np.rot90(derain_samples(deraining, turned)[0], -1)
        error, if_turned = (np.abs(derained.picture.mean(axis=2) - picture.mean(axis=2)).mean() for picture in (expected, not_expected))
        assert error < 0.25 * if_turned


def test_ten_bits_and_the_tags_of_high_dynamic_range_stay(tmp_path: Path) -> None:
    tags = {"color_range": 1, "colorspace": 9, "color_primaries": 9, "color_trc": 18}  # limited, BT.2020, hybrid log-gamma
    write_clip(tmp_path / "in.mp4", pictures(3, 80, 64), [0, 40, 80], codec="libx265", pixels="yuv420p10le", tags=tags)
    derain(tmp_path / "in.mp4", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.pix_fmt, context.codec_tag) == ("yuv420p10le", "hvc1")
        assert {name: getattr(context, name) for name in tags} == tags
    (_, rainy), *_ = stored_planes(tmp_path / "in.mp4")
    (_, derained), *_ = stored_planes(tmp_path / "out.mp4")
    assert (derained[0] - rainy[0].astype(float)).mean() == pytest.approx(-4 * TEN, abs=3)


@pytest.mark.parametrize(
    ("codec", "pixels", "becomes"),
    [
        ("ffv1", "gray", ("gray", "yuvj420p")),  # as decoders like
        ("libx264", "yuvj420p", ("yuvj420p",)),
        ("ffv1", "yuv422p", ("yuv422p",)),
        ("ffv1", "yuv410p", ("yuv444p",)),
        ("png", "rgb24", ("yuv444p",)),
        ("ffv1", "yuva420p", ("yuv420p",)),
        ("ffv1", "yuv444p12le", ("yuv444p10le",)),
    ],
)
def test_any_pixel_format_becomes_the_nearest_that_is_encoded(codec: str, pixels: str, becomes: tuple[str, ...], tmp_path: Path) -> None:
    source = tmp_path / ("in.mov" if codec == "png" else "in.mkv")
    write_clip(source, pictures(2), [0, 40], codec=codec, pixels=pixels)
    result = derain(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].codec_context.pix_fmt in becomes
    assert ("transparency: left out" in result.notes) == ("yuva" in pixels)
    assert ("bits beyond 10: left out" in result.notes) == ("12le" in pixels)
    for rainy, derained in zip(frames(source), frames(tmp_path / "out.mkv"), strict=True):
        assert (derained.picture - rainy.picture.astype(float)).mean() == pytest.approx(-10, abs=1.5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 255), st.integers(-300, 300))
def test_luma_stays_between_black_and_white_and_nothing_beyond_them_goes_further(value: int, levels: int) -> None:
    luma = np.full((1, 16, 16), value, np.uint8)
    left, shown = _without_rain(Deraining(takes_out(levels), CPU), [av.VideoFrame(16, 16, "yuv420p")], luma)
    assert left.dtype == shown.dtype == np.uint8
    assert min(value, 16) <= left.min() <= left.max() <= max(value, 235)
    assert 16 <= shown.min() <= shown.max() <= 235
    if 16 <= value - levels * 219 / 255 <= 235:
        assert np.abs(left - (value - levels * 219 / 255)).max() < 0.51
    if levels == 0:
        assert (left == value).all()


def test_a_video_of_one_long_frame_is_whole(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mkv", pictures(2), [0, 8000])
    assert derain(tmp_path / "in.mkv", tmp_path / "out.mkv").frames == 2


def test_a_colour_network_sees_colours(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", pictures(2), [0, 40])
    derain_video(Deraining(random_network("color=rgb"), CPU), Job(tmp_path / "in.mp4", tmp_path / "out.mp4"))
    assert probe(tmp_path / "out.mp4").frames == 2


def test_interlaced_frames_come_out_progressive(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", pictures(6), [40 * number for number in range(6)], options={"x264-params": "tff=1"})
    assert probe(tmp_path / "in.mp4").interlaced
    derain(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert not probe(tmp_path / "out.mp4").interlaced
    assert probe(tmp_path / "out.mp4").pts_s == probe(tmp_path / "in.mp4").pts_s


def test_the_streaks_are_a_video_of_their_own(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", pictures(4), UNEVEN_MS[:4], sound="aac")
    derain(tmp_path / "in.mp4", tmp_path / "out.mp4", streaks=tmp_path / "out-streaks.mp4")
    for shown in frames(tmp_path / "out-streaks.mp4"):
        assert shown.picture.mean() == pytest.approx(10, abs=1)
        assert np.ptp(shown.picture.mean(axis=(0, 1))) < 1  # grey
    assert probe(tmp_path / "out-streaks.mp4").pts_s == probe(tmp_path / "in.mp4").pts_s


def test_steadying_lowers_flicker_and_tells_how_much(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", pictures(20), [40 * number for number in range(20)])
    result = derain(tmp_path / "in.mp4", tmp_path / "out.mp4", stabilise=True)
    assert (result.frames, result.stabilised_frames, result.notes) == (20, 20, ())
    assert result.flicker_stabilised is not None
    assert result.flicker_derained is not None
    assert result.flicker_stabilised < 0.3 * result.flicker_derained
    assert result.flicker_derained == pytest.approx(result.flicker_rainy, rel=0.05)
    rainy, shown = ([frame.picture[..., 1].astype(float) for frame in frames(tmp_path / name)] for name in ("in.mp4", "out.mp4"))
    before, after = (np.mean([np.abs(b - a).mean() for a, b in itertools.pairwise(clip)]) for clip in (rainy, shown))
    assert after < 0.4 * before
    plain = derain(tmp_path / "in.mp4", tmp_path / "plain.mp4")
    assert (plain.flicker_derained, plain.flicker_stabilised) == (result.flicker_derained, None)


def test_a_camera_that_moves_is_told_and_not_steadied(tmp_path: Path) -> None:
    wide = np.clip(background(200, 40, np.random.default_rng(1)), 40, 200).astype(np.uint8)
    clip = [np.ascontiguousarray(wide[:, 4 * number : 4 * number + 80]) for number in range(20)]
    write_clip(tmp_path / "in.mp4", clip, [40 * number for number in range(20)])
    result = derain(tmp_path / "in.mp4", tmp_path / "out.mp4", stabilise=True)
    assert result.stabilised_frames == 0
    assert result.notes == ("the camera moves in 20 of 20 frames: those are not stabilised",)


# --- what goes wrong ----------------------------------------------------------------------------------------------------------------


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_video_that_breaks_off_leaves_nothing_and_says_when(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.ts", pictures(60), [3600 * number for number in range(60)], tick=Fraction(1, 90_000))
    write_clip(tmp_path / "in.mkv", pictures(90), [40 * number for number in range(90)], sound="flac")
    content = (tmp_path / "in.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"breaks off: \d\.\d+ s decode of the 3\.\d+ s that its header states"):
        derain(tmp_path / "cut.mkv", tmp_path / "out" / "cut.mkv", streaks=tmp_path / "out" / "cut-streaks.mkv")
    assert left_in(tmp_path / "out") == []


def test_a_video_that_lacks_a_little_at_its_end_is_done_and_says_so(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mkv", pictures(90), [40 * number for number in range(90)])
    content = (tmp_path / "in.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: int(0.85 * len(content))])
    assert derain(tmp_path / "in.mkv", tmp_path / "whole.mkv").notes == ()
    done = derain(tmp_path / "cut.mkv", tmp_path / "short.mkv")
    assert 65 <= done.frames < 84
    assert re.fullmatch(r"\d\.\d+ s decode of the 3\.60 s that its header states: its end may be missing", done.notes[0])


def test_a_name_with_a_colon_is_a_file(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", pictures(9), [40 * number for number in range(9)])
    (tmp_path / "in.mp4").rename(tmp_path / "12:30:00.mp4")
    with contextlib.chdir(tmp_path):
        assert derain(Path("12:30:00.mp4"), Path("out.mp4")).frames == 9


def test_an_error_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "in.mp4", pictures(9), [40 * number for number in range(9)])

    def breaks_off(*args: Any, **more: Any) -> Iterator[Any]:
        for number, entry in enumerate(timed(*args, **more)):
            if number == 5:
                raise InputError("decoding fails")
            yield entry

    monkeypatch.setattr("train.derain.videos.timed", breaks_off)
    for stabilise in (False, True):
        with pytest.raises(InputError, match="decoding fails"):
            derain(tmp_path / "in.mp4", tmp_path / "out" / "a.mp4", stabilise=stabilise)
    monkeypatch.setattr("train.derain.videos.timed", lambda *_, **__: iter(()))
    with pytest.raises(InputError, match="no frame decodes"):
        derain(tmp_path / "in.mp4", tmp_path / "out" / "a.mp4")
    assert left_in(tmp_path / "out") == []


def test_an_interrupted_video_leaves_nothing_and_no_thread(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", pictures(30, 32, 32), [40 * number for number in range(30)])
    before = threading.active_count()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        derain_video(Deraining(takes_out(1), CPU), Job(tmp_path / "in.mp4", tmp_path / "out" / "a.mp4"), advance=interrupt)
    assert left_in(tmp_path / "out") == []
    assert threading.active_count() == before


def test_a_picture_that_changes_its_size_is_refused_with_the_time(tmp_path: Path) -> None:
    for number, width in enumerate((48, 64)):
        write_clip(tmp_path / f"{number}.ts", pictures(3, width), [3600 * frame for frame in range(3)], tick=Fraction(1, 90_000))
    (tmp_path / "in.ts").write_bytes((tmp_path / "0.ts").read_bytes() + (tmp_path / "1.ts").read_bytes())
    with pytest.raises(InputError, match=r"changes its size or format at \d\.\d\d s; cut the file there"):
        derain(tmp_path / "in.ts", tmp_path / "out" / "a.mp4")
    assert left_in(tmp_path / "out") == []


def test_sound_that_the_target_cannot_hold_is_refused_with_the_cure(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.avi", pictures(3), [0, 1, 2], tick=Fraction(1, 25), sound="pcm_u8")
    with pytest.raises(InputError, match=r"its sound \(pcm_u8\) cannot be copied to mp4; name an output that ends in \.mkv"):
        derain(tmp_path / "in.avi", tmp_path / "out" / "a.mp4")
    assert left_in(tmp_path / "out") == []
    derain(tmp_path / "in.avi", tmp_path / "out" / "a.mkv")


def test_a_disk_that_fills_leaves_nothing(tmp_path: Path) -> None:
    noise = [np.random.default_rng(number).integers(0, 255, (120, 160, 3), np.uint8) for number in range(12)]
    write_clip(tmp_path / "in.mp4", noise, [40 * number for number in range(12)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            derain(tmp_path / "in.mp4", tmp_path / "out" / "a.mp4", levels=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left_in(tmp_path / "out") == []


@pytest.mark.parametrize("stabilise", [False, True])
def test_few_frames_are_in_memory_however_long_the_video(stabilise: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "in.mp4", pictures(6, 32, 32) * 12, [40 * number for number in range(72)])
    alive = 0
    held: list[int] = []

    class Counted(_Frame):
        def __init__(self, *args: Any) -> None:
            nonlocal alive
            super().__init__(*args)
            alive += 1

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    monkeypatch.setattr("train.derain.videos._Frame", Counted)
    job = Job(tmp_path / "in.mp4", tmp_path / "out.mp4")
    derain_video(Deraining(takes_out(1), CPU), job, stabilise=stabilise, advance=lambda: held.append(alive))
    assert len(held) == 72
    assert 1 <= max(held) <= AHEAD_FRAMES + 5 + (WINDOW if stabilise else 0)
