from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from manifests.checks import check, row_problems
from manifests.errors import InputError
from manifests.files import Provenance, file_sha256, write_rows
from manifests.media import content_sha256, probe, write_png
from manifests.tables import Footage, Scene, Segment
from manifests.workspace import Workspace
from tests.manifests.clips import HEIGHT, WIDTH, encode
from tests.manifests.rows import FOOTAGE, RAIN, SCENE, SEGMENT

BY_HAND = Provenance("by hand")


@pytest.mark.parametrize("row", [FOOTAGE, SEGMENT, RAIN, SCENE], ids=lambda row: type(row).__name__)
def test_sane_rows_pass(row: Any) -> None:
    assert list(row_problems(row)) == []


@pytest.mark.parametrize(
    ("row", "change", "problem"),
    [
        (FOOTAGE, {"source": "usb"}, "source is 'usb'"),
        (FOOTAGE, {"path": None}, "status is ok and path is null"),
        (FOOTAGE, {"error": "x"}, "status is ok and an error is given"),
        (FOOTAGE, {"status": "failed"}, "without an error and its kind"),
        (FOOTAGE, {"duration_s": float("nan")}, "duration_s holds nan"),
        (SEGMENT, {"first_frame": 91}, "turned round"),
        (SEGMENT, {"verdict": None}, "both a verdict and an error, or neither"),
        (SEGMENT, {"verdict": "moving"}, "no reason is given"),
        (RAIN, {"frame_cover": (0.1,)}, "differ in length"),
        (SCENE, {"sha256": ("a",)}, "1 hashes"),
        (SCENE, {"frame_index": (9, 0)}, "does not rise"),
        (SCENE, {"split": None}, "a kept scene has a split"),
        (SCENE, {"reason": "few frames"}, "a kept scene has a split"),
    ],
)
def test_insane_rows_are_told(row: Any, change: dict[str, Any], problem: str) -> None:
    assert any(problem in found for found in row_problems(dataclasses.replace(row, **change)))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One clip, one segment and one scene of two frames, all true."""
    workspace = Workspace(tmp_path)
    clip = tmp_path / "footage" / "clip.mp4"
    clip.parent.mkdir()
    encode(clip, [number / 25 for number in range(20)])
    found = probe(clip)
    row = dataclasses.replace(
        FOOTAGE, path="footage/clip.mp4", sha256=file_sha256(clip), width=WIDTH, height=HEIGHT, frames=20, duration_s=found.duration_s
    )
    picture = np.zeros((8, 10, 3), dtype=np.uint8)
    hashes = tuple(write_png(tmp_path / name, picture) for name in SCENE.frames)
    write_rows(Footage, workspace.table(Footage), [row], BY_HAND)
    write_rows(Segment, workspace.table(Segment), [SEGMENT], BY_HAND)
    write_rows(Scene, workspace.table(Scene), [dataclasses.replace(SCENE, sha256=hashes, width=10, height=8)], BY_HAND)
    return workspace


def test_a_true_workspace_has_no_findings(workspace: Workspace) -> None:
    assert check(workspace, media=True, workers=0) == ({"footage": 1, "segments": 1, "scenes": 1}, [])


def test_keys_that_lead_nowhere_are_found(workspace: Workspace) -> None:
    write_rows(Segment, workspace.table(Segment), [dataclasses.replace(SEGMENT, footage_id="nowhere")], BY_HAND)
    (finding,) = check(workspace)[1]
    assert (finding.table, finding.key, finding.problem) == (
        "segments",
        SEGMENT.segment_id,
        "footage_id nowhere is not in the footage table",
    )


def test_media_gone_changed_or_other_are_found(workspace: Workspace) -> None:
    clip, frame = workspace.root / "footage" / "clip.mp4", workspace.root / SCENE.frames[0]
    frame.unlink()
    content = bytearray(clip.read_bytes())
    content[-1] ^= 1
    clip.write_bytes(content)
    problems = [finding.problem for finding in check(workspace, media=True, workers=0)[1]]
    assert len(problems) == 2
    assert "has changed since it was acquired" in problems[0]
    assert "000000.png is gone" in problems[1]
    clip.unlink()
    write_png(frame, np.ones((8, 11, 3), dtype=np.uint8))
    problems = [finding.problem for finding in check(workspace, media=True, workers=0)[1]]
    assert "clip.mp4 is gone" in problems[0]
    assert "has changed since the scene was made" in problems[1]


def test_a_table_that_cannot_be_read_is_a_finding_and_the_rest_is_checked(workspace: Workspace) -> None:
    workspace.table(Segment).write_bytes(b"rubbish")
    counts, findings = check(workspace)
    assert counts == {"footage": 1, "scenes": 1}
    assert "cannot be read as Parquet" in findings[0].problem


def test_no_tables_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no tables"):
        check(Workspace(tmp_path))


def test_a_still_that_changed_is_found(workspace: Workspace) -> None:
    folder = workspace.root / "footage" / "stills"
    for number in range(3):
        write_png(folder / f"{number}.png", np.full((64, 64, 3), 40 * number, dtype=np.uint8))
    row = dataclasses.replace(FOOTAGE, path="footage/stills", media="stills", sha256=content_sha256(folder), width=64, height=64, frames=3)
    write_rows(Footage, workspace.table(Footage), [row], BY_HAND)
    assert [finding for finding in check(workspace, media=True, workers=0)[1] if finding.table == "footage"] == []
    write_png(folder / "1.png", np.full((64, 64, 3), 41, dtype=np.uint8))
    (found,) = [finding for finding in check(workspace, media=True, workers=0)[1] if finding.table == "footage"]
    assert "has changed since it was acquired" in found.problem


def test_masks_and_clean_pictures_are_opened_too(workspace: Workspace) -> None:
    masked = dataclasses.replace(SEGMENT, mask="masks/one.png")
    write_rows(Segment, workspace.table(Segment), [masked], BY_HAND)
    (finding,) = check(workspace, media=True, workers=0)[1]
    assert (finding.table, finding.key) == ("segments", SEGMENT.segment_id)
    assert "masks/one.png is gone" in finding.problem
    (workspace.root / "masks").mkdir()
    (workspace.root / "masks/one.png").write_bytes(b"no picture")
    (finding,) = check(workspace, media=True, workers=0)[1]
    assert "masks/one.png" in finding.problem
    write_png(workspace.root / "masks/one.png", np.zeros((8, 10), dtype=np.uint8))
    assert check(workspace, media=True, workers=0)[1] == []
