"""The demo's one page: what was kept and rejected, rain, training curves, before and after. One file, pictures inside."""

from __future__ import annotations

import base64
import io
from collections import Counter
from pathlib import Path

import jinja2
from PIL import Image

from manifests.files import write_atomically
from manifests.media import read_picture
from tests.demo.outcome import CHECKPOINT, PROTOCOL, Outcome, kept_scenes, overlap, rejections
from tests.demo.world import World, clip_name
from train.checkpoints import load_network
from train.derain import derain_picture
from train.metrics import Picture
from train.pictures import before_after

FRAME_SHOWN = 12  # of a scene's 30


def write_page(outcome: Outcome, world: World, folder: Path) -> Path:
    """Draw the before-and-after picture and write `index.html` into `folder`; gives the page."""
    page = folder / "index.html"
    report = outcome.workspace.root / "report"
    run = (outcome.workspace.root / CHECKPOINT).parent
    comparison = draw_before_after(outcome, world, folder / "before-after.png")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    origins = {row.footage_id: clip_name(row.origin) for row in outcome.footage}
    text = environment.get_template("page.html").render(
        outcome=outcome,
        protocol=PROTOCOL,
        kept=kept_scenes(outcome),
        splits=Counter(row.split for row in kept_scenes(outcome)),
        sources=Counter(row.source for row in outcome.footage),
        rejections=rejections(outcome),
        overlap=overlap(outcome),
        clip_of=origins,
        rose=_inside(report / "rose.png"),
        sheets={row.scene_id: _inside(report / "scenes" / f"{row.scene_id}.png") for row in kept_scenes(outcome)},
        roses={row.scene_id: _inside(report / "scenes" / f"{row.scene_id}-rose.png") for row in kept_scenes(outcome)},
        rejected=[
            (origins[row.footage_id], row.reason, _inside(path))
            for row in outcome.segments
            if row.reason and (path := report / "rejected" / f"{row.segment_id}.png").exists()
        ],
        curves=_inside(run / "curves.png"),
        comparison=_inside(comparison),
    )
    with write_atomically(page) as file:
        file.write(text.encode())
    return page


def draw_before_after(outcome: Outcome, world: World, path: Path) -> Path:
    """One frame of each held-out scene: rainy, what the network leaves of it, and the truth."""
    network = load_network(outcome.workspace.root / CHECKPOINT)
    truth = world.truth
    names = {row.footage_id: clip_name(row.origin) for row in outcome.footage}
    rows: list[list[Picture]] = []
    captions: list[str] = []
    for scene in kept_scenes(outcome):
        known = truth[names[scene.footage_id]]
        if scene.split != "test" or known.clean is None or scene.width is None or scene.height is None:
            continue
        frame = min(FRAME_SHOWN, len(scene.frames) - 1)
        rainy = read_picture(outcome.workspace.resolve(scene.frames[frame]))
        left, top = scene.crop_left or 0, scene.crop_top or 0
        clean = read_picture(world.workspace.resolve(known.clean))[top : top + scene.height, left : left + scene.width]
        rows.append([rainy, derain_picture(network, rainy), clean])
        captions.append(f"{known.clip_id}, frame {scene.frame_index[frame]}")
    before_after(rows, ("rainy frame", "derained, from this frame alone", "truth"), captions, path)
    return path


def _inside(path: Path) -> str:
    """A picture as a data URL; as JPEG, or the page would weigh 25 MB."""
    encoded = io.BytesIO()
    Image.fromarray(read_picture(path)).save(encoded, format="JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode()
