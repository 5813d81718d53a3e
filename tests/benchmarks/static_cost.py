"""What the static pass costs, in CPU seconds, against ffmpeg decoding to nothing and two peers on the same clips; how it scales and grows.

Start-up apart. Two processes are timed by the clock, so that figure wants a machine that does nothing else.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
from scenedetect import ContentDetector, detect

from acquire.simulator.specification import CameraMove, ClipSpecification, RainSpecification
from curate.static_segments import StaticSegmentsSettings, static_segments
from curate.static_segments import run as run_stage
from manifests.files import Provenance, write_rows
from manifests.media import probe
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.benchmarks.decode_cost import ffmpeg_seconds
from tests.benchmarks.figure import Figure
from tests.benchmarks.rendered import rendered

HEAVY = RainSpecification(orientation_deg=80, length_px=60, width_px=2.5, density=0.25, brightness=85)
STATIC_1080P = ClipSpecification(
    name="static-1080p", seed=1, width=1920, height=1080, frames=120, background="street:1", rain=HEAVY, key_frame_interval=60
)
STATIC_360P = ClipSpecification(
    name="static-360p", seed=2, width=640, height=360, frames=400, background="street:2", rain=replace(HEAVY, length_px=25)
)
MOVING_1080P = replace(STATIC_1080P, name="moving-1080p", seed=3, frames=150, camera=CameraMove("pan", 8), key_frame_interval=25)
COPIES = 6


def run() -> list[Figure]:
    """The costs of three clips, the peers' beside them clip by clip and in all, and two processes against one."""
    cv2.setNumThreads(1)
    figures, spent = [], {}
    for specification, bound in ((STATIC_1080P, 1.3), (STATIC_360P, 2.0), (MOVING_1080P, 0.5)):
        clip = rendered(specification)
        spent[specification.name] = seconds = _in_turns(clip)
        ratio = seconds["ours"] / seconds["ffmpeg"]
        figures.append(Figure(f"static pass of {specification.name}, against ffmpeg's decoding to nothing", ratio, "x", bound))
    for peer in PEERS:
        for name, seconds in spent.items():
            figures.append(Figure(f"static pass of {name}, against {peer}", seconds["ours"] / seconds[peer], "x", 1.0))
        ours, theirs = (sum(seconds[who] for seconds in spent.values()) for who in ("ours", peer))
        figures.append(Figure(f"static pass of the three, against {peer}", ours / theirs, "x", 1.0))
    figures.append(Figure("two processes against one, by the clock of a quiet machine", _speed_up(), "x", 1.8, "at least"))
    return figures


def footage_of(clip: Path, name: str) -> Footage:
    """A row as an acquiring command would write it; its content's key is the name."""
    seen = probe(clip)
    return Footage(
        footage_id=name,
        source="simulated",
        source_id=name,
        origin=clip.name,
        status="ok",
        acquired_at=datetime(2026, 1, 1, tzinfo=UTC),
        path=str(clip),
        sha256=name,
        width=seen.width,
        height=seen.height,
        frames=seen.frames,
    )


def _in_turns(clip: Path, turns: int = 3) -> dict[str, float]:
    """The least CPU seconds of each contender, measured in turns so that what else runs slows all of them."""
    contenders: dict[str, Callable[[Path], float]] = {"ours": _ours, "ffmpeg": ffmpeg_seconds, **PEERS}
    _ours(clip)  # start-up apart
    rounds = [{name: seconds(clip) for name, seconds in contenders.items()} for _ in range(turns)]
    return {name: min(each[name] for each in rounds) for name in contenders}


def _ours(clip: Path) -> float:
    footage = footage_of(clip, "clip")
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        rows = static_segments(footage, StaticSegmentsSettings(), Workspace(Path(folder)))
        spent = time.process_time() - start
    assert all(row.error is None for row in rows)
    return spent


def _scene_detect(clip: Path) -> float:
    start = time.process_time()
    detect(str(clip), ContentDetector())
    return time.process_time() - start


def _farneback(clip: Path) -> float:
    """As curation tools score motion: OpenCV's reader, dense flow between neighbouring small grey frames, its mean length."""
    start = time.process_time()
    reader = cv2.VideoCapture(str(clip))
    before, score, (read, frame) = None, 0.0, reader.read()
    while read:
        size = 320, round(320 * frame.shape[0] / frame.shape[1])
        grey = cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        if before is not None:
            flow = cv2.calcOpticalFlowFarneback(before, grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]
            score += float(cv2.magnitude(flow[..., 0], flow[..., 1]).mean())
        before = grey
        read, frame = reader.read()
    reader.release()
    return time.process_time() - start


PEERS: dict[str, Callable[[Path], float]] = {
    "PySceneDetect's ContentDetector": _scene_detect,
    "a Farneback mean flow at 320 px": _farneback,
}


def _speed_up() -> float:
    clip = rendered(STATIC_1080P)
    seconds = []
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace(Path(folder))
            rows = [footage_of(clip, f"copy-{number}") for number in range(COPIES)]
            write_rows(Footage, workspace.table(Footage), rows, Provenance("a benchmark"))
            start = time.perf_counter()
            run_stage(workspace, workers=workers)
            seconds.append(time.perf_counter() - start)
    return seconds[0] / seconds[1]
