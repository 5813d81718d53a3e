"""What one call of `train study NAME` works with: the scenes, the settings that every row starts from, how long and how often to train."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from manifests.errors import InputError
from manifests.workspace import Workspace
from train.presets import Preset

if TYPE_CHECKING:
    from train.metrics import Protocol

QUICK_SETTINGS = ("width=4", "crop_px=32", "window_from_px=32", "window_to_px=32", "pairs=2", "steps=300")
QUICK_SEEDS, SEEDS = 1, 3
MAKE_SCENES = (
    "`acquire simulate --held-out 10`, `curate static-segments`, `curate rain-diversity`, and "
    "`curate sequences --set hold_out='*holdout-*'` make scenes with truth"
)


@dataclass(frozen=True)
class Study:
    """A study that trains networks, one or more a row of its table."""

    name: str
    scenes: Path  # the table of scenes to train on
    preset: Preset  # what every row starts from
    steps: int | None  # of each run; None with None: the preset's
    minutes: float | None
    seeds: int  # runs of each row, with the seeds 0, 1, …
    protocol: Protocol  # of PSNR and SSIM
    pairs: Path | None = None  # a folder of rainy and clean pictures to score on; None: the held-out scenes and the simulator's truth
    device: str | None = None

    @property
    def workspace(self) -> Workspace:
        """Where the scenes' table lies; runs and results go there."""
        return Workspace.of_table(self.scenes)

    @property
    def folder(self) -> Path:
        """Where table.parquet, table.md and figure.png go."""
        return study_folder(self.workspace, self.name)

    def refuse_without_scenes(self) -> None:
        """Raises InputError, with the commands that help, where there is no table of scenes of a workspace."""
        from manifests.files import table_exists  # pyarrow, which `--help` must not load

        refuse_release(self.scenes)
        if not table_exists(self.scenes):
            raise InputError(f"{self.scenes}: no such table of scenes; {MAKE_SCENES}")


def refuse_release(scenes: Path) -> None:
    """Raises InputError for the table of a release, which stays as it is: even to read a workspace's table leaves a lock beside it."""
    from train.released import released_pictures

    released = released_pictures(scenes)
    if released is not None:
        raise InputError(
            f"{scenes}: is the table of a release, and studies look at a workspace; `curate release unpack {released.folder} -C DIR` makes "
            "one, so name the table there: --scenes DIR/manifests/scenes.parquet"
        )


def study_folder(workspace: Workspace, name: str) -> Path:
    """Where a study's table.parquet, table.md and figure.png go."""
    return workspace.root / "studies" / name
