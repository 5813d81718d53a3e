"""What it costs to decide on a thousand segments anew, stage by stage, after their media are gone: whole commands, in CPU seconds.

A few clips go through the whole of curate; what was measured of them is then copied under other names until there are a thousand footages.
Every footage file is removed before the commands run, so a stage that decoded anything would fail its rows. For `sequences` the settings
that choose frames stay, and the scenes share the few clips' pictures.
"""

from __future__ import annotations

import dataclasses
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from acquire.simulator.simulate import SimulateSettings, simulate
from curate import measures, rain_diversity, sequences, static_segments
from manifests.files import Provenance, read_rows, write_rows
from manifests.tables import Footage, Rain, Scene, Segment
from manifests.workspace import Workspace
from tests.benchmarks.figure import Figure

FOOTAGES = 1000
CLIPS = SimulateSettings(clips=5, held_out=0, others=0)
COPIED = Provenance("by hand")
COMMANDS = {  # settings, and the most CPU seconds
    "static-segments": (("shift_px=0.7", "moving_fraction=0.45"), 45.0),
    "rain-diversity": (("concentration=0.56", "cells=0.36"), 5.0),
    "sequences": (("val_fraction=0.2", "place_resemblance=0.8"), 10.0),
}


def run() -> list[Figure]:
    """CPU seconds of each command over a thousand footages."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        simulate(workspace, CLIPS, workers=2)
        for stage in (static_segments, rain_diversity, sequences):
            stage.run(workspace, workers=2)
        _multiply(workspace)
        shutil.rmtree(workspace.root / "footage")
        return [_decided_anew(workspace, command, *how) for command, how in COMMANDS.items()]


def _decided_anew(workspace: Workspace, command: str, changes: tuple[str, ...], bound_s: float) -> Figure:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    settings = [argument for change in changes for argument in ("--set", change)]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "curate"), command, "-C", str(workspace.root), *settings, "--workers", "2"],
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"curate {command} ended with {done.returncode}: {done.stdout}{done.stderr}")
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows = len(read_rows(Segment, workspace.table(Segment)))
    what = f"`curate {command} --set {changes[0]}` over {rows} measured segments without their media"
    return Figure(what, seconds, "s of CPU", bound_s)


def _multiply(workspace: Workspace) -> None:
    """Copy footage, measures, segments, rain and scenes, each under a name of its own."""
    footage = {row.footage_id: row for row in read_rows(Footage, workspace.table(Footage))}
    segments = read_rows(Segment, workspace.table(Segment))
    rains = {row.segment_id: row for row in read_rows(Rain, workspace.table(Rain))}
    scenes: dict[str, list[Scene]] = {}
    for row in read_rows(Scene, workspace.table(Scene)):
        scenes.setdefault(row.segment_id, []).append(row)
    tables: tuple[list[Footage], list[Segment], list[Rain], list[Scene]] = ([], [], [], [])
    for number in range(FOOTAGES):
        original = list(footage.values())[number % len(footage)]
        copy = dataclasses.replace(original, footage_id=f"{number:016x}", sha256=f"{number:064x}", source_id=f"clip-{number}")
        tables[0].append(copy)
        _copy_measures(original, copy, workspace)
        for segment in (row for row in segments if row.footage_id == original.footage_id):
            copied = _copied_segment(segment, copy, workspace)
            tables[1].append(copied)
            if (rain := rains.get(segment.segment_id)) is None:
                continue
            key = rain_diversity.measured_from(copied, rain_diversity.RainDiversitySettings())
            rain = dataclasses.replace(rain, segment_id=copied.segment_id, footage_id=copy.footage_id, measured_from=key)
            tables[2].append(rain)
            tables[3].extend(_copied_scene(row, copied, rain, copy) for row in scenes.get(segment.segment_id, []))
    write_rows(Footage, workspace.table(Footage), tables[0], COPIED)
    write_rows(Segment, workspace.table(Segment), tables[1], COPIED)
    write_rows(Rain, workspace.table(Rain), tables[2], COPIED)
    write_rows(Scene, workspace.table(Scene), tables[3], COPIED)


def _copy_measures(original: Footage, copy: Footage, workspace: Workspace) -> None:
    stored = measures.load(static_segments.measures_path(original, workspace), static_segments.measured_from(original))
    assert stored is not None
    measures.save(stored, static_segments.measures_path(copy, workspace), static_segments.measured_from(copy))


def _copied_segment(segment: Segment, copy: Footage, workspace: Workspace) -> Segment:
    mask = segment.mask
    if mask is not None:
        mask = mask.replace(segment.footage_id, copy.footage_id)
        shutil.copyfile(workspace.resolve(segment.mask or ""), workspace.resolve(mask))
    settings = static_segments.StaticSegmentsSettings()
    return dataclasses.replace(
        segment,
        segment_id=f"{copy.footage_id}-{segment.first_frame:06d}",
        footage_id=copy.footage_id,
        mask=mask,
        measured_from=static_segments.measured_from(copy),
        decided_from=static_segments.decided_from(copy, settings),
    )


def _copied_scene(scene: Scene, segment: Segment, rain: Rain, copy: Footage) -> Scene:
    """The scene under an id of its own; its pictures are those of the original."""
    own_id = f"{segment.segment_id}-none" if not scene.frames else f"{copy.footage_id[-10:]}{scene.scene_id[:6]}"
    return dataclasses.replace(
        scene,
        scene_id=own_id,
        segment_id=segment.segment_id,
        footage_id=copy.footage_id,
        source_id=copy.source_id,
        measured_from=sequences.measured_from(segment, rain, sequences.SequencesSettings()),
    )
