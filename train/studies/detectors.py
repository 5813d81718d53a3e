"""What finds things in pictures: OpenCV's people detector, or a function of the user's, which finds boxes or labels pixels."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from manifests.errors import InputError, first_line
from manifests.files import file_sha256, fingerprint
from manifests.media import Picture

Found = npt.NDArray[Any]  # boxes (N, 4): left, top, width, height in px; or a label for each pixel (H, W), integers

PEOPLE = "people"
SHORT_SIDE_PX = 480  # smaller pictures are enlarged: the detector's window is 128 px high
LEAST_CONFIDENCE = 0.5  # of the detector's linear classifier; weaker boxes appear on anything


@dataclass(frozen=True, slots=True)
class Detector:
    """A function that finds things in a picture, and what it is known by."""

    name: str
    known_by: str
    function: Callable[[Picture], object]

    def found(self, picture: Picture) -> Found:
        """What it finds in a picture (H, W, 3). Raises InputError for what is neither boxes nor labels, and where it fails."""
        try:
            found = np.asarray(self.function(picture))
        except Exception as error:  # the user's code may raise anything
            raise InputError(
                f"detector {self.name}: fails on a picture of {picture.shape[1]}x{picture.shape[0]} px "
                f"({type(error).__name__}: {first_line(error)}); mend it, or leave the picture out"
            ) from error
        if found.shape == picture.shape[:2] and np.issubdtype(found.dtype, np.integer):
            return found
        if found.size == 0:
            return np.zeros((0, 4))
        if found.ndim == 2 and found.shape[1] == 4 and np.issubdtype(found.dtype, np.number):
            return found.astype(float)
        raise InputError(
            f"detector {self.name}: gave an array of shape {found.shape} and type {found.dtype}; it must give boxes (N, 4) of left, top, "
            f"width and height in px, or an integer label for each pixel {picture.shape[:2]}"
        )


def load_detector(name: str) -> Detector:
    """`people`, or `package.module:function`, looked for in the current folder too. Raises InputError where there is no such function."""
    if name == PEOPLE:
        return Detector(PEOPLE, f"{PEOPLE} {SHORT_SIDE_PX} {LEAST_CONFIDENCE} {cv2.__version__}", people)
    module_name, _, function_name = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
        function = getattr(module, function_name)
        source = inspect.getsourcefile(module)
    except Exception as error:  # importing runs the user's code, which may raise anything
        raise InputError(
            f"--detector {name}: cannot be loaded ({type(error).__name__}: {first_line(error)}); name an importable package.module:function"
        ) from error
    finally:
        sys.path.remove(str(Path.cwd()))
    if not callable(function):
        raise InputError(f"--detector {name}: is no function; name one that takes a picture (H, W, 3), RGB, uint8")
    return Detector(name, fingerprint(name, file_sha256(Path(source)) if source else None), function)


def people(picture: Picture) -> Found:
    """Boxes of upright people by histograms of oriented gradients (Dalal and Triggs 2005), as OpenCV ships them; RGB, (H, W, 3)."""
    descriptor = cv2.HOGDescriptor()
    descriptor.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector()))
    enlarged = max(1.0, SHORT_SIDE_PX / min(picture.shape[:2]))
    seen = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    seen = cv2.resize(seen, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC) if enlarged > 1 else seen
    boxes, confidences = descriptor.detectMultiScale(seen, winStride=(8, 8), scale=1.05)
    sure = np.ravel(confidences) >= LEAST_CONFIDENCE
    return np.asarray(np.reshape(boxes, (-1, 4))[sure] / enlarged, dtype=float)


def overlaps(reference: Found, found: Found) -> list[float]:
    """For each thing of the reference, its intersection over union with its match: boxes one to one, best first; labels by their number.

    0 where nothing matches. Raises InputError where one is boxes and the other labels.
    """
    if _are_labels(reference) != _are_labels(found):
        raise InputError("the detector gave boxes for one picture and labels for another; it must give one of them")
    if _are_labels(reference):
        return [float(((reference == label) & (found == label)).sum() / ((reference == label) | (found == label)).sum())
                for label in np.unique(reference)]  # fmt: skip
    ratios = _box_overlaps(reference, found)
    matched = [0.0] * len(reference)
    while ratios.size and ratios.max() > 0:
        ours, theirs = np.unravel_index(ratios.argmax(), ratios.shape)
        matched[int(ours)] = float(ratios[ours, theirs])
        ratios[ours, :] = ratios[:, theirs] = 0
    return matched


def things(found: Found) -> int:
    """How many boxes, or how many labels."""
    return len(np.unique(found)) if _are_labels(found) else len(found)


def _are_labels(found: Found) -> bool:
    return np.issubdtype(found.dtype, np.integer)


def _box_overlaps(first: Found, second: Found) -> npt.NDArray[np.float64]:
    """Intersection over union of every box of the first with every box of the second."""
    ends = [boxes[:, :2] + boxes[:, 2:] for boxes in (first, second)]
    shared = np.minimum(ends[0][:, None], ends[1]) - np.maximum(first[:, None, :2], second[:, :2])
    intersection = shared.clip(min=0).prod(axis=2)
    area = [boxes[:, 2:].prod(axis=1) for boxes in (first, second)]
    return np.asarray(intersection / np.maximum(area[0][:, None] + area[1] - intersection, 1e-9), dtype=float)
