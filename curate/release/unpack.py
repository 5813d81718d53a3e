"""`curate release unpack DIR`: the scenes of a release that have pixels as a workspace, which `train` and `curate report` read."""

from __future__ import annotations

from pathlib import Path

from curate.release.pictures import ReleasePictures
from curate.release.portable import frame_name, mask_name
from curate.release.table_checks import sound_tables
from manifests.errors import InputError
from manifests.executors import run_rows
from manifests.files import Provenance, table_exists, write_atomically, write_rows
from manifests.tables import Scene
from manifests.workspace import Workspace

TIMEOUT_S = 600.0


def unpack(folder: Path, workspace: Workspace, *, workers: int = 0) -> tuple[int, int]:
    """Write a release's pictures, each held against its hash, then the scenes table; gives how many scenes have pixels, and how many not.

    Nothing is taken out under the names that an archive gives: only what the index knows, at the place that its scene gives it. Raises
    InputError where the workspace has scenes already, the release has no pixels, or one of them is damaged.
    """
    table = workspace.table(Scene)
    if table_exists(table):
        raise InputError(f"{table}: there are scenes already; name an empty folder with -C")
    tables = sound_tables(folder)
    scenes = [scene for scene in tables.scenes if scene.scene_id in tables.pixels]
    if not scenes:
        raise InputError(
            f"{folder}: holds no pixels ({len(tables.scenes)} scenes are told of); rebuild them from their footage, see README.md"
        )
    pictures = ReleasePictures(folder, {member.name: member for member in tables.index})
    problems: list[str] = []
    run_rows(
        _Unpacking(pictures, workspace),
        scenes,
        name=lambda scene: scene.scene_id,
        on_error=lambda scene, error: [f"scene {scene.scene_id}: {error}"],
        save=problems.extend,
        workers=workers,
        timeout_s=TIMEOUT_S,
        label="unpacking",
    )
    if problems:
        raise InputError(f"{problems[0]} ({len(problems)} scenes in all); check it with `curate release verify`, and fetch it again")
    write_rows(Scene, table, scenes, Provenance("curate release unpack", {"version": tables.about["version"]}))
    return len(scenes), len(tables.scenes) - len(scenes)


class _Unpacking:
    """Writes the pictures of one scene."""

    def __init__(self, pictures: ReleasePictures, workspace: Workspace) -> None:
        self.pictures = pictures
        self.workspace = workspace

    def __call__(self, scene: Scene) -> list[str]:
        if not scene.scene_id.isalnum():
            raise InputError(f"{scene.scene_id!r} is no scene's id")
        names = [frame_name(scene, number) for number in range(len(scene.frames))]
        for name in [*names, mask_name(scene)]:
            with write_atomically(self.workspace.root / name) as file:
                file.write(self.pictures.member(name))
        return []
