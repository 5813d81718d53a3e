"""The seven rows of Table VI."""

from __future__ import annotations

from train.studies.losses import losses, with_losses
from train.studies.study import Study
from train.studies.trials import Variant


def test_each_row_trains_with_the_losses_that_it_names(study: Study, made_up: list[Variant]) -> None:
    found = losses(study)
    weights = {
        variant.name: tuple(
            getattr(variant.preset.losses, f"{name}_weight") > 0 for name in ("reconstruction", "background", "structure", "directional")
        )
        for variant in made_up
    }
    assert weights == {
        "Lr Lb, concat": (True, True, False, False),
        "Lr Lb Ls, concat": (True, True, True, False),
        "Lb Ls Lv, concat": (False, True, True, True),
        "Lr Lb Ls Lv, concat": (True, True, True, True),
        "Lr Lb Ls, dynamic": (True, True, True, False),
        "Lb Ls Lv, dynamic": (False, True, True, True),
        "Lr Lb Ls Lv, dynamic": (True, True, True, True),
    }
    assert all(variant.name.endswith(variant.preset.network.fusion) for variant in made_up)
    assert len(found.rows) == 7 * study.seeds


def test_what_is_named_keeps_its_weight(study: Study) -> None:
    assert with_losses(study.preset, "Lr Lb Ls Lv", study.preset.network.fusion) == study.preset
