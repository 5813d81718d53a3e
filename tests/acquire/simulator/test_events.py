"""Each event shows where the truth says, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from acquire.simulator.editing import edited
from acquire.simulator.render import RenderedFrame, render_frames
from acquire.simulator.specification import ClipSpecification, Event, EventKind, RainSpecification, describe
from manifests.errors import InputError

CLIP = ClipSpecification(seed=11, width=128, height=96, frames=14, background="motorcycle:1", rain=RainSpecification(density=0.06))
PLAIN = list(render_frames(CLIP))
SPANS: list[EventKind] = ["black", "flash", "haze", "objects", "leaves", "clouds", "overlay", "clock", "bars", "glass", "snow"]


def changed(frames: list[RenderedFrame], attribute: str = "picture") -> npt.NDArray[np.float64]:
    """Share of the values of each frame that differ from the same clip without an event."""
    return np.array([(getattr(frame, attribute) != getattr(plain, attribute)).mean() for frame, plain in zip(frames, PLAIN, strict=True)])


@pytest.mark.parametrize("kind", SPANS)
def test_an_event_shows_in_every_frame_of_its_span_and_in_no_other(kind: EventKind) -> None:
    event = Event(kind, 4, 10)
    assert describe(event, CLIP.frames) == f"{kind}@4-10"
    share = changed(list(render_frames(replace(CLIP, events=(event,)))))
    assert (share[4:10] > 0.003).all()
    assert (share[:4] == 0).all()
    assert (share[10:] == 0).all()


def test_a_cut_shows_another_background_from_its_frame_on() -> None:
    event = Event("cut", 6, background="rocket")
    assert describe(event, CLIP.frames) == "cut@6"
    frames = list(render_frames(replace(CLIP, events=(event,))))
    assert (changed(frames)[:6] == 0).all()
    rocket = next(render_frames(replace(CLIP, background="rocket"))).clean
    assert all(np.array_equal(frame.clean, rocket) for frame in frames[6:])


def test_a_fade_dissolves_evenly_into_the_other_background() -> None:
    frames = list(render_frames(replace(CLIP, rain=None, events=(Event("fade", 3, 9, background="rocket"),))))
    before, after = frames[0].clean.astype(float), frames[-1].clean.astype(float)
    shares = [float(((frame.clean - before) * (after - before)).sum() / ((after - before) ** 2).sum()) for frame in frames]
    assert shares[:3] == [0, 0, 0]
    assert shares[9:] == [1] * 5
    assert np.allclose(shares[3:9], np.arange(1, 7) / 7, atol=0.01)


def test_cuts_without_a_background_go_to_procedural_scenes_that_differ() -> None:
    frames = list(render_frames(replace(CLIP, events=(Event("cut", 4), Event("cut", 8)))))
    assert not np.array_equal(frames[3].clean, frames[4].clean)
    assert not np.array_equal(frames[7].clean, frames[8].clean)
    assert np.array_equal(frames[4].clean, frames[7].clean)


def test_a_frozen_stretch_repeats_its_first_frame_noise_included() -> None:
    frames = list(render_frames(replace(CLIP, events=(Event("frozen", 4, 10),))))
    assert all(np.array_equal(frame.picture, frames[4].picture) for frame in frames[4:10])
    assert all(np.array_equal(frame.rain, frames[4].rain) for frame in frames[4:10])
    assert (changed(frames)[[0, 3, 4, 10, 13]] == 0).all()
    assert [frame.pts_s for frame in frames] == [frame.pts_s for frame in PLAIN]


def test_an_exposure_ramp_ends_at_its_gain_and_stays_there() -> None:
    frames = list(render_frames(replace(CLIP, rain=None, noise=0, events=(Event("exposure", 2, 8, strength=0.5),))))
    light = np.array([frame.clean.mean() for frame in frames]) / frames[0].clean.mean()
    assert (light[:3] == 1).all()
    assert (np.diff(light[2:8]) < -0.05).all()
    assert np.allclose(light[7:], 0.5, atol=0.01)


def test_a_flash_is_brightest_at_first() -> None:
    frames = list(render_frames(replace(CLIP, rain=None, events=(Event("flash", 5, 8, strength=0.4),))))
    light = [frame.clean.astype(float).mean() for frame in frames]
    assert light[5] > light[6] > light[7] > light[8] == light[4]


def test_objects_move_and_drops_run() -> None:
    kinds: list[EventKind] = ["objects", "glass", "snow", "leaves", "clouds"]
    for kind in kinds:
        frames = list(render_frames(replace(CLIP, rain=None, noise=0, events=(Event(kind),))))
        attribute = "picture" if kind in ("glass", "snow") else "clean"
        steps = [(getattr(one, attribute) != getattr(two, attribute)).mean() for one, two in pairwise(frames)]
        assert min(steps) > 0.001, kind
        if kind == "glass":
            assert max(steps) < 0.3  # most of the pane stands still
        assert not any(frame.rain.any() for frame in frames)


def test_a_clock_shows_another_time_in_each_frame_and_nothing_but_the_time_changes() -> None:
    frames = list(render_frames(replace(CLIP, rain=None, noise=0, events=(Event("clock"),))))
    steps = [one.clean != two.clean for one, two in pairwise(frames)]
    assert all(step.any() for step in steps)
    assert not any(step[16:].any() or step[:, 40:].any() for step in steps)


def test_leaves_cover_the_share_asked_for() -> None:
    frames = list(render_frames(replace(CLIP, rain=None, noise=0, events=(Event("leaves", strength=0.3),))))
    assert 0.15 < changed(frames, "clean").mean() < 0.5


@pytest.mark.parametrize("event", [Event("overlay"), Event("bars", strength=0.3), Event("black")], ids=lambda event: event.kind)
def test_rain_falls_neither_on_overlays_nor_on_black(event: Event) -> None:
    clip = replace(CLIP, events=(event,))
    black, white = (edited(np.full((96, 128, 3), level, np.uint8), clip, 0) for level in (0, 255))
    opaque = (black == white).all(axis=2)
    assert opaque.mean() > 0.005
    for frame in render_frames(clip):
        assert not frame.rain[opaque].any()
        assert np.array_equal(frame.picture[opaque], black[opaque])
        assert frame.rain.any() == (event.kind != "black")


def test_bars_are_as_high_as_asked() -> None:
    frame = next(render_frames(replace(CLIP, events=(Event("bars", strength=0.25),))))
    dark = frame.picture.max(axis=(1, 2)) == 0
    assert dark[:12].all()
    assert dark[-12:].all()
    assert not dark[12:-12].any()


def test_more_than_one_event_at_once() -> None:
    frames = list(render_frames(replace(CLIP, events=(Event("overlay"), Event("haze"), Event("frozen", 3, 8), Event("cut", 10)))))
    assert np.array_equal(frames[3].picture, frames[7].picture)
    assert not np.array_equal(frames[9].clean, frames[10].clean)


@pytest.mark.parametrize("event", [Event("haze", 5, 3), Event("cut", 14), Event("frozen", -1), Event("snow", 0, 99)])
def test_an_event_outside_the_clip_is_refused(event: Event) -> None:
    with pytest.raises(InputError, match="does not lie in its 14 frames"):
        replace(CLIP, events=(event,))
