"""The trained networks that come with the package, and what commands take for a checkpoint: a file, or the name of one of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

WEIGHTS = Path(__file__).parent / "weights"  # each NAME.safetensors beside NAME.md, its model card


def shipped_networks() -> dict[str, Path]:
    """The checkpoints that come with the package, by name."""
    return {path.stem: path for path in sorted(WEIGHTS.glob("*.safetensors"))}


class CheckpointParameter(click.Path):
    """A checkpoint's file. Where there is none of that name, one that comes with the package."""

    name = "checkpoint"

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The file's path. A file that does not exist is left to whoever reads it, except for a bare word, which names nothing here."""
        path = Path(value)
        if path.exists() or len(path.parts) > 1 or path.suffix:
            return super().convert(value, param, ctx)
        known = shipped_networks()
        if str(value) not in known:
            self.fail(
                f"{str(value)!r} is neither a file nor one of the networks that come with the package: {', '.join(known)}", param, ctx
            )
        return known[str(value)]
