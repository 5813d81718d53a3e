"""PSNR against parameters."""

from __future__ import annotations

import dataclasses

import numpy as np
from matplotlib.figure import Figure

from train.presets import changed
from train.studies.parameters import draw_sizes, parameters
from train.studies.study import Study
from train.studies.trials import Trial, Variant


def test_kernels_then_widths_each_network_once(study: Study, made_up: list[Variant]) -> None:
    found = parameters(dataclasses.replace(study, preset=changed(study.preset, ["width=8"])))
    sizes = [(variant.preset.network.width, variant.preset.network.kernels) for variant in made_up]
    assert sizes == [(8, (3,)), (8, (3, 5)), (8, (1, 3, 5)), (8, (3, 5, 7)), (4, (3,)), (16, (3,))]
    assert "| width 16, kernels 3 | 6,000 | 2 | " in found.markdown
    assert "| width 8, kernels 3 | 1,000 | 2 | 7.00 ± 0.00 | 0.9000 ± 0.0000 | 2 of 2: a constant background |" in found.markdown
    assert (found.folder / "figure.png").exists()


def test_collapsed_runs_are_crosses() -> None:
    rows = [Trial(str(seed), "one", seed, "rgb", 10, psnr, 0.9, 27, 0.8, parameters=1000) for seed, psnr in enumerate((28.0, 29.0, 27.0))]
    axes = Figure().add_subplot()
    draw_sizes(axes, [*rows[:2], dataclasses.replace(rows[2], collapsed="no streaks at all")])
    shown = {str(line.get_marker()): np.asarray(line.get_ydata()).tolist() for line in axes.lines}
    assert (shown["o"], shown["x"], shown["_"]) == ([28, 29], [27], [28])


def test_the_narrowest_network_has_no_half(study: Study, made_up: list[Variant]) -> None:
    parameters(study)
    assert sorted({variant.preset.network.width for variant in made_up}) == [2, 4]
    assert len({variant.name for variant in made_up}) == len(made_up)
