"""Rows of scores.parquet: which a group of rainy pictures comes to, and what they hold.

Which rows there will be, and their keys, is known from hashes before anything is decoded; so what is already in the table need not be
computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from manifests.errors import InputError, first_line
from manifests.files import file_sha256, fingerprint, utc_now, versions
from manifests.media import Picture
from manifests.tables import Score
from manifests.workspace import Workspace
from train.evaluate.picture_files import read_rgb
from train.evaluate.truths import Crop, RainyPictures
from train.metrics import Protocol, Reference

VERSION = 1  # raise when scores of the same pictures change
INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN = "input", "temporal mean", "temporal median"
BAND_ROWS = 64  # of all frames of a scene together at a time, so that their copy stays small

Background = npt.NDArray[np.float32]  # intensities in [0, 1], HWC RGB, not quantised
Derain = Callable[[Picture], Background]


@dataclass(frozen=True)
class Method:
    """What is scored beside doing nothing: a network, or the pictures that something else made."""

    name: str  # in the column `method`
    checkpoint: str | None = None  # the file, as rows name it; None for other pictures
    derain: Derain | None = None  # None for other pictures
    outputs: Mapping[Path, Path] = field(default_factory=dict)  # rainy picture to output


@dataclass(frozen=True)
class Context:
    """What all groups of an evaluation share."""

    methods: tuple[Method, ...]
    protocols: tuple[Protocol, ...]
    known: Mapping[str, Score]  # rows that need not be computed, by key
    workspace: Workspace
    device: str  # what computes, by name
    whole_scene: threading.Lock = field(default_factory=threading.Lock)  # who holds all frames of a scene in memory, of several threads
    ended: threading.Event = field(default_factory=threading.Event)  # set once no further picture is to be scored


@dataclass(frozen=True)
class Scored:
    """What scoring a group came to."""

    rows: tuple[Score, ...]  # known and new
    failed: tuple[str, ...]  # what could not be scored, one line each


def score_group(group: RainyPictures, context: Context) -> Scored:
    """Score a group's pictures as they are and as each method has them; of a scene, also the temporal mean and median of its frames.

    A picture that is missing, damaged, not what its table promises or of another size is told, and the others are scored. Once the
    evaluation has ended, what is scored already is all. Raises InputError where the truth cannot be read.
    """
    scoring = _Scoring(group, context)
    hashes = [scoring.hash_of(number) for number in range(len(group.frames))]
    for number, sha256 in enumerate(hashes):
        if context.ended.is_set():
            break
        if sha256 is not None:
            scoring.score_frame(number, sha256)
    if group.one_scene and None not in hashes and not context.ended.is_set():
        scoring.score_together(hashlib.sha256("".join(map(str, hashes)).encode()).hexdigest())
    return Scored(tuple(scoring.rows), tuple(scoring.failed))


def temporal_pictures(frames: Sequence[Picture]) -> dict[str, Background]:
    """The temporal mean and median of frames of one size, by the name of their rows; intensities in [0, 1], not quantised."""
    mean, median = np.empty(frames[0].shape, np.float32), np.empty(frames[0].shape, np.float32)
    for top in range(0, len(mean), BAND_ROWS):
        rows = slice(top, top + BAND_ROWS)
        band_NHWC = np.stack([frame[rows] for frame in frames])
        mean[rows] = np.mean(band_NHWC, axis=0) / 255
        median[rows] = np.median(band_NHWC, axis=0) / 255
    return {TEMPORAL_MEAN: mean, TEMPORAL_MEDIAN: median}


def rainy_picture(group: RainyPictures, number: int) -> Picture:
    """A group's frame, its file checked against what the table promises. Raises InputError."""
    path = group.frames[number]
    picture = read_rgb(path)
    if group.sha256 and picture_sha256(path) != group.sha256[number]:
        raise InputError(f"{path}: has changed since its scene was made (another SHA-256); run `curate sequences` again")
    return _cut(picture, group.part, path)


def clean_picture(group: RainyPictures) -> Picture:
    """The truth as the frames show it. Raises InputError where the crop lies outside of it."""
    return _cut(read_rgb(group.truth), group.crop, group.truth)


def frame_sha256(group: RainyPictures, number: int) -> str:
    """Of a frame's file: as its table promises, else computed. Raises InputError where it cannot be read."""
    return group.sha256[number] if group.sha256 else picture_sha256(group.frames[number])


class _Scoring:
    """A group while it is scored. Its truth is decoded once, where anything is to be computed."""

    def __init__(self, group: RainyPictures, context: Context) -> None:
        self.group, self.context = group, context
        self.truth_sha256 = picture_sha256(group.truth)
        self.reference: Reference | None = None
        self.rows: list[Score] = []
        self.failed: dict[str, None] = {}  # in order, and what ails a picture once

    def hash_of(self, number: int) -> str | None:
        with self._telling():
            return frame_sha256(self.group, number)
        return None

    def score_together(self, sha256: str) -> None:
        """Score the temporal mean and median of the group's frames."""
        folder = self.group.frames[0].parent
        wanted = {
            name: self._rows(Method(name), self.context.workspace.relative(folder), sha256) for name in (TEMPORAL_MEAN, TEMPORAL_MEDIAN)
        }
        known = [self._take_known(rows) for rows in wanted.values()]
        if all(known):
            return
        with self._telling(), self.context.whole_scene:
            made = temporal_pictures([rainy_picture(self.group, number) for number in range(len(self.group.frames))])
            for name, picture in made.items():
                self.score_picture(wanted[name], picture, str(folder))

    def score_frame(self, number: int, sha256: str) -> None:
        """Score a frame as it is and as each method has it."""
        frame = self.group.frames[number]
        name = self.context.workspace.relative(frame)
        todo: list[tuple[Method, list[Score]]] = []
        for method in (Method(INPUT), *self.context.methods):
            if method.derain is None and method.name != INPUT and frame not in method.outputs:
                continue
            with self._telling():
                rows = self._rows(method, name, sha256, method.outputs.get(frame))
                if not self._take_known(rows):
                    todo.append((method, rows))
        if not todo:
            return
        with self._telling():
            picture = rainy_picture(self.group, number)
            for method, rows in todo:
                self._score_method(method, rows, picture, frame)

    def score_picture(self, rows: Sequence[Score], picture: Picture | Background, shown: str) -> None:
        """Add the rows, scored; `shown` is what a failure calls the picture."""
        for row in rows:
            with self._telling():
                if self.reference is None:
                    self.reference = Reference(clean_picture(self.group))
                try:
                    psnr, ssim = self.reference.score(picture, row.protocol)
                except InputError as error:
                    raise InputError(f"{shown}: {error}") from error
                finite = psnr if math.isfinite(psnr) else None
                self.rows.append(replace(row, psnr=finite, ssim=ssim, device=self.context.device, versions=versions_used(), at=utc_now()))

    def _score_method(self, method: Method, rows: Sequence[Score], picture: Picture, frame: Path) -> None:
        with self._telling():
            if (output := method.outputs.get(frame)) is not None:
                self.score_picture(rows, read_rgb(output), str(output))
            else:
                self.score_picture(rows, picture if method.derain is None else _derained(method.derain, picture, frame), str(frame))

    def _rows(self, method: Method, picture: str, sha256: str, output: Path | None = None) -> list[Score]:
        """The rows of one picture without their figures, one a protocol."""
        group, workspace = self.group, self.context.workspace
        output_sha256 = None if output is None else picture_sha256(output)
        known_by = (VERSION, method.name, picture, sha256, group.part, self.truth_sha256, group.crop, output_sha256)
        return [
            Score(
                score_id=fingerprint("score", protocol, *known_by),
                method=method.name,
                protocol=protocol,
                picture=picture,
                truth=workspace.relative(group.truth),
                psnr=None,
                ssim=math.nan,
                scene_id=group.scene_id,
                checkpoint=method.checkpoint,
                picture_sha256=sha256,
                truth_sha256=self.truth_sha256,
                output=None if output is None else workspace.relative(output),
                output_sha256=output_sha256,
            )
            for protocol in self.context.protocols
        ]

    def _take_known(self, rows: list[Score]) -> bool:
        """Move what is known out of `rows` into the outcome; whether that was all."""
        for row in [row for row in rows if row.score_id in self.context.known]:
            rows.remove(row)
            known = self.context.known[row.score_id]
            # The same pictures may lie elsewhere by now.
            self.rows.append(replace(known, truth=row.truth, output=row.output, scene_id=row.scene_id, checkpoint=row.checkpoint))
        return not rows

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Note what fails, and go on."""
        try:
            yield
        except InputError as error:
            self.failed[str(error)] = None


def _derained(derain: Derain, picture: Picture, frame: Path) -> Background:
    try:
        return derain(picture)
    except (InputError, RuntimeError) as error:  # memory that does not suffice, among others
        raise InputError(f"{frame}: the network fails on it ({first_line(error)})") from error


def versions_used() -> str:
    """The versions that figures depend on, in words."""
    packages = ("rainlapse", "torch", "numpy", "opencv-python-headless")
    return ", ".join(f"{name} {version}" for name, version in versions().items() if name in packages)


def picture_sha256(path: Path) -> str:
    """Of a picture's file. Raises InputError where it is gone."""
    try:
        return file_sha256(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such picture; has it been moved or deleted?") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); mend its permissions") from error


def _cut(picture: Picture, crop: Crop | None, path: Path) -> Picture:
    if crop is None:
        return picture
    left, top, width, height = crop
    part = picture[top : top + height, left : left + width]
    if part.shape[:2] != (height, width):
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        raise InputError(f"{path}: is {size} px, and a scene shows {width}x{height} px of it at {left}, {top}; is it the right truth?")
    return part
