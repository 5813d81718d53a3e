"""Footage of every kind that a real folder holds, from the card to a short training: what is kept, and the true reason for the rest."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from acquire.simulator.render import render_clip
from acquire.simulator.specification import CameraMove, ClipSpecification, Event, RainSpecification
from manifests.files import read_rows
from manifests.tables import Footage, Rain, Scene, Segment
from manifests.workspace import Workspace

SIZE = {"width": 240, "height": 320}
BUMP = 96
HEAVY = RainSpecification(orientation_deg=92, length_px=22, width_px=1.6, density=0.12, brightness=90)

# One run of the commands serves all tests of this file: they stay in one process.
pytestmark = pytest.mark.xdist_group("stand-ins")

CLIPS = (
    # a phone on a tripod in heavy rain: turned, irregular frame times, low quality that pulses at key frames, knocked near its end
    ClipSpecification(
        "yard",
        1,
        240,
        320,
        104,
        30,
        "coffee",
        HEAVY,
        CameraMove("bump", 4.0, 60, BUMP),
        quality=45,
        variable_frame_rate=True,
        rotation_deg=270,
    ),
    ClipSpecification("photo", 2, 240, 320, 80, 25, "rocket", HEAVY, events=(Event("frozen"),)),
    ClipSpecification("window", 3, 320, 240, 80, 25, "street:3", None, events=(Event("glass"),)),
    ClipSpecification("road", 4, 320, 240, 80, 25, "street:4", None, events=(Event("objects"),)),
    ClipSpecification(
        "drone",
        5,
        320,
        240,
        90,
        25,
        "street:5",
        None,
        CameraMove("pan", 2.5),
        (Event("cut", 30, background="street:6"), Event("cut", 60, background="street:8")),
    ),
    ClipSpecification("handheld", 6, 320, 240, 80, 25, "street:7", None, CameraMove("shake", 6.0)),
)


@dataclass(frozen=True)
class Outcome:
    """The tables that a run left, and the exit codes of its commands."""

    workspace: Workspace
    codes: dict[str, int]
    texts: dict[str, str]
    footage: dict[str, Footage]

    def segments(self, clip: str) -> list[Segment]:
        return [row for row in read_rows(Segment, self.workspace.table(Segment)) if row.footage_id == self.footage[clip].footage_id]

    def rain(self, clip: str) -> list[Rain]:
        return [row for row in read_rows(Rain, self.workspace.table(Rain)) if row.footage_id == self.footage[clip].footage_id]

    def scenes(self, clip: str) -> list[Scene]:
        rows = read_rows(Scene, self.workspace.table(Scene))
        return [row for row in rows if row.footage_id == self.footage[clip].footage_id and row.reason is None and row.error is None]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Render the clips, and run the commands from an empty folder."""
    root = tmp_path_factory.mktemp("stand-ins")
    card, work = root / "card", root / "work"
    card.mkdir()
    work.mkdir()
    for clip in CLIPS:
        render_clip(clip, card / f"{clip.name}.mp4")
    render_clip(ClipSpecification("stamp", 7, 48, 48, 20, 25, "coffee", None, codec="mpeg4", container="avi"), card / "stamp.avi")
    (card / "rubbish.avi").write_bytes(b"RIFF\x00\x01\x00\x00AVI LIST" + bytes(range(256)) * 40)
    codes, texts = {}, {}
    for command in (
        f"acquire tripod {card}",
        "curate static-segments",
        "curate rain-diversity",
        "curate sequences",
        "train fit manifests/scenes.parquet --preset small --steps 3",
    ):
        program, *arguments = command.split()
        result = subprocess.run(
            [str(Path(sys.executable).parent / program), *arguments], cwd=work, capture_output=True, text=True, timeout=200, check=False
        )
        codes[" ".join(command.split()[:2])] = result.returncode
        texts[" ".join(command.split()[:2])] = result.stdout + result.stderr
    workspace = Workspace(work)
    footage = {Path(row.origin).stem: row for row in read_rows(Footage, workspace.table(Footage))}
    return Outcome(workspace, codes, texts, footage)


def test_exit_codes_say_that_two_files_failed_and_all_else_was_done(outcome: Outcome) -> None:
    assert outcome.codes == {
        "acquire tripod": 3,
        "curate static-segments": 0,
        "curate rain-diversity": 0,
        "curate sequences": 0,
        "train fit": 0,
    }, outcome.texts


def test_what_cannot_be_used_is_a_failed_row_with_its_error(outcome: Outcome) -> None:
    stamp, rubbish = outcome.footage["stamp"], outcome.footage["rubbish"]
    assert (stamp.status, stamp.error_kind) == ("failed", "unsupported")
    assert "48x48" in str(stamp.error)
    assert (rubbish.status, rubbish.error_kind) == ("failed", "decode")
    assert rubbish.error
    assert {row.status for name, row in outcome.footage.items() if name not in ("stamp", "rubbish")} == {"ok"}


def test_the_tripod_in_heavy_rain_gives_a_scene_that_ends_at_the_bump(outcome: Outcome) -> None:
    (kept,) = [row for row in outcome.segments("yard") if row.reason is None]
    assert kept.verdict == "static"
    assert kept.first_frame == 0
    assert abs(kept.end_frame - BUMP) <= 3
    (rain,) = outcome.rain("yard")
    assert rain.raining
    assert rain.orientation_deg == pytest.approx(92, abs=4)
    scenes = outcome.scenes("yard")
    assert scenes
    assert all(max(scene.frame_index) < BUMP and len(scene.frames) == 30 for scene in scenes)
    assert (scenes[0].width, scenes[0].height) == (SIZE["width"], SIZE["height"])


@pytest.mark.parametrize("clip", [clip.name for clip in CLIPS if clip.name != "yard"])
def test_nothing_else_gives_a_scene(outcome: Outcome, clip: str) -> None:
    assert outcome.scenes(clip) == []


def test_each_rejection_has_its_true_reason(outcome: Outcome) -> None:
    assert any("frozen" in str(row.reason) for row in outcome.segments("photo"))
    assert all(row.verdict != "static" or row.reason for row in outcome.segments("drone"))
    assert all(row.verdict == "moving" for row in outcome.segments("handheld"))
    (road,) = outcome.segments("road")
    assert (road.verdict, road.reason) == ("static", None)
    (dry,) = outcome.rain("road")
    assert dry.raining is False
    assert dry.reason
    glass = [row.reason for row in outcome.segments("window")] + [row.reason for row in outcome.rain("window")]
    assert any(glass)


def test_training_ran_on_what_was_kept(outcome: Outcome) -> None:
    assert list((outcome.workspace.root / "runs").rglob("*.safetensors"))
