"""Where a user's files lie: one folder with `manifests/` (tables), `footage/`, `scenes/`, `runs/` and `release/` in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from manifests.tables import table_name


@dataclass(frozen=True, slots=True)
class Workspace:
    """A user's working folder. Tables store paths relative to it, so that it can be moved or copied whole."""

    root: Path

    @classmethod
    def of_table(cls, table: Path) -> Workspace:
        """The workspace that a table file lies in: `W/manifests/scenes.parquet` gives W."""
        return cls(table.resolve().parent.parent)

    def table(self, row_class: type) -> Path:
        """The file of a row class's table, whether it exists or not."""
        return self.root / "manifests" / f"{table_name(row_class)}.parquet"

    def resolve(self, stored: str) -> Path:
        """The file that a path column names."""
        return self.root / stored

    def relative(self, path: Path) -> str:
        """What to store for a file: relative to the workspace with forward slashes, absolute where it lies outside."""
        absolute = Path(os.path.abspath(path))  # noqa: PTH100  links in a path are the user's own and stay
        root = Path(os.path.abspath(self.root))  # noqa: PTH100
        return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else absolute.as_posix()
