"""How much memory the static pass of ten minutes of 1080p takes, and whether it grows."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg

from acquire.simulator.specification import ClipSpecification, RainSpecification
from curate.measuring import measure
from manifests.executors import call_in_child
from manifests.media import Frame, frames
from tests.benchmarks.figure import Figure
from tests.benchmarks.rendered import rendered

MINUTES = 10
PIECE = ClipSpecification(
    name="piece", seed=7, width=1920, height=1080, frames=100, background="street:5", rain=RainSpecification(density=0.02), quality=40
)
LIMIT_MB = 500.0
GROWTH_MB = 20.0  # the series themselves grow by 1 MB a minute or so


def run() -> list[Figure]:
    """The peak, and what is added from the second minute to the last."""
    peak, *by_minute = call_in_child(_megabytes, _ten_minutes(), timeout_s=3600)
    return [
        Figure(f"memory of the static pass of {MINUTES} minutes of 1080p, at its peak", peak, "MB", LIMIT_MB),
        Figure("what it grows by from the second minute to the last", by_minute[-1] - by_minute[1], "MB", GROWTH_MB),
    ]


def _ten_minutes() -> Path:
    """The piece again and again, copied without decoding."""
    piece = rendered(PIECE)
    path = piece.with_name(f"{MINUTES}-minutes.mp4")
    if not path.exists():
        again = round(MINUTES * 60 * PIECE.fps / PIECE.frames) - 1
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-stream_loop", str(again), "-i", str(piece), "-c", "copy"]
        subprocess.run([*command, str(path)], check=True, timeout=600)
    return path


def _megabytes(clip: Path) -> list[float]:
    """The peak, then what is held at the end of each minute of the clip."""
    held: list[float] = []

    def watched() -> Iterator[Frame]:
        for frame in frames(clip, width=320, grey=True):
            if (frame.index + 1) % round(60 * PIECE.fps) == 0:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                held.append(pages * resource.getpagesize() / 1e6)
            yield frame

    measure(watched(), PIECE.width, PIECE.height)
    return [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, *held]
