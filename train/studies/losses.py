"""`train study losses`: what each loss brings (Cho et al. 2020, Table VI)."""

from __future__ import annotations

from train.presets import Fusion, Preset, changed
from train.studies.comparison import compare
from train.studies.results import Results
from train.studies.study import Study
from train.studies.trials import Trial, Variant

TERMS = {"Lr": "reconstruction_weight", "Lb": "background_weight", "Ls": "structure_weight", "Lv": "directional_weight"}
ROWS: tuple[tuple[Fusion, str], ...] = (
    ("concat", "Lr Lb"),
    ("concat", "Lr Lb Ls"),
    ("concat", "Lb Ls Lv"),
    ("concat", "Lr Lb Ls Lv"),
    ("dynamic", "Lr Lb Ls"),
    ("dynamic", "Lb Ls Lv"),
    ("dynamic", "Lr Lb Ls Lv"),
)


def losses(study: Study) -> Results[Trial]:
    """The seven rows of Table VI: which losses, without and with dynamic fusion. Raises InputError where nothing can be trained."""
    variants = [Variant(f"{terms}, {fusion}", with_losses(study.preset, terms, fusion)) for fusion, terms in ROWS]
    return compare(study, variants, "Which losses (Cho et al. 2020, Table VI)")


def with_losses(preset: Preset, terms: str, fusion: Fusion) -> Preset:
    """The preset with the weight of every loss that is not named (`Lb Ls`) at 0, and another fusion."""
    off = [f"{weight}=0" for term, weight in TERMS.items() if term not in terms.split()]
    return changed(preset, [*off, f"fusion={fusion}"])
