"""Rainy pictures beside their clean truth, for studies that look at single pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from manifests.files import fingerprint
from manifests.media import Picture
from manifests.tables import Scene
from manifests.workspace import Workspace
from train.evaluate.scoring import clean_picture, picture_sha256, rainy_picture
from train.evaluate.truths import RainyPictures
from train.studies.held_out import FRAMES, rainy_pictures, spread

QUICK_EXAMPLES = 6


@dataclass(frozen=True, slots=True)
class Example:
    """One rainy picture and its truth, not read yet."""

    group: RainyPictures
    number: int  # of the frame in its group

    @property
    def name(self) -> str:
        """What it is called beside figures: the scene and frame, or the file."""
        path = self.group.frames[self.number]
        return path.name if self.group.scene_id is None else f"{self.group.scene_id[:8]} {path.stem}"

    @property
    def known_by(self) -> str:
        """Hash of both pictures' files, and of the parts of them that are compared. Raises InputError when one cannot be read."""
        group = self.group
        return fingerprint(picture_sha256(group.frames[self.number]), picture_sha256(group.truth), group.crop, group.part)

    def read(self) -> tuple[Picture, Picture]:
        """The rainy and the clean picture, 8-bit, (H, W, 3). Raises InputError when one cannot be read."""
        return rainy_picture(self.group, self.number), clean_picture(self.group)


def examples(workspace: Workspace, scenes: Path | None, pairs: Path | None, *, quick: bool) -> list[Example]:
    """All pairs of a folder, or a few frames of each held-out scene whose truth is known; with `quick` some of them.

    `scenes` is the workspace's table unless given. Raises InputError where there is nothing to look at.
    """
    groups = rainy_pictures(scenes or workspace.table(Scene), pairs)
    found = [Example(group, number) for group in groups for number in _frames(group)]
    return [found[place] for place in spread(len(found), QUICK_EXAMPLES)] if quick else found


def _frames(group: RainyPictures) -> Sequence[int]:
    """A few of a scene's frames, which show the same; every rainy picture of a pair."""
    return spread(len(group.frames), FRAMES) if group.one_scene else range(len(group.frames))
