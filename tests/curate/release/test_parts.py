"""A build that was killed goes on with the parts that are missing, and comes to the same bytes."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from curate.release import build as building
from curate.release import parts, shards
from curate.release.build import build
from curate.release.parts import plan_parts
from curate.release.selection import select
from curate.release.shards import size_in_tar
from manifests.errors import InputError
from tests.curate.release.releases import contents
from tests.worlds import World, copy_world, make_world, write_world

SHARD_BYTES = 30_000  # a scene of the world is less, two are more


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("made"), scenes=4)


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    return copy_world(made, tmp_path / "world")


def killed(world: World, monkeypatch: pytest.MonkeyPatch, after: int) -> Path:
    """Have a build killed while it writes the shard after so many; gives the folder that it leaves."""
    written: list[str] = []
    whole = shards.write_shard

    def until_killed(path: Path, *rest: object) -> list[int]:
        if len(written) == after:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"half")
            path.with_name(f".{path.name}.x.tmp").write_bytes(b"half")
            raise KeyboardInterrupt
        written.append(path.name)
        return whole(path, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(parts, "write_shard", until_killed)
        with pytest.raises(KeyboardInterrupt):
            build(world.workspace, "1.0.0", "own", shard_bytes=SHARD_BYTES)
    (left,) = (world.workspace.root / "release").iterdir()
    assert left.name.startswith(".building-1.0.0-")
    return left


@pytest.mark.parametrize("after", [0, 2])
def test_a_killed_build_goes_on_and_gives_the_same_bytes(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, after: int) -> None:
    whole = contents(build(copy_world(world, tmp_path / "calm").workspace, "1.0.0", "own", shard_bytes=SHARD_BYTES).folder)
    killed(world, monkeypatch, after)
    written: list[str] = []
    write_shard = shards.write_shard

    def counted(path: Path, *rest: object) -> list[int]:
        written.append(path.name)
        return write_shard(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(parts, "write_shard", counted)
    built = build(world.workspace, "1.0.0", "own", shard_bytes=SHARD_BYTES)
    assert contents(built.folder) == whole
    assert len(written) == 4 - after
    assert [path.name for path in (world.workspace.root / "release").iterdir()] == ["1.0.0"]


def test_what_was_begun_of_other_rows_is_not_gone_on_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(world, monkeypatch, 2)
    world.scenes[0] = replace(world.scenes[0], place_id="renamed")
    write_world(world)
    built = build(world.workspace, "1.0.0", "own", shard_bytes=SHARD_BYTES)
    assert [path.name for path in (world.workspace.root / "release").iterdir()] == ["1.0.0"]
    assert b"place-rain-000" not in b"".join(contents(built.folder).values())


def test_two_builds_of_one_release_do_not_meet(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    left = killed(world, monkeypatch, 1)
    held = os.open(left, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(InputError, match=r"another build of 1\.0\.0 is at work"):
        build(world.workspace, "1.0.0", "own", shard_bytes=SHARD_BYTES)
    assert left.exists()
    os.close(held)
    assert build(world.workspace, "1.0.0", "own", shard_bytes=SHARD_BYTES).folder.exists()


def test_parts_hold_every_scene_once_and_shards_their_size(made: World) -> None:
    selection = select(made.workspace, "own")
    planned = plan_parts(selection, SHARD_BYTES)
    assert [part.shard for part in planned] == [f"shards/{name}-000000.tar" for name in ("test", "train")] + [
        "shards/train-000001.tar",
        "shards/val-000000.tar",
    ]
    assert sorted(scene.scene_id for part in planned for scene in part.scenes) == [scene.scene_id for scene in selection.scenes]
    for part in planned:
        assert sum(size_in_tar(size) for scene in part.scenes for size in selection.pictures.sizes(scene)) < SHARD_BYTES
    told = plan_parts(select(made.workspace, "links"), SHARD_BYTES)
    assert all(part.shard is None for part in told)
    assert building.SHARD_BYTES == 1_000_000_000


@pytest.mark.torture
def test_builds_that_are_killed_at_any_moment_end_in_the_same_bytes(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", scenes=12, frames=20, width=160, height=120)
    whole = contents(build(copy_world(world, tmp_path / "calm").workspace, "1.0.0", "own").folder)
    line = ["release", "build", "-C", str(world.workspace.root), "--version", "1.0.0", "--profile", "own", "--workers", "1"]
    script = "import sys; from curate.cli import main; main(sys.argv[1:])"
    rng, killed = random.Random(0), 0
    for _ in range(15):
        process = subprocess.Popen([sys.executable, "-c", script, *line], start_new_session=True, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=rng.uniform(0.5, 4.0))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
        if (world.workspace.root / "release" / "1.0.0").exists():
            assert contents(world.workspace.root / "release" / "1.0.0") == whole
            shutil.rmtree(world.workspace.root / "release" / "1.0.0")
    assert killed
    assert contents(build(world.workspace, "1.0.0", "own").folder) == whole
    assert [path.name for path in (world.workspace.root / "release").iterdir()] == ["1.0.0"]
