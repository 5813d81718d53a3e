"""What every study has in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from manifests.errors import InputError
from tests.curate.release.releases import contents
from train.studies.examples import examples
from train.studies.frames import frames
from train.studies.held_out import held_out
from train.studies.study import Study
from train.studies.trials import Variant, run_trials


@pytest.mark.parametrize(
    "look",
    [
        lambda study: run_trials(study, [Variant("it", study.preset)]),
        frames,
        held_out,
        lambda study: examples(study.workspace, study.scenes, None, quick=True),
    ],
    ids=["trials", "frames", "held_out", "examples"],
)
def test_a_release_is_refused_and_left_as_it_is(look: Callable[[Study], object], study: Study, release: Path) -> None:
    before = contents(release)
    with pytest.raises(InputError, match=r"scenes\.parquet: is the table of a release, .* `curate release unpack "):
        look(dataclasses.replace(study, scenes=release / "scenes.parquet"))
    assert contents(release) == before
