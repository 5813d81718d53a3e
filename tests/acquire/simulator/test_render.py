"""Rendered clips: pictures, file and truth agree with each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from acquire.simulator.render import render_clip, render_frames
from acquire.simulator.specification import ClipSpecification, RainSpecification
from manifests.media import frames, probe, read_picture

CLIP = ClipSpecification(seed=3, width=160, height=120, frames=12, background="rocket", rain=RainSpecification(density=0.12))


def test_the_file_holds_the_rendered_frames(tmp_path: Path) -> None:
    truth = render_clip(CLIP, tmp_path / "clip.mp4")
    found = probe(tmp_path / "clip.mp4")
    assert (found.width, found.height, found.frames) == (160, 120, 12)
    assert np.allclose(found.pts_s, truth.pts_s, atol=1e-3)
    for decoded, rendered in zip(frames(tmp_path / "clip.mp4"), render_frames(CLIP), strict=True):
        assert np.abs(decoded.picture.astype(int) - rendered.picture).mean() < 6


def test_the_same_specification_gives_the_same_bytes(tmp_path: Path) -> None:
    first = render_clip(CLIP, tmp_path / "first.mp4")
    second = render_clip(CLIP, tmp_path / "second.mp4")
    assert (tmp_path / "first.mp4").read_bytes() == (tmp_path / "second.mp4").read_bytes()
    assert first == second
    assert render_clip(replace(CLIP, seed=4), tmp_path / "third.mp4").footage_id != first.footage_id


def test_rain_only_brightens() -> None:
    for frame in render_frames(replace(CLIP, noise=0.0)):
        assert (frame.picture >= frame.clean).all()
        assert np.array_equal((frame.picture - frame.clean).max(axis=2), frame.rain)
        assert frame.rain.max() > 20


def test_the_clean_picture_is_what_every_frame_hides(tmp_path: Path) -> None:
    truth = render_clip(CLIP, tmp_path / "clip.mp4", tmp_path / "clean.png")
    assert truth.clean == str(tmp_path / "clean.png")
    clean = read_picture(tmp_path / "clean.png")
    assert all(np.array_equal(frame.clean, clean) for frame in render_frames(CLIP))
