"""Simulated scenes that the training benchmarks share: made once, kept in `.cache/`, named by what made them."""

from __future__ import annotations

from pathlib import Path

from acquire.simulator.simulate import STAGE_VERSION, SimulateSettings, simulate
from curate import rain_diversity, sequences, static_segments
from manifests.files import fingerprint, table_exists
from manifests.tables import Scene
from manifests.workspace import Workspace

# The demo's world: as many scenes, and held-out ones that share neither photo nor rain with them.
WORLD = SimulateSettings(clips=18, held_out=4, others=0, seed=2020)
SCENES = sequences.SequencesSettings(hold_out=("*holdout-*",), test_fraction=0)


def train_world() -> Workspace:
    """The workspace, with scenes of the splits train, val and test and the truth behind them."""
    versions = STAGE_VERSION, static_segments.VERSION, rain_diversity.VERSION, sequences.VERSION
    workspace = Workspace(Path(__file__).parents[2] / ".cache" / "train_worlds" / fingerprint(WORLD, SCENES, versions))
    if not table_exists(workspace.table(Scene)):
        workspace.root.mkdir(parents=True, exist_ok=True)
        simulate(workspace, WORLD, workers=2)
        static_segments.run(workspace, workers=2)
        rain_diversity.run(workspace, workers=2)
        sequences.run(workspace, SCENES, workers=2)
    return workspace
