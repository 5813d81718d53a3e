"""Trials: every variant with every seed, once; what failed or collapsed is a row."""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np
import pytest

from manifests.errors import InputError
from manifests.files import Provenance, fingerprint, read_rows, write_rows
from manifests.media import write_png
from manifests.tables import Scene
from train.checkpoints import load_network
from train.fit.runs import Run
from train.presets import changed
from train.studies import trials as module
from train.studies.held_out import held_out
from train.studies.results import read_results
from train.studies.study import Study
from train.studies.trials import Trial, Variant, collapse_of, mean_and_spread, planned, run_trials


def variants(study: Study) -> list[Variant]:
    return [Variant("as it is", study.preset), Variant("no Lv", changed(study.preset, ["directional_weight=0"]))]


def test_a_network_is_trained_for_every_variant_and_seed_and_scored_as_it_came_out(study: Study) -> None:
    """With the real training loop."""
    study = dataclasses.replace(study, seeds=1)
    (row,) = run_trials(study, [Variant("as it is", study.preset)])
    run = planned(study, Variant("as it is", study.preset), 0)
    assert row.run == run.name
    assert (row.psnr, row.ssim) == held_out(study).score_network(load_network(run.last))
    assert (row.steps, row.seed, row.pictures, row.error, row.collapsed) == (2, 0, 10, None, None)
    assert row.label_free_score is not None
    assert read_results(Trial, study.folder) == [row]


def test_what_is_done_is_not_done_again(study: Study, trained: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = run_trials(study, variants(study))
    assert [(row.variant, row.seed) for row in rows] == [("as it is", 0), ("no Lv", 0), ("as it is", 1), ("no Lv", 1)]
    assert len(trained) == 4
    monkeypatch.setattr(module, "load_network", None)
    assert run_trials(study, variants(study)) == rows
    assert len(trained) == 4


def test_an_interrupted_study_goes_on(study: Study, trained: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    fit = vars(module)["fit"]
    monkeypatch.setattr(module, "fit", lambda run, device: fit(run, device) if len(trained) < 3 else _interrupt())
    with pytest.raises(KeyboardInterrupt):
        run_trials(study, variants(study))
    before = read_results(Trial, study.folder)
    assert len(before) == 3
    monkeypatch.setattr(module, "fit", fit)
    rows = run_trials(study, variants(study))
    assert rows[:3] == before
    assert len(trained) == 4


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_studies_share_their_runs(study: Study, trained: list[Run]) -> None:
    run_trials(study, variants(study))
    other = dataclasses.replace(study, name="settings")
    run_trials(other, [Variant("another name for it", study.preset)])
    assert len({run.folder for run in trained}) == 4
    assert len(trained) == 6


@pytest.mark.parametrize(
    "changes",
    [{"steps": 3}, {"steps": None, "minutes": 0.5}, {"protocol": "rgb"}, {"preset": None}],
    ids=lambda changes: next(iter(changes)),
)
def test_other_conditions_are_other_trials(study: Study, trained: list[Run], changes: dict[str, object]) -> None:
    if "preset" in changes:
        changes = {"preset": changed(study.preset, ["learning_rate=1e-5"])}
    study = dataclasses.replace(study, seeds=1)
    before = run_trials(study, [Variant("it", study.preset)])
    other = dataclasses.replace(study, **changes)  # type: ignore[arg-type]
    after = run_trials(other, [Variant("it", other.preset)])
    assert before[0].trial_id != after[0].trial_id
    assert read_results(Trial, study.folder) == [*after, *before]
    assert len(trained) == 2


def test_rows_that_are_not_asked_for_stay_in_the_table_and_are_not_shown(study: Study, trained: list[Run]) -> None:
    all_rows = run_trials(study, variants(study))
    found = run_trials(dataclasses.replace(study, seeds=1), variants(study)[1:])
    assert [(row.variant, row.seed) for row in found] == [("no Lv", 0)]
    assert read_results(Trial, study.folder) == [*found, *(row for row in all_rows if row not in found)]
    assert run_trials(study, variants(study)) == all_rows
    assert len(trained) == 4


def test_another_version_uses_no_weights_of_the_one_before(study: Study, trained: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    study = dataclasses.replace(study, seeds=1)
    (before,) = run_trials(study, variants(study)[:1])
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    (after,) = run_trials(study, variants(study)[:1])
    assert before.trial_id != after.trial_id
    assert before.run != after.run
    assert len({run.folder for run in trained}) == 2


def test_scenes_that_are_judged_otherwise_are_judged_again(study: Study, trained: list[Run]) -> None:
    study = dataclasses.replace(study, seeds=1)
    (before,) = run_trials(study, variants(study)[:1])
    rows = read_rows(Scene, study.scenes)
    mask = np.zeros((rows[0].height or 0, rows[0].width or 0), np.uint8)
    mask[20:] = 255
    write_png(study.workspace.root / "other-mask.png", mask)
    masked = [dataclasses.replace(row, mask="other-mask.png") if row.split == "test" else row for row in rows]
    write_rows(Scene, study.scenes, masked, Provenance("test"))
    (after,) = run_trials(study, variants(study)[:1])
    assert after.run == before.run
    assert after.psnr == before.psnr
    assert after.trial_id != before.trial_id
    assert after.pair_gap != before.pair_gap


def test_a_run_that_fails_is_a_row_with_its_error(study: Study, trained: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    fit = vars(module)["fit"]

    def fail_once(run: Run, device: str | None) -> None:
        if run.preset.losses.directional_weight == 0:
            raise InputError("the loss is not a finite number")
        fit(run, device)

    monkeypatch.setattr(module, "fit", fail_once)
    rows = run_trials(study, variants(study))
    assert [row.error for row in rows] == [None, "the loss is not a finite number"] * 2
    assert [row.psnr is None for row in rows] == [False, True] * 2
    monkeypatch.setattr(module, "fit", fit)
    assert [row.error for row in run_trials(study, variants(study))] == [None] * 4


def test_the_alarm_is_off_and_only_the_end_is_validated(study: Study) -> None:
    watch = planned(study, Variant("it", study.preset), 0).preset.watch
    assert (watch.least_contrast, watch.most_dead, watch.validations) == (0, 1, 1)


@pytest.mark.parametrize(
    ("contrast_kept", "psnr", "expected"),
    [
        (0.9, 29.0, None),
        (0.1, 12.0, "a constant background"),
        (1.0, 27.0, "no streaks at all"),
        (1.0, 26.995, "no streaks at all"),
        (1.0, 27.02, None),
        (None, 29.0, None),
        (None, None, None),
    ],
)
def test_collapse_is_told_by_what_a_network_does(contrast_kept: float | None, psnr: float | None, expected: str | None) -> None:
    assert collapse_of(Trial("a", "v", 0, "rgb", 10, psnr, 0.9, 27.0, 0.8, contrast_kept=contrast_kept)) == expected


def test_collapse_is_decided_anew_from_stored_measures(study: Study, trained: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [Variant("as it is", study.preset)]
    study = dataclasses.replace(study, seeds=1)
    monkeypatch.setattr(module, "NOTHING_DB", 0.0)
    assert run_trials(study, asked)[0].collapsed is None
    monkeypatch.setattr(module, "NOTHING_DB", 100.0)
    assert run_trials(study, asked)[0].collapsed == "no streaks at all"
    assert read_results(Trial, study.folder)[0].collapsed == "no streaks at all"
    assert len(trained) == 1


def test_fewer_frames_are_another_run_on_the_first_the_last_and_those_between(study: Study) -> None:
    rows = [row for row in read_rows(Scene, study.scenes) if row.split == "train" and row.reason is None]
    run = planned(study, Variant("three", study.preset, frames=3), 0)
    expected = [tuple(row.frames[index] for index in (0, 2, 4)) for row in sorted(rows, key=lambda row: row.scene_id)]
    assert [row.frames for row in run.train_rows] == expected
    assert all(row.scene_id == fingerprint(row.sha256) for row in run.train_rows)
    assert run.folder != planned(study, Variant("all", study.preset), 0).folder


def test_without_scenes_it_says_which_commands_make_some(study: Study) -> None:
    study.scenes.unlink()
    with pytest.raises(InputError, match="acquire simulate"):
        run_trials(study, variants(study))


def test_mean_and_spread_is_the_samples() -> None:
    values = [30.0, 31.0, 33.5]
    assert mean_and_spread(values) == f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"
    assert mean_and_spread([30.0, None]) == "30.00"
    assert mean_and_spread([None]) == "–"


def test_a_device_that_is_not_there_is_told_at_once(study: Study, trained: list[Run]) -> None:
    with pytest.raises(InputError, match="--device cuda:77: cannot be used here"):
        run_trials(dataclasses.replace(study, device="cuda:77"), variants(study))
    assert trained == []
