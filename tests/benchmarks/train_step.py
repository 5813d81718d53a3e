"""What a training step of the full width costs: against the device's matrix rate, beside the host's own work, in memory, and in all.

Measured within `train fit` itself, on the benchmarks' simulated scenes, between rows of its log: drawing and cutting pairs, watching and
logging are part of a step.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from manifests.executors import call_in_child
from manifests.tables import Scene
from tests.benchmarks.figure import Figure
from tests.benchmarks.train_device import device_for_measuring, matrix_rate
from tests.benchmarks.train_world import train_world
from train.fit.loop import fit
from train.fit.runlog import LogRow
from train.fit.runs import plan
from train.network import multiply_adds
from train.presets import DEFAULT, PAPER, NetworkSettings, Preset

PAPER_PAIRS = PAPER.pairs.pairs
LARGER_BATCHES = (8, 16, 32, 64)  # pairs; tried on a GPU
TINY = NetworkSettings(width=2, kernels=(1,), fusion="concat", head="linear")  # its step is the host's work, and little more
CPU_SHARE, GPU_SHARE, GPU_BEST_SHARE, HOST_SHARE = 30.0, 25.0, 40.0, 5.0  # %
GPU_HOURS, CARD_GB = 1.0, 11.0


@dataclass(frozen=True)
class Steps:
    """What some steps of training came to."""

    device: str
    seconds: float  # a step; processor time on a CPU
    busy: float | None  # share of the time that a GPU computed; None on a CPU
    peak_gb: float  # of the process on a CPU, of what was allocated on a GPU
    matrix_rate: float  # floating point operations a second

    def share(self, preset: Preset) -> float:
        """Per cent of the matrix rate: a multiply-add forwards, two backwards, of each image of a step."""
        crop_px, images = preset.pairs.crop_px, 2 * preset.pairs.pairs
        return 100 * 3 * 2 * multiply_adds(preset.network, crop_px, crop_px) * images / self.seconds / self.matrix_rate


class _EnoughSteps(Exception):
    """Ends a run that only needed to be timed, before it saves anything."""


def run() -> list[Figure]:
    """Shares of the matrix rate, the host's share, hours that the paper's run would take, peak memory."""
    preset = _with_pairs(DEFAULT, PAPER_PAIRS)
    train_world()
    steps: Steps = call_in_child(_measured, preset, timeout_s=3600)
    on_gpu = steps.busy is not None
    where = f"full width, {preset.pairs.crop_px}x{preset.pairs.crop_px}, {PAPER_PAIRS} pairs, bfloat16, {steps.device}"
    at_least = GPU_SHARE if on_gpu else CPU_SHARE
    figures = [
        Figure(f"matrix rate in bfloat16, {steps.device}", steps.matrix_rate / 1e9, "GFLOP/s", None),
        Figure(f"a training step, {where}", steps.seconds, "s", None),
        Figure("its share of the matrix rate", steps.share(preset), "%", at_least, "at least"),
    ]
    if on_gpu:
        for pairs in LARGER_BATCHES:
            larger = _with_pairs(DEFAULT, pairs)
            found: Steps = call_in_child(_measured, larger, timeout_s=3600)
            figures.append(Figure(f"the same with {pairs} pairs", found.share(larger), "%", None))
        best = max(figure.value for figure in figures[2:])
        figures.append(Figure("at the best of these batches", best, "%", GPU_BEST_SHARE, "at least"))
    hours = PAPER.optimiser.steps * steps.seconds / 3600
    length = f"the paper's run, {PAPER.optimiser.steps:,} steps of {PAPER_PAIRS} pairs, extrapolated from {_timed_steps(on_gpu)} steps"
    return [
        *figures,
        Figure("the host's share of a step, at most", _host_share(preset, steps), "%", HOST_SHARE),
        Figure(length, hours, "h", GPU_HOURS if on_gpu else None),
        Figure(f"peak memory, {where}", steps.peak_gb, "GB", CARD_GB),
    ]


def _host_share(preset: Preset, steps: Steps) -> float:
    """Per cent. On a GPU the time that it waits; on a CPU what the step of a tiny network takes, whose own work is in it."""
    if steps.busy is not None:
        return 100 * (1 - steps.busy)
    tiny: Steps = call_in_child(_measured, replace(preset, network=TINY), timeout_s=3600)
    return 100 * tiny.seconds / steps.seconds


def _with_pairs(preset: Preset, pairs: int) -> Preset:
    return replace(preset, pairs=replace(preset.pairs, pairs=pairs))


def _timed_steps(on_gpu: bool) -> int:
    rows, log_steps = _rows_and_steps(on_gpu)
    return rows * log_steps


def _rows_and_steps(on_gpu: bool) -> tuple[int, int]:
    """Rows of the log that count, and steps of each: one row goes before."""
    return (2, 100) if on_gpu else (3, 1)


def _measured(preset: Preset) -> Steps:
    """Train for a while and look at the clock whenever a row is logged. Runs in a process of its own, for the sake of its memory."""
    with device_for_measuring() as (device, name):
        on_gpu = device.type == "cuda"
        rate = matrix_rate(device, torch.bfloat16)
        rows, log_steps = _rows_and_steps(on_gpu)
        watched = replace(preset, watch=replace(preset.watch, log_steps=log_steps))
        run = plan(train_world().table(Scene), watched, name="benchmark-step")
        shutil.rmtree(run.folder, ignore_errors=True)
        clock: Callable[[], float] = time.perf_counter if on_gpu else time.process_time
        profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) if on_gpu else None
        at: list[float] = []

        def look(_row: LogRow) -> None:
            at.append(clock())
            if profiler is not None and len(at) == rows + 1:  # a last row is profiled, since profiling slows what is timed
                profiler.start()
            if len(at) == rows + (1 if profiler is None else 2):
                raise _EnoughSteps

        try:
            fit(run, on_row=look)
        except _EnoughSteps:
            pass
        finally:
            shutil.rmtree(run.folder, ignore_errors=True)
        seconds = (at[rows] - at[0]) / rows / log_steps
        if profiler is None:
            return Steps(name, seconds, None, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, rate)
        profiler.stop()
        busy = sum(event.self_device_time_total for event in profiler.key_averages()) / 1e6 / log_steps
        return Steps(name, seconds, min(1.0, busy / seconds), torch.cuda.max_memory_allocated(device) / 1e9, rate)
