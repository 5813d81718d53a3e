"""The luma of decoded frames: read, turned into what a network sees, and put back, with all else of the frame untouched."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from train.derain.streaks import Samples

Luma = Samples  # (H, W)

# What the encoders take as it is; anything else becomes the nearest of them.
PLANAR = frozenset(
    [f"yuv{chroma}p{depth}" for chroma in ("420", "422", "444") for depth in ("", "10le")]
    + [f"yuvj{chroma}p" for chroma in ("420", "422", "444")]
    + ["gray", "gray10le"]
)
_CHROMA = {(4, 4): "420", (4, 8): "422"}  # width and height of chroma of 8x8 px


def encodable(frame: av.VideoFrame, notes: list[str]) -> av.VideoFrame:
    """The frame itself where encoders take it, else in the nearest format that they do; what is lost by that is added to `notes`."""
    form = frame.format
    wanted = _nearest(frame)
    if wanted == form.name:
        return frame
    lost = [word for lost, word in ((_is_transparent(form), "transparency"), (form.components[0].bits > 10, "bits beyond 10")) if lost]
    notes += [f"{word}: left out" for word in lost if f"{word}: left out" not in notes]
    if not form.is_rgb:
        return frame.reformat(format=wanted)
    converted = frame.reformat(format=wanted, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
    converted.colorspace, converted.color_range = Colorspace.ITU709, ColorRange.MPEG
    return converted


def luma_plane(frame: av.VideoFrame) -> Luma:
    """The frame's own luma (H, W), not copied."""
    plane = frame.planes[0]
    depth = np.dtype(np.uint8 if frame.format.components[0].bits == 8 else "<u2")
    rows = np.frombuffer(memoryview(plane), depth).reshape(-1, plane.line_size // depth.itemsize)
    return rows[: frame.height, : frame.width]


def luma_range(frame: av.VideoFrame) -> tuple[int, int]:
    """The values of black and of white in the frame's luma."""
    bits = frame.format.components[0].bits
    full = frame.color_range == ColorRange.JPEG or (frame.format.name.startswith(("yuvj", "gray")) and frame.color_range != ColorRange.MPEG)
    return (0, 2**bits - 1) if full else (16 << (bits - 8), 235 << (bits - 8))


def rgb(frame: av.VideoFrame) -> Samples:
    """Colours as stored, (H, W, 3), of 8 bits."""
    return frame.to_ndarray(format="rgb24")


def put_luma(frame: av.VideoFrame, luma: Luma, *, grey: bool = False) -> av.VideoFrame:
    """The frame with another luma; `grey` gives a new frame without colour, else the frame itself is changed."""
    if grey:
        changed = av.VideoFrame(frame.width, frame.height, frame.format.name)
        for number, plane in enumerate(changed.planes):
            depth = np.uint8 if frame.format.components[0].bits == 8 else np.dtype("<u2")
            np.frombuffer(memoryview(plane), depth)[:] = 1 << (frame.format.components[number].bits - 1)
    else:
        changed = frame
        changed.make_writable()  # the decoder may still look at it
    luma_plane(changed)[:] = luma
    return changed


def _nearest(frame: av.VideoFrame) -> str:
    form = frame.format
    odd = frame.width % 2 or frame.height % 2
    name = form.name
    if name in PLANAR and not (odd and ("420" in name or "422" in name)):
        return name
    depth = "10le" if form.components[0].bits > 8 else ""
    if name.startswith("gray") or len(form.components) < 3:
        return "gray" + depth
    chroma = "444" if odd or form.is_rgb else _CHROMA.get((form.chroma_width(8), form.chroma_height(8)), "444")
    return f"yuv{'j' if name.startswith('yuvj') else ''}{chroma}p{depth}"


def _is_transparent(form: av.VideoFormat) -> bool:
    return any(component.is_alpha for component in form.components)
