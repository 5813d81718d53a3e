"""Cuts, fades, flashes and frozen stretches, on series made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from curate import shots
from curate.measures import NO_VIEW
from tests.curate.made_measures import make_measures, scene_cells


def test_a_new_view_that_begins_abruptly_is_a_cut() -> None:
    measures = make_measures([0, 0, 0, 1, 1, 1], cut_at=[3])
    assert shots.cuts(measures) == [30]
    assert [(run.view, run.first_window, run.end_window) for run in shots.view_runs(measures)] == [(0, 0, 3), (1, 3, 6)]


def test_abrupt_frames_whose_medians_agree_are_heavy_rain_and_no_cut() -> None:
    measures = make_measures([0, 0, 0, 1, 1, 1], cut_at=[3])
    same = np.repeat(scene_cells(1)[None], 6, axis=0)
    assert shots.cuts(replace(measures, cells=same)) == []


def test_a_view_seen_again_after_a_cut_back_is_two_cuts() -> None:
    measures = make_measures([0, 0, 0, 1, 1, 1, 0, 0, 0], cut_at=[3, 6])
    assert shots.cuts(measures) == [30, 60]


def test_a_brief_bright_interruption_is_a_flash() -> None:
    measures = make_measures([0, 0, 1, 0, 0], lengths=[10, 4, 3, 10, 10], cut_at=[2, 3])
    bright = measures.brightness.copy()
    bright[14:17] = bright[0] + 60
    flashed = replace(measures, brightness=bright)
    assert shots.cuts(flashed) == []
    assert [run.view for run in shots.view_runs(flashed)] == [0]
    assert shots.count_flashes(flashed.brightness) == 1


def test_one_bright_photo_of_a_time_lapse_is_a_flash() -> None:
    measures = make_measures([0, 0, 1, 0, 0], lengths=[10, 4, 1, 10, 10], cut_at=[2, 3], fps=1 / 30)
    bright = measures.brightness.copy()
    bright[14] += 60
    assert [run.view for run in shots.view_runs(replace(measures, brightness=bright))] == [0]


def test_an_interruption_that_is_dark_or_long_is_none() -> None:
    brief = make_measures([0, 0, 1, 0, 0], lengths=[10, 4, 3, 10, 10], cut_at=[2, 3])
    dark = brief.brightness.copy()
    dark[14:17] = 5
    assert shots.cuts(replace(brief, brightness=dark)) == [14, 17]
    long = make_measures([0, 0, 1, 1, 1, 0, 0], cut_at=[2, 5])
    bright = long.brightness.copy()
    bright[20:50] = bright[0] + 60
    assert shots.cuts(replace(long, brightness=bright)) == [20, 50]


def test_lightning_after_which_the_picture_is_lost_for_two_windows_is_a_flash() -> None:
    measures = make_measures([0, 0, 1, NO_VIEW, 0, 0], lengths=[10, 10, 2, 3, 10, 10], cut_at=[2])
    bright = measures.brightness.copy()
    bright[20:25] = 240
    assert [run.view for run in shots.view_runs(replace(measures, brightness=bright))] == [0]


def test_a_dissolve_is_a_mixture_of_what_is_before_and_after() -> None:
    measures = make_measures([0, 0, 0, 0, 1, 1, 1, 1])
    one, other = measures.cells[0].astype(float), measures.cells[-1].astype(float)
    mixed = measures.cells.copy()
    mixed[3], mixed[4] = 0.7 * one + 0.3 * other, 0.2 * one + 0.8 * other
    assert shots.dissolves(replace(measures, cells=mixed)) == [40]
    strange = measures.cells.copy()
    strange[3], strange[4] = scene_cells(8), scene_cells(9)
    assert shots.dissolves(replace(measures, cells=strange)) == []


def test_a_picture_that_has_merely_moved_is_no_dissolve() -> None:
    measures = make_measures([0, 0, 0, 0, 1, 1, 1, 1])
    assert shots.dissolves(replace(measures, cells=np.repeat(measures.cells[:1], 8, axis=0))) == []


def test_frozen_stretches_are_exact_and_long() -> None:
    measures = make_measures([0] * 10)
    change = np.full(100, 1.0, np.float32)
    change[0] = 0
    change[21:41] = 0.001  # frames 20-40 are one picture
    change[60:64] = 0  # shorter than a window
    change[70:100:2] = 0  # each picture doubled
    frozen = shots.frozen_frames(replace(measures, change=change))
    assert np.flatnonzero(frozen).tolist() == list(range(21, 41))


def test_a_fade_to_black_is_trimmed_and_a_steady_span_is_not() -> None:
    measures = make_measures([0] * 12)
    assert shots.trim_transitions(measures, 0, 120) == (0, 120)
    share = np.clip((120 - np.arange(120)) / 30, 0.05, 1)
    contrast = (measures.contrast * share).astype(np.float32)
    cells = (measures.cells * share[5::10, None, None]).astype(np.uint8)
    first, end = shots.trim_transitions(replace(measures, contrast=contrast, cells=cells), 0, 120)
    assert first == 0
    assert 85 <= end <= 95
    backwards = replace(measures, contrast=contrast[::-1], cells=cells[::-1])
    first, end = shots.trim_transitions(backwards, 0, 120)
    assert 25 <= first <= 35
    assert end == 120


def test_a_flickering_rainy_span_keeps_its_ends_since_its_medians_do_not_change() -> None:
    measures = make_measures([0] * 8)
    generator = np.random.default_rng(0)
    contrast = (measures.contrast * generator.uniform(0.8, 1.2, 80)).astype(np.float32)
    assert shots.trim_transitions(replace(measures, contrast=contrast), 0, 80) == (0, 80)


def test_frames_without_contrast_are_faded() -> None:
    measures = make_measures([0] * 6)
    contrast = measures.contrast.copy()
    contrast[25:30] = 1
    assert np.flatnonzero(shots.faded(replace(measures, contrast=contrast), 10, 60)).tolist() == [15, 16, 17, 18, 19]


def test_a_lively_picture_that_freezes_for_long_is_a_stall() -> None:
    measures = make_measures([0] * 10)
    change = np.full(100, 3.0, np.float32)
    change[31:76] = np.tile([0.0, 0.0, 0.3], 15)  # an encoder refines what stands
    change[51] = 2.0  # and pulses at a key frame
    assert shots.stalls(replace(measures, change=change), 0, 100, 30) == [30, 76]
    assert shots.stalls(replace(measures, change=change), 0, 100, 50) == []


def test_doubled_pictures_and_quiet_scenes_are_no_stalls() -> None:
    measures = make_measures([0] * 10)
    doubled = np.where(np.arange(100) % 2, 4.0, 0.0).astype(np.float32)
    quiet = np.full(100, 0.02, np.float32)
    traffic = np.where((np.arange(100) > 30) & (np.arange(100) < 70), 0.3, 4.0).astype(np.float32)
    for change in (doubled, quiet, traffic):
        assert shots.stalls(replace(measures, change=change), 0, 100, 30) == []


def test_an_exposure_step_is_no_fade() -> None:
    measures = make_measures([0] * 10)
    gain = np.where(np.arange(100) < 12, 1.0, 0.55)
    cells = (measures.cells * gain[5::10, None, None]).astype(np.uint8)
    stepped = replace(measures, contrast=(measures.contrast * gain).astype(np.float32), cells=cells)
    assert shots.trim_transitions(stepped, 0, 100) == (0, 100)


def test_a_dissolve_at_either_end_is_trimmed_where_the_detail_changes() -> None:
    measures = make_measures([0] * 8)
    ending = np.full(80, 0.9, np.float32)
    ending[74:] = [0.8, 0.65, 0.5, 0.4, 0.3, 0.2]
    assert shots.trim_transitions(replace(measures, earlier_resemblance=ending), 0, 80) == (0, 72)
    beginning = np.full(80, 0.9, np.float32)
    beginning[10:18] = np.linspace(0.1, 0.7, 8)  # frames of the fade lie less than a window behind these
    assert shots.trim_transitions(replace(measures, earlier_resemblance=beginning), 0, 80) == (10, 80)
