"""Measuring a footage, against what the simulator knows of it."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from acquire.simulator.camera import poses
from acquire.simulator.specification import CameraMove, ClipSpecification, Event, RainSpecification
from curate.measures import NO_VIEW, WINDOW, Measures
from curate.measuring import measure
from manifests.errors import InputError
from manifests.media import Frame
from tests.curate.simulated import HEAVY, LIGHT, clip, grey_frames, measured


def window_means(values: list[float], measures: Measures) -> npt.NDArray[np.float64]:
    return np.array([np.mean(values[a:b]) for a, b in zip(measures.window_first, measures.window_end, strict=True)])


@pytest.mark.parametrize("rain", [None, LIGHT, HEAVY])
@pytest.mark.parametrize("camera", [CameraMove(), CameraMove("drift", 3, 30), CameraMove("zoom", 1), CameraMove("roll", 0.5)])
def test_the_cameras_path_is_the_simulators_rain_or_not(camera: CameraMove, rain: RainSpecification | None) -> None:
    specification = clip(camera, rain=rain)
    measures = measured(specification)
    path = poses(specification)
    assert measures.view.tolist() == [0] * 6
    right = window_means([pose.shift_x_px for pose in path], measures)
    down = window_means([pose.shift_y_px for pose in path], measures)
    scale = window_means([pose.scale for pose in path], measures)
    roll = window_means([pose.roll_deg for pose in path], measures)
    assert measures.right_px == pytest.approx(right - right[0], abs=0.25)
    assert measures.down_px == pytest.approx(down - down[0], abs=0.25)
    assert measures.scale == pytest.approx(scale / scale[0], abs=0.0015)
    assert measures.roll_deg == pytest.approx(roll - roll[0], abs=0.08)


def test_pixel_measures_are_those_of_the_full_resolution() -> None:
    small, large = (
        measured(ClipSpecification(width=width, height=height, frames=30, rain=None, background="street:3", camera=CameraMove("drift", 4)))
        for width, height in ((240, 160), (720, 480))
    )
    assert large.full_px == pytest.approx(2.25)
    assert large.right_px[-1] == pytest.approx(small.right_px[-1], abs=0.3)


def test_single_frames_of_a_shaken_camera_lie_off_their_window() -> None:
    shaken, still = measured(clip(CameraMove("shake", 2))), measured(clip(rain=HEAVY))
    assert np.percentile(np.hypot(shaken.offset_right_px, shaken.offset_down_px), 95) > 1.5
    assert np.percentile(np.hypot(still.offset_right_px, still.offset_down_px), 95) < 0.2


def test_a_frames_place_is_its_windows_place_and_its_own_offset() -> None:
    specification = clip(CameraMove("bump", 3, 0, 33))
    measures = measured(specification)
    path = np.repeat(measures.right_px, measures.window_end - measures.window_first) + measures.offset_right_px
    assert path == pytest.approx([pose.shift_x_px for pose in poses(specification)], abs=0.3)


def test_no_window_straddles_a_cut_and_the_view_is_known_again() -> None:
    measures = measured(clip(None, Event("cut", 24, background="rocket"), Event("cut", 47, background="coffee"), frames=70))
    assert {24, 47} <= set(measures.window_first.tolist())
    views = dict(zip(measures.window_first.tolist(), measures.view.tolist(), strict=True))
    assert views[0] == views[47] != views[24]
    assert measures.resemblance[[24, 47]].max() < 0.2
    assert np.delete(measures.resemblance, [24, 47]).min() > 0.25


@pytest.mark.parametrize("event", [Event("flash", 22, 25, 1.5), Event("exposure", 20, 24, 0.5), Event("objects", strength=3)])
def test_light_and_passers_by_leave_the_view_and_the_camera_where_they_are(event: Event) -> None:
    measures = measured(clip(None, event))
    told = measures.view != NO_VIEW
    assert set(measures.view[told][[0, -1]].tolist()) == {0}
    assert np.nanmax(np.hypot(measures.right_px, measures.down_px)[measures.view == 0]) < 0.3


def test_black_frames_have_no_view() -> None:
    measures = measured(clip(None, Event("black", 20, 40)))
    assert measures.view.tolist().count(NO_VIEW) == 2
    assert measures.textured[measures.view == NO_VIEW].max() == 0
    assert np.isnan(measures.right_px[measures.view == NO_VIEW]).all()


def test_a_watermark_in_the_dark_does_not_speak_for_the_scene_that_follows() -> None:
    frames = list(grey_frames(clip()))
    generator = np.random.default_rng(0)
    mark = generator.integers(0, 255, (30, 60)).astype(np.uint8)
    for frame in frames:
        if frame.index < 20:
            frame.picture[:] = 0
        else:
            frame.picture[:] = np.roll(frame.picture, 4 * (frame.index // 10), axis=1)  # the scene moves on, the mark does not
        frame.picture[120:150, 10:70] = mark
    measures = measure(frames, 240, 160)
    assert measures.view[0] not in measures.view[measures.window_first >= 20]


def test_frozen_frames_do_not_change() -> None:
    measures = measured(clip(None, Event("frozen", 10, 40)))
    assert measures.change[11:40].max() == 0
    assert measures.change[41:].min() > 0.3


def test_an_overlay_withstands_what_changes_behind_it() -> None:
    events = (Event("overlay"), Event("cut", 20, background="rocket"), Event("cut", 40, background="cat"))
    with_overlay, without = measured(clip(None, *events)), measured(clip(None, *events[1:]))
    stays = with_overlay.withstood == with_overlay.challenged
    assert (stays & (with_overlay.challenged >= 2)).sum() > (without.withstood == without.challenged)[without.challenged >= 2].sum() + 50


def test_what_is_measured_is_the_same_each_time() -> None:
    first, second = measured(clip(rain=HEAVY)), measured(clip(rain=HEAVY))
    assert np.array_equal(first.right_px, second.right_px)
    assert np.array_equal(first.cells, second.cells)


def test_only_a_window_of_pictures_is_held() -> None:
    alive: list[weakref.ref[npt.NDArray[np.uint8]]] = []
    held = []

    def watched() -> Iterator[Frame]:
        for index in range(60):
            picture = np.random.default_rng(0).integers(0, 255, (120, 160)).astype(np.uint8)
            alive.append(weakref.ref(picture))
            held.append(sum(reference() is not None for reference in alive))
            frame = Frame(index, index / 25, picture)
            del picture
            yield frame

    measure(watched(), 160, 120)
    assert max(held) <= 2 * WINDOW


def test_one_frame_is_a_footage_and_none_is_not() -> None:
    picture = next(iter(grey_frames(clip()))).picture
    measures = measure([Frame(0, 0.0, picture)], 240, 160)
    assert (measures.frames, len(measures.view)) == (1, 1)
    with pytest.raises(InputError, match="no frame"):
        measure([], 240, 160)


def test_pictures_too_small_to_compare_are_an_error() -> None:
    with pytest.raises(InputError, match="12x200 px"):
        measure([Frame(0, 0.0, np.zeros((200, 12), np.uint8))], 12, 200)
