"""The losses against a slow, literal float64 version of eq. 2-8."""

import dataclasses
import math
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.directional import DirectionalGradientNetwork, gradient_orientation
from train.losses import gamma_at, losses
from train.presets import DEFAULT, PAPER, LossSettings

Array = npt.NDArray[np.float64]
SETTINGS = LossSettings(background_weight=0.7, structure_weight=0.3, directional_weight=0.2, reconstruction_weight=0.5)
SHAPE = (2, 1, 9, 11)


def literal_direction(streaks: Array, mask: npt.NDArray[np.bool_], network: DirectionalGradientNetwork, flat_counted: bool) -> float:
    """Eq. 4-6 pixel by pixel: the mean over directed pixels (or all of them) of Σ_k α_k |θ - c_k|."""
    weight = network.assignment.weight.detach().double().numpy()
    bias = network.assignment.bias.detach().double().numpy()  # type: ignore[union-attr]
    centres = network.centres.detach().double().numpy()
    total, count = 0.0, 0
    for streak, seen in zip(streaks[:, 0], mask[:, 0], strict=True):
        height, width = streak.shape[0] - 1, streak.shape[1] - 1
        theta, counted = np.zeros((height, width)), np.zeros((height, width), dtype=bool)
        for y in range(height):
            for x in range(width):
                across, down = streak[y, x + 1] - streak[y, x], streak[y + 1, x] - streak[y, x]
                if seen[y, x] and seen[y, x + 1] and seen[y + 1, x]:
                    directed = math.hypot(across, down) >= network.flat_gradient
                    if directed:
                        theta[y, x] = math.atan(down / across) if across else math.copysign(math.pi / 2, down)
                    counted[y, x] = directed or flat_counted
        padded = np.pad(theta, 1)
        for y in range(height):
            for x in range(width):
                if counted[y, x]:
                    scores = [float((weight[k, 0] * padded[y : y + 3, x : x + 3]).sum() + bias[k]) for k in range(4)]
                    powers = [math.exp(score) for score in scores]
                    total += sum(power / sum(powers) * abs(theta[y, x] - centre) for power, centre in zip(powers, centres, strict=True))
                    count += 1
    return total / max(count, 1)


def literal_losses(
    pictures: list[Array],
    streaks: list[Array],
    mask: npt.NDArray[np.bool_],
    network: DirectionalGradientNetwork,
    settings: LossSettings,
    gamma: float,
) -> dict[str, float]:
    """Eq. 2, 3, 7 by loops over pixels; eq. 8 from them."""
    counted = [index for index in np.ndindex(*pictures[0].shape) if mask[index[0], 0, index[2], index[3]]]
    background = [np.maximum(picture - streak, 0) for picture, streak in zip(pictures, streaks, strict=True)]
    terms: dict[str, float] = {"background": 0.0, "structure": 0.0, "reconstruction": 0.0}
    for index in counted:
        terms["background"] += float(abs(background[0][index] - background[1][index])) / len(counted)
        for m, n in ((0, 1), (1, 0)):
            terms["structure"] += gamma * float(abs(pictures[m][index] - background[n][index])) / len(counted) / 2
            remainder = abs(pictures[m][index] - (background[m][index] + streaks[m][index]))
            terms["reconstruction"] += float(remainder) / len(counted) / 2
    terms["directional"] = sum(literal_direction(streak, mask, network, settings.flat_pixels == "counted") for streak in streaks) / 2
    terms["total"] = (
        settings.background_weight * terms["background"]
        + settings.structure_weight * terms["structure"]
        + settings.directional_weight * terms["directional"]
        + settings.reconstruction_weight * terms["reconstruction"]
    )
    return terms


def example(seed: int) -> tuple[list[Array], list[Array], npt.NDArray[np.bool_]]:
    """Streaks with flat stretches, vertical and horizontal edges, and pixels brighter than the picture (where the clipping acts)."""
    random = np.random.default_rng(seed)
    pictures = [random.random(SHAPE) for _ in range(2)]
    streaks = [random.choice([0.0, 0.0, 0.4, 0.9, -0.1], size=SHAPE) for _ in range(2)]
    return pictures, streaks, random.random((SHAPE[0], 1, *SHAPE[2:])) < 0.7


def tensors(pair: list[Array]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(pair[0]), torch.from_numpy(pair[1])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("flat_pixels", ["masked", "counted"])
def test_terms_equal_the_literal_version(seed: int, flat_pixels: Literal["masked", "counted"]) -> None:
    torch.manual_seed(seed)
    settings = dataclasses.replace(SETTINGS, flat_pixels=flat_pixels)
    network = DirectionalGradientNetwork(settings.flat_gradient).double()
    pictures, streaks, mask = example(seed)
    expected = literal_losses(pictures, streaks, mask, network, settings, gamma=0.05)
    found = losses(tensors(pictures), tensors(streaks), torch.from_numpy(mask), network, settings, 0.05)
    for name, value in expected.items():
        assert getattr(found, name).item() == pytest.approx(value, rel=1e-9), name


WEIGHTS = ["background_weight", "structure_weight", "directional_weight", "reconstruction_weight"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_weight_of_0_takes_its_term_out_of_the_gradient_and_leaves_the_others(name: str) -> None:
    """And the directional network keeps a gradient, of 0."""
    pictures, streaks, mask = example(5)
    gradients = []
    for settings in (dataclasses.replace(SETTINGS, **{name: 0.0}), dataclasses.replace(SETTINGS, **{name: 1e-300})):  # type: ignore[arg-type]
        torch.manual_seed(0)
        network = DirectionalGradientNetwork(settings.flat_gradient).double()
        first, second = (streak.requires_grad_() for streak in tensors(streaks))
        total = losses(tensors(pictures), (first, second), torch.from_numpy(mask), network, settings, 0.05).total
        total.backward()  # type: ignore[no-untyped-call]
        gradients.append([value.grad for value in (first, second, *network.parameters())])
    for without, hardly in zip(*gradients, strict=True):
        assert without is not None
        assert hardly is not None
        torch.testing.assert_close(without, hardly)


def test_weight_0_costs_no_directional_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr("train.directional.gradient_orientation", refuse)
    pictures, streaks, _ = example(0)
    network = DirectionalGradientNetwork(1e-3)
    found = losses(tensors(pictures), tensors(streaks), None, network, dataclasses.replace(SETTINGS, directional_weight=0.0), 1.0)
    assert found.directional.item() == 0
    with pytest.raises(AssertionError, match="computed"):
        losses(tensors(pictures), tensors(streaks), None, network, SETTINGS, 1.0)


def test_one_weight_at_least_is_needed() -> None:
    with pytest.raises(ValueError, match="every weight is 0"):
        dataclasses.replace(SETTINGS, **dict.fromkeys(WEIGHTS, 0.0))  # type: ignore[arg-type]


def test_no_mask_is_a_mask_that_is_true_everywhere() -> None:
    network = DirectionalGradientNetwork(1e-3).double()
    pictures, streaks, mask = example(3)
    pair, streak = ((torch.from_numpy(a), torch.from_numpy(b)) for a, b in (pictures, streaks))
    everywhere = torch.ones(mask.shape, dtype=torch.bool)
    unmasked, masked = losses(pair, streak, None, network, SETTINGS, 1.0), losses(pair, streak, everywhere, network, SETTINGS, 1.0)
    assert unmasked.total.item() == pytest.approx(masked.total.item(), rel=1e-12)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.booleans(), st.sampled_from([1, 3]))
def test_nothing_behind_the_mask_counts(seed: int, share: float, flat_counted: bool, channels: int) -> None:
    """Neither pictures nor streaks there change any loss, and no gradient reaches them."""
    generator = torch.Generator().manual_seed(seed)
    shape = (2, channels, 6, 7)
    mask = torch.rand((2, 1, 6, 7), generator=generator) < share
    pictures, others = torch.rand(2, *shape, generator=generator), torch.rand(2, *shape, generator=generator)
    streaks, other_streaks = torch.rand(2, *shape, generator=generator).round(decimals=1), torch.rand(2, *shape, generator=generator)
    settings = dataclasses.replace(SETTINGS, flat_pixels="counted" if flat_counted else "masked")
    network = DirectionalGradientNetwork(settings.flat_gradient)
    seen, unseen = streaks.clone().requires_grad_(), torch.where(mask, streaks, other_streaks)
    terms = losses((pictures[0], pictures[1]), (seen[0], seen[1]), mask, network, settings, 1.0)
    terms.total.backward()  # type: ignore[no-untyped-call]
    assert seen.grad is not None
    assert not seen.grad[(~mask).expand(2, *shape)].any()
    behind = torch.where(mask, pictures, others)
    again = losses((behind[0], behind[1]), (unseen[0], unseen[1]), mask, network, settings, 1.0)
    for field in dataclasses.fields(terms):
        assert getattr(terms, field.name).item() == getattr(again, field.name).item(), field.name


def test_a_target_takes_the_other_frames_place_in_the_structure_loss_alone() -> None:
    network = DirectionalGradientNetwork(SETTINGS.flat_gradient).double()
    pictures, streaks, mask = example(6)
    target = np.random.default_rng(7).random(SHAPE)
    found = losses(tensors(pictures), tensors(streaks), torch.from_numpy(mask), network, SETTINGS, 0.05, torch.from_numpy(target))
    expected = literal_losses(pictures, streaks, mask, network, SETTINGS, gamma=0.05)
    held_against = literal_losses([target, target], [target - np.maximum(i - s, 0) for i, s in zip(pictures, streaks, strict=True)],
                                  mask, network, SETTINGS, gamma=0.05)  # fmt: skip
    assert found.structure.item() == pytest.approx(held_against["structure"], rel=1e-9)
    assert found.background.item() == pytest.approx(expected["background"], rel=1e-9)
    assert found.reconstruction.item() == pytest.approx(expected["reconstruction"], rel=1e-9)


def test_squared_distances_are_a_literal_mean_of_squares_and_equal_absolute_ones_at_a_twentieth() -> None:
    pictures, streaks, mask = example(3)
    network = DirectionalGradientNetwork(SETTINGS.flat_gradient).double()
    squared = dataclasses.replace(SETTINGS, structure_distance="squared")
    found = losses(tensors(pictures), tensors(streaks), torch.from_numpy(mask), network, squared, 0.5)
    shown = np.broadcast_to(mask, SHAPE)
    background = [np.maximum(picture - streak, 0) for picture, streak in zip(pictures, streaks, strict=True)]
    squares = [((pictures[m] - background[n])[shown] ** 2).mean() / 0.05 for m, n in ((0, 1), (1, 0))]
    assert found.structure.item() == pytest.approx(0.5 * sum(squares) / 2, rel=1e-9)
    flat = torch.full((1, 1, 8, 8), 0.5, dtype=torch.float64)
    for settings in (SETTINGS, squared):
        told = losses((flat, flat), (flat * 0, flat * 0), None, network, settings, 1.0, flat - 0.05)
        assert told.structure.item() == pytest.approx(0.05)


def test_an_empty_mask_gives_zero_and_finite_gradients() -> None:
    streaks = torch.rand(SHAPE, requires_grad=True)
    nothing = torch.zeros(SHAPE, dtype=torch.bool)
    total = losses(
        (torch.rand(SHAPE), torch.rand(SHAPE)), (streaks, streaks), nothing, DirectionalGradientNetwork(1e-3), SETTINGS, 1.0
    ).total
    total.backward()  # type: ignore[no-untyped-call]
    assert total.item() == 0
    assert streaks.grad is not None
    assert not streaks.grad.any()


def test_the_same_frame_twice_would_make_the_identity_perfect_and_another_does_not() -> None:
    """Why m != n: with S = 0, |I_m - B_m| is 0 whatever rain is in I_m; |I_m - B_n| is not."""
    network = DirectionalGradientNetwork(1e-3)
    first, second, none = torch.rand(SHAPE), torch.rand(SHAPE), torch.zeros(SHAPE)
    assert losses((first, first), (none, none), None, network, SETTINGS, 1.0).structure.item() == 0
    assert losses((first, second), (none, none), None, network, SETTINGS, 1.0).structure.item() > 0.1


def test_a_pair_may_be_turned_round() -> None:
    network = DirectionalGradientNetwork(1e-3)
    pictures, streaks, _ = example(5)
    pair, streak = ([torch.from_numpy(array).float() for array in arrays] for arrays in (pictures, streaks))
    forth = losses((pair[0], pair[1]), (streak[0], streak[1]), None, network, SETTINGS, 1.0).total
    back = losses((pair[1], pair[0]), (streak[1], streak[0]), None, network, SETTINGS, 1.0).total
    assert forth.item() == pytest.approx(back.item(), rel=1e-6)


# --- directions ---------------------------------------------------------------------------------------------------------------------


def test_the_directional_network_has_44_parameters() -> None:
    network = DirectionalGradientNetwork(1e-3)
    assert sum(parameter.numel() for parameter in network.parameters()) == 44
    assert network.centres.tolist() == pytest.approx([-3 * math.pi / 8, -math.pi / 8, math.pi / 8, 3 * math.pi / 8])


@pytest.mark.parametrize("degrees", [-80, -45, -10, 0, 30, 75, 89])
def test_orientation_of_a_ramp(degrees: float) -> None:
    angle = math.radians(degrees)
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    for sign in (1, -1):  # a gradient and its opposite have one orientation
        theta, directed = gradient_orientation(sign * 0.1 * (math.cos(angle) * x + math.sin(angle) * y)[None, None], 1e-3)
        assert bool(directed.all())
        assert (theta - angle).abs().max().item() < 1e-4


def test_theta_has_finite_gradients_where_the_streaks_are_flat() -> None:
    streaks = torch.zeros(1, 1, 8, 8)
    streaks[..., 4:, :] = 0.5  # one horizontal edge: its gradient is vertical, and zero everywhere else
    streaks.requires_grad_()
    DirectionalGradientNetwork(1e-3)(streaks).backward()
    assert streaks.grad is not None
    assert bool(torch.isfinite(streaks.grad).all())
    assert not streaks.grad[..., :2, :].any()


@given(st.lists(st.sampled_from([0.0, 1e-38, -1e-20, 1e-4, 1e-3, -0.5, 1.0]), min_size=36, max_size=36), st.booleans())
def test_theta_has_finite_gradients_whatever_the_streaks_are(values: list[float], flat_counted: bool) -> None:
    """Exact zeros, what vanishes when squared, gradients at the threshold, straight up and straight across."""
    streaks = torch.tensor(values).view(1, 1, 6, 6).requires_grad_()
    loss = DirectionalGradientNetwork(1e-3)(streaks, None, flat_counted)
    assert bool(loss.isfinite())
    loss.backward()
    assert streaks.grad is not None
    assert bool(streaks.grad.isfinite().all())


def test_flat_streaks_have_no_direction_loss_unless_they_are_counted() -> None:
    network, flat = DirectionalGradientNetwork(1e-3), torch.full((2, 1, 8, 8), 0.3)
    assert network(flat).item() == 0
    assert network(flat, None, True).item() >= math.pi / 8 - 1e-6  # how far 0 is from the nearest centre


def test_counted_flat_pixels_make_no_streaks_the_best_streaks() -> None:
    """Once a centre lies at 0 and is chosen there, what is flat costs nothing: the more of it, the less."""
    network = DirectionalGradientNetwork(1e-3)
    with torch.no_grad():
        network.centres.copy_(torch.tensor([0.0, 1.2, 1.3, 1.4]))
        network.assignment.weight.zero_()
        network.assignment.bias.copy_(torch.tensor([20.0, 0.0, 0.0, 0.0]))  # type: ignore[union-attr]
    speckled = torch.rand(1, 1, 8, 8)
    for counted in (False, True):
        assert network(torch.zeros(1, 1, 8, 8), None, counted).item() < 1e-6 < network(speckled, None, counted).item()
    sparse = torch.zeros(1, 1, 8, 8)
    sparse[..., 3:5, 3:5] = speckled[..., 3:5, 3:5]
    assert network(sparse, None, True).item() < network(sparse, None, False).item() / 3


def test_gradients_equal_finite_differences() -> None:
    torch.manual_seed(0)
    network = DirectionalGradientNetwork(1e-3).double()
    streaks = torch.rand(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda given: network(given), (streaks,))


# --- γ ------------------------------------------------------------------------------------------------------------------------------


def test_gamma_falls_linearly_over_the_first_30_percent() -> None:
    course = [gamma_at(step / 1000, PAPER.losses) for step in range(1000)]
    for step, gamma in enumerate(course):
        assert gamma == pytest.approx(0.1 - (0.1 - 0.0001) * min(step, 300) / 300)
    assert course[300] == course[999] == pytest.approx(0.0001)


@given(st.floats(0, 1), st.floats(0, 1))
def test_gamma_never_rises(earlier: float, later: float) -> None:
    earlier, later = sorted((earlier, later))
    assert gamma_at(earlier, PAPER.losses) >= gamma_at(later, PAPER.losses)
    assert gamma_at(later, DEFAULT.losses) == 1


def test_gamma_may_have_no_fall() -> None:
    assert gamma_at(0, dataclasses.replace(PAPER.losses, gamma_fall=0.0)) == pytest.approx(0.0001)
