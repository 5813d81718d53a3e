"""What is done to a picture after it was taken: overlays, black bars and black frames."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from acquire.simulator.specification import ClipSpecification, span_end

Picture = npt.NDArray[np.uint8]


def edited(picture: Picture, specification: ClipSpecification, index: int) -> Picture:
    """The picture, HWC RGB, as it leaves the cutting room at frame `index`."""
    for event in specification.events:
        if not event.first_frame <= index < span_end(event, specification.frames):
            continue
        if event.kind == "overlay":
            picture = _with_overlay(picture)
        elif event.kind == "clock":
            picture = _with_clock(picture, index / specification.fps)
        elif event.kind == "bars":
            rows = round(picture.shape[0] * (0.2 if event.strength is None else event.strength) / 2)
            picture = picture.copy()
            picture[:rows] = picture[picture.shape[0] - rows :] = 0
        elif event.kind == "black":
            picture = np.zeros_like(picture)
    return picture


def _with_clock(picture: Picture, time_s: float) -> Picture:
    """A running clock above on the left, in an opaque box."""
    drawn = picture.copy()
    height, width = drawn.shape[:2]
    cv2.rectangle(drawn, (round(0.03 * width), round(0.04 * height)), (round(0.29 * width), round(0.13 * height)), (10, 10, 10), -1)
    text = f"{int(time_s) // 3600 % 24:02d}:{int(time_s) // 60 % 60:02d}:{time_s % 60:05.2f}"
    place = round(0.04 * width), round(0.11 * height)
    cv2.putText(drawn, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7 * height / 480.0, (240, 240, 240), 1, cv2.LINE_AA)
    return drawn


def _with_overlay(picture: Picture) -> Picture:
    """A logo above on the right and a line of text below, opaque and sharp."""
    drawn = np.ascontiguousarray(picture)
    drawn = drawn.copy() if drawn is picture else drawn
    height, width = drawn.shape[:2]
    size = height / 480.0
    left, top, right, bottom = round(0.78 * width), round(0.05 * height), round(0.96 * width), round(0.14 * height)
    cv2.rectangle(drawn, (left, top), (right, bottom), (200, 30, 40), -1)
    cv2.putText(
        drawn, "RAIN TV", (left + 2, bottom - round(0.025 * height)), cv2.FONT_HERSHEY_SIMPLEX, 0.7 * size, (255, 255, 255), 1, cv2.LINE_AA
    )
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        place = round(0.04 * width), round(0.94 * height)
        cv2.putText(drawn, "CAM 2  2024-05-17", place, cv2.FONT_HERSHEY_SIMPLEX, 1.0 * size, colour, thickness, cv2.LINE_AA)
    return drawn
