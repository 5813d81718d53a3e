"""What decoding to small grey frames costs, as a multiple of `ffmpeg -threads 1 -f null -` on the same clip, in CPU seconds."""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from pathlib import Path

import imageio_ffmpeg

from acquire.simulator.render import render_clip
from acquire.simulator.specification import ClipSpecification
from manifests.media import frames
from tests.benchmarks.figure import Figure

BOUND = 1.3


def run() -> list[Figure]:
    """Decode one simulated 1080p clip both ways."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        render_clip(ClipSpecification(name="clip", width=1920, height=1080, frames=120, background="street:1"), clip)
        for _ in frames(clip, 0, 2, width=320, grey=True):
            pass  # start-up apart
        ours = min(_our_seconds(clip) for _ in range(3))
        peer = min(ffmpeg_seconds(clip) for _ in range(3))
    return [Figure("decoding 1080p to grey 320 px frames, against ffmpeg's decoding to nothing", ours / peer, "x", BOUND)]


def _our_seconds(clip: Path) -> float:
    start = time.process_time()
    for _ in frames(clip, width=320, grey=True):
        pass
    return time.process_time() - start


def ffmpeg_seconds(clip: Path) -> float:
    """CPU seconds of decoding a clip to nothing, on one thread."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-threads", "1", "-i", str(clip), "-f", "null", "-"]
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
