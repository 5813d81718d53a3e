"""Sane rows of each kind, to change one thing in."""

from __future__ import annotations

from datetime import UTC, datetime

from manifests.tables import Footage, Rain, Scene, Segment

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

FOOTAGE = Footage(
    footage_id="0123456789abcdef",
    source="tripod",
    source_id="card/yard.mp4",
    origin="card/yard.mp4",
    status="ok",
    acquired_at=MOMENT,
    path="footage/0123456789abcdef.mp4",
    sha256="0123456789abcdef" * 4,
    bytes=1000,
    media="video",
    codec="h264",
    width=320,
    height=240,
    rotation_deg=0,
    frames=90,
    duration_s=3.0,
    mean_fps=30.0,
    variable_frame_rate=False,
)
SEGMENT = Segment("0123456789abcdef-000000", "0123456789abcdef", 0, 90, 0.0, 3.0, verdict="static", shift_px=0.1)
RAIN = Rain(
    SEGMENT.segment_id,
    SEGMENT.footage_id,
    raining=True,
    diverse=True,
    frame_pts_s=(0.0, 0.1),
    frame_light=(90.0, 91.0),
    frame_raining=(True, False),
    frame_orientation_deg=(90.0, None),
    frame_coherence=(0.5, 0.0),
    frame_concentration=(0.5, 0.0),
    frame_cover=(0.1, 0.0),
    frame_length_px=(20.0, None),
    frame_width_px=(2.0, None),
    frame_amplitude=(30.0, 0.0),
    frame_novelty=(0.9, 1.0),
)
SCENE = Scene(
    scene_id="fedcba9876543210",
    segment_id=SEGMENT.segment_id,
    footage_id=FOOTAGE.footage_id,
    source_id=FOOTAGE.source_id,
    place_id="place-1",
    split="train",
    frames=("scenes/a/000000.png", "scenes/a/000009.png"),
    frame_index=(0, 9),
    pts_s=(0.0, 0.3),
    sha256=("aa", "bb"),
    width=320,
    height=240,
    crop_left=0,
    crop_top=0,
)
