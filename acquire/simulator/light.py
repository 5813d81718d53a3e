"""Haze in the air, and how bright the picture is: exposure ramps and flashes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquire.simulator.specification import ClipSpecification, span_end

AIRLIGHT = 196.0  # grey level of endless haze


def haze(clean: npt.NDArray[np.float32], specification: ClipSpecification, index: int) -> npt.NDArray[np.float32]:
    """The picture, HWC, behind the haze of frame `index`: thin at the foot, `strength` thick from the upper third on."""
    for event in specification.events:
        if event.kind == "haze" and event.first_frame <= index < span_end(event, specification.frames):
            thickness = 0.5 if event.strength is None else event.strength
            depth = np.clip(np.linspace(1.5, 0.25, clean.shape[0], dtype=np.float32), 0, 1)[:, None, None]
            clean = clean + thickness * depth * (AIRLIGHT - clean)
    return clean


def gain(specification: ClipSpecification, index: int) -> float:
    """What the light of frame `index` is multiplied by."""
    total = 1.0
    for event in specification.events:
        end = span_end(event, specification.frames)
        if event.kind == "exposure" and index >= event.first_frame:
            last = 0.5 if event.strength is None else event.strength
            total *= 1.0 + (last - 1.0) * min(1.0, (index - event.first_frame) / max(1, end - 1 - event.first_frame))
        if event.kind == "flash" and event.first_frame <= index < end:
            peak = 0.6 if event.strength is None else event.strength
            total *= 1.0 + peak * (end - index) / (end - event.first_frame)
    return total
