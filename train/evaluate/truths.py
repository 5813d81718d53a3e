"""Scenes and the clean picture behind each, where the simulator knows it.

A scene leads to its footage, and that to a row of the truth table: by footage id where the rendered file itself was taken in, else by
clip name, since a clip that was served, fetched or copied keeps its name in the footage's origin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from manifests.errors import InputError
from manifests.files import read_rows
from manifests.tables import Footage, Scene, Split, Truth
from manifests.workspace import Workspace


class Crop(NamedTuple):
    """A part of a picture, px."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class RainyPictures:
    """Rainy pictures that share one clean truth: a scene's frames, or the one picture of a pair."""

    frames: tuple[Path, ...]
    truth: Path
    sha256: tuple[str, ...] = ()  # of the frames' files as their table promises; empty where none does
    crop: Crop | None = None  # what part of the truth's file the frames show; None: all of it
    part: Crop | None = None  # what part of their files the frames are; None: all of it
    scene_id: str | None = None
    one_scene: bool = False  # whether the frames show one static scene, so that their temporal mean and median mean something


@dataclass(frozen=True, slots=True)
class ScenesWithTruth:
    """The scenes of a split."""

    scenes: tuple[RainyPictures, ...]
    without_truth: tuple[str, ...]  # scene and why, one line each


def scenes_with_truth(scenes: Path, truth: Path, split: Split) -> ScenesWithTruth:
    """The kept scenes of a split, each with its clean picture. Raises InputError when a table is missing or no scene has a truth."""
    workspace = Workspace.of_table(scenes)
    rows = [row for row in read_rows(Scene, scenes) if row.reason is None and row.error is None and row.split == split]
    if not rows:
        raise InputError(f"{scenes}: no kept scene of split {split}; name another --split, or make scenes with `curate sequences`")
    matched = match_truths(rows, workspace, truth)
    if not matched.scenes:
        why = matched.without_truth[0]
        raise InputError(
            f"{truth}: has the clean picture of none of the {len(rows)} scenes ({why}); name their own with --truth, or give --real-rain"
        )
    return matched


def match_truths(rows: Sequence[Scene], workspace: Workspace, truth: Path) -> ScenesWithTruth:
    """Scenes of a workspace, each with its clean picture by the table `truth`. Raises InputError when a table is missing."""
    of_truth = Workspace.of_table(truth)
    footage = {row.footage_id: row for row in read_rows(Footage, workspace.table(Footage))}
    truths = read_rows(Truth, truth)
    by_footage, by_name = {row.footage_id: row for row in truths}, {row.clip_id: row for row in truths}
    found, without = [], []
    for row in sorted(rows, key=lambda row: row.scene_id):
        matched = _match(footage.get(row.footage_id), by_footage, by_name)
        if isinstance(matched, str):
            without.append(f"scene {row.scene_id}: {matched}")
            continue
        frames = tuple(workspace.resolve(frame) for frame in row.frames)
        crop = Crop(row.crop_left or 0, row.crop_top or 0, row.width or 0, row.height or 0)
        clean = of_truth.resolve(matched.clean or "")
        found.append(RainyPictures(frames, clean, row.sha256, crop, scene_id=row.scene_id, one_scene=True))
    return ScenesWithTruth(tuple(found), tuple(without))


def clip_names(origin: str) -> list[str]:
    """Names that a clip may have by its origin, likeliest first: the file's stem, then the folders from the file upwards.

    `http://127.0.0.1:1/rain-003/index.m3u8?x=1` gives index, rain-003, …
    """
    parts = [part for part in re.split(r"[/\\]", unquote(origin.partition("?")[0].partition("#")[0])) if part]
    return [Path(parts[-1]).stem, *reversed(parts)] if parts else []


def _match(footage: Footage | None, by_footage: Mapping[str, Truth], by_name: Mapping[str, Truth]) -> Truth | str:
    """The truth of a footage, or why there is none."""
    if footage is None:
        return "its footage has no row"
    names = [name for origin in (footage.origin, footage.source_id, *footage.also_at) for name in clip_names(origin)]
    found = by_footage.get(footage.footage_id) or next((by_name[name] for name in names if name in by_name), None)
    if found is None:
        return f"the truth knows neither its footage nor a clip of its name ({footage.origin})"
    if found.clean is None:
        return f"the background of clip {found.clip_id} changes, so there is no one clean picture"
    if (found.width, found.height) != (footage.width, footage.height):
        return f"clip {found.clip_id} was rendered at {found.width}x{found.height}, its footage is {footage.width}x{footage.height}"
    return found
