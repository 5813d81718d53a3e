"""The world outside the demo's workspace: simulated clips, some on a web server on loopback, the others on a camera's card."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from manifests.files import read_rows
from manifests.tables import Footage, Truth
from manifests.workspace import Workspace
from tests.loopback import as_dash, as_hls, serve


@dataclass(frozen=True)
class World:
    """Where the simulated clips lie, and what is known of them."""

    workspace: Workspace

    @property
    def truth(self) -> dict[str, Truth]:
        """What the simulator knows of each clip, by its name."""
        return {row.clip_id: row for row in read_rows(Truth, self.workspace.table(Truth))}

    @property
    def card(self) -> Path:
        """The folder that plays the camera's card."""
        return self.workspace.root / "card"

    @property
    def site(self) -> Path:
        """The folder that the web server serves."""
        return self.workspace.root / "site"

    def clip(self, name: str) -> Path:
        """The file of a clip."""
        (row,) = (row for row in self._footage() if row.source_id == name)
        return self.workspace.resolve(row.path or "")

    def _footage(self) -> list[Footage]:
        return sorted(read_rows(Footage, self.workspace.table(Footage)), key=lambda row: row.source_id)

    def lay_out(self) -> None:
        """Put every second clip on the site (one of them as HLS, one as DASH) and the others on the card."""
        for folder in (self.card, self.site):
            folder.mkdir(exist_ok=True)
        for number, row in enumerate(self._footage()):
            assert row.path is not None
            clip = self.workspace.resolve(row.path)
            target = (self.site if number % 2 else self.card) / clip.name
            if number in (1, 3):
                target = self.site / clip.stem
            if target.exists():
                continue
            beside = self.workspace.root / "being-laid-out"  # appears whole or not at all
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir()
            if number in (1, 3):
                (as_hls if number == 1 else as_dash)(clip, beside / clip.stem)
            else:
                shutil.copyfile(clip, beside / target.name)
            (beside / target.name).rename(target)

    @contextlib.contextmanager
    def served(self, links: Path) -> Iterator[None]:
        """Serve the site, and write the list of its links; on the port of the last time, so that a second run finds the same links."""
        noted = self.workspace.root / "port"
        with contextlib.ExitStack() as stack:
            try:
                url = stack.enter_context(serve(self.site, port=int(noted.read_text())))
            except (OSError, ValueError):  # the first time, or somebody else has the port now
                url = stack.enter_context(serve(self.site))
            noted.write_text(url.rpartition(":")[2])
            names = sorted(path.name for path in self.site.iterdir())
            lines = [f"{url}/{name}" + self._entry(self.site / name) for name in names]
            links.write_text("# footage that somebody put on a web server\n" + "\n".join(lines) + "\n")
            yield

    @staticmethod
    def _entry(path: Path) -> str:
        return "" if path.is_file() else f"/{next(path.glob('index.m*')).name}"


def clip_name(origin: str) -> str:
    """The simulated clip's name in a footage row's origin: the file's stem, or the folder's name of an HLS or DASH stream."""
    path = Path(origin.partition("?")[0])
    return path.parent.name if path.stem == "index" else path.stem
