"""Clips that benchmarks share: rendered once, kept in `.cache/`, named by what made them."""

from __future__ import annotations

from pathlib import Path

from acquire.simulator.render import render_clip
from acquire.simulator.specification import ClipSpecification
from manifests.files import fingerprint

FOLDER = Path(__file__).parents[2] / ".cache" / "renders"


def rendered(specification: ClipSpecification) -> Path:
    """The clip's file; rendered where it is not there yet."""
    path = FOLDER / fingerprint(specification) / specification.file_name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        render_clip(specification, path)
    return path
