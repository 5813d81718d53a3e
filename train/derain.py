"""`train derain`: a trained network on the user's own pictures, folders of pictures and videos.

One frame is in memory at a time, and whole, so length costs no memory and size does: beside its weights the network needs about 0.06 GB
times its width for each megapixel (measured: 3.5 GB at width 64, 0.9 GB at width 16). Pictures are 8-bit RGB or grey and keep their file
type; videos come out as H.264 with their frame times. Outputs appear whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import numpy.typing as npt
import torch
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from manifests.errors import InputError, first_line
from manifests.files import write_atomically
from manifests.media import PICTURE_SUFFIXES, Frame, Picture, frames, read_picture, still_paths
from manifests.options import Summary
from manifests.video import open_file
from train.checkpoints import load_network
from train.inference import remove_rain
from train.metrics import as_8_bit
from train.network import DerainingNetwork

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp"}
)
VIDEO_TICKS = 90_000  # a second; the MPEG clock, in which every common frame rate is exact to 0.01 ms
VIDEO_OPTIONS = {"crf": "12", "preset": "medium"}  # visually lossless
JPEG_OPTIONS: dict[str, Any] = {"quality": 95, "subsampling": 0}

Background = npt.NDArray[np.float32]  # intensities in [0, 1], HWC RGB or HW grey
Derain = Callable[[Picture], Background]


@dataclass(frozen=True, slots=True)
class Job:
    """One file in, one file out."""

    source: Path
    target: Path


def derain(checkpoint: Path, inputs: Sequence[Path], output: Path, *, overwrite: bool = False) -> Summary:
    """Remove the rain of pictures and videos; folders are searched at their top level for pictures and videos.

    `output` is a file for one picture or video where it has such a suffix, else a folder, made where missing. Raises InputError before
    anything is written when an input is missing, two inputs would give one output, or an output exists and `overwrite` is not given.
    A file that cannot be done is counted as failed, and the others are done.
    """
    jobs = plan(inputs, output, overwrite=overwrite)
    network = load_network(checkpoint).to("cuda" if torch.cuda.is_available() else "cpu")
    summary = Summary("pictures and videos")
    with _progress(jobs) as (begin, advance):
        for job in jobs:
            begin(job)
            try:
                _derain_file(job, lambda picture: advance(derain_picture(network, picture)))
                summary.add("kept")
            except (InputError, OSError, av.FFmpegError) as error:
                click.echo(f"{job.source}: {first_line(error)}", err=True)
                summary.add("failed", first_line(error).removeprefix(f"{job.source}: "))
    return summary


def plan(inputs: Sequence[Path], output: Path, *, overwrite: bool) -> list[Job]:
    """Which file becomes which. Raises InputError as `derain` does."""
    single = len(inputs) == 1 and not inputs[0].is_dir() and _is_media(output)
    jobs = [Job(inputs[0], output)] if single else [job for path in inputs for job in _jobs_of(path, output)]
    taken: dict[Path, Path] = {}
    for job in jobs:
        if not job.source.exists():
            raise InputError(f"{job.source}: no such file; name pictures, videos or folders of them")
        if job.target in taken:
            raise InputError(f"{job.source}: would be written to {job.target}, and so would {taken[job.target]}; use two output folders")
        if job.target.exists() and job.target.samefile(job.source):
            raise InputError(f"{job.source}: the output is the input itself; choose another output folder")
        if job.target.exists() and not overwrite:
            raise InputError(f"{job.target}: exists; give --overwrite, or another output folder")
        taken[job.target] = job.source
    return jobs


def derain_picture(network: DerainingNetwork, picture: Picture) -> Background:
    """The background of an 8-bit picture, HWC RGB or HW grey: intensities in [0, 1] of the same shape, not quantised."""
    device = next(network.parameters()).device
    planes_CHW = picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)
    pictures_BCHW = torch.from_numpy(np.divide(planes_CHW, 255, dtype=np.float32)).to(device)[None]
    try:
        background_BCHW, _ = remove_rain(network, pictures_BCHW)
    except (RuntimeError, MemoryError) as error:
        if "memory" not in str(error) and not isinstance(error, MemoryError):
            raise
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        raise InputError(f"a picture of {size} px needs more memory than there is; scale or cut it, or take a narrower network") from error
    background_CHW = background_BCHW[0].cpu().numpy()
    return np.ascontiguousarray(background_CHW[0] if picture.ndim == 2 else background_CHW.transpose(1, 2, 0))


def _derain_file(job: Job, derain_one: Derain) -> None:
    if job.source.suffix.lower() in PICTURE_SUFFIXES:
        _write_picture(job.target, as_8_bit(derain_one(_read_8_bit(job.source))))
    else:
        _write_video(job.target, (Frame(rainy.index, rainy.pts_s, as_8_bit(derain_one(rainy.picture))) for rainy in frames(job.source)))


@contextmanager
def _progress(jobs: Sequence[Job]) -> Iterator[tuple[Callable[[Job], None], Callable[[Background], Background]]]:
    """On stderr: a bar over all frames with the time left on a terminal, a line a file elsewhere.

    Gives what to call at the beginning of a file, and what to pass each background through.
    """
    console = Console(stderr=True)
    columns = (TextColumn("removing rain"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=sum(_expected_frames(job.source) for job in jobs))

        def begin(job: Job) -> None:
            bar.update(task, description=job.source.name)
            if not console.is_terminal:
                console.print(f"removing rain: {job.source.name}", highlight=False, soft_wrap=True)

        def advance(background: Background) -> Background:
            bar.advance(task)
            return background

        yield begin, advance


def _expected_frames(path: Path) -> int:
    """For the progress bar only: a header's frame count may lie."""
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return 1
    try:
        with open_file(path) as container:
            stream = container.streams.video[0]
            return stream.frames or round((container.duration or 0) / av.time_base * float(stream.average_rate or 25)) or 1
    except (av.FFmpegError, OSError, IndexError):
        return 1


def _jobs_of(path: Path, folder: Path) -> list[Job]:
    if not path.is_dir():
        return [Job(path, folder / _target_name(path))]
    videos = sorted(file for file in path.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES)
    files = [*still_paths(path), *videos]
    if not files:
        raise InputError(f"{path}: holds no pictures and no videos; name a folder that does")
    return [Job(file, folder / _target_name(file)) for file in files]


def _target_name(source: Path) -> str:
    return source.name if source.suffix.lower() in PICTURE_SUFFIXES else f"{source.stem}.mp4"


def _is_media(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES and not path.is_dir()


def _read_8_bit(path: Path) -> Picture:
    """Raises InputError where converting to 8-bit RGB or grey would lose something: 16 bit, floats, transparency."""
    try:
        with Image.open(path) as picture:
            mode, transparent = picture.mode, "transparency" in picture.info
    except Exception as error:  # Pillow raises many classes for damaged files
        raise InputError(f"{path}: cannot be read as a picture ({first_line(error)}); mend it or take it out") from error
    if mode not in ("L", "RGB", "P", "CMYK", "YCbCr", "1") or transparent:
        raise InputError(f"{path}: holds {mode} pixels; only 8-bit grey or RGB without transparency can be read, so convert it first")
    return read_picture(path, grey=mode in ("L", "1"))


def _write_picture(path: Path, picture: Picture) -> None:
    kind = Image.registered_extensions()[path.suffix.lower()]
    with write_atomically(path) as file:
        Image.fromarray(picture).save(
            file, format=kind, **(JPEG_OPTIONS if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {})
        )


def _write_video(path: Path, pictures: Iterator[Frame]) -> None:
    """H.264 of high quality in MP4 (or what the suffix names), each frame at its own time."""
    first = next(pictures, None)
    if first is None:
        raise InputError("no frame decodes; the file is empty or damaged")
    height, width = first.picture.shape[:2]
    kind = {".mkv": "matroska", ".mov": "mov"}.get(path.suffix.lower(), "mp4")
    with write_atomically(path) as file, av.open(file, "w", format=kind) as container:
        stream = container.add_stream("libx264", options=VIDEO_OPTIONS)
        stream.width, stream.height = width, height
        # 4:2:0 is what players expect; only even sizes have it
        stream.pix_fmt = "yuv420p" if width % 2 == height % 2 == 0 else "yuv444p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, VIDEO_TICKS)
        stream.codec_context.colorspace, stream.codec_context.color_range = Colorspace.ITU709, ColorRange.MPEG
        for frame in _chained(first, pictures):
            encodable = av.VideoFrame.from_ndarray(frame.picture, format="rgb24").reformat(
                format=stream.pix_fmt, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            encodable.pts, encodable.time_base = round(frame.pts_s * VIDEO_TICKS), Fraction(1, VIDEO_TICKS)
            container.mux(stream.encode(encodable))
        container.mux(stream.encode())


def _chained(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest
