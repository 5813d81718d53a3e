"""Pictures side by side: before, after, truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from manifests.media import write_png
from train.metrics import Picture, as_8_bit

PANEL_PX = 480  # a panel's largest width; larger pictures are scaled down
GAP_PX = 6
TEXT_PX = 18
PAPER, INK = (250, 250, 250), (30, 30, 30)


def before_after(rows: Sequence[Sequence[Picture]], titles: Sequence[str], captions: Sequence[str], path: Path) -> str:
    """Write a PNG of rows of panels, each row of one size, titles above the columns and a caption under each row; gives its SHA-256.

    Panels are 8-bit or floats in [0, 1], HWC RGB or HW grey.
    """
    strips = [[_panel(picture) for picture in row] for row in rows]
    width = max((sum(panel.width + GAP_PX for panel in strip) for strip in strips), default=PANEL_PX) + GAP_PX
    height = 2 * TEXT_PX + sum(max(panel.height for panel in strip) + 2 * TEXT_PX for strip in strips)
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(TEXT_PX - 4)
    top = TEXT_PX + GAP_PX
    for number, (strip, caption) in enumerate(zip(strips, captions, strict=True)):
        left = GAP_PX
        for title, panel in zip(titles, strip, strict=True):
            if number == 0:
                pen.text((left, GAP_PX // 2), title, INK, font)
            sheet.paste(panel, (left, top))
            left += panel.width + GAP_PX
        top += max(panel.height for panel in strip)
        pen.text((GAP_PX, top), _shortened(caption, pen, font, width - 2 * GAP_PX), INK, font)
        top += 2 * TEXT_PX
    return write_png(path, np.asarray(sheet))


def _panel(picture: Picture) -> Image.Image:
    panel = Image.fromarray(as_8_bit(picture)).convert("RGB")
    if panel.width > PANEL_PX:
        panel = panel.resize((PANEL_PX, max(1, round(panel.height * PANEL_PX / panel.width))), Image.Resampling.LANCZOS)
    return panel


def _shortened(text: str, pen: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """Cut at its beginning, since the end of a path tells more."""
    if pen.textlength(text, font) <= width:
        return text
    while text and pen.textlength("…" + text, font) > width:
        text = text[1:]
    return "…" + text
