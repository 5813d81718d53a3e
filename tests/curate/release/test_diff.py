"""Two releases held side by side: what came, went and changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from curate.release.build import build
from curate.release.diff import Change, SceneCounts, diff, scene_counts
from curate.release.tables import read_tables
from manifests.errors import InputError
from tests.curate.release.releases import built, contents
from tests.worlds import write_world


def test_a_release_does_not_differ_from_a_rebuild_and_is_left_as_it_is(tmp_path: Path) -> None:
    world, first = built(tmp_path / "world", "links")
    before = contents(first)
    assert diff(first, build(world.workspace).folder) == []
    assert contents(first) == before


def test_changes_name_the_columns(tmp_path: Path) -> None:
    world, first = built(tmp_path / "world", "links")
    scene = world.scenes[0]
    world.scenes[0] = replace(scene, split="val")
    world.footage[0] = replace(world.footage[0], licence="CC-BY", title="Rain")
    write_world(world)
    changes = diff(first, build(world.workspace).folder)
    assert Change("footage", scene.footage_id, "changed", ("title", "licence")) in changes
    assert Change("scenes", scene.scene_id, "changed", ("split",)) in changes
    assert {(change.table, change.change, change.columns) for change in changes[2:]} == {("index", "changed", ("split",))}
    assert len(changes) == 2 + len(scene.frames) + 1  # and the mask


def test_pixels_that_come_change_the_index(tmp_path: Path) -> None:
    world, first = built(tmp_path / "world", "links")
    second = build(world.workspace, profile="own").folder
    changes = [change for change in diff(first, second) if change.table == "index"]
    assert sorted({(change.change, change.columns) for change in changes}) == [("came", ()), ("changed", ("shard",))]
    assert scene_counts(first, read_tables(second).scenes[1:]) == SceneCounts(came=0, went=1, changed=2)


def test_what_is_no_release_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"build\.json: cannot be read .*; name the folder of a release"):
        diff(tmp_path, tmp_path)
