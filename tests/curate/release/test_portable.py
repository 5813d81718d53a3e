"""Rows for strangers: nothing of the user's machine, and nothing lost that tells sources apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.release.portable import about_name, frame_name, mask_name, portable_footage, portable_scene, portable_source
from manifests.tables import Footage, Scene
from tests.worlds import NOW

FOOTAGE = Footage("a1", "tripod", "/home/someone/a.mp4", "/home/someone/a.mp4", "ok", NOW, path="footage/a1.mp4")
SCENE = Scene("a1b2", "a1-000000", "a1", "/home/someone/a.mp4", frames=("scenes/x/0.png", "scenes/x/1.png"), mask="scenes/x/mask.png")


@pytest.mark.parametrize(
    ("source_id", "told"),
    [
        ("dQw4w9WgXcQ", "dQw4w9WgXcQ"),
        ("dQw4w9WgXcQ#t=0-60", "dQw4w9WgXcQ#t=0-60"),
        ("https://someone:secret@example.org/a.mp4?x=1", "https://example.org/a.mp4?x=1"),
        ("rain-000", "rain-000"),
    ],
)
def test_public_names_stay(source_id: str, told: str) -> None:
    assert portable_source(source_id) == told


def test_paths_become_names_that_stay_apart() -> None:
    one, other = portable_source("/home/someone/a/rain.mp4"), portable_source("C:\\Users\\someone\\b\\rain.mp4")
    assert one != other
    assert one.startswith("rain.mp4-")
    assert other.startswith("rain.mp4-")
    assert "someone" not in one + other


@given(st.text(min_size=1))
def test_a_portable_source_is_portable(source_id: str) -> None:
    once = portable_source(source_id)
    assert portable_source(once) == once


def test_rows_hold_no_path_and_stay_as_they_are_when_made_portable_again() -> None:
    footage = portable_footage(replace(FOOTAGE, also_at=("/media/card/b.mp4",), parts=("/media/card/1.mp4", "DCIM/2.mp4")))
    assert (footage.origin, footage.path, footage.parts) == ("a.mp4", None, ("1.mp4", "2.mp4"))
    assert not any(word in repr(footage) for word in ("/home", "/media", "someone", "DCIM"))
    assert portable_footage(footage) == footage
    for pixels in (True, False):
        scene = portable_scene(SCENE, pixels)
        assert (scene.frames, scene.mask) == (("scenes/a1b2.00.png", "scenes/a1b2.01.png"), mask_name(SCENE) if pixels else None)
        assert portable_scene(scene, pixels) == scene


def test_names_of_a_scene_share_their_key_and_sort_as_they_lie() -> None:
    many = replace(SCENE, frames=tuple("x" for _ in range(120)))
    names = [*(frame_name(many, number) for number in range(120)), about_name(many), mask_name(many)]
    assert names == sorted(names)
    assert {name.partition(".")[0] for name in names} == {"scenes/a1b2"}
