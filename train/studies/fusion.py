"""`train study fusion`: how the encoders' features become one (Cho et al. 2020, Table VII)."""

from __future__ import annotations

import dataclasses
from typing import get_args

from train.presets import PAPER, Fusion, changed
from train.studies.comparison import compare
from train.studies.results import Results
from train.studies.study import Study
from train.studies.trials import Trial, Variant

PAPERS: tuple[Fusion, ...] = ("sum", "product", "concat", "dynamic")  # Table VII's rows, in its order


def fusion(study: Study) -> Results[Trial]:
    """Sum, product, concat and dynamic as in Table VII, then the other readings of a dynamic filter.

    Fusion joins encoders: a preset with a single one gets the paper's three. Raises InputError where nothing can be trained.
    """
    network = study.preset.network
    if len(network.kernels) == 1:
        network = dataclasses.replace(network, kernels=PAPER.network.kernels)
    kinds = [*PAPERS, *(kind for kind in get_args(Fusion) if kind not in PAPERS)]
    base = dataclasses.replace(study.preset, network=network)
    variants = [Variant(kind, changed(base, [f"fusion={kind}"])) for kind in kinds]
    return compare(dataclasses.replace(study, preset=base), variants, "How the encoders are fused (Cho et al. 2020, Table VII)")
