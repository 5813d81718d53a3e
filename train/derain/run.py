"""`train derain`: a trained network on the user's own pictures, folders of pictures and videos, one after the other."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import click
import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from manifests.errors import InputError, first_line
from manifests.files import write_atomically
from manifests.options import Summary
from manifests.video import open_file
from train.checkpoints import load_network
from train.derain.photos import ORIENTATION, Photo, read_photo, write_photo
from train.derain.plan import Existing, Job, plan
from train.derain.streaks import Deraining, derain_samples
from train.derain.videos import VideoResult, derain_video
from train.devices import chosen_device

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Done:
    """One file that was derained; `video` where it is one."""

    job: Job
    video: VideoResult | None = None

    def as_line(self) -> str:
        """In words."""
        if self.video is None:
            return f"{self.job.source} -> {self.job.target}"
        flicker = [self.video.flicker_rainy, self.video.flicker_derained, self.video.flicker_stabilised]
        words = ["rainy", "derained", "stabilised"]
        told = ", ".join(f"{level:.2f} {word}" for level, word in zip(flicker, words, strict=True) if level is not None)
        return f"{self.job.source} -> {self.job.target}: {self.video.frames} frames, flicker {told or 'unknown'} (levels of 255)"

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        paths = {"input": str(self.job.source), "output": str(self.job.target)}
        streaks = {"streaks": str(self.job.streaks)} if self.job.streaks else {}
        return paths | streaks | (dataclasses.asdict(self.video) if self.video else {})


@dataclass(frozen=True)
class Outcome:
    """What a run did."""

    done: list[Done]
    summary: Summary


def derain(
    checkpoint: Path,
    inputs: Sequence[Path],
    output: Path,
    *,
    existing: Existing = "refuse",
    streaks: bool = False,
    stabilise: bool = False,
    precision: Literal["float32", "bfloat16"] = "float32",
    device: str | None = None,
) -> Outcome:
    """Remove the rain of pictures and videos; of folders with all that lies below them.

    `output` is a file for one picture or video where it has such a suffix, else a folder, made where missing. `streaks` writes what was
    taken out beside each output, `stabilise` steadies videos of a static camera. Raises InputError before anything is written when the
    checkpoint or an input is no good, two inputs would give one output, or an output exists that is neither to be overwritten nor skipped.
    A file that cannot be done is told, counted as failed and leaves nothing behind, and the others are done.
    """
    planned = plan(inputs, output, existing=existing, streaks=streaks)
    if planned.passed_over:
        click.echo(
            f"passed over {len(planned.passed_over)} files that are neither picture nor video, such as {planned.passed_over[0]}", err=True
        )
    if planned.there:
        click.echo(f"skipped {len(planned.there)} whose outputs exist, such as {planned.there[0].target}", err=True)
    where = chosen_device(device)
    deraining = Deraining(load_network(checkpoint).to(where), where, PRECISIONS[precision])
    outcome = Outcome([], Summary("pictures and videos"))
    with _progress(planned.jobs) as (begin, advance):
        for job in planned.jobs:
            begin(job)
            try:
                video = _derain_file(deraining, job, advance, stabilise=stabilise)
            except Exception as error:  # whatever a file brings about is that file's failure, and the run goes on
                known = isinstance(error, InputError | OSError | av.FFmpegError)
                told = first_line(error).removeprefix(f"{job.source}: ") if known else f"{type(error).__name__}: {first_line(error)}"
                click.echo(f"{job.source}: {told}", err=True)
                outcome.summary.add("failed", told)
                continue
            for note in video.notes if video else ():
                click.echo(f"{job.source}: {note}", err=True)
            outcome.done.append(Done(job, video))
            outcome.summary.add("kept")
    return outcome


def _derain_file(deraining: Deraining, job: Job, advance: Callable[[], None], *, stabilise: bool) -> VideoResult | None:
    if not job.is_picture:
        return derain_video(deraining, job, stabilise=stabilise, advance=advance)
    _derain_photo(deraining, job)
    advance()
    return None


def _derain_photo(deraining: Deraining, job: Job) -> None:
    photo = read_photo(job.source)
    background, streaks = derain_samples(deraining, photo.colours, photo.orientation)
    with contextlib.ExitStack() as files:
        if job.streaks:
            file = files.enter_context(write_atomically(job.streaks))
            exif = Image.Exif()
            exif[ORIENTATION] = photo.orientation
            write_photo(file, Photo(streaks, about={"exif": exif.tobytes()}), ".png")
            file.flush()  # a disk that is full must tell before the first of both appears
        write_photo(files.enter_context(write_atomically(job.target)), photo.with_colours(background), job.target.suffix)


@contextmanager
def _progress(jobs: Sequence[Job]) -> Iterator[tuple[Callable[[Job], None], Callable[[], None]]]:
    """On stderr: a bar over all frames with the time left on a terminal, a line a file elsewhere.

    Gives what to call at the beginning of a file, and after each frame.
    """
    console = Console(stderr=True)
    columns = (TextColumn("removing rain"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=sum(_expected_frames(job) for job in jobs) if console.is_terminal else None)

        def begin(job: Job) -> None:
            bar.update(task, description=job.source.name)
            if not console.is_terminal:
                console.print(f"removing rain: {job.source.name}", highlight=False, soft_wrap=True)

        yield begin, lambda: bar.advance(task)


def _expected_frames(job: Job) -> int:
    """For the progress bar only: a header's frame count may lie."""
    if job.is_picture:
        return 1
    try:
        with open_file(job.source) as container:
            stream = container.streams.video[0]
            return stream.frames or round((container.duration or 0) / av.time_base * float(stream.average_rate or 25)) or 1
    except (av.FFmpegError, OSError, IndexError, ValueError):
        return 1
