"""Taken down: gone from the next release with all that came of it, remembered without its content, and kept out from then on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from curate.cli import main
from curate.release.build import build
from curate.release.diff import diff
from curate.release.tables import read_tables
from curate.release.takedown import takedown
from curate.release.verify import verify
from manifests.errors import InputError
from manifests.files import fingerprint, read_rows
from manifests.tables import Withdrawal
from tests.curate.release.releases import contents
from tests.curate.release.tampering import flip
from tests.worlds import World, copy_world, make_world, write_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with a release of it, whose second footage came from the web."""
    world = make_world(tmp_path_factory.mktemp("made"))
    changes = {
        "source": "youtube",
        "source_id": "dQw4w9WgXcQ",
        "origin": "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "licence": "CC-BY",
        "title": "Rain over the bay",
        "also_at": ("another-upload",),
    }
    world.footage[1] = replace(world.footage[1], **changes)  # type: ignore[arg-type]
    write_world(world)
    build(world.workspace, profile="own")
    return world


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    return copy_world(made, tmp_path / "world")


def test_footage_goes_with_all_that_came_of_it(world: World) -> None:
    gone = world.scenes[1]
    done = takedown(world.workspace, "dQw4w9WgXcQ", "asked by its maker")
    folder = done.release.folder
    assert (done.release.version, [scene.scene_id for scene in done.scenes]) == ("0.2.0", [gone.scene_id])
    assert done.still_in == [world.workspace.root / "release" / "0.1.0"]
    assert done.media == [world.workspace.resolve(world.footage[1].path or "")]
    assert verify(folder).findings == []
    changes = diff(world.workspace.root / "release" / "0.1.0", folder)
    went = {(change.table, change.key) for change in changes if change.change == "went"}
    assert {(table, key) for table, key in went if table != "index"} == {
        ("footage", gone.footage_id),
        ("segments", gone.segment_id),
        ("rain", gone.segment_id),
        ("scenes", gone.scene_id),
    }
    assert len(went) == 4 + len(gone.frames) + 2
    assert [change.table for change in changes if change.change != "went"] == ["withdrawals"]


def test_the_tombstone_names_nothing_of_the_content(world: World) -> None:
    gone, scene = world.footage[1], world.scenes[1]
    folder = takedown(world.workspace, scene.segment_id, "asked by its maker").release.folder
    (tombstone,) = read_tables(folder).withdrawals
    assert (tombstone.withdrawal_id, tombstone.reason, tombstone.version) == (gone.footage_id, "asked by its maker", "0.2.0")
    kept = b"".join(content for name, content in contents(folder).items() if not name.startswith("shards/"))
    rows = repr(read_tables(folder))
    for private in (gone.source_id, gone.title or "", scene.scene_id, scene.sha256[0], "another-upload"):
        assert private not in rows
        assert private.encode() not in kept
    assert set(tombstone.source_keys) == {fingerprint("youtube", "dQw4w9WgXcQ"), fingerprint("youtube", "another-upload")}
    assert read_rows(Withdrawal, world.workspace.table(Withdrawal)) == [tombstone]


def test_what_was_taken_down_stays_out_of_later_releases(world: World) -> None:
    takedown(world.workspace, world.footage[1].origin, "asked")
    again = build(world.workspace, profile="own")
    assert again.version == "0.2.1"
    assert again.selection.rejected == {world.scenes[1].scene_id: "taken down: asked"}
    assert [row.reason for row in read_tables(again.folder).withdrawals] == ["asked"]
    world.footage[1] = replace(world.footage[1], footage_id="another-encoding")  # the same source gave other bytes
    world.segments[1] = replace(world.segments[1], footage_id="another-encoding")
    world.rain[1] = replace(world.rain[1], footage_id="another-encoding")
    world.scenes[1] = replace(world.scenes[1], footage_id="another-encoding")
    world.truth[1] = replace(world.truth[1], footage_id="another-encoding")
    write_world(world)
    assert build(world.workspace, profile="own").selection.rejected == {world.scenes[1].scene_id: "taken down: asked"}


def test_a_release_less_a_footage_is_as_if_built_without_it(world: World, tmp_path: Path) -> None:
    """Frames, masks and rows are those of a build from the workspace that never had it."""
    without = copy_world(world, tmp_path / "without")
    for rows in (without.footage, without.segments, without.rain, without.scenes, without.truth):
        del rows[1]
    write_world(without)
    expected = contents(build(without.workspace, "0.2.0", "own").folder)
    found = contents(takedown(world.workspace, world.scenes[1].scene_id, "asked").release.folder)
    same = ["shards/train-000000.tar", "shards/val-000000.tar", "index.parquet", "scenes.parquet", "footage.parquet", "splits.tsv"]
    assert {name: found[name] for name in same} == {name: expected[name] for name in same}


def test_what_cannot_be_taken_down_is_told(world: World) -> None:
    with pytest.raises(InputError, match="needs a reason"):
        takedown(world.workspace, "rain-000", " ")
    with pytest.raises(InputError, match="nothing in it is named by 'nobody'"):
        takedown(world.workspace, "nobody", "asked")
    takedown(world.workspace, "rain-000", "asked")
    takedown(world.workspace, "rain-002", "asked")
    with pytest.raises(InputError, match=f"holds nothing but {world.footage[1].footage_id}, which is taken down .*; delete the release"):
        takedown(world.workspace, "dQw4w9WgXcQ", "asked")
    assert world.footage[1].footage_id in {row.withdrawal_id for row in read_rows(Withdrawal, world.workspace.table(Withdrawal))}
    with pytest.raises(InputError, match="holds no release"):
        takedown(replace(world.workspace, root=world.workspace.root / "none"), "rain-000", "asked")


def test_parts_of_one_video_go_together(tmp_path: Path) -> None:
    world = make_world(tmp_path, scenes=3)
    for number, source_id in enumerate(("abc#t=0-60", "abc#t=60-90", "other")):
        world.footage[number] = replace(world.footage[number], source="youtube", source_id=source_id, origin="https://example.org/")
        world.scenes[number] = replace(world.scenes[number], source_id=source_id, split="train")
    write_world(world)
    build(world.workspace)
    done = takedown(world.workspace, "abc#t=60-90", "asked")
    assert sorted(row.withdrawal_id for row in done.withdrawals) == sorted(row.footage_id for row in world.footage[:2])
    assert {row.source_keys for row in done.withdrawals} == {(fingerprint("youtube", "abc"),)}
    assert [scene.source_id for scene in read_tables(done.release.folder).scenes] == ["other"]


def test_a_damaged_release_makes_no_new_one(world: World) -> None:
    flip(world.workspace.root / "release" / "0.1.0" / "shards" / "train-000000.tar", 0.3)
    with pytest.raises(InputError, match=r"train-000000\.tar: .* has changed"):
        takedown(world.workspace, "dQw4w9WgXcQ", "asked")
    assert [path.name for path in (world.workspace.root / "release").iterdir()] == ["0.1.0"]


def test_the_command_says_what_went_and_where_it_still_is(world: World) -> None:
    here = ["-C", str(world.workspace.root), "--workers", "0", "--json"]
    assert CliRunner().invoke(main, ["release", "takedown", "dQw4w9WgXcQ", *here]).exit_code == 2  # no reason
    result = CliRunner().invoke(main, ["release", "takedown", "dQw4w9WgXcQ", "--reason", "asked", *here])
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["taken_down"], told["scenes_gone"], told["scenes"]) == ([world.footage[1].footage_id], 1, 2)
    assert "0.1.0 still holds it: delete that, and what was published of it" in result.stderr
    released = world.workspace.root / "release"
    compared = CliRunner().invoke(main, ["release", "diff", str(released / "0.1.0"), str(released / "0.2.0")])
    assert f"footage {world.footage[1].footage_id}: went" in compared.stdout
    assert "withdrawals came: 1" in compared.stdout
