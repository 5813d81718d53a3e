"""Where the camera looks, frame by frame, and the picture that it sees of a canvas larger than the frame.

A pose says how the picture has moved against the first frame: a point p of the first frame, measured from the picture's middle, is seen
at scale · R(roll) · p + shift, roll counter-clockwise as the viewer sees it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from acquire.simulator.specification import ClipSpecification, shown_frames


@dataclass(frozen=True, slots=True)
class Pose:
    """How the picture has moved against the first frame's."""

    shift_x_px: float = 0.0  # to the right
    shift_y_px: float = 0.0  # downwards
    scale: float = 1.0
    roll_deg: float = 0.0  # counter-clockwise


def poses(specification: ClipSpecification) -> list[Pose]:
    """The clip's poses, one a frame; the first is the identity. A frozen stretch keeps its first frame's."""
    path = _path(specification)
    return [path[index] for index in shown_frames(specification)]


def _path(specification: ClipSpecification) -> list[Pose]:
    move, count = specification.camera, specification.frames
    progress = np.linspace(0.0, 1.0, count) if count > 1 else np.zeros(1)
    right, down = math.cos(math.radians(move.direction_deg)), -math.sin(math.radians(move.direction_deg))
    if move.kind == "shake":
        return _shaken(specification)
    if move.kind == "zoom":
        return [Pose(scale=1.0 + move.amount / 100.0 * float(share)) for share in progress]
    if move.kind == "roll":
        return [Pose(roll_deg=move.amount * float(share)) for share in progress]
    index = np.arange(count)
    way = {
        "static": 0.0 * index,
        "drift": progress * move.amount,
        "pan": index * move.amount,
        "bump": (index >= move.frame) * move.amount,
        "settle": np.minimum(index, move.frame) * move.amount,
    }
    return [Pose(right * float(distance), down * float(distance)) for distance in way[move.kind]]


def canvas_size(specification: ClipSpecification, path: list[Pose]) -> tuple[int, int]:
    """(width, height) of the smallest canvas, centred on the first frame, that holds all that the camera sees; even-numbered margins."""
    width, height = specification.width, specification.height
    corners = np.array([[x, y] for x in (-width / 2, width / 2) for y in (-height / 2, height / 2)])
    reach = np.abs([_seen_at(corners, pose) for pose in path]).max(axis=(0, 1))
    margin_x, margin_y = (2 * max(0, math.ceil(far - side / 2 - 1e-6)) for far, side in zip(reach, (width, height), strict=True))
    # Room for the interpolation's neighbours wherever the camera moves at all.
    spare = 4 if margin_x or margin_y else 0
    return width + margin_x + spare, height + margin_y + spare


def look(canvas: npt.NDArray[np.uint8], pose: Pose, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The picture of `size` (width, height) that the camera sees of the canvas."""
    height, width = canvas.shape[:2]
    if pose == Pose():
        left, top = (width - size[0]) // 2, (height - size[1]) // 2
        return canvas[top : top + size[1], left : left + size[0]]
    angle = math.radians(pose.roll_deg)
    forward = pose.scale * np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    from_middle, to_middle = np.array([width - 1, height - 1]) / 2, np.array([size[0] - 1, size[1] - 1]) / 2
    offset = to_middle + np.array([pose.shift_x_px, pose.shift_y_px]) - forward @ from_middle
    matrix = np.column_stack([forward, offset])
    return np.asarray(cv2.warpAffine(canvas, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def _shaken(specification: ClipSpecification) -> list[Pose]:
    """A hand's tremor: noise smooth over a few frames, in both axes and a little in roll."""
    generator = np.random.default_rng([specification.seed, 2 << 20])
    white = generator.standard_normal((specification.frames + 40, 3))
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / 2.0) ** 2)
    smooth = np.stack([np.convolve(axis, kernel, "valid") for axis in white.T]) / math.sqrt(float(kernel @ kernel))
    smooth = smooth[:, : specification.frames] * specification.camera.amount
    roll_deg = math.degrees(0.5 / max(specification.width, specification.height))
    return [Pose(float(x - smooth[0, 0]), float(y - smooth[1, 0]), 1.0, float(r - smooth[2, 0]) * roll_deg) for x, y, r in smooth.T]


def _seen_at(points: npt.NDArray[np.float64], pose: Pose) -> npt.NDArray[np.float64]:
    """Where on the canvas, from its middle, the camera sees points given from the picture's middle."""
    angle = math.radians(pose.roll_deg)
    back = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) / pose.scale
    return np.asarray((points - [pose.shift_x_px, pose.shift_y_px]) @ back.T)
