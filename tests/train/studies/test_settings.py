"""The table of settings and the rank correlation beneath it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import rankdata

from train.presets import PAPER
from train.studies.settings import changes, rank_correlation, settings
from train.studies.study import Study
from train.studies.trials import Trial, Variant


def test_one_thing_differs_a_row(study: Study, made_up: list[Variant]) -> None:
    text = settings(study).markdown
    groups = ("network", "losses", "pairs", "optimiser")
    assert made_up[0] == Variant("small: Ls 3, Lb 1, Lv 0.005, linear, rate 0.0015, target rain_free", study.preset)
    for variant in made_up[1:-2]:
        differing = {
            field.name
            for group in groups
            for field in dataclasses.fields(getattr(study.preset, group))
            if getattr(getattr(variant.preset, group), field.name) != getattr(getattr(study.preset, group), field.name)
        }
        assert differing, variant.name
        assert differing <= {change.partition("=")[0] for change in changes(study.preset)[variant.name]}, variant.name
        assert f"| {variant.name} |" in text
    assert [variant.preset.losses for variant in made_up[-2:]] == [PAPER.losses, PAPER.losses]
    assert made_up[-1].preset.network.head == "relu"
    assert "Rank correlation (Spearman) of the label-free score with PSNR: 1.00 over all" in text


def test_ranks_correlate_as_by_hand() -> None:
    random = np.random.default_rng(0)
    pairs = random.normal(size=(12, 2)).round(1)
    trials = [Trial(str(n), "v", n, "rgb", 1, psnr, 0.9, 20, 0.8, label_free_score=score) for n, (score, psnr) in enumerate(pairs.tolist())]
    lacking = [Trial("x", "v", 0, "rgb", 1, None, None, 20, 0.8), Trial("y", "v", 0, "rgb", 1, 30, 0.9, 20, 0.8)]
    ranks = [rankdata(column) for column in pairs.T]
    assert rank_correlation([*trials, *lacking]) == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert np.isnan(rank_correlation(trials[:1]))
