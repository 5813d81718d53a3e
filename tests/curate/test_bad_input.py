"""Files as bad as they come, from a card to segments: each ends in a row with its reason or error, and the run goes on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from click.testing import CliRunner

from acquire.cli import main as acquire
from curate.cli import main as curate
from manifests.files import Provenance, read_rows, write_rows
from manifests.tables import Footage, Segment
from manifests.workspace import Workspace

Maker = Callable[[Path], None]


def ffmpeg(*arguments: str, size: str = "96x64", rate: float = 25, seconds: float = 2) -> Maker:
    """A test picture that moves, made by ffmpeg's own generator and encoded as the arguments say."""

    def make(path: Path) -> None:
        source = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, *arguments, str(path)]
        subprocess.run(command, check=True, timeout=60)

    return make


def sound(path: Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "sine=duration=1", str(path)]
    subprocess.run(command, check=True, timeout=60)


def written(content: bytes) -> Maker:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def cut(*arguments: str) -> Maker:
    """The first half of a file."""

    def make(path: Path) -> None:
        ffmpeg(*arguments)(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return make


def flipped(path: Path) -> None:
    """A bit in a hundred bytes is another, but for the head and the tail that tell what the file is."""
    ffmpeg()(path)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    places = np.random.default_rng(0).integers(len(content) // 10, len(content) // 2, len(content) // 100)
    content[places] ^= 16
    path.write_bytes(content.tobytes())


def jumping(path: Path) -> None:
    """Frame times that go back and forth."""
    order = [0, 1, 2, 5, 4, 3, 6, 9, 8, 7, *range(10, 60)]
    straight = path.with_suffix(".avi")
    ffmpeg("-c:v", "mjpeg", "-frames:v", "60", seconds=3)(straight)
    with av.open(str(straight)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(source.streams.video[0])):
            if packet.size:
                packet.pts, packet.dts = order[number] + 3, number
                packet.stream = stream
                target.mux(packet)
    straight.unlink()


# What becomes of each: the words of its error when acquired, or how many frames it has.
BAD: dict[str, tuple[Maker, str | int]] = {
    "empty.mp4": (written(b""), "cannot be opened as video"),
    "words.mp4": (written(b"no video at all, " * 50), "cannot be opened as video"),
    "sound.mp4": (sound, "holds no video stream"),
    "small.mp4": (ffmpeg(size="16x16"), "16x16 px, and a side must have at least 64 px"),
    "cut.mp4": (cut(), "cannot be opened as video"),
    "cut-faststart.mp4": (cut("-movflags", "faststart", "-g", "10"), "decoding fails"),
    "cut.mkv": (cut("-g", "10"), "breaks off"),
    "one-frame.mp4": (ffmpeg("-frames:v", "1"), 1),
    "two-frames.mp4": (ffmpeg("-frames:v", "2"), 2),
    "slow.mp4": (ffmpeg(rate=1, seconds=40), 40),
    "fast.mp4": (ffmpeg(rate=240, seconds=0.5), 120),
    "huge.mp4": (ffmpeg("-frames:v", "2", "-preset", "ultrafast", size="7680x4320"), 2),
    "odd.mkv": (ffmpeg("-c:v", "ffv1", "-pix_fmt", "yuv444p", size="97x65"), 50),
    "ten-bit.mkv": (ffmpeg("-c:v", "ffv1", "-pix_fmt", "yuv420p10le"), 50),
    "full-colour.mp4": (ffmpeg("-pix_fmt", "yuv444p"), 50),
    "interlaced.mpg": (ffmpeg("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-b:v", "2M"), 50),
    "no-times.avi": (ffmpeg("-c:v", "libx264"), 50),
    "jumping.mkv": (jumping, 60),
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workspace after both commands."""
    card = tmp_path_factory.mktemp("card")
    for name, (make, _) in BAD.items():
        make(card / name)
    flipped(card / "flipped.mp4")
    root = tmp_path_factory.mktemp("workspace")
    taken = CliRunner().invoke(acquire, ["tripod", str(card), "-C", str(root), "--workers", "1"])
    assert taken.exit_code == 3, taken.output
    judged = CliRunner().invoke(curate, ["static-segments", "-C", str(root), "--workers", "1"])
    assert judged.exit_code == 0, judged.output
    return Workspace(root)


def footage_of(workspace: Workspace, name: str) -> Footage:
    (row,) = [row for row in read_rows(Footage, workspace.table(Footage)) if Path(row.origin).name == name]
    return row


def segments_of(workspace: Workspace, footage: Footage) -> list[Segment]:
    rows = [row for row in read_rows(Segment, workspace.table(Segment)) if row.footage_id == footage.footage_id]
    return sorted(rows, key=lambda row: row.first_frame)


@pytest.mark.parametrize("name", BAD)
def test_each_bad_file_ends_in_a_row_that_says_why(name: str, workspace: Workspace) -> None:
    outcome = BAD[name][1]
    footage = footage_of(workspace, name)
    segments = segments_of(workspace, footage)
    if isinstance(outcome, str):
        assert footage.status == "failed"
        assert outcome in str(footage.error)
        assert name in str(footage.error)
        assert segments == []
        return
    assert (footage.status, footage.frames) == ("ok", outcome)
    assert (segments[0].first_frame, segments[-1].end_frame) == (0, outcome)
    assert all(before.end_frame == after.first_frame for before, after in pairwise(segments))
    assert all(row.error is None and row.verdict is not None for row in segments)
    if outcome < 30:
        assert all(row.reason is not None for row in segments)


def test_flipped_bits_end_in_rows_whatever_the_decoder_makes_of_them(workspace: Workspace) -> None:
    footage = footage_of(workspace, "flipped.mp4")
    assert footage.status == "ok" or footage.error
    assert bool(segments_of(workspace, footage)) == (footage.status == "ok")


def test_what_is_damaged_after_it_was_acquired_is_an_error_and_no_verdict(workspace: Workspace, tmp_path: Path) -> None:
    names = ("fast.mp4", "ten-bit.mkv", "odd.mkv", "full-colour.mp4")
    here = Workspace(tmp_path)
    shutil.copytree(workspace.root / "footage", tmp_path / "footage")
    rows = {name: footage_of(workspace, name) for name in names}
    write_rows(Footage, here.table(Footage), list(rows.values()), Provenance("a test"))
    damaged = {name: row for name, row in rows.items() if name != "full-colour.mp4"}
    paths = {name: here.resolve(str(row.path)) for name, row in damaged.items()}
    paths["fast.mp4"].write_bytes(b"overwritten")
    paths["ten-bit.mkv"].unlink()
    paths["odd.mkv"].write_bytes(paths["odd.mkv"].read_bytes()[:2000])
    judged = CliRunner().invoke(curate, ["static-segments", "-C", str(tmp_path), "--workers", "0"])
    assert judged.exit_code == 3, judged.output
    for name, row in damaged.items():
        (segment,) = segments_of(here, row)
        assert paths[name].name in str(segment.error)
        assert (segment.verdict, segment.reason) == (None, None)
    assert all(row.error is None for row in segments_of(here, rows["full-colour.mp4"]))
