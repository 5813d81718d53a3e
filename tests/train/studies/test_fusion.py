"""The rows of Table VII."""

from __future__ import annotations

import dataclasses
from typing import get_args

from train.presets import Fusion, changed
from train.studies.fusion import fusion
from train.studies.study import Study
from train.studies.trials import Variant


def test_every_fusion_with_several_encoders_the_papers_first(study: Study, made_up: list[Variant]) -> None:
    text = fusion(study).markdown
    names = [variant.name for variant in made_up]
    assert names[:4] == ["sum", "product", "concat", "dynamic"]
    assert sorted(names) == sorted(get_args(Fusion))
    assert all(variant.preset.network.fusion == variant.name for variant in made_up)
    assert {variant.preset.network.kernels for variant in made_up} == {(3, 5, 7)}
    assert "kernels 3, 5, 7" in text


def test_encoders_that_were_asked_for_stay(study: Study, made_up: list[Variant]) -> None:
    fusion(dataclasses.replace(study, preset=changed(study.preset, ["kernels=3,5"])))
    assert {variant.preset.network.kernels for variant in made_up} == {(3, 5)}
