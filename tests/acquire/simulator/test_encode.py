"""Files that other tools read back as they were meant."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from acquire.simulator.encode import presentation_times
from acquire.simulator.render import render_clip, render_frames
from acquire.simulator.specification import ClipSpecification, Codec, Container, RainSpecification
from manifests.errors import InputError
from manifests.media import content_sha256, frames, probe

CLIP = ClipSpecification(seed=2, width=96, height=64, frames=10, background="astronaut", rain=RainSpecification(density=0.05))
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("codec", "container", "name"),
    [("libx264", "mkv", "h264"), ("libx265", "mp4", "hevc"), ("mpeg4", "avi", "mpeg4"), ("libvpx-vp9", "webm", "vp9")],
)
def test_codecs_and_containers(tmp_path: Path, codec: Codec, container: Container, name: str) -> None:
    clip = replace(CLIP, codec=codec, container=container)
    truth = render_clip(clip, tmp_path / clip.file_name)
    found = probe(tmp_path / clip.file_name)
    assert (found.codec, found.width, found.height, found.frames) == (name, 96, 64, 10)
    assert np.allclose(found.pts_s, truth.pts_s, atol=1e-3)
    error = [
        np.abs(decoded.picture.astype(int) - rendered.picture).mean()
        for decoded, rendered in zip(frames(tmp_path / clip.file_name), render_frames(clip), strict=True)
    ]
    assert max(error) < 7


@pytest.mark.parametrize("container", ["mp4", "mkv", "webm"])
def test_variable_frame_rates_are_read_back(tmp_path: Path, container: Container) -> None:
    clip = replace(CLIP, variable_frame_rate=True, container=container, codec="libvpx-vp9" if container == "webm" else "libx264")
    truth = render_clip(clip, tmp_path / "clip")
    found = probe(tmp_path / "clip")
    assert found.variable_frame_rate
    assert np.allclose(found.pts_s, truth.pts_s, atol=1e-9)
    assert found.mean_fps == pytest.approx(clip.fps, rel=0.4)
    assert len(set(np.round(np.diff(truth.pts_s), 4))) > 2


def test_times_rise_even_at_high_rates() -> None:
    times = presentation_times(replace(CLIP, fps=1000, frames=50, variable_frame_rate=True))
    assert (np.diff(times) > 0).all()
    assert times[0] == 0


def test_a_variable_frame_rate_is_refused_where_the_container_has_no_times() -> None:
    with pytest.raises(InputError, match="avi has no presentation times"):
        replace(CLIP, variable_frame_rate=True, codec="mpeg4", container="avi")


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_ffmpeg_and_we_see_a_turned_clip_upright(tmp_path: Path, rotation_deg: Literal[90, 180, 270]) -> None:
    clip = replace(CLIP, rotation_deg=rotation_deg)
    render_clip(clip, tmp_path / "clip.mp4")
    found = probe(tmp_path / "clip.mp4")
    assert (found.width, found.height, found.rotation_deg) == (96, 64, rotation_deg)
    expected = next(render_frames(clip)).picture.astype(int)
    assert np.abs(next(frames(tmp_path / "clip.mp4")).picture - expected).mean() < 7
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(tmp_path / "clip.mp4"), "-frames:v", "1"]
    raw = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
    assert np.abs(np.frombuffer(raw, np.uint8).reshape(64, 96, 3) - expected).mean() < 7


def test_a_lower_quality_gives_a_smaller_and_worse_file(tmp_path: Path) -> None:
    sizes = []
    for quality in (20, 50, 80):
        render_clip(replace(CLIP, quality=quality), tmp_path / "clip.mp4")
        sizes.append((tmp_path / "clip.mp4").stat().st_size)
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.4 * sizes[2]


def test_stills_carry_what_a_camera_writes(tmp_path: Path) -> None:
    clip = replace(CLIP, codec="jpeg", frames=3, rotation_deg=90, fps=0.5)
    truth = render_clip(clip, tmp_path / clip.file_name)
    assert sorted(path.name for path in (tmp_path / "rain").iterdir()) == ["DSC00000.JPG", "DSC00001.JPG", "DSC00002.JPG"]
    assert truth.footage_id == content_sha256(tmp_path / "rain")[:16]
    found = probe(tmp_path / "rain")
    assert (found.media, found.width, found.height, found.frames) == ("stills", 96, 64, 3)
    for decoded, rendered in zip(frames(tmp_path / "rain"), render_frames(clip), strict=True):
        assert np.abs(decoded.picture.astype(int) - rendered.picture).mean() < 8
    details = Image.open(tmp_path / "rain" / "DSC00002.JPG").getexif().get_ifd(0x8769)
    assert details[0x9003] == "2024:05:17 12:00:04"
    assert float(details[0x829A]) == pytest.approx(1 / 60, rel=1e-3)


def test_bytes_do_not_depend_on_what_memory_held_before(tmp_path: Path) -> None:
    """Encoders that read memory which they never set give other bytes in another process."""
    script = (
        "import sys; from dataclasses import replace; from pathlib import Path;"
        "from tests.acquire.simulator.test_encode import CLIP; from acquire.simulator.render import render_clip;"
        "render_clip(replace(CLIP, width=160, height=120, frames=24, background='rocket'), Path(sys.argv[1]))"
    )
    found = set()
    for filler in ("85", "170"):  # the byte that the C library fills freed and fresh memory with
        path = tmp_path / f"{filler}.mp4"
        subprocess.run([sys.executable, "-c", script, str(path)], check=True, cwd=ROOT, env={**os.environ, "MALLOC_PERTURB_": filler})
        found.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(found) == 1


def test_odd_sizes_are_refused_for_video() -> None:
    with pytest.raises(InputError, match="even sizes"):
        replace(CLIP, width=97)


def test_nothing_is_left_where_rendering_fails(tmp_path: Path) -> None:
    codecs: list[Codec] = ["libx264", "jpeg"]
    for codec in codecs:
        with pytest.raises(InputError, match="nowhere"):
            render_clip(replace(CLIP, background="nowhere", codec=codec), tmp_path / "clip")
    assert list(tmp_path.iterdir()) == []
