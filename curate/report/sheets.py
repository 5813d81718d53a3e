"""A scene on one sheet: some of its frames, their temporal median, and where training may look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from manifests.media import Picture, frames, read_picture
from manifests.tables import Footage, Scene, Segment
from manifests.workspace import Workspace

TILE_PX = 240
COLUMNS = 5
FRAMES_SHOWN = 8  # with the median and the mask two full lines
GAP_PX = 6
LABEL_PX = 20
PAPER, INK = (250, 250, 248), (40, 40, 40)
LEFT_OUT = np.array([200, 30, 60])


def contact_sheet(scene: Scene, workspace: Workspace) -> Picture:
    """HWC RGB: frames of a kept scene spread over its time, the temporal median, the median with what the mask leaves out in red.

    Raises InputError when a picture is missing or damaged.
    """
    spread = np.linspace(0, len(scene.frames) - 1, min(FRAMES_SHOWN, len(scene.frames)))
    chosen = [int(place) for place in np.round(spread)]
    tiles = [
        (f"frame {scene.frame_index[place]}, {scene.pts_s[place]:.2f} s", read_picture(workspace.resolve(scene.frames[place])))
        for place in chosen
    ]
    if scene.median is not None:
        median = read_picture(workspace.resolve(scene.median))
        tiles.append(("temporal median", median))
        mask = read_picture(workspace.resolve(scene.mask), grey=True) if scene.mask is not None else None
        tiles.append(_masked(median, mask))
    return grid([label for label, _ in tiles], [picture for _, picture in tiles])


def grid(labels: Sequence[str], pictures: Sequence[Picture]) -> Picture:
    """Pictures of one size on lines of five, scaled to one width, each with a label under it. HWC RGB."""
    scaled = [_scaled(picture) for picture in pictures]
    height = max(tile.height for tile in scaled) + LABEL_PX
    lines = -(-len(scaled) // COLUMNS)
    columns = min(COLUMNS, len(scaled))
    sheet = Image.new("RGB", (columns * (TILE_PX + GAP_PX) + GAP_PX, lines * (height + GAP_PX) + GAP_PX), PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    for number, (label, tile) in enumerate(zip(labels, scaled, strict=True)):
        left = GAP_PX + number % COLUMNS * (TILE_PX + GAP_PX)
        top = GAP_PX + number // COLUMNS * (height + GAP_PX)
        sheet.paste(tile, (left, top))
        pen.text((left, top + tile.height + 2), label, INK, font)
    return np.asarray(sheet)


def thumbnail(segment: Segment, footage: Footage, workspace: Workspace) -> Picture:
    """The frame in the middle of a segment's time, HWC RGB, at most TILE_PX wide. Raises InputError when it cannot be decoded."""
    middle = (segment.first_frame + segment.end_frame) // 2
    middle_s = (segment.start_s + segment.end_s) / 2 if segment.start_s is not None and segment.end_s is not None else None
    path = workspace.resolve(footage.path or "")
    return next(frames(path, middle, middle + 1, start_s=middle_s, width=TILE_PX)).picture


def _masked(median: Picture, mask: Picture | None) -> tuple[str, Picture]:
    if mask is None or mask.min() > 0:
        return "mask: all counts", median
    tinted = median.copy()
    tinted[mask == 0] = (0.4 * tinted[mask == 0] + 0.6 * LEFT_OUT).astype(np.uint8)
    return f"mask: red ({np.mean(mask == 0):.1%}) is left out", tinted


def _scaled(picture: Picture) -> Image.Image:
    tile = Image.fromarray(picture)
    # Small test pictures are enlarged without smoothing, so that their pixels stay what they are
    way = Image.Resampling.LANCZOS if tile.width > TILE_PX else Image.Resampling.NEAREST
    return tile.resize((TILE_PX, max(1, round(tile.height * TILE_PX / tile.width))), way)
