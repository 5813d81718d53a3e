"""Videos without their rain, streamed: a few frames are in memory at a time, however long the video is.

Streaks are subtracted from the stored luma; colour, depth, rotation tag, times and sound stay as they are. Decoding, the network and
encoding work side by side. A colour network's streaks are taken from luma by their mean.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from manifests.errors import InputError
from manifests.files import write_atomically
from manifests.video import declared_duration_s, opened, timed
from train.derain.ahead import ahead
from train.derain.flicker import Flicker
from train.derain.luma_planes import Luma, encodable, intensities, luma_plane, luma_range, put_luma, rgb
from train.derain.plan import Job
from train.derain.stabilise import Steadied, steadied
from train.derain.streaks import Deraining, Floats, subtracted, upright
from train.derain.video_writer import CopiedStreams, VideoWriter, output_container

AHEAD_FRAMES = 4  # made before they are asked for, of decoded ones and of derained ones
BATCH_PIXELS = 4_000_000  # that a GPU gets at once
ORIENTATION_OF_TURN = {0: 1, 90: 8, 180: 3, 270: 6}  # degrees counter-clockwise that make stored frames upright, as EXIF has it


@dataclass(frozen=True, slots=True)
class VideoResult:
    """What was found while a video was derained. Flicker in levels of 8 bits; None where it cannot be told."""

    frames: int
    flicker_rainy: float | None
    flicker_derained: float | None
    flicker_stabilised: float | None = None  # None also without stabilisation
    stabilised_frames: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Frame:
    time_s: float
    stored: av.VideoFrame
    rainy: Luma
    derained: Luma
    streaks: Luma


def derain_video(deraining: Deraining, job: Job, *, stabilise: bool = False, advance: Callable[[], object] = int) -> VideoResult:
    """Derain one video into `job.target`, which appears whole or not at all; `advance` is called after each frame.

    Raises InputError when the source cannot be decoded to its end, changes its size, or has sound that the target cannot hold.
    """
    notes: list[str] = []
    with contextlib.ExitStack() as open_:
        container = open_.enter_context(opened(job.source))
        if deraining.device.type == "cuda":
            container.streams.video[0].thread_type = "AUTO"  # one thread decodes slower than a GPU derains
        decoded = ahead(_decoded(container, job.source, notes), AHEAD_FRAMES)
        frames = open_.enter_context(contextlib.closing(ahead(_derained(deraining, decoded), AHEAD_FRAMES)))
        first = next(frames, None)
        if first is None:
            raise InputError("no frame decodes; the file is empty or damaged")
        outputs = open_.enter_context(_outputs(job, container, first, notes))
        bits = first.stored.format.components[0].bits
        flicker = Flicker(bits)
        count = stands = 0
        last_s = first.time_s
        for shown in _shown(itertools.chain([first], frames), bits, stabilise=stabilise):
            frame = shown.item
            flicker.add(frame.derained, frame.rainy, *([shown.luma] if stabilise else []))
            outputs.write(frame, shown.luma)
            count, stands, last_s = count + 1, stands + shown.stands, frame.time_s
            advance()
        _check_whole(container, last_s - first.time_s)
        outputs.finish()
    derained, rainy, *stabilised = flicker.levels()
    if not stabilise:
        return VideoResult(count, rainy, derained, notes=tuple(notes))
    if stands < count:
        notes.append(f"the camera moves in {count - stands} of {count} frames: those are not stabilised")
    return VideoResult(count, rainy, derained, stabilised[0], stands, tuple(notes))


def _decoded(container: av.container.InputContainer, path: Path, notes: list[str]) -> Iterator[tuple[float, av.VideoFrame]]:
    """Frames that can be encoded, with their times by the file's clock."""
    form = None
    damaged = 0
    for entry in timed(container, path, origin=0.0):
        frame = entry.item
        form = form or (frame.width, frame.height, frame.format.name)
        if (frame.width, frame.height, frame.format.name) != form:
            raise InputError(f"the picture changes its size or format at {entry.time_s:.2f} s; cut the file there")
        damaged += frame.is_corrupt
        yield entry.time_s, encodable(frame, notes)
    if damaged:
        notes.append(f"{damaged} frames are damaged and were patched up by the decoder")


def _derained(deraining: Deraining, frames: Iterator[tuple[float, av.VideoFrame]]) -> Iterator[_Frame]:
    """One at a time on a CPU, several at once on a GPU."""
    see = rgb if deraining.sees_colour else intensities
    for first in frames:
        room = BATCH_PIXELS // (first[1].width * first[1].height) if deraining.device.type == "cuda" else 1
        batch = [first, *itertools.islice(frames, max(0, room - 1))]
        orientation = ORIENTATION_OF_TURN[round(first[1].rotation) % 360]
        seen_BCHW = np.stack([upright(see(frame), orientation) for _, frame in batch])
        for (time_s, frame), found_HW in zip(batch, deraining.streaks(seen_BCHW), strict=True):
            streaks_HW = np.empty((frame.height, frame.width), np.float32)
            upright(streaks_HW[..., None], orientation)[0] = found_HW
            yield _frame(time_s, frame, streaks_HW)


def _frame(time_s: float, stored: av.VideoFrame, streaks_HW: Floats) -> _Frame:
    rainy = luma_plane(stored).copy()
    black, white = luma_range(stored)
    streaks = streaks_HW * (white - black)
    shown = np.rint(np.clip(black + streaks, black, white)).astype(rainy.dtype)
    return _Frame(time_s, stored, rainy, subtracted(rainy, streaks, black, white), shown)


def _shown(frames: Iterator[_Frame], bits: int, *, stabilise: bool) -> Iterator[Steadied[_Frame]]:
    if stabilise:
        return steadied(((frame, frame.derained) for frame in frames), bits)
    return (Steadied(frame, frame.derained, stands=False) for frame in frames)


def _check_whole(container: av.container.InputContainer, decoded_s: float) -> None:
    """Raises InputError when much less decodes than the header states: a file that was cut off may end without an error."""
    declared_s = declared_duration_s(container)
    if declared_s is not None and declared_s - decoded_s > max(1.0, 0.1 * declared_s):
        raise InputError(
            f"breaks off: {decoded_s:.2f} s decode of the {declared_s:.2f} s that its header states; cut the file there, or fetch it anew"
        )


@dataclass(frozen=True, slots=True)
class _Outputs:
    """The derained video, with sound, and on request the video of its streaks."""

    video: VideoWriter
    sound: CopiedStreams
    streaks: VideoWriter | None

    def write(self, frame: _Frame, shown: Luma) -> None:
        self.sound.up_to(frame.time_s)
        if self.streaks is not None:
            self.streaks.write(put_luma(frame.stored, frame.streaks, grey=True), frame.time_s)
        self.video.write(put_luma(frame.stored, shown), frame.time_s)

    def finish(self) -> None:
        for writer in (self.video, self.streaks):
            if writer is not None:
                writer.finish()
        self.sound.up_to(float("inf"))


@contextlib.contextmanager
def _outputs(job: Job, source: av.container.InputContainer, first: _Frame, notes: list[str]) -> Iterator[_Outputs]:
    """Both files appear at the end, or neither."""
    with contextlib.ExitStack() as open_:

        def opened_at(path: Path) -> av.container.OutputContainer:
            file = open_.enter_context(write_atomically(path))
            return open_.enter_context(output_container(file, path.suffix))

        streaks = VideoWriter(opened_at(job.streaks), source, first.stored) if job.streaks else None
        output = opened_at(job.target)
        video = VideoWriter(output, source, first.stored)
        sound = open_.enter_context(CopiedStreams.of(output, job.source))
        notes += [f"{left_out}: left out" for left_out in sound.left_out]
        yield _Outputs(video, sound, streaks)
