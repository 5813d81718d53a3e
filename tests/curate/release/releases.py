"""A small world and releases of it, made once for the tests of a module."""

from __future__ import annotations

from pathlib import Path

from curate.release.build import build
from curate.release.rights import Profile
from tests.worlds import World, make_world


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its relative name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def built(root: Path, profile: Profile = "own", scenes: int = 3) -> tuple[World, Path]:
    """A world of its own, and its release 0.1.0."""
    world = make_world(root, scenes=scenes)
    return world, build(world.workspace, profile=profile).folder
