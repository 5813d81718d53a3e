"""What three minutes of training bring on two CPU cores: preset `small` on simulated scenes, scored on held-out ones.

The demo's scenes. Minutes are the clock's, so this figure wants a machine that does nothing else.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

from manifests.tables import Scene
from tests.benchmarks.figure import Figure
from tests.benchmarks.train_world import train_world
from train.devices import chosen_device, device_name
from train.evaluate import evaluate
from train.fit import fit
from train.metrics import Protocol
from train.presets import SMALL
from train.runs import plan
from train.scoring import INPUT

MINUTES, GAIN_DB = 3.0, 3.0
PROTOCOL: Protocol = "y-mprnet"


def run() -> list[Figure]:
    """PSNR over doing nothing, on the frames of held-out scenes."""
    workspace, device = train_world(), chosen_device(None)
    planned = plan(workspace.table(Scene), replace(SMALL, name="benchmark-small"), minutes=MINUTES)
    shutil.rmtree(planned.folder, ignore_errors=True)
    steps: list[int] = []
    fit(planned, on_row=lambda row: steps.append(row.step))
    found = evaluate(planned.checkpoint, protocols=(PROTOCOL,), workspace=workspace)
    ours, nothing = found.result(PROTOCOL), found.result(PROTOCOL, INPUT)
    assert ours.psnr is not None
    assert nothing.psnr is not None
    what = f"`small`, {MINUTES:g} minutes on {device_name(device)}: gain on {ours.n} held-out simulated frames, {PROTOCOL}"
    return [
        Figure(what, ours.psnr - nothing.psnr, "dB", GAIN_DB, "at least"),
        Figure("steps in that time", steps[-1], "", None),
    ]
