"""The static verdict on a few labelled clips through a codec: the small form of the benchmark, and the rule that labels them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from acquire.simulator.camera import poses
from acquire.simulator.render import render_clip
from acquire.simulator.specification import CameraMove, ClipSpecification, Event, RainSpecification
from curate.measuring import measure
from curate.static_segments import StaticSegmentsSettings
from manifests.media import frames
from tests.benchmarks.static_accuracy import decided, figures, misses
from tests.benchmarks.static_cases import KINDS, REPORTING_SEED, TUNING_SEEDS, Case, cases
from tests.benchmarks.static_truth import LIMITS, expected, shares_of_limits

RAIN = RainSpecification(orientation_deg=75, density=0.15, length_px=14)
CLIP = ClipSpecification(name="clip", seed=9, width=240, height=160, frames=48, fps=15, background="coffee", rain=RAIN, quality=55)
FEW = [
    CLIP,
    replace(CLIP, background="street:4", rain=replace(RAIN, density=0.3), key_frame_interval=12),
    replace(CLIP, rain=None, quality=40),
    replace(CLIP, camera=CameraMove("drift", 0.6, 40)),
    replace(CLIP, camera=CameraMove("drift", 2.0, 140)),
    replace(CLIP, camera=CameraMove("zoom", 1.2)),
    replace(CLIP, camera=CameraMove("roll", -0.6)),
    replace(CLIP, camera=CameraMove("shake", 2.5)),
    replace(CLIP, camera=CameraMove("bump", 2.5, 200, 40), codec="libx265"),
    replace(CLIP, camera=CameraMove("settle", 2.0, 20, 11)),
    replace(CLIP, events=(Event("exposure", 20, 23, 0.6), Event("objects", strength=2)), background="street:6"),
    replace(CLIP, events=(Event("cut", 9, background="street:2"),)),
    replace(CLIP, events=(Event("leaves", strength=0.2),), background="street:8"),
]


def test_a_few_clips_through_a_codec_come_out_as_labelled(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = []
    for number, clip in enumerate(FEW):
        path = tmp_path_factory.mktemp("clips") / f"{number}.mp4"
        render_clip(clip, path)
        truth = expected(clip)
        assert truth is not None
        case = Case(clip, truth, clip.camera.kind, "", "constant", "", marginal=False)
        found.append(decided(case, measure(frames(path, width=clip.width, grey=True), clip.width, clip.height), StaticSegmentsSettings()))
    assert misses(found) == "- none"
    told = {figure.measure: figure.value for figure in figures(found)}
    assert told["precision of kept segments"] == told["recall of static spans"] == 1.0


def test_labels_follow_the_limits_and_are_not_given_near_them() -> None:
    for amount, spans in ((0.5, ((0, 48),)), (0.95, None), (1.1, None), (2.0, ())):
        label = expected(replace(CLIP, camera=CameraMove("drift", amount)))
        assert (label.spans if label else None) == spans
    corner_px = np.hypot(CLIP.width, CLIP.height) / 2
    for share, spans in ((0.7, ((0, 48),)), (1.0, None), (1.3, ())):
        label = expected(replace(CLIP, camera=CameraMove("zoom", 100 * share * LIMITS.edge_px / corner_px)))
        assert (label.spans if label else None) == spans
    bumped = expected(replace(CLIP, camera=CameraMove("bump", 2.0, 0, 8)))
    assert bumped is not None
    assert bumped.spans == ((8, 48),)


def test_a_picture_that_never_changes_need_not_be_kept_and_part_of_a_drift_is_none() -> None:
    for events in ((), (Event("frozen"),)):
        label = expected(replace(CLIP, rain=None, events=events))
        assert label is not None
        assert (label.spans, label.still) == ((), ((0, 48),))


def test_the_middle_is_judged_on_medians_of_ten_frames() -> None:
    drifting = replace(CLIP, camera=CameraMove("drift", 3.0))
    assert shares_of_limits(poses(drifting), drifting)[0] == pytest.approx(3.0 * 38 / 47)


def test_the_seeds_share_no_generated_scene_and_a_third_of_each_is_marginal() -> None:
    few = [cases(seed, 40) for seed in (*TUNING_SEEDS, REPORTING_SEED)]
    photos = [{case.clip.background.partition(":")[0] for case in chosen} - {"street", "thicket"} for chosen in few]
    scenes = [{case.clip.background for case in chosen if case.clip.background.startswith(("street", "thicket"))} for chosen in few]
    assert photos[0]
    assert not photos[0] & photos[1]
    assert not (scenes[0] | scenes[1]) & scenes[2]
    assert not scenes[0] & scenes[1]
    total = sum(kind.count for kind in KINDS)
    assert total >= 300
    assert sum(kind.count for kind in KINDS if kind.marginal) / total >= 0.33
    assert [case.clip for case in cases(TUNING_SEEDS[0], 5)] == [case.clip for case in cases(TUNING_SEEDS[0], 5)]
