"""`train study detection`: what a detector finds in rainy and in derained pictures, against clean ones (Cho et al. 2020, Fig. 16, 18)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import click
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from manifests.errors import InputError
from manifests.files import file_sha256, fingerprint
from manifests.media import Picture
from manifests.workspace import Workspace
from train.checkpoints import load_network
from train.derain import derain_picture
from train.devices import chosen_device
from train.metrics import as_8_bit
from train.studies.detectors import Detector, Found, load_detector, overlaps, things
from train.studies.examples import Example, examples
from train.studies.results import Results, markdown_table, read_results, write_figure, write_markdown, write_results
from train.studies.study import study_folder

Condition = Literal["clean", "rainy", "derained"]
CONDITIONS: tuple[Condition, ...] = ("rainy", "derained", "clean")
VERSION = 1  # raise when the same picture would get other figures
SAME = 0.5  # intersection over union from which two boxes, or two areas of a label, are the same thing
DRAWN = 3  # pictures in the figure
MATCHED, MISSED, EXTRA = "#0072b2", "#d55e00", "#f0e442"  # Okabe and Ito's: apart for colour-blind eyes too


@dataclass(frozen=True, slots=True)
class Detection:
    """What a detector finds in one picture under one condition."""

    detection_id: Annotated[str, "hash of detector, checkpoint, pictures and condition"]
    detector: Annotated[str, "`people`, or the function's module and name"]
    picture: Annotated[str, "which picture"]
    condition: Annotated[str, "rainy, derained or clean"]
    found: Annotated[int, "boxes, or labels of a segmenter"]
    overlaps: Annotated[tuple[float, ...], "of each thing found in the clean picture, intersection over union with its match here; 0: none"]


def detection(
    workspace: Workspace,
    checkpoint: Path,
    *,
    scenes: Path | None,
    pairs: Path | None,
    detector: str,
    device: str | None,
    quick: bool,
) -> Results[Detection]:
    """Run a detector on rainy, derained and clean pictures; pictures done before are left as they are.

    Rows of pictures, detectors and checkpoints that are not asked for now stay in the table, and are not among those returned.
    A picture that cannot be read, or that the detector fails on, is told as failed. Raises InputError where detector, checkpoint, device
    or pictures are missing, where all pictures fail, and where nothing is found in any clean picture.
    """
    finder = load_detector(detector)
    network = load_network(checkpoint).to(chosen_device(device)).eval()
    folder = study_folder(workspace, "detection")
    done = {row.detection_id: row for row in read_results(Detection, folder)}
    chosen = examples(workspace, scenes, pairs, quick=quick)
    weights = file_sha256(checkpoint)
    about = {"command": "train study detection", "checkpoint": checkpoint}
    looked_at: list[tuple[Example, dict[Condition, Detection]]] = []
    failed: list[str] = []
    for number, example in enumerate(chosen, 1):
        try:
            known_by = fingerprint("detection", VERSION, finder.known_by, weights, example.known_by)
            ids = {condition: fingerprint(known_by, condition) for condition in CONDITIONS}
            if not done.keys() >= set(ids.values()):
                found = _found(example, finder, lambda picture: as_8_bit(derain_picture(network, picture)))[1]
                done |= {
                    ids[condition]: Detection(
                        ids[condition], finder.name, example.name, condition, things(found[condition]),
                        tuple(overlaps(found["clean"], found[condition])),
                    )
                    for condition in CONDITIONS
                }  # fmt: skip
                write_results(Detection, folder, list(done.values()), about)
                click.echo(f"detection {number}/{len(chosen)}: {example.name}", err=True)
        except InputError as error:
            failed.append(f"{example.name}: {error}")
            continue
        # The same content may have another name now, or several.
        looked_at.append(
            (example, {condition: dataclasses.replace(done[ids[condition]], picture=example.name) for condition in CONDITIONS})
        )
    if not looked_at:
        raise InputError(f"no picture could be looked at: {failed[0]}")
    rows = [row for _, found in looked_at for row in found.values()]
    asked = {row.detection_id for row in rows}
    write_results(Detection, folder, [*rows, *(row for row in done.values() if row.detection_id not in asked)], about)
    if not any(row.overlaps for row in rows):
        raise InputError(
            f"--detector {finder.name}: finds nothing in any of the {len(looked_at)} clean pictures; name with --pairs pictures in which "
            "there is something for it to find"
        )
    text = f"What `{finder.name}` finds (Cho et al. 2020, Fig. 16 and 18); the clean pictures' findings are the reference\n\n"
    text += f"{detection_table(rows)}\n"
    write_markdown(folder, text)
    write_figure(folder, _drawn(most_changed(looked_at), finder, lambda picture: as_8_bit(derain_picture(network, picture))))
    return Results(rows, text, folder, failed)


def detection_table(rows: Sequence[Detection]) -> str:
    """A line a condition: how much of what is found in clean pictures is found again, how much else, and how well it agrees."""
    lines = []
    for condition in CONDITIONS:
        of_condition = [row for row in rows if row.condition == condition]
        matched = [value for row in of_condition for value in row.overlaps]
        same = sum(value >= SAME for value in matched)
        found = sum(row.found for row in of_condition)
        lines.append(
            [condition, len(of_condition), found, f"{same / max(1, len(matched)):.3f}", f"{same / max(1, found):.3f}",
             f"{np.mean(matched) if matched else 0:.3f}"]
        )  # fmt: skip
    return markdown_table(["condition", "pictures", "found", f"recall at IoU {SAME:g}", "precision", "mean IoU"], lines)


def most_changed(looked_at: Sequence[tuple[Example, Mapping[Condition, Detection]]]) -> list[Example]:
    """The pictures in which deraining changes most of what is found again, for better or worse; then those with most to find."""

    def rank(entry: tuple[Example, Mapping[Condition, Detection]]) -> tuple[int, int, str]:
        example, found = entry
        rainy, derained = (sum(value >= SAME for value in found[condition].overlaps) for condition in ("rainy", "derained"))
        return -abs(derained - rainy), -len(found["rainy"].overlaps), example.name

    return [example for example, _ in sorted(looked_at, key=rank)[:DRAWN]]


def _found(
    example: Example, finder: Detector, derain: Callable[[Picture], Picture]
) -> tuple[dict[Condition, Picture], dict[Condition, Found]]:
    rainy, clean = example.read()
    pictures: dict[Condition, Picture] = {"rainy": rainy, "derained": derain(rainy), "clean": clean}
    return pictures, {condition: finder.found(picture) for condition, picture in pictures.items()}


def _drawn(chosen: Sequence[Example], finder: Detector, derain: Callable[[Picture], Picture]) -> Figure:
    figure = Figure(figsize=(11, 2.9 * len(chosen) + 0.5), layout="constrained")
    for line, example in enumerate(chosen):
        pictures, found = _found(example, finder, derain)
        for column, condition in enumerate(CONDITIONS):
            axes = figure.add_subplot(len(chosen), 3, 3 * line + column + 1)
            axes.imshow(pictures[condition])
            axes.set_title(f"{example.name}, {condition}: {things(found[condition])}", fontsize=8)
            axes.set_axis_off()
            _mark(axes, found["clean"], found[condition])
    figure.suptitle(f"{finder.name}: blue found as in the clean picture, orange (dashed) missed, yellow found here alone", fontsize=10)
    return figure


def _mark(axes: Axes, reference: Found, found: Found) -> None:
    """Boxes, or where labels differ from those of the clean picture."""
    if found.shape != reference.shape or np.issubdtype(reference.dtype, np.floating):
        again = [value >= SAME for value in overlaps(reference, found)]
        known = [value >= SAME for value in overlaps(found, reference)]
        boxes = [(box, MISSED, "--") for box, same in zip(reference, again, strict=True) if not same]
        boxes += [(box, MATCHED if same else EXTRA, "-") for box, same in zip(found, known, strict=True)]
        for (left, top, width, height), colour, line in boxes:
            axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=colour, linestyle=line, linewidth=1.6))
        return
    axes.imshow(np.ma.masked_equal(found != reference, 0), cmap="autumn", alpha=0.6)
