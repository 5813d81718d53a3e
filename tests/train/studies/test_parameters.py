"""PSNR against parameters."""

from __future__ import annotations

import dataclasses

from train.presets import changed
from train.studies.parameters import parameters
from train.studies.study import Study
from train.studies.trials import Variant


def test_kernels_then_widths_each_network_once(study: Study, made_up: list[Variant]) -> None:
    found = parameters(dataclasses.replace(study, preset=changed(study.preset, ["width=8"])))
    sizes = [(variant.preset.network.width, variant.preset.network.kernels) for variant in made_up]
    assert sizes == [(8, (3,)), (8, (3, 5)), (8, (1, 3, 5)), (8, (3, 5, 7)), (4, (3,)), (16, (3,))]
    assert "| width 16, kernels 3 | 6,000 | 2 | " in found.markdown
    assert (found.folder / "figure.png").exists()


def test_the_narrowest_network_has_no_half(study: Study, made_up: list[Variant]) -> None:
    parameters(study)
    assert sorted({variant.preset.network.width for variant in made_up}) == [2, 4]
    assert len({variant.name for variant in made_up}) == len(made_up)
