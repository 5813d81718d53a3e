"""Each fault that a server can have ends in its kind, nothing is left half-written, and the README says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import av
import numpy as np
import pytest

from acquire.failures import KINDS
from acquire.youtube import youtube
from manifests.files import read_rows
from manifests.media import probe
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.acquire.youtube import faults
from tests.acquire.youtube.faults import CASES, Case, Stage
from tests.loopback import Fault, serve
from tests.readme import README

FRAMES = 120


def noise_clip(path: Path, seed: int) -> Path:
    """Four seconds, about 150 kB, with the index at the front."""
    noise = np.random.default_rng(seed)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=30, width=96, height=80, pix_fmt="yuv420p", options={"crf": "30", "g": "12"})
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise.integers(0, 256, (80, 96, 3), dtype=np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return noise_clip(folder / "clip.mp4", 1), noise_clip(folder / "other.mp4", 2)


@pytest.fixture
def stage(tmp_path: Path, clips: tuple[Path, Path]) -> Iterator[Stage]:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(clips[0].read_bytes())
    known: dict[str, Fault] = {}
    with serve(folder, known) as url:
        yield Stage(folder, url, known, *clips)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_fault_ends_in_its_kind(case: Case, stage: Stage, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    with case.arrange(stage) as link:
        youtube([link], case.settings, workspace)
    (row,) = read_rows(Footage, workspace.table(Footage))
    assert row.error_kind == case.kind, row.error
    media = [path for path in (workspace.root / "footage").iterdir() if not path.name.startswith(".")]
    if case.kind is not None:
        assert case.shows.casefold() in (row.error or "").casefold()
        assert media == []
        assert row.retryable == KINDS[case.kind].retryable
        return
    assert [workspace.resolve(row.path or "")] == media
    content = media[0].read_bytes()
    assert list((workspace.root / "footage" / ".incoming").glob("*/*")) == []
    if "window" in case.shows:
        assert probe(media[0]).frames == round(case.settings.live_window_s * 30)
    elif "until then" in case.shows:
        assert 30 < probe(media[0]).frames <= FRAMES
    elif "fragment" in case.name:
        assert probe(media[0]).frames == FRAMES
    else:
        assert content == (stage.other if "new" in case.shows else stage.clip).read_bytes()


def test_the_readme_tells_the_same() -> None:
    assert faults.in_markdown() in README.read_text()


def test_a_servers_wish_to_wait_is_in_the_row(stage: Stage, tmp_path: Path) -> None:
    (case,) = (case for case in CASES if case.kind == "rate_limited")
    workspace = Workspace(tmp_path / "work")
    with case.arrange(stage) as link:
        youtube([link], case.settings, workspace)
    (row,) = read_rows(Footage, workspace.table(Footage))
    assert row.next_attempt_at is not None
    assert row.next_attempt_at - row.acquired_at == timedelta(seconds=120)
