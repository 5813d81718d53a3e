"""Vital signs and the alarm, on made-up streaks whose state is known."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from train.collapse import Collapse, CollapseWatch, VitalSigns
from train.presets import DEFAULT

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
            "almost nothing": (torch.full_like(first, 1e-5), torch.full_like(second, -1e-5)),
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


def test_signs_are_what_they_are_called() -> None:
    signs = watched(3, 0.2, 0.4, "truth").signs()
    first, second, first_rain, second_rain = (torch.cat(parts) for parts in zip(*(pair(step, 0.2, 0.4) for step in range(3)), strict=True))

    def spread(pictures: Tensor) -> float:
        return float(np.sqrt(np.mean([picture.numpy().var(ddof=1) for picture in pictures])))

    contrast = spread(torch.cat([first, second]))
    kept = spread(torch.cat([first - first_rain, second - second_rain]).clamp(min=0)) / contrast
    covariance = np.mean(
        [np.cov(one.flatten().numpy(), other.flatten().numpy(), ddof=0)[0, 1] for one, other in zip(first, second, strict=True)]
    )
    dead = torch.cat([first_rain, second_rain]) == 0
    expected = VitalSigns(
        torch.cat([first_rain, second_rain]).mean().item(),
        kept,
        float(np.sqrt(covariance)) / contrast,
        dead.float().mean().item(),
        0.1,
    )
    assert dataclasses.astuple(signs) == pytest.approx(dataclasses.astuple(expected), rel=1e-4)
