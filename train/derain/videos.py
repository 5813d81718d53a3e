"""Videos without their rain, streamed: a few frames are in memory at a time, however long the video is.

Streaks are subtracted from the stored luma; colour, depth, rotation tag, times and sound stay as they are. Decoding, the network and
encoding work side by side. A colour network's streaks are taken from luma by their mean.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch

from manifests.errors import InputError
from manifests.files import write_atomically
from manifests.video import declared_duration_s, opened, timed
from train.derain.ahead import ahead
from train.derain.flicker import Flicker
from train.derain.luma_planes import Luma, encodable, luma_plane, luma_range, put_luma, rgb
from train.derain.plan import Job
from train.derain.stabilise import Steadied, steadied
from train.derain.streaks import Deraining
from train.derain.video_writer import CopiedStreams, VideoWriter, output_container

NOTED_S = 0.25  # what may lack at the end of a video without a word
AHEAD_FRAMES = 4  # made before they are asked for, of decoded ones and of derained ones
BATCH_PIXELS = 4_000_000  # that a GPU gets at once


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
    duration_s: float  # 0 where the file does not say
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
        last = first
        for shown in _shown(itertools.chain([first], frames), bits, stabilise=stabilise):
            frame = shown.item
            flicker.add(frame.derained, frame.rainy, *([shown.luma] if stabilise else []))
            outputs.write(frame, shown.luma)
            count, stands, last = count + 1, stands + shown.stands, frame
            advance()
        to_last_s = last.time_s - first.time_s
        _check_whole(container, to_last_s + max(last.duration_s, to_last_s / max(1, count - 1)), notes)
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
    for first in frames:
        room = BATCH_PIXELS // (first[1].width * first[1].height) if deraining.device.type == "cuda" else 1
        batch = [first, *itertools.islice(frames, max(0, room - 1))]
        rainy_BHW = np.stack([luma_plane(frame) for _, frame in batch])
        derained_BHW, streaks_BHW = _without_rain(deraining, [frame for _, frame in batch], rainy_BHW)
        for number, (time_s, frame) in enumerate(batch):
            duration_s = float((frame.duration or 0) * (frame.time_base or 0))
            yield _Frame(time_s, duration_s, frame, rainy_BHW[number], derained_BHW[number], streaks_BHW[number])


@torch.inference_mode()
def _without_rain(deraining: Deraining, frames: Sequence[av.VideoFrame], rainy_BHW: Luma) -> tuple[Luma, Luma]:
    """Stored luma without rain, and the streaks over black: computed on the network's device, in whole levels on the way there and back."""
    black, white = luma_range(frames[0])
    quarter_turns = round(frames[0].rotation) % 360 // 90  # that make stored frames upright
    stored_BHW = torch.from_numpy(rainy_BHW).to(deraining.device, non_blocking=True).float()
    seen_BCHW = ((stored_BHW - black) / (white - black)).clamp_(0, 1)[:, None]
    if deraining.sees_colour:
        colours_BHWC = np.stack([rgb(frame) for frame in frames])
        seen_BCHW = torch.from_numpy(colours_BHWC).to(deraining.device).permute(0, 3, 1, 2).float() / 255
    streaks_BHW = deraining.streaks(torch.rot90(seen_BCHW, quarter_turns, (2, 3)))
    streaks_BHW = torch.rot90(streaks_BHW, -quarter_turns, (1, 2)) * (white - black)
    # What lies beyond black or white already goes no further.
    derained_BHW = torch.clamp((stored_BHW - streaks_BHW).round_(), stored_BHW.clamp(max=black), stored_BHW.clamp(min=white))
    shown_BHW = (black + streaks_BHW).clamp_(black, white).round_()
    whole = torch.from_numpy(rainy_BHW[:0]).dtype
    return derained_BHW.to(whole).cpu().numpy(), shown_BHW.to(whole).cpu().numpy()


def _shown(frames: Iterator[_Frame], bits: int, *, stabilise: bool) -> Iterator[Steadied[_Frame]]:
    if stabilise:
        return steadied(((frame, frame.derained) for frame in frames), bits)
    return (Steadied(frame, frame.derained, stands=False) for frame in frames)


def _check_whole(container: av.container.InputContainer, decoded_s: float, notes: list[str]) -> None:
    """Raises InputError when much less decodes than the header states: a file that was cut off may end without an error. Less is noted."""
    declared_s = declared_duration_s(container)
    if declared_s is None or declared_s - decoded_s <= NOTED_S:
        return
    lacking = f"{decoded_s:.2f} s decode of the {declared_s:.2f} s that its header states"
    if declared_s - decoded_s > max(1.0, 0.1 * declared_s):
        raise InputError(f"breaks off: {lacking}; cut the file there, or fetch it anew")
    notes.append(f"{lacking}: its end may be missing")


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
    """The files appear when all of them have been written to their ends."""
    with contextlib.ExitStack() as open_:
        paths = [path for path in (job.target, job.streaks) if path is not None]
        files = [open_.enter_context(write_atomically(path)) for path in paths]
        output, *more = [open_.enter_context(output_container(file, path.suffix)) for file, path in zip(files, paths, strict=True)]
        video = VideoWriter(output, source, first.stored)
        sound = open_.enter_context(CopiedStreams.of(output, job.source))
        notes += [f"{left_out}: left out" for left_out in dict.fromkeys(sound.left_out)]
        yield _Outputs(video, sound, VideoWriter(more[0], source, first.stored) if more else None)
