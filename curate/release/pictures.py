"""Where a release's pictures come from: a workspace's files, or the shards of an earlier release."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from curate.release.fingerprints import luma_cells, luma_fingerprint, perceptual_fingerprint
from curate.release.index import Member
from curate.release.portable import frame_name, mask_name
from manifests.errors import InputError, first_line
from manifests.media import Picture
from manifests.tables import Scene
from manifests.workspace import Workspace

_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


@dataclass(frozen=True)
class WorkspacePictures:
    """The files that the scenes of a workspace name."""

    workspace: Workspace

    def frame(self, scene: Scene, number: int) -> bytes:
        """The file of a scene's frame `number` (counted from 0). Raises InputError where it is gone or is not what the row promises."""
        path = self.workspace.resolve(scene.frames[number])
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: frame {number} of scene {scene.scene_id} cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != scene.sha256[number]:
            raise InputError(f"{path}: frame {number} of scene {scene.scene_id} has changed: its SHA-256 is not the row's")
        return content

    def mask(self, scene: Scene) -> bytes:
        """The file of a scene's mask; of a scene without one, a mask that leaves nothing out. Raises InputError where it is gone."""
        if scene.mask is None:
            return encoded(np.full((scene.height or 1, scene.width or 1), 255, np.uint8))
        path = self.workspace.resolve(scene.mask)
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: the mask of scene {scene.scene_id} is missing ({error.strerror})") from error

    def sizes(self, scene: Scene) -> list[int]:
        """Bytes of each of a scene's frames and of its mask. Raises InputError where one is gone."""
        try:
            return [*(self.workspace.resolve(frame).stat().st_size for frame in scene.frames), len(self.mask(scene))]
        except OSError as error:
            raise InputError(f"{error.filename}: a frame of scene {scene.scene_id} cannot be read ({error.strerror})") from error

    def told(self, scene: Scene) -> list[Member]:
        """What the index says of a scene whose pixels are not part of the release. Raises InputError as `frame`."""
        frames = [described(scene, number, self.frame(scene, number)) for number in range(len(scene.frames))]
        return [*frames, _told_mask(scene, self.mask(scene))]


@dataclass(frozen=True)
class ReleasePictures:
    """The members of an earlier release, its own names for them."""

    folder: Path
    members: Mapping[str, Member]

    def frame(self, scene: Scene, number: int) -> bytes:
        """As `WorkspacePictures.frame`."""
        return self.member(frame_name(scene, number))

    def mask(self, scene: Scene) -> bytes:
        """As `WorkspacePictures.mask`."""
        return self.member(mask_name(scene))

    def sizes(self, scene: Scene) -> list[int]:
        """As `WorkspacePictures.sizes`."""
        names = [*(frame_name(scene, number) for number in range(len(scene.frames))), mask_name(scene)]
        return [self.members[name].bytes or 0 for name in names]

    def told(self, scene: Scene) -> list[Member]:
        """As `WorkspacePictures.told`."""
        frames = [self.members[frame_name(scene, number)] for number in range(len(scene.frames))]
        return [*frames, _told_mask(scene, self.mask(scene))]

    def member(self, name: str) -> bytes:
        """A member's bytes out of its shard, or out of the index. Raises InputError where they are gone or not what the index promises."""
        found = self.members.get(name)
        if found is not None and found.content is not None:
            return told_content(found)
        if found is None or found.shard is None or found.offset is None or found.bytes is None:
            raise InputError(f"{self.folder}: its index has no {name} in a shard; check it with `curate release verify`")
        path = self.folder / found.shard
        try:
            with path.open("rb") as file:
                if not 0 <= found.offset <= found.offset + found.bytes <= os.fstat(file.fileno()).st_size:
                    raise InputError(f"{path}: breaks off before the end of {name}; fetch the release again")
                file.seek(found.offset)
                content = file.read(found.bytes)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); fetch the release again") from error
        if hashlib.sha256(content).hexdigest() != found.sha256:
            raise InputError(f"{path}: {name} has changed: its SHA-256 is not the index's; fetch the release again")
        return content


Pictures = WorkspacePictures | ReleasePictures


def described(scene: Scene, number: int, content: bytes) -> Member:
    """What the index says of a frame, from its bytes. Raises InputError where they are no PNG of the scene's size."""
    name = frame_name(scene, number)
    assert scene.width is not None
    assert scene.height is not None
    cells = luma_cells(decoded(content, (scene.width, scene.height), name))
    return Member(
        name=name,
        scene_id=scene.scene_id,
        kind="frame",
        split=str(scene.split),
        sha256=scene.sha256[number],
        number=number,
        frame_index=scene.frame_index[number],
        pts_s=scene.pts_s[number],
        width=scene.width,
        height=scene.height,
        perceptual=perceptual_fingerprint(cells),
        luma=luma_fingerprint(cells),
    )


def described_mask(scene: Scene, content: bytes) -> Member:
    """What the index says of a mask, from its bytes. Raises InputError where they are no PNG of the scene's size."""
    name, size = mask_name(scene), (scene.width or 0, scene.height or 0)
    decoded(content, size, name)
    return Member(name, scene.scene_id, "mask", str(scene.split), hashlib.sha256(content).hexdigest(), width=size[0], height=size[1])


def _told_mask(scene: Scene, content: bytes) -> Member:
    """A mask shows nothing of the footage, so the index holds it where there are no pixels: rebuilt scenes need it."""
    return replace(described_mask(scene, content), content=base64.b64encode(content).decode())


def told_content(member: Member) -> bytes:
    """The bytes that the index itself holds of a member. Raises InputError where they are not what it promises."""
    try:
        content = base64.b64decode(member.content or "", validate=True)
    except ValueError as error:
        raise InputError(f"{member.name}: its content is not base64 ({error})") from error
    if hashlib.sha256(content).hexdigest() != member.sha256:
        raise InputError(f"{member.name}: has changed: its SHA-256 is not the index's")
    return content


def decoded(content: bytes, size: tuple[int, int], name: str) -> Picture:
    """A PNG as HWC RGB (a mask as HW grey). Raises InputError for another format, damage, or another size (width, height) than given.

    The size is compared before a pixel is decoded, so that a small file cannot ask for much memory.
    """
    if not content.endswith(_PNG_END):  # Pillow is content with less
        raise InputError(f"{name}: cannot be decoded as PNG (it does not end as one)")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            if picture.size != size:
                raise InputError(f"{name}: is {picture.width}x{picture.height} px, where {size[0]}x{size[1]} are promised")
            return np.asarray(picture if picture.mode in ("RGB", "L") else picture.convert("RGB"), dtype=np.uint8)
    except InputError:
        raise
    except Exception as error:  # Pillow raises many classes for damaged files
        raise InputError(f"{name}: cannot be decoded as PNG ({first_line(error)})") from error


def encoded(picture: Picture) -> bytes:
    """HWC RGB or HW grey as PNG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG", compress_level=4)
    return file.getvalue()
