"""The coverage table counts every frame once, and its words are true: what they call missing is, and what is missing they call so."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.cli import main
from curate.report.counts import Tables
from curate.report.coverage import HARDLY, SCALES, UNLIKELY, FrameLook, cell_of, coverage, frame_looks, missing, rows, table, told
from tests.worlds import make_world, write_world

LOOKS = st.builds(
    FrameLook,
    scene_id=st.sampled_from("abc"),
    orientation_deg=st.floats(0, 180),
    length_px=st.floats(1, 120),
    width_px=st.floats(0.3, 8),
    cover=st.floats(0, 0.5),
)


def look(orientation_deg: float = 90, length_px: float = 20, width_px: float = 2, cover: float = 0.05, scene_id: str = "a") -> FrameLook:
    return FrameLook(scene_id, orientation_deg, length_px, width_px, cover)


@pytest.mark.parametrize(
    ("frame", "cell"),
    [
        (look(), ("upright", "medium", "slender", "moderate")),
        (look(orientation_deg=104.9), ("upright", "medium", "slender", "moderate")),
        (look(orientation_deg=105.1), ("left 15-30°", "medium", "slender", "moderate")),
        (look(orientation_deg=74.9), ("right 15-30°", "medium", "slender", "moderate")),
        (look(orientation_deg=40.0, cover=0.3), ("right 45-90°", "medium", "slender", "heavy")),
        (look(orientation_deg=179.0, cover=0.01), ("left 45-90°", "medium", "slender", "light")),
        (look(orientation_deg=-50.0), ("left 30-45°", "medium", "slender", "moderate")),
        (look(length_px=14.9), ("upright", "short", "stout", "moderate")),
        (look(length_px=40), ("upright", "long", "fine", "moderate")),
    ],
)
def test_a_frame_lies_in_the_cell_of_its_look(frame: FrameLook, cell: tuple[str, ...]) -> None:
    assert tuple(SCALES[name][place] for name, place in zip(SCALES, cell_of(frame), strict=True)) == cell


@given(st.lists(LOOKS, max_size=60))
@settings(max_examples=60, deadline=None)
def test_every_frame_is_counted_once(looks: list[FrameLook]) -> None:
    found = coverage(looks)
    assert found.total == len(looks) == sum(sum(numbers) for *_, numbers in table(found))
    assert [row["frames"] for row in rows(found)] == [found.frames[cell] for cell in sorted(found.frames)]
    for cell, scenes in found.scenes.items():
        assert scenes == len({frame.scene_id for frame in looks if cell_of(frame) == cell})
    assert coverage(reversed(looks)) == found


def _classes_said(words: str) -> list[tuple[str, str]]:
    return [(name, word) for name in ("size", "shape", "density") for word in SCALES[name] if word in words.split("(")[0].split()]


@given(st.lists(LOOKS, min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_what_is_missing_is_said_and_what_is_said_is_missing(looks: list[FrameLook]) -> None:
    found = coverage(looks)
    gaps = missing(found)
    cells = [{name: SCALES[name][place] for name, place in zip(SCALES, cell_of(frame), strict=True)} for frame in looks]
    without_orientation = [set(_classes_said(gap)) for gap in gaps if "°" not in gap and "lean" not in gap and "upright" not in gap]
    for said in without_orientation:
        assert sum(said <= set(cell.items()) for cell in cells) <= HARDLY * len(looks)
    for one, other in combinations(("size", "shape", "density"), 2):
        for first in SCALES[one]:
            for second in SCALES[other]:
                pair = {one: first, other: second}
                empty = not any(pair.items() <= cell.items() for cell in cells)
                if empty and pair not in UNLIKELY:
                    assert any(said <= set(pair.items()) for said in without_orientation), pair


def test_gaps_are_said_in_words_and_wide_ones_once() -> None:
    everything = [
        look(90 + tilt, length, length / shape, cover)
        for tilt in (-50, -35, -20, 0, 20, 35, 50)
        for length in (10, 25, 60)
        for shape in (5, 12, 30)
        for cover in (0.01, 0.05, 0.2)
    ]
    assert missing(coverage(everything)) == []
    light_when_oblique = [frame for frame in everything if frame.cover < 0.1 or abs(frame.orientation_deg - 90) < 30]
    assert missing(coverage(light_when_oblique)) == ["nothing heavy beyond 30°"]
    only_left = [frame for frame in everything if frame.orientation_deg >= 90]
    assert missing(coverage(only_left)) == ["nothing leaning right"]
    nothing_heavy_and_long = [frame for frame in everything if not (frame.cover > 0.1 and frame.length_px > 40)]
    assert missing(coverage(nothing_heavy_and_long)) == ["nothing heavy and long"]
    assert missing(coverage([*nothing_heavy_and_long * 4, look(90, 60, 4, 0.2)])) == ["hardly anything heavy and long (1 frame)"]
    assert missing(coverage([])) == []


def test_looks_are_those_of_the_chosen_frames(tmp_path: Path) -> None:
    world = make_world(tmp_path, frames=11)
    scene, segment = world.scenes[0], replace(world.segments[0], first_frame=100, end_frame=111)
    rain = replace(world.rain[0], frame_orientation_deg=(None, *world.rain[0].frame_orientation_deg[1:]))
    tables = Tables(world.footage, [segment], [rain], [replace(scene, frame_index=(100, 103, 110, 300))])
    assert [(frame.orientation_deg, frame.length_px) for frame in frame_looks(tables)] == [(63.0, 9.0), (70.0, 9.0)]
    assert frame_looks(Tables(world.footage)) == []


def test_the_command_prints_the_table_and_the_gaps(tmp_path: Path) -> None:
    world = make_world(tmp_path / "work", frames=11)
    here = ["report", "--coverage", "-C", str(world.workspace.root)]
    text = CliRunner().invoke(main, here).stdout
    assert text.startswith("frames of kept scenes: 33\n")
    assert "\nmissing:\n  nothing " in text
    *cells, summary = [json.loads(line) for line in CliRunner().invoke(main, [*here, "--json"]).stdout.splitlines()]
    assert sum(cell["frames"] for cell in cells) == summary["frames"] == 33
    assert set(cells[0]) == {*SCALES, "frames", "scenes"}
    assert "  " + summary["missing"][0] in text
    assert not (world.workspace.root / "report").exists()
    world.scenes.clear()
    write_world(world)
    assert "no rain was measured" in CliRunner().invoke(main, here).stdout
    assert told(coverage([])).endswith("makes scenes")
