"""All that is measured of training and inference: on a GPU in one table, on a CPU without the two runs that take minutes."""

from __future__ import annotations

from tests.benchmarks import train_full_width, train_inference, train_small, train_step
from tests.benchmarks.figure import Figure
from train.devices import chosen_device


def run() -> list[Figure]:
    """The step, a picture, and on a GPU also whole runs of `small` and of the full width."""
    figures = [*train_step.run(), *train_inference.run()]
    if chosen_device(None).type == "cuda":
        figures += [*train_small.run(), *train_full_width.run()]
    return figures
