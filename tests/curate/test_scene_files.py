"""A scene's files: the right frames, lossless, cropped, with their median and mask."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import scene_files
from curate.scene_files import chosen_pictures, temporal_median, write_scene
from manifests.errors import InputError
from manifests.files import file_sha256
from manifests.media import frames, read_picture
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.curate.streaks import Grey
from tests.curate.workspaces import FPS, add_clip, masked, whole


def marked(number: int) -> list[Grey]:
    """Each frame has a grey level of its own."""
    return [np.full((40, 60), 20 + 4 * index, np.uint8) for index in range(number)]


@pytest.fixture
def footage(tmp_path: Path) -> Footage:
    return add_clip(Workspace(tmp_path), "clip", marked(30))


def times(*indices: int) -> list[float]:
    return [index / FPS for index in indices]


def test_the_frames_are_those_asked_for(tmp_path: Path, footage: Footage) -> None:
    workspace = Workspace(tmp_path)
    decoded = [frame.picture for frame in frames(workspace.resolve(footage.path or ""))]
    files = write_scene(
        whole(footage, crop_left=4, crop_top=2, crop_width=50, crop_height=30, mask=masked(workspace, footage, 5)),
        footage,
        [3, 9, 20],
        times(3, 9, 20),
        workspace,
    )
    assert files.frames == tuple(f"scenes/{files.scene_id}/{index:06d}.png" for index in (3, 9, 20))
    for stored, index, sha256 in zip(files.frames, (3, 9, 20), files.sha256, strict=True):
        assert np.array_equal(read_picture(workspace.resolve(stored)), decoded[index][2:32, 4:54])
        assert file_sha256(workspace.resolve(stored)) == sha256
    assert (files.width, files.height) == (50, 30)
    assert files.mask is not None
    mask = read_picture(workspace.resolve(files.mask), grey=True)
    assert mask.shape == (30, 50)
    assert not mask[:3].any()
    assert (mask[3:] == 255).all()
    assert np.array_equal(read_picture(workspace.resolve(files.median)), decoded[9][2:32, 4:54])
    assert sorted(path.name for path in (tmp_path / "scenes").iterdir()) == [files.scene_id]


def test_far_frames_are_found_by_seeking(tmp_path: Path, footage: Footage, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    indices = [1, 2, 14, 29]
    in_one_pass = list(chosen_pictures(footage, indices, times(*indices), workspace))
    monkeypatch.setattr(scene_files, "PASS_GAP_S", 0.1)
    in_three = list(chosen_pictures(footage, indices, times(*indices), workspace))
    decoded = [frame.picture for frame in frames(workspace.resolve(footage.path or ""))]
    for index, one, other in zip(indices, in_one_pass, in_three, strict=True):
        assert np.array_equal(one, decoded[index])
        assert np.array_equal(other, decoded[index])


def test_other_times_than_measured_are_refused(tmp_path: Path, footage: Footage) -> None:
    with pytest.raises(InputError, match=r"frame 9 stands at 0\.360 s, and at 0\.900 s when its rain was measured; has the file changed"):
        list(chosen_pictures(footage, [3, 9], [3 / FPS, 0.9], Workspace(tmp_path)))


def test_media_that_are_gone_are_named(tmp_path: Path, footage: Footage) -> None:
    with pytest.raises(InputError, match="footage clip: has no media; acquire it again"):
        list(chosen_pictures(dataclasses.replace(footage, path=None), [3], [3 / FPS], Workspace(tmp_path)))
    (tmp_path / "footage" / "clip.mp4").unlink()
    with pytest.raises(InputError, match=r"clip\.mp4: no such file"):
        list(chosen_pictures(footage, [3], [3 / FPS], Workspace(tmp_path)))


def test_a_broken_attempt_leaves_no_scene(tmp_path: Path, footage: Footage) -> None:
    segment = whole(footage, mask="masks/gone.png")
    with pytest.raises(InputError, match=r"gone\.png"):
        write_scene(segment, footage, [3, 9], times(3, 9), Workspace(tmp_path))
    assert all(path.name.endswith(".unfinished") for path in (tmp_path / "scenes").iterdir())
    files = write_scene(whole(footage), footage, [3, 9], times(3, 9), Workspace(tmp_path))
    assert [path.name for path in (tmp_path / "scenes").iterdir()] == [files.scene_id]


@given(st.integers(1, 6), st.integers(1, 150), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_median_is_numpys(number: int, height: int, seed: int) -> None:
    pictures = [np.random.default_rng([seed, index]).integers(0, 256, (height, 3, 3), dtype=np.uint8) for index in range(number)]
    assert np.array_equal(temporal_median(pictures), np.rint(np.median(np.stack(pictures), axis=0)).astype(np.uint8))
