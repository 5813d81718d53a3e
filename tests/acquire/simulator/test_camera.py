"""The camera's truth against registration by scikit-image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import skimage.color
import skimage.feature
import skimage.measure
import skimage.registration
import skimage.transform
from hypothesis import given, settings
from hypothesis import strategies as st

from acquire.simulator.camera import Pose, canvas_size, look, poses
from acquire.simulator.render import render_frames
from acquire.simulator.specification import CameraKind, CameraMove, ClipSpecification, Event

reference: Any = skimage  # untyped in parts
CLIP = ClipSpecification(seed=5, width=160, height=120, frames=12, background="motorcycle", rain=None, noise=0.0)
MOVES = [
    CameraMove("drift", 7.0, direction_deg=30),
    CameraMove("shake", 2.5),
    CameraMove("pan", 0.8, direction_deg=200),
    CameraMove("bump", 3.4, direction_deg=90, frame=8),
    CameraMove("settle", 0.9, direction_deg=250, frame=8),
]


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.kind)
def test_shifts_agree_with_phase_correlation(move: CameraMove) -> None:
    clip = replace(CLIP, camera=move)
    path = poses(clip)
    clean = [reference.color.rgb2gray(frame.clean) for frame in render_frames(clip)]
    for index in (1, 7, 8, 11):
        # The shift that brings `moving` back onto the first frame is the opposite of how far the picture moved.
        (down, right), *_ = reference.registration.phase_cross_correlation(clean[0], clean[index], upsample_factor=20)
        assert -right == pytest.approx(path[index].shift_x_px, abs=0.35)
        assert -down == pytest.approx(path[index].shift_y_px, abs=0.35)


@pytest.mark.parametrize(("kind", "amount"), [("zoom", 15.0), ("roll", 8.0), ("zoom", -12.0), ("roll", -5.0)])
def test_scale_and_roll_agree_with_matched_features(kind: CameraKind, amount: float) -> None:
    clip = replace(CLIP, width=240, height=180, frames=5, camera=CameraMove(kind, amount))
    grey = [reference.color.rgb2gray(frame.clean) for frame in render_frames(clip)]
    found = []
    for picture in (grey[0], grey[-1]):
        detector = reference.feature.ORB(n_keypoints=300, fast_threshold=0.05)
        detector.detect_and_extract(picture)
        found.append((detector.keypoints[:, ::-1], detector.descriptors))
    matches = reference.feature.match_descriptors(found[0][1], found[1][1], cross_check=True)
    pairs = found[0][0][matches[:, 0]], found[1][0][matches[:, 1]]
    model, inliers = reference.measure.ransac(
        pairs, reference.transform.SimilarityTransform, min_samples=3, residual_threshold=1.5, max_trials=300, rng=0
    )
    assert inliers.sum() > 30
    last = poses(clip)[-1]
    assert model.scale == pytest.approx(last.scale, abs=0.012)
    assert -np.degrees(model.rotation) == pytest.approx(last.roll_deg, abs=0.7)  # scikit-image turns clockwise on a screen
    middle = np.array([[119.5, 89.5]])
    assert np.linalg.norm(model(middle) - middle) < 2


def test_a_static_camera_never_moves_and_a_bump_moves_once() -> None:
    assert set(poses(CLIP)) == {Pose()}
    bumped = poses(replace(CLIP, camera=CameraMove("bump", 3.0, frame=4)))
    assert set(bumped[:4]) == {Pose()}
    assert set(bumped[4:]) == {Pose(3.0, 0.0)}
    settled = [pose.shift_x_px for pose in poses(replace(CLIP, camera=CameraMove("settle", 2.0, frame=3)))]
    assert settled == [0, 2, 4, *[6] * 9]


def test_the_first_pose_is_the_identity_and_shake_is_as_strong_as_asked() -> None:
    for move in [*MOVES, CameraMove("zoom", 9), CameraMove("roll", 4)]:
        assert poses(replace(CLIP, camera=move))[0] == Pose()
    shaken = poses(replace(CLIP, frames=2000, camera=CameraMove("shake", 5.0)))
    assert np.std([pose.shift_x_px for pose in shaken]) == pytest.approx(5.0, rel=0.15)


def test_a_frozen_stretch_holds_the_pose() -> None:
    path = poses(replace(CLIP, camera=CameraMove("pan", 2.0), events=(Event("frozen", 3, 7),)))
    assert [pose.shift_x_px for pose in path[2:8]] == [4, 6, 6, 6, 6, 14]


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["drift", "shake", "pan", "zoom", "roll", "bump", "settle"]),
    amount=st.floats(-20, 20),
    direction=st.floats(0, 360),
)
def test_the_canvas_holds_all_that_the_camera_sees(kind: CameraKind, amount: float, direction: float) -> None:
    clip = replace(CLIP, camera=CameraMove(kind, amount, direction_deg=direction, frame=3))
    path = poses(clip)
    size = canvas_size(clip, path)
    canvas = np.full((size[1], size[0], 1), 200, np.uint8)
    rim = np.zeros_like(canvas)  # what lies outside would be reflected: mark it instead
    rim[:1], rim[-1:], rim[:, :1], rim[:, -1:] = 1, 1, 1, 1
    for pose in path:
        assert look(canvas, pose, (clip.width, clip.height)).min() == 200
        if kind != "static" and max(size[0] - clip.width, size[1] - clip.height) > 0:
            assert look(rim * 255, pose, (clip.width, clip.height)).max() < 200  # the rim itself is out of sight
