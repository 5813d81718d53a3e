"""Rows without anything that holds on the user's machine only, and what a release calls a scene's files.

Paths of media and masks go; the original path of a tripod's file is cut to its name. Frames are named as they lie once the shards are
unpacked. A portable row stays as it is when made portable again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from manifests.files import fingerprint
from manifests.tables import Footage, Scene, Segment


def frame_name(scene: Scene, number: int) -> str:
    """A frame's name in the shards, and its path once they are unpacked: WebDataset's key is the part before the first dot."""
    digits = max(2, len(str(len(scene.frames) - 1)))
    return f"scenes/{scene.scene_id}.{number:0{digits}d}.png"


def mask_name(scene: Scene) -> str:
    """The name of a scene's mask in the shards."""
    return f"scenes/{scene.scene_id}.mask.png"


def about_name(scene: Scene) -> str:
    """The name in the shards of the JSON that tells of a scene."""
    return f"scenes/{scene.scene_id}.json"


def portable_footage(footage: Footage) -> Footage:
    """The row without paths of this machine; URLs are kept, less any user name and password in them."""
    return replace(
        footage,
        path=None,
        source_id=portable_source(footage.source_id),
        origin=_portable_origin(footage.origin),
        also_at=tuple(portable_source(source) for source in footage.also_at),
        parts=tuple(_file_name(part) for part in footage.parts),
    )


def portable_segment(segment: Segment) -> Segment:
    """The row without the mask's path."""
    return replace(segment, mask=None)


def portable_scene(scene: Scene, pixels: bool) -> Scene:
    """The row with its frames named as in the release; `pixels`: whether they are in it, with the mask."""
    return replace(
        scene,
        source_id=portable_source(scene.source_id),
        frames=tuple(frame_name(scene, number) for number in range(len(scene.frames))),
        mask=mask_name(scene) if pixels else None,
        median=None,
    )


def portable_source(source_id: str) -> str:
    """A source's id without a path of this machine: file name and a hash of the whole, so that sources stay apart."""
    if _is_url(source_id):
        return _portable_origin(source_id)
    name = _file_name(source_id)
    return source_id if name == source_id else f"{name}-{fingerprint(source_id)[:8]}"


def _portable_origin(origin: str) -> str:
    if not _is_url(origin):
        return _file_name(origin)
    parts = urlsplit(origin)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _is_url(text: str) -> bool:
    return re.match(r"https?://", text, re.IGNORECASE) is not None


def _file_name(text: str) -> str:
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1]
