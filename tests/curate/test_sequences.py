"""From segments and their rain to scenes on disk."""

from __future__ import annotations

import dataclasses
import math
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate import rain_diversity
from curate.sequences import SequencesSettings, is_held_out, measured_from, preview, run, sequences
from manifests.errors import InputError
from manifests.files import file_sha256, read_rows, write_rows
from manifests.media import read_picture, write_png
from manifests.options import EXIT_SOME_FAILED
from manifests.tables import Footage, Rain, Scene, Segment
from manifests.workspace import Workspace
from tests.curate.workspaces import BY_HAND, FRAMES, WIDTH, add_clip, rainy_pictures, small_world, whole

SETTINGS = SequencesSettings(n_frames=8)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose rain is measured, to be copied."""
    root = tmp_path_factory.mktemp("world")
    rain_diversity.run(small_world(root))
    return root


@pytest.fixture
def workspace(measured: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(measured, tmp_path / "world")
    return Workspace(tmp_path / "world")


def scenes_in(workspace: Workspace) -> dict[str, Scene]:
    return {row.segment_id: row for row in read_rows(Scene, workspace.table(Scene))}


def test_scenes_come_out_whole(workspace: Workspace) -> None:
    assert preview(workspace, SETTINGS)["segments_to_choose_from"] == 2
    summary = run(workspace, SETTINGS, workers=2)
    assert (summary.total("kept"), summary.total("rejected"), summary.exit_code) == (2, 0, 0)
    scenes = scenes_in(workspace)
    assert set(scenes) == {"first-000000", "second-000000"}
    for scene in scenes.values():
        assert len(scene.frames) == len(scene.frame_index) == len(scene.pts_s) == len(scene.sha256) == SETTINGS.n_frames
        assert list(scene.frame_index) == sorted(scene.frame_index)
        for (one, at), (other, then) in pairwise(zip(scene.frame_index, scene.pts_s, strict=True)):
            assert other - one >= 2
            assert then - at >= SETTINGS.gap_s - 1e-6
        for stored, sha256 in zip(scene.frames, scene.sha256, strict=True):
            assert file_sha256(workspace.resolve(stored)) == sha256
            assert read_picture(workspace.resolve(stored)).shape == (scene.height, scene.width, 3)
        assert scene.median is not None
        assert read_picture(workspace.resolve(scene.median)).shape == (scene.height, scene.width, 3)
        assert scene.split is not None
        assert scene.place_id is not None
        assert scene.place_hash is not None
    first, second = scenes["first-000000"], scenes["second-000000"]
    assert first.mask is not None
    assert read_picture(workspace.resolve(first.mask), grey=True)[:10].max() == 0
    assert (first.width, first.crop_left) == (WIDTH, 0)
    assert second.mask is None
    assert (second.width, second.height, second.crop_left, second.crop_top) == (144, 100, 8, 6)
    assert first.place_id != second.place_id


def test_the_median_holds_less_rain_than_the_frames(workspace: Workspace) -> None:
    run(workspace, SETTINGS)
    scene = scenes_in(workspace)["second-000000"]
    median = read_picture(workspace.resolve(scene.median or "")).astype(float)
    frames = np.stack([read_picture(workspace.resolve(stored)) for stored in scene.frames]).astype(float)
    # The mean of the frames holds all their rain, the median hardly any: rain only brightens.
    assert (frames.mean(axis=0) - median).mean() > 0.5


def test_a_second_run_changes_nothing_and_decodes_nothing(workspace: Workspace) -> None:
    run(workspace, SETTINGS)
    before = scenes_in(workspace)
    for path in (workspace.root / "footage").iterdir():
        path.unlink()
    assert run(workspace, SETTINGS).exit_code == 0
    assert scenes_in(workspace) == before


def test_ids_come_from_the_frames_and_survive_a_new_start(workspace: Workspace) -> None:
    run(workspace, SETTINGS)
    before = scenes_in(workspace)
    workspace.table(Scene).unlink()
    shutil.rmtree(workspace.root / "scenes")
    run(workspace, SETTINGS)
    assert scenes_in(workspace) == before


def test_frames_that_are_gone_are_made_again(workspace: Workspace) -> None:
    run(workspace, SETTINGS)
    before = scenes_in(workspace)
    lost = workspace.resolve(before["first-000000"].frames[3])
    lost.unlink()
    assert preview(workspace, SETTINGS)["segments_to_choose_from"] == 1
    run(workspace, SETTINGS)
    assert lost.exists()
    assert scenes_in(workspace) == before


def test_footage_that_is_gone_is_a_failed_row_and_the_run_goes_on(workspace: Workspace) -> None:
    (workspace.root / "footage" / "first.mp4").unlink()
    assert run(workspace, SETTINGS).exit_code == EXIT_SOME_FAILED
    scenes = scenes_in(workspace)
    assert "first.mp4: no such file" in (scenes["first-000000"].error or "")
    assert scenes["first-000000"].frames == ()
    assert scenes["first-000000"].split is None
    assert scenes["second-000000"].error is None


def test_other_settings_replace_a_segments_scene(workspace: Workspace) -> None:
    run(workspace, SETTINGS)
    before = scenes_in(workspace)
    run(workspace, dataclasses.replace(SETTINGS, n_frames=6))
    after = scenes_in(workspace)
    assert {len(row.frames) for row in after.values()} == {6}
    assert all(after[key].scene_id != row.scene_id and after[key].split == row.split for key, row in before.items())


@pytest.mark.parametrize("double", ["again", "early"])
def test_the_same_pictures_in_two_files_are_one_scene_whichever_comes_first(workspace: Workspace, double: str) -> None:
    run(workspace, SETTINGS)
    scene = scenes_in(workspace)["first-000000"]
    add_double(workspace, "first", double)
    run(workspace, SETTINGS)
    rows = scenes_in(workspace)
    owner, other = sorted(["first-000000", f"{double}-000000"])
    assert (rows[owner].scene_id, rows[owner].split, rows[owner].reason) == (scene.scene_id, scene.split, None)
    assert (rows[other].scene_id, rows[other].frames, rows[other].split) == (f"{other}-none", (), None)
    assert rows[other].reason == f"same pictures: segment {owner} gives them too"
    assert preview(workspace, SETTINGS)["segments_to_choose_from"] == 0

    remove(workspace, owner.removesuffix("-000000"))
    run(workspace, SETTINGS)
    assert scenes_in(workspace)[other].scene_id == scene.scene_id
    assert preview(workspace, SETTINGS)["segments_to_choose_from"] == 0


def add_double(workspace: Workspace, name: str, double: str) -> None:
    """The same clip once more, as if from another source."""
    (footage,) = [row for row in read_rows(Footage, workspace.table(Footage)) if row.footage_id == name]
    add_row(workspace, dataclasses.replace(footage, footage_id=double, source_id=f"/card/{double}.mkv", origin=f"/card/{double}.mkv"))
    both: tuple[type[Any], ...] = (Segment, Rain)
    for row_class in both:
        (row,) = [row for row in read_rows(row_class, workspace.table(row_class)) if row.footage_id == name]
        add_row(workspace, dataclasses.replace(row, segment_id=f"{double}-000000", footage_id=double))


def add_row(workspace: Workspace, row: Footage | Segment | Rain) -> None:
    table = workspace.table(type(row))
    write_rows(type(row), table, [*read_rows(type(row), table), row], BY_HAND)


def remove(workspace: Workspace, footage_id: str) -> None:
    all_three: tuple[type[Any], ...] = (Footage, Segment, Rain)
    for row_class in all_three:
        table = workspace.table(row_class)
        write_rows(row_class, table, [row for row in read_rows(row_class, table) if row.footage_id != footage_id], BY_HAND)


def test_too_few_frames_are_rejected_with_the_number(workspace: Workspace) -> None:
    summary = run(workspace, SequencesSettings())
    assert summary.total("rejected") == 2
    row = scenes_in(workspace)["first-000000"]
    # 48 frames at 25 a second: every third one is 0.12 s from the next.
    assert row.reason == "too few good frames: only 16 with rain at least 0.1 s apart (30 needed)"
    assert row.scene_id == "first-000000-none"
    assert (row.frames, row.split, row.error) == ((), None, None)


def test_scenes_of_rejected_rain_are_dropped(workspace: Workspace) -> None:
    run(workspace, SETTINGS)
    rain_diversity.run(workspace, rain_diversity.RainDiversitySettings(concentration=1.0))
    run(workspace, SETTINGS)
    assert scenes_in(workspace) == {}
    rain_diversity.run(workspace)
    assert run(workspace, SETTINGS).total("kept") == 2


def test_a_long_segment_gives_a_scene_for_each_light(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    pictures = rainy_pictures(1, frames=90)
    lighter = [np.clip(picture.astype(int) + 30, 0, 255).astype(np.uint8) for picture in pictures[45:]]
    footage = add_clip(workspace, "clip", [*pictures[:45], *lighter])
    segment = whole(footage)
    (rain,) = rain_diversity.rain_diversity(segment, footage, rain_diversity.RainDiversitySettings(), workspace)
    scenes = sequences(segment, rain, footage, SETTINGS, workspace)
    assert len(scenes) == 2
    for scene, span in zip(sorted(scenes, key=lambda scene: scene.frame_index), (range(45), range(45, 90)), strict=True):
        assert set(scene.frame_index) <= set(span)
    assert len(sequences(segment, rain, footage, dataclasses.replace(SETTINGS, most_scenes=1), workspace)) == 1
    (rejected,) = sequences(segment, rain, footage, SequencesSettings(n_frames=20), workspace)
    assert rejected.reason == "too few good frames: only 15 with rain at least 0.1 s apart in one light (20 needed)"


def test_neighbouring_stills_may_both_be_taken(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    pictures = rainy_pictures(7, frames=16)
    footage = add_clip(workspace, "clip", pictures)
    for index, picture in enumerate(pictures):
        write_png(tmp_path / "footage" / "stills" / f"{index:03d}.png", picture)
    stills = dataclasses.replace(footage, path="footage/stills", media="stills")
    segment = whole(stills)
    (rain,) = rain_diversity.rain_diversity(segment, stills, rain_diversity.RainDiversitySettings(rainy_frames=12), workspace)
    assert rain.reason is None
    settings = SequencesSettings(n_frames=12)
    (scene,) = sequences(segment, rain, stills, settings, workspace)
    assert len(scene.frames) == 12
    for index, stored in zip(scene.frame_index, scene.frames, strict=True):
        assert np.array_equal(read_picture(workspace.resolve(stored), grey=True), pictures[index])
    (rejected,) = sequences(segment, rain, footage, settings, workspace)
    assert rejected.reason is not None


def test_held_out_footage_goes_to_test(workspace: Workspace) -> None:
    run(workspace, dataclasses.replace(SETTINGS, hold_out=("seco*",), val_fraction=0.0, test_fraction=0.0))
    scenes = scenes_in(workspace)
    assert (scenes["first-000000"].split, scenes["second-000000"].split) == ("train", "test")


def test_patterns_name_footage_by_origin_file_name_or_title() -> None:
    footage = Footage("f", "tripod", "id7", "http://127.0.0.1:80/held-1/index.m3u8", "ok", None, title="Rain in May")  # type: ignore[arg-type]
    assert is_held_out(footage, ("*held-*",))
    assert is_held_out(footage, ("nothing", "id?"))
    assert is_held_out(footage, ("index.*",))
    assert is_held_out(footage, ("Rain*",))
    assert not is_held_out(footage, ("held", "rain*"))
    assert not is_held_out(footage, ())


def test_the_key_follows_the_frames_that_rain_and_not_the_splits() -> None:
    segment, rain = Segment("s", "f", 0, 3), Rain("s", "f", frame_raining=(True, True, False), measured_from="m")
    here = measured_from(segment, rain, SETTINGS)
    assert measured_from(segment, dataclasses.replace(rain, frame_raining=(True, False, False)), SETTINGS) != here
    assert measured_from(segment, rain, dataclasses.replace(SETTINGS, gap_s=0.2)) != here
    assert measured_from(segment, rain, dataclasses.replace(SETTINGS, hold_out=("a",), val_fraction=0.3, place_resemblance=0.8)) == here


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="n_frames=1: a scene takes at least 2 frames"):
        SequencesSettings(n_frames=1)
    for name in ("most_scenes", "gap_frames"):
        with pytest.raises(ValueError, match=f"{name}=0.*: at least 1"):
            SequencesSettings(**{name: 0})  # type: ignore[arg-type]
    for name in ("gap_s", "light_range", "rain_change", "val_fraction", "test_fraction"):
        for value in (-0.1, math.nan, math.inf):
            with pytest.raises(ValueError, match=f"{name}: {value} is no number from zero up"):
                SequencesSettings(**{name: value})  # type: ignore[arg-type]
    for value in (0.0, -1.0, 1.1, math.nan):
        with pytest.raises(ValueError, match=f"place_resemblance: {value} is no number above zero to 1"):
            SequencesSettings(place_resemblance=value)
    with pytest.raises(ValueError, match="leave some for training"):
        SequencesSettings(val_fraction=0.5, test_fraction=0.5)


def test_missing_tables_and_rows_are_named_with_the_cure(workspace: Workspace) -> None:
    write_rows(Footage, workspace.table(Footage), read_rows(Footage, workspace.table(Footage))[1:], BY_HAND)
    run(workspace, SETTINGS)
    assert scenes_in(workspace)["first-000000"].error == (
        "rain first-000000: its footage first is not in the footage table; acquire it again"
    )
    workspace.table(Rain).unlink()
    with pytest.raises(InputError, match=r"rain\.parquet: no such table; `curate rain-diversity`"):
        run(workspace, SETTINGS)


def test_measures_have_one_value_a_frame(workspace: Workspace) -> None:
    assert all(len(row.frame_raining) == FRAMES for row in read_rows(Rain, workspace.table(Rain)))
