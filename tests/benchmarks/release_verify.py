"""What checking a release costs, against `sha256sum` and decoding its pictures; and how much memory building and checking take.

The release has the paper's count: 186 scenes of 30 frames, here 480x320, textured, with sensor noise and streaks.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from curate.release.verify import verify
from manifests.files import fingerprint, write_atomically
from manifests.tables import Footage, Rain, Scene, Segment
from tests.benchmarks.figure import Figure
from tests.worlds import World, add_streaks, background, make_world, write_world

SCENES, FRAMES, WIDTH, HEIGHT = 186, 30, 480, 320
WORKERS = 2
VERSION = 1  # of how the pictures are drawn
CACHE = Path(__file__).parents[2] / ".cache" / f"release-{SCENES}x{FRAMES}-{WIDTH}x{HEIGHT}-{VERSION}"
LEAST_SPEED, MOST_GB = 0.8, 1.0
_MEASURED = (
    "import json, resource, sys\n"
    "from curate.cli import main\n"
    "code = main(sys.argv[1:], standalone_mode=False)\n"
    "print(json.dumps([resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]))\n"
)


def run() -> list[Figure]:
    """Build and check in one command each, then check once more beside the peers, in one process."""
    if not (CACHE / "manifests").is_dir():
        _draw(CACHE)
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("manifests", "scenes"):
            (Path(scratch) / name).symlink_to(CACHE / name)
        built_gb = _gigabytes("release", "build", "-C", scratch, "--profile", "own", "--workers", str(WORKERS))
        folder = Path(scratch) / "release" / "0.1.0"
        checked_gb = _gigabytes("release", "verify", str(folder), "--workers", str(WORKERS))
        start = time.process_time()
        assert not verify(folder).findings
        ours = time.process_time() - start
        peers = _sha256sum_s(folder) + _decoding_s(folder)
    measure = f"speed of checking a release of {SCENES} scenes of {FRAMES} frames, as a share of sha256sum's and decoding's alone"
    return [
        Figure(measure, peers / ours, "x", LEAST_SPEED, "at least"),
        Figure("memory of building it, all processes", built_gb, "GB", MOST_GB),
        Figure("memory of checking it, all processes", checked_gb, "GB", MOST_GB),
    ]


def _gigabytes(*arguments: str) -> float:
    """The most memory that a command and its children can have held at one time: each at its own peak."""
    command = [sys.executable, "-c", _MEASURED, *arguments]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    own, child = json.loads(told.splitlines()[-1])
    return (float(own) + WORKERS * float(child)) * 1024 / 1e9


def _sha256sum_s(folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _decoding_s(folder: Path) -> float:
    """Seconds that decoding alone takes, bytes in memory."""
    seconds = 0.0
    for content in _pngs(folder):
        start = time.process_time()
        with Image.open(io.BytesIO(content)) as picture:
            np.asarray(picture)
        seconds += time.process_time() - start
    return seconds


def _pngs(folder: Path) -> Iterator[bytes]:
    for shard in sorted((folder / "shards").iterdir()):
        with tarfile.open(shard) as archive:
            for member in archive:
                content = archive.extractfile(member)
                assert content is not None
                if member.name.endswith(".png"):
                    yield content.read()


def _draw(folder: Path) -> None:
    """A workspace with the scenes, kept for further runs; it appears whole."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    world = make_world(unfinished, scenes=1)
    patterns = world.footage[0], world.segments[0], world.rain[0], world.scenes[0]
    for rows in (world.footage, world.segments, world.rain, world.scenes, world.truth):
        rows.clear()
    for number in range(SCENES):
        _draw_scene(world, number, *patterns)
    write_world(world)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(unfinished / "footage")
    unfinished.rename(folder)


def _draw_scene(world: World, number: int, footage: Footage, segment: Segment, rain: Rain, scene: Scene) -> None:
    rng = np.random.default_rng(number)
    clean = background(WIDTH, HEIGHT, rng)
    name = f"scene-{number:03d}"
    footage_id = fingerprint(name)
    segment_id = f"{footage_id}-000000"
    paths = [f"scenes/{name}/{index:06d}.png" for index in range(FRAMES)]
    noise = rng.integers(-4, 5, clean.shape, dtype=np.int16)
    hashes = []
    for index, path in enumerate(paths):
        rainy = add_streaks(clean, rng, 60 + number / 3, streaks=60, length_px=20) + np.roll(noise, 7 * index, axis=(0, 1))
        done, png = cv2.imencode(".png", np.clip(rainy, 0, 255).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 1])
        assert done
        with write_atomically(world.workspace.root / path) as file:
            file.write(png.tobytes())
        hashes.append(hashlib.sha256(png.tobytes()).hexdigest())
    per_frame = {column: getattr(rain, column)[:1] * FRAMES for column in rain.__dataclass_fields__ if column.startswith("frame_")}
    world.footage.append(replace(footage, footage_id=footage_id, source_id=name, origin=f"{name}.mp4", frames=FRAMES))
    world.segments.append(replace(segment, segment_id=segment_id, footage_id=footage_id, end_frame=FRAMES))
    world.rain.append(replace(rain, segment_id=segment_id, footage_id=footage_id, **per_frame))
    world.scenes.append(
        replace(
            scene,
            scene_id=fingerprint(hashes),
            segment_id=segment_id,
            footage_id=footage_id,
            source_id=name,
            place_id=f"place-{number}",
            split=("train", "train", "train", "val", "test")[number % 5],
            frames=tuple(paths),
            frame_index=tuple(range(FRAMES)),
            pts_s=tuple(float(index) for index in range(FRAMES)),
            sha256=tuple(hashes),
            width=WIDTH,
            height=HEIGHT,
            mask=None,
            median=None,
        )
    )
