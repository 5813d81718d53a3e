"""The page shows every scene, every rejected segment and every failure, and needs nothing from outside its folder."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from curate.cli import main
from curate.report.counts import Stage, errors, rejected_segments, stages
from curate.report.page import read_tables, report
from curate.report.roses import rain_rose
from curate.report.sheets import FRAMES_SHOWN, LEFT_OUT, TILE_PX, contact_sheet, thumbnail
from manifests.errors import InputError
from manifests.media import read_picture
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.worlds import World, copy_world, make_world, write_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("made"), frames=11)


@pytest.fixture
def world(tmp_path: Path, made: World) -> World:
    return copy_world(made, tmp_path / "work")


class Page(HTMLParser):
    """Pictures with their texts, links and identifiers of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pictures: dict[str, str] = {}
        self.addresses: list[str] = []
        self.identifiers: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "img":
            self.pictures[found["src"] or ""] = found.get("alt") or ""
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "poster")]
        self.identifiers |= {value or "" for name, value in attrs if name == "id"}
        if tag not in ("img", "meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another tag"


def test_the_page_shows_what_was_kept_rejected_and_failed(world: World) -> None:
    written = report(world.workspace)
    assert (written.scenes, written.rejected, written.undrawn) == (3, 2, ())
    text = written.page.read_text()
    page = Page(text)
    folder = written.page.parent
    for scene in world.scenes[:3]:
        assert f"scenes/{scene.scene_id}.png" in page.pictures
        assert f"scenes/{scene.scene_id}-rose.png" in page.pictures
    for segment in world.segments[3:]:
        assert f"rejected/{segment.segment_id}.png" in page.pictures
    assert all(len(alt) > 10 for alt in page.pictures.values())
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")} == set(page.pictures)
    for said in (
        "3 scenes kept, 33 frames",
        "moving: shift 4.0 px",
        "no rain streaks: concentration 0.1",
        "/home/someone/clips/broken.avi",
        "What is missing",
        "<li>nothing long</li>",
    ):
        assert said in text
    assert page.open == []


def test_the_page_needs_nothing_from_outside(world: World) -> None:
    text = report(world.workspace).page.read_text()
    page = Page(text)
    for address in page.addresses:
        assert (
            address.removeprefix("#") in page.identifiers
            if address.startswith("#")
            else (world.workspace.root / "report" / address).is_file()
        )
    assert "<script" not in text
    assert not re.search(r"@import|url\(|https?://", text)
    assert "prefers-color-scheme: dark" in text


def test_titles_of_others_cannot_write_into_the_page(world: World) -> None:
    world.footage[0] = replace(world.footage[0], origin='https://example.org/<script>alert("1")</script>')
    write_world(world)
    text = report(world.workspace).page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_a_report_replaces_the_pictures_of_the_last_and_nothing_else(world: World) -> None:
    report(world.workspace)
    folder = world.workspace.root / "report"
    (folder / "worst.png").write_bytes(b"of another command")
    gone = world.scenes.pop(0)
    write_world(world)
    report(world.workspace)
    assert not (folder / "scenes" / f"{gone.scene_id}.png").exists()
    assert not (folder / "scenes" / f"{gone.scene_id}-rose.png").exists()
    assert (folder / "scenes" / f"{world.scenes[0].scene_id}.png").exists()
    assert (folder / "worst.png").exists()


def test_pictures_that_are_gone_are_said_and_do_not_stop_the_page(world: World) -> None:
    world.workspace.resolve(world.scenes[0].frames[0]).unlink()
    moving = next(row for row in world.footage if row.source_id == "moving")
    assert moving.path is not None
    for picture in world.workspace.resolve(moving.path).iterdir():
        picture.unlink()
    written = report(world.workspace)
    assert len(written.undrawn) == 2
    text = written.page.read_text()
    assert "pictures of this scene could not be read" in text
    assert "no picture" in text


def test_an_empty_workspace_names_the_table_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"footage\.parquet.*acquire"):
        report(Workspace(tmp_path))
    assert not (tmp_path / "report").exists()


def test_stages_that_have_not_run_are_said(world: World) -> None:
    for name in ("segments", "rain", "scenes"):
        (world.workspace.root / "manifests" / f"{name}.parquet").unlink()
    text = report(world.workspace).page.read_text()
    assert text.count("none yet") == 3
    assert "curate static-segments" in text


def test_counts_by_stage_add_up_and_drop_the_figures_of_reasons(world: World) -> None:
    world.segments[1] = replace(world.segments[1], reason="moving: shift 9.9 px")
    world.segments[2] = replace(world.segments[2], verdict=None, error="took longer than 600 s and was stopped")
    write_world(world)
    tables = read_tables(world.workspace)
    footage, segments, rain, scenes = stages(tables)
    assert footage == Stage("footage", "acquire youtube | tripod", 5, (), (("decode", 1),))
    assert (segments.kept, segments.rejected) == (2, (("moving", 2),))
    assert segments.failed == (("took longer than 600 s and was stopped", 1),)
    assert (rain.kept, rain.rejected) == (3, (("no rain streaks", 1),))
    assert (scenes.kept, scenes.total) == (3, 4)
    assert [stage.total for stage in (footage, segments, rain, scenes)] == [
        len(tables.footage),
        len(tables.segments),
        len(tables.rain),
        len(tables.scenes),
    ]


def test_each_segment_is_rejected_once_and_failures_are_not_rejections(world: World) -> None:
    tables = read_tables(world.workspace)
    found = rejected_segments(tables)
    assert [(entry.stage, entry.footage.source_id) for entry in found] == [("segments", "moving"), ("rain", "dry")]
    assert [(stage, message.partition(":")[0]) for stage, _, message in errors(tables)] == [("footage", "decode")]


def test_a_contact_sheet_holds_frames_median_and_mask(world: World) -> None:
    scene = world.scenes[0]
    sheet = contact_sheet(scene, world.workspace)
    tile_height = round(40 * TILE_PX / 48)
    assert sheet.shape[1] > 5 * TILE_PX
    assert FRAMES_SHOWN == 8
    first = read_picture(world.workspace.resolve(scene.frames[0]))
    tile = sheet[6 : 6 + tile_height, 6 : 6 + TILE_PX]
    np.testing.assert_array_equal(tile[2::5, 2::5], first)  # enlarged five times without smoothing
    last = sheet[-(tile_height + 26) : -26, -(TILE_PX + 6) : -6]
    median = read_picture(world.workspace.resolve(scene.median or ""))
    np.testing.assert_array_equal(last[2::5, 2::5][4:], median[4:])
    np.testing.assert_allclose(last[2::5, 2::5][:4], 0.4 * median[:4] + 0.6 * LEFT_OUT, atol=1)


def test_a_contact_sheet_of_a_scene_without_mask_or_with_two_frames(world: World) -> None:
    scene = world.scenes[0]
    short = replace(scene, frames=scene.frames[:2], frame_index=(0, 1), pts_s=(0.0, 1.0), mask=None, median=None)
    assert contact_sheet(short, world.workspace).shape[1] < 3 * (TILE_PX + 6)


def test_a_thumbnail_shows_the_middle_of_the_segment(world: World) -> None:
    footage = world.footage[0]
    segment = replace(world.segments[0], first_frame=4, end_frame=9, start_s=4.0, end_s=9.0)
    expected = read_picture(world.workspace.root / str(footage.path) / "0006.png")
    np.testing.assert_array_equal(thumbnail(segment, footage, world.workspace), expected)


@pytest.mark.parametrize("orientation", [0.0, 45.0, 90.0, 130.0, 179.0])
def test_a_rose_points_where_the_rain_falls(orientation: float) -> None:
    rose = rain_rose([orientation] * 5, size_px=300).astype(int)
    blue = (rose[..., 2] > rose[..., 0] + 60).nonzero()
    y, x = blue[0] - np.mean(blue[0]), blue[1] - np.mean(blue[1])
    # the axis of the painted pixels' second moments; y grows downwards
    angle = np.rad2deg(0.5 * np.arctan2(-2 * np.mean(x * y), np.mean(x * x) - np.mean(y * y))) % 180
    assert min(abs(angle - orientation), 180 - abs(angle - orientation)) < 5


def test_a_rose_without_rain_is_empty_and_of_the_size_asked_for() -> None:
    rose = rain_rose([], size_px=200, title="nothing")
    assert rose.shape == (200, 200, 3)
    assert not (rose[..., 2].astype(int) > rose[..., 0].astype(int) + 60).any()


def test_footage_without_scenes_makes_a_page(world: World) -> None:
    only = [row for row in world.footage if row.status == "failed"]
    empty = World(world.workspace, only)
    write_world(empty)
    assert "Nothing was rejected" in report(world.workspace).page.read_text()
    assert [row.status for row in read_tables(world.workspace).footage] == ["failed"]
    assert isinstance(only[0], Footage)


def test_the_command_prints_the_page_and_ends_with_3_when_a_picture_is_missing(world: World, tmp_path: Path) -> None:
    def command(folder: Path) -> Result:
        return CliRunner().invoke(main, ["report", "-C", str(folder), "--workers", "0", "--json"])

    whole = command(world.workspace.root)
    assert (whole.exit_code, json.loads(whole.stdout)["scenes"]) == (0, 3)
    world.workspace.resolve(world.scenes[0].frames[0]).unlink()
    partial = command(world.workspace.root)
    assert (partial.exit_code, json.loads(partial.stdout)["not_drawn"]) == (3, 1)
    assert "not drawn: " in partial.stderr
    empty = command(tmp_path / "empty")
    assert empty.exit_code == 1
    assert len(empty.stderr.strip().splitlines()) == 1
