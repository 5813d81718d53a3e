"""Does the full width train: the preset `default`, 2,000 steps on a GPU or 50 of smaller crops on a CPU, and its curve.

Fifty steps show that it begins to learn, not how good it becomes. The loss alone would flatter: much of its fall is from where the first
steps had thrown it, so what is held to a bound is a held-out scene.
"""

from __future__ import annotations

import shutil
import statistics
from dataclasses import replace
from pathlib import Path

from manifests.tables import Scene
from tests.benchmarks.figure import Figure
from tests.benchmarks.train_device import device_for_measuring
from tests.benchmarks.train_world import train_world
from train.fit.figures import draw_curves
from train.fit.loop import fit
from train.fit.runlog import LogRow
from train.fit.runs import plan
from train.presets import DEFAULT

CURVES = Path(__file__).parents[2] / ".cache" / "train_full_width.png"
GPU_STEPS, CPU_STEPS = 2000, 50
CPU_PAIRS = replace(DEFAULT.pairs, pairs=4, crop_px=64, window_from_px=64, window_to_px=128)
CPU_WARM_UP = replace(DEFAULT.optimiser, warm_up=0.3)  # so few steps are over before the preset's share would have had any effect
END_SHARE = 0.2  # of the run, at either end, over which losses are averaged


class _SeenEnough(Exception):
    """Ends the run before it saves gigabytes that nobody wants."""


def run() -> list[Figure]:
    """The loss at the end against the beginning, and PSNR on a held-out scene. Draws the curves into `.cache/`."""
    with device_for_measuring() as (device, name):
        on_gpu = device.type == "cuda"
        steps = GPU_STEPS if on_gpu else CPU_STEPS
        watch = replace(DEFAULT.watch, log_steps=20 if on_gpu else 1, validations=1, save_minutes=1e9)
        preset = replace(DEFAULT, watch=watch)
        if not on_gpu:
            preset = replace(preset, pairs=CPU_PAIRS, optimiser=CPU_WARM_UP)
        planned = plan(train_world().table(Scene), preset, steps=steps, name="benchmark-full-width")
        shutil.rmtree(planned.folder, ignore_errors=True)
        rows: list[LogRow] = []

        def look(row: LogRow) -> None:
            rows.append(row)
            if row.step == steps:
                raise _SeenEnough

        try:
            fit(planned, on_row=look)
        except _SeenEnough:
            pass
        finally:
            shutil.rmtree(planned.folder, ignore_errors=True)
    draw_curves(rows, CURVES)
    ends = max(1, round(END_SHARE * len(rows)))
    before, after = (statistics.mean(row.total for row in part) for part in (rows[:ends], rows[-ends:]))
    what = f"full width, {steps} steps of {preset.pairs.pairs} pairs of {preset.pairs.crop_px} px, {name}"
    last = rows[-1]
    assert last.held_out_psnr is not None
    assert last.held_out_psnr_input is not None
    return [
        Figure(f"{what}: loss of the last fifth against the first (curve in {CURVES.name})", after / before, "x", None),
        Figure("its gain on a held-out simulated scene", last.held_out_psnr - last.held_out_psnr_input, "dB", 0, "at least"),
    ]
