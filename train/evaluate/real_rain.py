"""What a network does to real rain, of which no clean picture exists: held against the temporal median of each scene.

The median is clean where rain covers a pixel in fewer than half of the frames. A pixel is rainy in a frame where it is brighter than in
the frames before and after (the one-frame impulse of Garg and Nayar 2007); rain that is slower than that, haze and drops on the lens count
as scene. What a network gains in rainy pixels it may lose in all others, so the two are told apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from manifests.errors import InputError
from manifests.executors import run_rows
from manifests.files import file_sha256, fingerprint, read_rows
from manifests.media import read_picture
from manifests.tables import Scene, Split
from manifests.workspace import Workspace
from train.checkpoints import load_network
from train.derain import derain_picture
from train.devices import chosen_device, device_name
from train.evaluate.scoring import TEMPORAL_MEDIAN, Derain, rainy_picture, temporal_pictures, versions_used
from train.evaluate.truths import RainyPictures
from train.metrics import luma

IMPULSE_LEVELS = 3  # of luma, above both neighbours in time
LEAST_FRAMES = 3

Luma = npt.NDArray[np.float64]  # HW


@dataclass(frozen=True, slots=True)
class RealRain:
    """One scene: PSNR in dB against its temporal median, over all its frames but the first and last; luma of 8-bit pictures, peak 255.

    A PSNR is None where there is no such pixel, or no error.
    """

    scene_id: str
    frames: int
    rainy_share: float  # of the pixels that count
    psnr_rainy: float | None  # of what the network makes of rainy pixels
    psnr_rainy_input: float | None  # of doing nothing to them
    psnr_elsewhere: float | None
    psnr_elsewhere_input: float | None


@dataclass(frozen=True)
class RealRainFound:
    """What `real_rain` found."""

    scenes: tuple[RealRain, ...]
    failed: tuple[str, ...]  # what could not be read, one line each
    checkpoint: str  # the first 16 digits of its SHA-256
    split: Split
    data: str  # a fingerprint of the frames and masks of the scenes measured
    device: str
    versions: str


def real_rain(checkpoint: Path, scenes: Path, *, split: Split, device: str | None = None) -> RealRainFound:
    """Hold a checkpoint against the temporal medians of the kept scenes of a split, only where their masks let training look.

    Raises InputError when the table or the checkpoint cannot be read, the split is empty, or nothing could be measured.
    """
    workspace = Workspace.of_table(scenes)
    rows = [row for row in read_rows(Scene, scenes) if row.reason is None and row.error is None and row.split == split]
    if not rows:
        raise InputError(f"{scenes}: no kept scene of split {split}; name another --split, or make scenes with `curate sequences`")
    where = chosen_device(device)
    network = load_network(checkpoint).to(where)
    measured: list[RealRain] = []
    failed: list[str] = []

    def work(row: Scene) -> list[RealRain]:
        return [_measure(row, workspace, lambda picture: derain_picture(network, picture))]

    def fail(_row: Scene, error: str) -> list[RealRain]:
        failed.append(error)
        return []

    run_rows(work, rows, name=_name, on_error=fail, save=measured.extend, workers=0, timeout_s=math.inf, label="measuring")
    if not measured:
        raise InputError(f"nothing could be measured: {failed[0]}")
    scene_ids = {scene.scene_id for scene in measured}
    data = fingerprint([(row.sha256, row.mask and file_sha256(workspace.resolve(row.mask))) for row in rows if row.scene_id in scene_ids])
    name = file_sha256(checkpoint)[:16]
    return RealRainFound(tuple(measured), tuple(failed), name, split, data, device_name(where), versions_used())


def mean_of_scenes(scenes: Sequence[RealRain]) -> RealRain:
    """Means over scenes, those without a figure left out of it; frames are summed."""

    def mean(figures: Iterable[float | None]) -> float | None:
        known = [figure for figure in figures if figure is not None]
        return float(np.mean(known)) if known else None

    return RealRain(
        scene_id="mean",
        frames=sum(scene.frames for scene in scenes),
        rainy_share=float(np.mean([scene.rainy_share for scene in scenes])),
        psnr_rainy=mean(scene.psnr_rainy for scene in scenes),
        psnr_rainy_input=mean(scene.psnr_rainy_input for scene in scenes),
        psnr_elsewhere=mean(scene.psnr_elsewhere for scene in scenes),
        psnr_elsewhere_input=mean(scene.psnr_elsewhere_input for scene in scenes),
    )


def impulses(before: Luma, frame: Luma, after: Luma) -> npt.NDArray[np.bool_]:
    """Where a frame is brighter than both of its neighbours in time: rain that lasts one frame."""
    return np.asarray(frame - np.maximum(before, after) > IMPULSE_LEVELS, dtype=np.bool_)


def _measure(row: Scene, workspace: Workspace, derain: Derain) -> RealRain:
    if len(row.frames) < LEAST_FRAMES:
        raise InputError(f"scene {row.scene_id}: has {len(row.frames)} frames, and {LEAST_FRAMES} are needed to tell rain from scene")
    group = RainyPictures(tuple(workspace.resolve(frame) for frame in row.frames), Path(), row.sha256)
    frames = [rainy_picture(group, number) for number in range(len(group.frames))]
    median = luma(temporal_pictures(frames)[TEMPORAL_MEDIAN])
    seen = np.ones(median.shape, bool) if row.mask is None else read_picture(workspace.resolve(row.mask), grey=True) == 255
    lumas = [luma(frame) for frame in frames]
    errors = _Errors()
    for number in range(1, len(frames) - 1):
        rainy = impulses(*lumas[number - 1 : number + 2])
        errors.add(luma(derain(frames[number])), lumas[number], median, rainy, seen)
    return RealRain(row.scene_id, len(frames) - 2, errors.rainy_share, *errors.psnr())


class _Errors:
    """Squared errors, summed over frames."""

    def __init__(self) -> None:
        self.squares = np.zeros((2, 2))  # in rainy pixels and elsewhere; of the network and of doing nothing
        self.pixels = np.zeros(2)

    def add(self, made: Luma, frame: Luma, median: Luma, rainy: npt.NDArray[np.bool_], seen: npt.NDArray[np.bool_]) -> None:
        for place, where in enumerate((rainy & seen, ~rainy & seen)):
            self.pixels[place] += where.sum()
            self.squares[place] += [np.sum((picture[where] - median[where]) ** 2) for picture in (made, frame)]

    @property
    def rainy_share(self) -> float:
        return float(self.pixels[0] / max(1, self.pixels.sum()))

    def psnr(self) -> tuple[float | None, float | None, float | None, float | None]:
        """Of rainy pixels the network's and doing nothing's, and of the others."""
        with np.errstate(divide="ignore", invalid="ignore"):
            figures = 10 * np.log10(255**2 * self.pixels[:, None] / self.squares)
        rainy, nothing, others, others_nothing = (float(figure) if np.isfinite(figure) else None for figure in figures.ravel())
        return rainy, nothing, others, others_nothing


def _name(row: Scene) -> str:
    return row.scene_id
