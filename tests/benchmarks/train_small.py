"""What three minutes of two CPU cores bring: preset `small` on simulated scenes, scored on held-out ones. The demo's scenes and steps.

Processor time is held against three minutes of two cores, since the clock's would depend on what else runs.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

from manifests.tables import Scene
from tests.benchmarks.figure import Figure
from tests.benchmarks.train_world import train_world
from train.devices import chosen_device, device_name
from train.evaluate.run import evaluate
from train.evaluate.scoring import INPUT
from train.fit.loop import fit
from train.fit.runs import plan
from train.metrics import Protocol
from train.presets import SMALL

CPU_SECONDS = 2 * 3 * 60.0
GAIN_DB = 3.0
PROTOCOL: Protocol = "y-mprnet"


def run() -> list[Figure]:
    """PSNR over doing nothing on the frames of held-out scenes, and the processor time that the training took."""
    workspace, device = train_world(), chosen_device(None)
    planned = plan(workspace.table(Scene), replace(SMALL, name="benchmark-small"))
    shutil.rmtree(planned.folder, ignore_errors=True)
    began = time.process_time()
    fit(planned)
    spent = time.process_time() - began
    found = evaluate(planned.checkpoint, protocols=(PROTOCOL,), workspace=workspace)
    ours, nothing = found.result(PROTOCOL), found.result(PROTOCOL, INPUT)
    assert ours.psnr is not None
    assert nothing.psnr is not None
    what = f"`small`, its {SMALL.optimiser.steps:,} steps on {device_name(device)}"
    return [
        Figure(f"{what}: gain on {ours.n} held-out simulated frames, {PROTOCOL}", ours.psnr - nothing.psnr, "dB", GAIN_DB, "at least"),
        Figure(f"{what}: processor time", spent, "s", CPU_SECONDS),
    ]
