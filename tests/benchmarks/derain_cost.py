"""What `train derain` adds to decoding and encoding a video, how fast `small` goes, and whether length or steadying costs memory."""

from __future__ import annotations

import resource
import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import torch

from acquire.simulator.specification import ClipSpecification, RainSpecification
from manifests.executors import call_in_child
from tests.benchmarks.figure import Figure
from tests.benchmarks.rendered import rendered
from train.derain.plan import Job
from train.derain.streaks import Deraining
from train.derain.video_writer import OPTIONS
from train.derain.videos import derain_video
from train.network import build
from train.presets import SMALL

CLIP = ClipSpecification(name="clip", seed=7, width=640, height=360, frames=48, background="street:5", rain=RainSpecification(density=0.02))
LENGTHS = 4  # a long video is so many times the clip
ADDED = 1.75  # times decoding and encoding; of two runs on a busy machine 1.42 and 1.50
STEADIED = 3.0  # 2.49
GROWTH_MB = 30.0


@dataclass(frozen=True)
class Work:
    """What a child does: a clip, with the network `small` or with one that costs nothing, steadied or not."""

    clip: Path
    network: bool = False
    stabilise: bool = False


class _Free(Deraining):
    """Finds no streaks, at no cost."""

    def streaks(self, pictures_BCHW: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(pictures_BCHW[:, 0])


def run() -> list[Figure]:
    """Processor time and memory, each in a process of its own."""
    clip = rendered(CLIP)
    alone, _ = call_in_child(_decode_and_encode, clip, timeout_s=600)
    added, short_mb = call_in_child(_derain, Work(clip), timeout_s=600)
    steadied, steadied_mb = call_in_child(_derain, Work(clip, stabilise=True), timeout_s=600)
    with_network, _ = call_in_child(_derain, Work(clip, network=True), timeout_s=600)
    with tempfile.TemporaryDirectory() as folder:
        long = _repeated(clip, Path(folder) / "long.mp4")
        _, long_mb = call_in_child(_derain, Work(long), timeout_s=600)
    return [
        Figure("derain of 360p video, network apart, against decoding and encoding", added / alone, "x", ADDED),
        Figure("the same, steadied", steadied / alone, "x", STEADIED),
        Figure("decoding and encoding 360p", CLIP.frames / alone, "frames a processor second", None),
        Figure("derain of 360p video with `small`, float32", CLIP.frames / with_network, "frames a processor second", None),
        Figure(f"memory that {LENGTHS} times the length adds", long_mb - short_mb, "MB", GROWTH_MB),
        Figure("memory that steadying adds (a window of frames)", steadied_mb - short_mb, "MB", None),
    ]


def _decode_and_encode(clip: Path) -> tuple[float, float]:
    """Processor seconds and peak memory (MB) of the same through PyAV, with the same encoder."""
    with tempfile.TemporaryDirectory() as folder, av.open(str(clip)) as source, av.open(f"{folder}/out.mp4", "w") as target:
        before = _seconds()
        stream = target.add_stream("libx264", rate=round(CLIP.fps), options=OPTIONS["libx264"])
        stream.width, stream.height, stream.pix_fmt = CLIP.width, CLIP.height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90_000)
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
        return _seconds() - before, _peak_mb()


def _derain(work: Work) -> tuple[float, float]:
    """Processor seconds and peak memory (MB)."""
    torch.set_num_threads(1)
    kind = Deraining if work.network else _Free
    deraining = kind(build(SMALL).eval(), torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        before = _seconds()
        derain_video(deraining, Job(work.clip, Path(folder) / "out.mp4"), stabilise=work.stabilise)
        return _seconds() - before, _peak_mb()


def _repeated(clip: Path, path: Path) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-stream_loop", str(LENGTHS - 1), "-i", str(clip), "-c", "copy", str(path)]
    subprocess.run(command, check=True, timeout=600)
    return path


def _seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
