"""A scene's files: the chosen frames at full size, their temporal median and the mask, in a folder that appears whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from curate.crop import cropped
from curate.places import place_hash
from manifests.errors import InputError
from manifests.files import fingerprint
from manifests.media import Picture, frames, read_picture, write_png
from manifests.tables import Footage, Segment
from manifests.workspace import Workspace

PASS_GAP_S = 12.0  # chosen frames farther apart are decoded in a pass of their own, from the key frame before
SAME_TIME_S = 2e-3
STRIP_ROWS = 64  # of the median, taken at a time: it needs several times the pictures' memory


@dataclass(frozen=True, slots=True)
class SceneFiles:
    """What was written, paths as the workspace stores them."""

    scene_id: str
    frames: tuple[str, ...]
    sha256: tuple[str, ...]
    width: int
    height: int
    mask: str | None
    median: str
    place_hash: str | None


def write_scene(segment: Segment, footage: Footage, frame_index: Sequence[int], pts_s: Sequence[float], workspace: Workspace) -> SceneFiles:
    """Decode, crop and write the frames (footage indices and times, in order) into `scenes/<scene_id>/`.

    A folder of the same scene is replaced. Raises InputError when the footage cannot be read or has other frames than these.
    """
    pictures = [cropped(picture, segment) for picture in chosen_pictures(footage, frame_index, pts_s, workspace)]
    folder = workspace.root / "scenes"
    unfinished = folder / f".{segment.segment_id}-{frame_index[0]:06d}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    names = [f"{index:06d}.png" for index in frame_index]
    sha256 = tuple(write_png(unfinished / name, picture) for name, picture in zip(names, pictures, strict=True))
    median = temporal_median(pictures)
    write_png(unfinished / "median.png", median)
    if segment.mask is not None:
        write_png(unfinished / "mask.png", cropped(read_picture(workspace.resolve(segment.mask), grey=True), segment))
    scene_id = fingerprint(sha256)
    finished = folder / scene_id
    shutil.rmtree(finished, ignore_errors=True)
    unfinished.rename(finished)
    return SceneFiles(
        scene_id=scene_id,
        frames=tuple(workspace.relative(finished / name) for name in names),
        sha256=sha256,
        width=median.shape[1],
        height=median.shape[0],
        mask=None if segment.mask is None else workspace.relative(finished / "mask.png"),
        median=workspace.relative(finished / "median.png"),
        place_hash=place_hash(median),
    )


def chosen_pictures(footage: Footage, frame_index: Sequence[int], pts_s: Sequence[float], workspace: Workspace) -> Iterator[Picture]:
    """The frames of these indices and times, RGB, full size."""
    if footage.path is None:
        raise InputError(f"footage {footage.footage_id}: has no media; acquire it again")
    path = workspace.resolve(footage.path)
    passes = [0, *(place for place in range(1, len(pts_s)) if pts_s[place] - pts_s[place - 1] > PASS_GAP_S), len(pts_s)]
    for start, stop in pairwise(passes):
        wanted = dict(zip(frame_index[start:stop], pts_s[start:stop], strict=True))
        for frame in frames(path, frame_index[start], frame_index[stop - 1] + 1, start_s=pts_s[start]):
            if frame.index in wanted:
                if abs(frame.pts_s - wanted[frame.index]) > SAME_TIME_S:
                    raise InputError(
                        f"{path}: frame {frame.index} stands at {frame.pts_s:.3f} s, and at {wanted[frame.index]:.3f} s when its rain was "
                        "measured; has the file changed? run `curate rain-diversity` again"
                    )
                yield frame.picture


def temporal_median(pictures: Sequence[Picture]) -> Picture:
    """The per-pixel median over pictures of one size (HWC), rounded."""
    strips = [
        np.rint(np.median(np.stack([picture[top : top + STRIP_ROWS] for picture in pictures]), axis=0)).astype(np.uint8)
        for top in range(0, pictures[0].shape[0], STRIP_ROWS)
    ]
    return np.concatenate(strips)
