"""Vital signs and the alarm, on made-up streaks whose state is known."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from train.fit.collapse import JUDGE_STEPS, Collapse, CollapseWatch, VitalSigns
from train.presets import DEFAULT

Picture = npt.NDArray[np.float64]
WATCH = dataclasses.replace(DEFAULT.watch, collapse_steps=10)


def pair(seed: int, cover: float, brightness: float, texture: float = 0.15) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two rainy frames of one background, and their true rain: (4, 1, 24, 24) each."""
    random = np.random.default_rng(seed)
    background = np.clip(0.4 + texture * random.standard_normal((4, 1, 24, 24)), 0, 1)
    rain = [brightness * (random.random(background.shape) < cover) for _ in range(2)]
    frames = [np.minimum(background + layer + 0.005 * random.standard_normal(background.shape), 1) for layer in rain]
    first, second, first_rain, second_rain = (torch.from_numpy(array).float() for array in (*frames, *rain))
    return first, second, first_rain, second_rain


def watched(steps: int, cover: float, brightness: float, predicted: str, texture: float = 0.15, loss: float = 0.1) -> CollapseWatch:
    watch = CollapseWatch(WATCH)
    for step in range(steps):
        first, second, first_rain, second_rain = pair(step, cover, brightness, texture)
        streaks = {
            "truth": (first_rain, second_rain),
            "nothing": (torch.zeros_like(first), torch.zeros_like(second)),
            "almost nothing": (1e-5 * first, -1e-5 * second),
            "everything": (first, second),
            "all but a constant": (first - 0.3, second - 0.3),
        }[predicted]
        watch.add((first, second), streaks, torch.tensor(loss))
    return watch


@pytest.mark.parametrize("predicted", ["everything", "all but a constant"])
@pytest.mark.parametrize("cover", [0.01, 0.3])
def test_a_constant_background_is_a_collapse(predicted: str, cover: float) -> None:
    with pytest.raises(Collapse, match=r"step 10: collapsed to a constant background.*structure_weight=3") as raised:
        watched(10, cover, 0.3, predicted).judge(10)
    assert "\n" not in str(raised.value)


def test_a_dead_head_is_a_collapse() -> None:
    with pytest.raises(Collapse, match=r"no streaks at all.*100\.00%.*head=linear"):
        watched(10, 0.1, 0.3, "nothing").judge(10)


def alarm(watch: CollapseWatch, step: int) -> str | None:
    """What the watch says at a step, if it raises an alarm."""
    try:
        watch.judge(step)
    except Collapse as collapse:
        return str(collapse)
    return None


@pytest.mark.parametrize(
    ("cover", "brightness", "texture"),
    [(0.002, 0.05, 0.15), (0.1, 0.3, 0.15), (0.35, 0.5, 0.15), (0.35, 0.5, 0.02), (0.1, 0.5, 0.0)],
    ids=["light rain", "rain", "heavy rain", "heavy rain over a flat sky", "a background without any contrast"],
)
def test_perfect_deraining_is_no_collapse(cover: float, brightness: float, texture: float) -> None:
    assert alarm(watched(10, cover, brightness, "truth", texture), 10) is None


def test_the_identity_of_a_living_head_is_no_collapse() -> None:
    """So every run begins."""
    assert alarm(watched(10, 0.1, 0.3, "almost nothing"), 10) is None


def test_a_collapse_is_judged_over_its_whole_window() -> None:
    assert alarm(watched(9, 0.1, 0.3, "everything"), 9) is None
    assert alarm(watched(10, 0.1, 0.3, "everything"), 10) is not None


def test_a_loss_that_is_not_finite_is_told_at_once() -> None:
    with pytest.raises(Collapse, match=r"not a finite number.*learning_rate"):
        watched(1, 0.1, 0.3, "truth", loss=float("nan")).judge(1)


def test_an_alarm_comes_within_200_steps_of_crossing_a_threshold() -> None:
    """However healthy the steps before were, and at whatever step it happens."""
    crossings = {"nothing": "no streaks", "all but a constant": "constant background", "just under": "constant background"}
    for (predicted, words), at in zip(crossings.items(), (1, 137, 260), strict=True):
        watch = CollapseWatch(DEFAULT.watch)
        told = None
        for step in range(1, at + 201):
            first, second, first_rain, second_rain = pair(step % 7, 0.1, 0.3)
            living = (first_rain, second_rain)
            dead = {
                "nothing": (torch.zeros_like(first), torch.zeros_like(second)),
                "all but a constant": (first - 0.3, second - 0.3),
                "just under": (0.6 * first, 0.6 * second),  # of the contrast that frames share, less than half is left
            }[predicted]
            watch.add((first, second), dead if step >= at else living, torch.tensor(0.1))
            told = told or (alarm(watch, step) if step % JUDGE_STEPS == 0 else None)
            assert told is None or step >= at
        assert told is not None
        assert words in told


def test_a_head_whose_hidden_units_are_dead_is_told_though_its_bias_is_not_0() -> None:
    watch = CollapseWatch(WATCH)
    for step in range(10):
        first, second, *_ = pair(step, 0.1, 0.3)
        watch.add((first, second), (torch.full_like(first, 0.01), torch.full_like(second, 0.01)), torch.tensor(0.1))
    assert "the same throughout a crop, in 100.00%" in (alarm(watch, 10) or "")


@pytest.mark.parametrize("rainy_crops", [1, 2])
def test_a_network_that_sees_no_rain_in_nearly_every_crop_is_alive(rainy_crops: int) -> None:
    """The lightest rain: of 80 crops all but one or two give the bias alone."""
    watch = CollapseWatch(WATCH)
    for step in range(10):
        first, second, first_rain, second_rain = pair(step, 0.05, 0.3)
        raining = torch.tensor(step < rainy_crops) & (torch.arange(4) == 0).view(4, 1, 1, 1)
        watch.add((first, second), (first_rain * raining + 0.01, second_rain * 0 + 0.01), torch.tensor(0.1))
    assert alarm(watch, 10) is None


def test_an_interrupted_watch_goes_on_where_it_was() -> None:
    whole, first_half = CollapseWatch(WATCH), CollapseWatch(WATCH)
    for step in range(15):
        first, second, first_rain, second_rain = pair(step, 0.2, 0.3)
        whole.add((first, second), (first_rain, second_rain), torch.tensor(0.1 * step))
        if step < 8:
            first_half.add((first, second), (first_rain, second_rain), torch.tensor(0.1 * step))
    second_half = CollapseWatch(WATCH)
    assert second_half.state().shape == (0, 6)
    second_half.restore(first_half.state())
    for step in range(8, 15):
        first, second, first_rain, second_rain = pair(step, 0.2, 0.3)
        second_half.add((first, second), (first_rain, second_rain), torch.tensor(0.1 * step))
    assert torch.equal(second_half.state(), whole.state())
    assert second_half.signs() == whole.signs()


def literal_signs(steps: list[list[Picture]], losses: list[float]) -> VitalSigns:
    """Crop by crop, in float64. Pictures are (B, C, H, W): I_m, I_n, S_m, S_n."""
    of_pictures, of_backgrounds, shared, streaks, dead = [], [], [], [], []
    for first, second, *rain in steps:
        for pictures, layers in ((first, rain[0]), (second, rain[1])):
            for picture, layer in zip(pictures, layers, strict=True):
                of_pictures.append(np.var(picture, ddof=1))
                of_backgrounds.append(np.var(np.maximum(picture - layer, 0), ddof=1))
                for channel in layer:
                    streaks += channel.ravel().tolist()
                    dead += [value == 0 or channel.max() == channel.min() for value in channel.ravel()]
        shared += [np.cov(one.ravel(), other.ravel(), ddof=0)[0, 1] for one, other in zip(first, second, strict=True)]
    contrast = np.sqrt(max(np.mean(of_pictures), 1e-12))
    return VitalSigns(
        float(np.mean(streaks)),
        float(np.sqrt(np.mean(of_backgrounds)) / contrast),
        float(np.sqrt(max(np.mean(shared), 0)) / contrast),
        float(np.mean(dead)),
        float(np.mean(losses)),
    )


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_signs_are_what_a_literal_reference_says(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 3), st.sampled_from([1, 3]), st.integers(2, 5), st.integers(2, 5)))
    values = st.sampled_from([0.0, 0.0, 0.125, 0.25, 0.5, 0.75, 1.0])  # few values, so that layers are constant now and then
    steps, losses = [], []
    watch = CollapseWatch(dataclasses.replace(WATCH, collapse_steps=3))
    for _ in range(data.draw(st.integers(1, 5))):
        step = [data.draw(arrays(np.float64, shape, elements=values)) for _ in range(4)]
        steps.append(step)
        losses.append(data.draw(st.sampled_from([0.0, 0.5, 2.0])))
        first, second, *rain = (torch.from_numpy(array).float() for array in step)
        watch.add((first, second), (rain[0], rain[1]), torch.tensor(losses[-1]))
    expected = literal_signs(steps[-3:], losses[-3:])
    assert dataclasses.astuple(watch.signs()) == pytest.approx(dataclasses.astuple(expected), rel=1e-4, abs=1e-5)
