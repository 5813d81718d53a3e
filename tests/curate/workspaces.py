"""A workspace with tiny drawn clips, each whole clip one static segment: where rain-diversity and sequences begin."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from manifests.files import Provenance, write_rows
from manifests.media import write_png
from manifests.tables import Footage, Segment
from manifests.workspace import Workspace
from tests.curate.streaks import Grey, bars, ground, seen, write_clip

HEIGHT, WIDTH, FRAMES, FPS = 120, 160, 48, 25
BY_HAND = Provenance("by hand")


def rainy_pictures(seed: int, frames: int = FRAMES, orientation_deg: float = 80.0) -> list[Grey]:
    """Rain over a ground of its own, more in some frames than in others."""
    rng = np.random.default_rng(seed)
    background = ground(HEIGHT, WIDTH, rng)
    return [
        seen(background + bars(HEIGHT, WIDTH, rng, orientation_deg=orientation_deg, number=int(rng.integers(18, 50))), rng)
        for _ in range(frames)
    ]


def dry_pictures(seed: int, frames: int = FRAMES) -> list[Grey]:
    """A still ground."""
    rng = np.random.default_rng(seed)
    background = ground(HEIGHT, WIDTH, rng)
    return [seen(background, rng) for _ in range(frames)]


def add_clip(workspace: Workspace, name: str, pictures: list[Grey]) -> Footage:
    """Encode the clip and give its footage row."""
    path = workspace.root / "footage" / f"{name}.mp4"
    write_clip(path, pictures, FPS)
    return Footage(
        footage_id=name,
        source="tripod",
        source_id=f"/card/{name}.mp4",
        origin=f"/card/{name}.mp4",
        status="ok",
        acquired_at=datetime(2026, 1, 1, tzinfo=UTC),
        path=workspace.relative(path),
        sha256=name,
        media="video",
        codec="h264",
        width=pictures[0].shape[1],
        height=pictures[0].shape[0],
        frames=len(pictures),
        duration_s=len(pictures) / FPS,
        mean_fps=FPS,
    )


def whole(footage: Footage, **changes: object) -> Segment:
    """The whole footage as one kept segment."""
    assert footage.frames is not None
    segment = Segment(
        segment_id=f"{footage.footage_id}-000000",
        footage_id=footage.footage_id,
        first_frame=0,
        end_frame=footage.frames,
        start_s=0.0,
        end_s=footage.duration_s,
        verdict="static",
        measured_from="by hand",
    )
    return dataclasses.replace(segment, **changes)  # type: ignore[arg-type]


def masked(workspace: Workspace, footage: Footage, hidden_rows: int) -> str:
    """A mask that hides the topmost rows; what a segment's `mask` holds."""
    mask = np.full((footage.height or 0, footage.width or 0), 255, np.uint8)
    mask[:hidden_rows] = 0
    path = workspace.root / "masks" / f"{footage.footage_id}.png"
    write_png(path, mask)
    return workspace.relative(path)


def small_world(root: Path) -> Workspace:
    """Two rainy clips, one dry one, one whose segment moves; tables `footage` and `segments`."""
    workspace = Workspace(root)
    footage = [
        add_clip(workspace, "first", rainy_pictures(1)),
        add_clip(workspace, "second", rainy_pictures(2, orientation_deg=100)),
        add_clip(workspace, "dry", dry_pictures(3)),
        add_clip(workspace, "moving", dry_pictures(4, frames=4)),
    ]
    segments = [
        whole(footage[0], mask=masked(workspace, footage[0], 10)),
        whole(footage[1], crop_left=8, crop_top=6, crop_width=144, crop_height=100),
        whole(footage[2]),
        whole(footage[3], verdict="moving", reason="the camera moves: 4.0 px"),
    ]
    write_rows(Footage, workspace.table(Footage), footage, BY_HAND)
    write_rows(Segment, workspace.table(Segment), segments, BY_HAND)
    return workspace
