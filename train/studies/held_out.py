"""The pictures that every trial of a study is scored on, decoded once: frames of held-out scenes with the simulator's truth, or pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from manifests.files import fingerprint
from manifests.tables import Truth
from manifests.workspace import Workspace
from train.derain import derain_picture
from train.evaluate.pairs import find_pairs
from train.evaluate.run import LeftOut
from train.evaluate.scoring import clean_picture, frame_sha256, picture_sha256, rainy_picture
from train.evaluate.summaries import left_out_in_words
from train.evaluate.truths import RainyPictures, scenes_with_truth
from train.metrics import Picture, Protocol, score
from train.network import DerainingNetwork
from train.studies.study import Study, refuse_release

FRAMES = 5  # scored of each scene, evenly spread over it


@dataclass(frozen=True)
class HeldOut:
    """Rainy pictures and, at the same places, the clean ones."""

    rainy: Sequence[Picture]
    clean: Sequence[Picture]
    protocol: Protocol
    known_by: str  # hash of the pictures' files and the protocol

    def mean_scores(self, backgrounds: Sequence[Picture]) -> tuple[float, float]:
        """Mean PSNR in dB and SSIM of backgrounds, one a rainy picture. Pictures equal to their truth do not count in the PSNR."""
        return mean_scores(backgrounds, self.clean, self.protocol)

    def score_network(self, network: DerainingNetwork) -> tuple[float, float]:
        """Mean PSNR in dB and SSIM of what a network makes of the rainy pictures."""
        return self.mean_scores([derain_picture(network, picture) for picture in self.rainy])


def held_out(study: Study) -> HeldOut:
    """What a study is scored on. Raises InputError where a table, folder or picture is missing or nothing can be scored."""
    groups = rainy_pictures(study.scenes, study.pairs)
    chosen = [(group, number) for group in groups for number in spread(len(group.frames), FRAMES)]
    files = [(frame_sha256(group, number), group.part, picture_sha256(group.truth), group.crop) for group, number in chosen]
    rainy, clean = [rainy_picture(group, number) for group, number in chosen], [clean_picture(group) for group, _ in chosen]
    return HeldOut(rainy, clean, study.protocol, fingerprint(files, study.protocol))


def rainy_pictures(scenes: Path, pairs: Path | None) -> Sequence[RainyPictures]:
    """A folder's pairs, else the scenes of split `test` and the clean picture behind each; says what is left out for want of one.

    Raises InputError where a folder or table is missing, the table is a release's, or nothing has its clean picture.
    """
    refuse_release(scenes)
    if pairs is not None:
        found = find_pairs(pairs)
        groups, left = found.groups, LeftOut("pictures without a partner", tuple(str(path.relative_to(pairs)) for path in found.unpaired))
    else:
        known = scenes_with_truth(scenes, Workspace.of_table(scenes).table(Truth), "test")
        groups, left = known.scenes, LeftOut("scenes without a clean picture", known.without_truth)
    if left.names:
        click.echo(f"left out: {left_out_in_words(left)}", err=True)
    return groups


def mean_scores(backgrounds: Sequence[Picture], clean: Sequence[Picture], protocol: Protocol) -> tuple[float, float]:
    """Mean PSNR in dB and SSIM; backgrounds equal to their truth do not count in the PSNR."""
    scores = [score(picture, truth, protocol) for picture, truth in zip(backgrounds, clean, strict=True)]
    finite = [psnr for psnr, _ in scores if math.isfinite(psnr)]
    return float(np.mean(finite)) if finite else math.inf, float(np.mean([ssim for _, ssim in scores]))


def spread(count: int, wanted: int) -> list[int]:
    """Indices of at most `wanted` of `count` things, evenly spread, first and last among them."""
    return sorted({round(float(place)) for place in np.linspace(0, count - 1, min(wanted, count))})
