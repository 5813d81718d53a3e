"""A tiny workspace, made by hand in milliseconds: what the later stages find when the earlier ones have run.

Static textured backgrounds, synthetic streaks that differ from frame to frame, every table filled. For tests of what reads scenes
(training, evaluation, report, release) without rendering, encoding or decoding a video.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from manifests.files import Provenance, file_sha256, fingerprint, write_rows
from manifests.media import read_picture, write_png
from manifests.tables import Footage, Rain, Scene, Segment, Split, Truth
from manifests.workspace import Workspace

Picture = npt.NDArray[np.uint8]
NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
CROP_LEFT, CROP_TOP = 4, 8  # a scene's pictures are cut out of a larger upright picture
SPLITS: tuple[Split, ...] = ("train", "test", "val")


@dataclass(frozen=True)
class World:
    """The workspace and the rows that were written to it, kept ones first."""

    workspace: Workspace
    footage: list[Footage] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    rain: list[Rain] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)


def background(width: int, height: int, rng: np.random.Generator) -> Picture:
    """A smooth coloured texture of its own, HWC."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / rng.uniform(5, 12) + rng.uniform(0, 6)) * np.cos(y / rng.uniform(5, 12) + rng.uniform(0, 6)) for _ in range(3)]
    return np.asarray(np.clip(np.stack([90 + 50 * wave for wave in waves], axis=-1), 0, 255), dtype=np.uint8)


def add_streaks(clean: Picture, rng: np.random.Generator, orientation_deg: float = 90, streaks: int = 25, length_px: int = 9) -> Picture:
    """`clean` with thin bright straight streaks; rain only brightens."""
    rainy = clean.astype(np.int64)
    height, width = clean.shape[:2]
    steps = np.arange(length_px)
    for _ in range(streaks):
        rows = np.round(rng.uniform(0, height) - np.sin(np.deg2rad(orientation_deg)) * steps).astype(int)
        columns = np.round(rng.uniform(0, width) + np.cos(np.deg2rad(orientation_deg)) * steps).astype(int)
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        rainy[rows[inside], columns[inside]] += int(rng.integers(50, 110))
    return np.asarray(np.clip(rainy, 0, 255), dtype=np.uint8)


def make_world(root: Path, *, scenes: int = 3, frames: int = 5, width: int = 48, height: int = 40, seed: int = 0) -> World:
    """Write a workspace: `scenes` kept scenes (splits train, test, val in turn), a moving, a dry and a failed footage beside them."""
    world = World(Workspace(root))
    rng = np.random.default_rng(seed)
    for number in range(scenes):
        _add_kept_clip(world, number, frames, width, height, rng)
    _add_rejected_clip(world, "moving", frames, width, height, rng)
    _add_rejected_clip(world, "dry", frames, width, height, rng)
    world.footage.append(_failed_footage())
    write_world(world)
    return world


def copy_world(world: World, root: Path) -> World:
    """The same world in another folder, to be changed there."""
    shutil.copytree(world.workspace.root, root)
    return World(Workspace(root), [*world.footage], [*world.segments], [*world.rain], [*world.scenes], [*world.truth])


def write_world(world: World) -> None:
    """Write all tables of a world anew."""
    provenance = Provenance("a test's world")
    write_rows(Footage, world.workspace.table(Footage), world.footage, provenance)
    write_rows(Segment, world.workspace.table(Segment), world.segments, provenance)
    write_rows(Rain, world.workspace.table(Rain), world.rain, provenance)
    write_rows(Scene, world.workspace.table(Scene), world.scenes, provenance)
    write_rows(Truth, world.workspace.table(Truth), world.truth, provenance)


def clean_picture(world: World, number: int) -> Picture:
    """The rain-free background of kept scene `number`, cut as the scene is."""
    scene, truth = world.scenes[number], world.truth[number]
    assert truth.clean is not None
    assert scene.width is not None
    assert scene.height is not None
    whole = read_picture(world.workspace.resolve(truth.clean))
    return whole[CROP_TOP : CROP_TOP + scene.height, CROP_LEFT : CROP_LEFT + scene.width]


def _add_kept_clip(world: World, number: int, frames: int, width: int, height: int, rng: np.random.Generator) -> None:
    name = f"rain-{number:03d}"
    orientation = 60.0 + 20 * number
    clean = background(width + CROP_LEFT + 6, height + CROP_TOP + 2, rng)
    rainy = [add_streaks(clean, rng, orientation) for _ in range(frames)]
    write_png(world.workspace.root / "truth" / f"{name}.png", clean)
    footage = _stills(world.workspace, name, rainy)
    segment = _segment(footage, frames, None)
    world.footage.append(footage)
    world.segments.append(segment)
    world.rain.append(_rain(segment, frames, orientation, None))
    pictures = [x[CROP_TOP:, CROP_LEFT:][:height, :width] for x in rainy]
    world.scenes.append(_scene(world.workspace, segment, name, SPLITS[number % 3], pictures))
    world.truth.append(_truth(footage, number, orientation))


def _add_rejected_clip(
    world: World, name: Literal["moving", "dry"], frames: int, width: int, height: int, rng: np.random.Generator
) -> None:
    wide = background(width + 4 * frames, height, rng)
    shift = 4 if name == "moving" else 0
    footage = _stills(world.workspace, name, [wide[:, shift * index : shift * index + width] for index in range(frames)])
    world.footage.append(footage)
    if name == "moving":
        world.segments.append(_segment(footage, frames, "moving: shift 4.0 px"))
        return
    reason = "no rain streaks: concentration 0.1"
    segment = _segment(footage, frames, None)
    world.segments.append(segment)
    world.rain.append(_rain(segment, frames, None, reason))
    world.scenes.append(Scene(f"{segment.segment_id}-none", segment.segment_id, footage.footage_id, name, reason=reason))


def _truth(footage: Footage, number: int, orientation_deg: float) -> Truth:
    assert footage.width is not None
    assert footage.height is not None
    assert footage.frames is not None
    return Truth(
        clip_id=footage.source_id,
        footage_id=footage.footage_id,
        seed=number,
        background=footage.source_id,
        camera="static",
        frames=footage.frames,
        width=footage.width,
        height=footage.height,
        raining=True,
        events=(),
        orientation_deg=orientation_deg,
        clean=f"truth/{footage.source_id}.png",
    )


def _stills(workspace: Workspace, name: str, pictures: list[Picture]) -> Footage:
    hashes = [write_png(workspace.root / "footage" / name / f"{index:04d}.png", picture) for index, picture in enumerate(pictures)]
    height, width = pictures[0].shape[:2]
    return Footage(
        footage_id=fingerprint(name, hashes),
        source="simulated",
        source_id=name,
        origin=f"{name}.mp4",
        status="ok",
        acquired_at=NOW,
        path=f"footage/{name}",
        media="stills",
        codec="png",
        sha256=fingerprint(hashes) * 4,
        width=width,
        height=height,
        frames=len(pictures),
        duration_s=float(len(pictures)),
        mean_fps=1.0,
        variable_frame_rate=False,
    )


def _segment(footage: Footage, frames: int, reason: str | None) -> Segment:
    return Segment(
        segment_id=f"{footage.footage_id}-000000",
        footage_id=footage.footage_id,
        first_frame=0,
        end_frame=frames,
        start_s=0.0,
        end_s=float(frames),
        verdict="moving" if reason else "static",
        reason=reason,
        shift_px=4.0 if reason else 0.1,
        jitter_px=0.2,
        measured_from="by hand",
    )


def _rain(segment: Segment, frames: int, orientation_deg: float | None, reason: str | None) -> Rain:
    raining = orientation_deg is not None
    return Rain(
        segment_id=segment.segment_id,
        footage_id=segment.footage_id,
        raining=raining,
        diverse=raining,
        reason=reason,
        frame_pts_s=tuple(float(index) for index in range(frames)),
        frame_light=(90.0,) * frames,
        frame_raining=(raining,) * frames,
        frame_orientation_deg=tuple(None if orientation_deg is None else orientation_deg + index for index in range(frames)),
        frame_coherence=(0.9 if raining else 0.1,) * frames,
        frame_concentration=(0.9 if raining else 0.1,) * frames,
        frame_cover=(0.05 if raining else 0.0,) * frames,
        frame_length_px=(9.0 if raining else None,) * frames,
        frame_width_px=(1.0 if raining else None,) * frames,
        frame_amplitude=(60.0 if raining else 0.0,) * frames,
        frame_novelty=(0.9 if raining else 1.0,) * frames,
        orientation_deg=orientation_deg,
        coherence=0.9 if raining else 0.1,
        concentration=0.9 if raining else 0.1,
        cover=0.05 if raining else 0.0,
        length_px=9.0 if raining else None,
        width_px=1.0 if raining else None,
        amplitude=60.0 if raining else 0.0,
        residual="median" if raining else None,
        measured_from="by hand",
    )


def _scene(workspace: Workspace, segment: Segment, source_id: str, split: Split, pictures: list[Picture]) -> Scene:
    folder = workspace.root / "scenes" / segment.segment_id
    paths = [folder / f"{index:06d}.png" for index in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        write_png(path, picture)
    height, width = pictures[0].shape[:2]
    mask = np.full((height, width), 255, np.uint8)
    mask[:4] = 0
    write_png(folder / "mask.png", mask)
    write_png(folder / "median.png", np.median(np.stack(pictures), axis=0).astype(np.uint8))
    hashes = tuple(file_sha256(path) for path in paths)
    return Scene(
        scene_id=fingerprint(hashes),
        segment_id=segment.segment_id,
        footage_id=segment.footage_id,
        source_id=source_id,
        place_id=f"place-{source_id}",
        split=split,
        frames=tuple(workspace.relative(path) for path in paths),
        frame_index=tuple(range(len(pictures))),
        pts_s=tuple(float(index) for index in range(len(pictures))),
        sha256=hashes,
        width=width,
        height=height,
        crop_left=CROP_LEFT,
        crop_top=CROP_TOP,
        mask=workspace.relative(folder / "mask.png"),
        median=workspace.relative(folder / "median.png"),
        coverage_radius=0.2,
        place_hash=f"{len(pictures):016x}",
        measured_from="by hand",
    )


def _failed_footage() -> Footage:
    return Footage(
        footage_id="failed-broken",
        source="tripod",
        source_id="/home/someone/clips/broken.avi",
        origin="/home/someone/clips/broken.avi",
        status="failed",
        acquired_at=NOW,
        error_kind="decode",
        error="broken.avi: no frame decodes; the file is empty or damaged",
        retryable=False,
    )
