"""Label-free validation against literal measures, and where masks, sizes and truths are awkward."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from manifests.errors import InputError
from manifests.files import Provenance, write_rows
from manifests.tables import Truth
from tests.worlds import World, clean_picture, copy_world, make_world
from train.fit.validation import LARGEST_SIDE_PX, LabelFree, held_out_scene, known_truths, most_seen_window, validate
from train.network import DerainingNetwork, build
from train.presets import SMALL, changed
from train.scenes import SceneFrames, load_scene

CPU = torch.device("cpu")
TINY = changed(SMALL, ["width=2"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("workspace"), scenes=6)


def network_of(value: float | None) -> DerainingNetwork:
    """A network that predicts the same streaks everywhere; as initialised for None."""
    torch.manual_seed(0)
    network = build(TINY).eval()
    if value is not None:
        with torch.no_grad():
            list(network.parameters())[-2].zero_()
            list(network.parameters())[-1].fill_(value)
    return network


def made_scene(cover: float, mask: Tensor | None = None, frames: int = 9, seed: int = 0, size: int = 40) -> tuple[SceneFrames, Tensor]:
    """A static texture in rain that covers a share of its pixels, and the texture."""
    random = np.random.default_rng(seed)
    clean = random.integers(60, 140, (1, size, size))
    rain = 80 * (random.random((frames, 1, size, size)) < cover)
    seen = mask if mask is not None else torch.ones(1, size, size, dtype=torch.bool)
    rainy = torch.from_numpy((clean + rain).astype(np.uint8))
    return SceneFrames("made", rainy, seen), torch.from_numpy(clean.astype(np.uint8))


def measured(network: DerainingNetwork, scene: SceneFrames, truth: Tensor | None = None) -> LabelFree:
    return validate(network, [held_out_scene(scene, truth)], CPU, torch.float32)


def literal(scene: SceneFrames, streaks: float, truth: Tensor | None = None) -> LabelFree:
    """The measures of a network that takes `streaks` from every pixel, in float64 and over lists of pixels."""
    seen = scene.mask[0].numpy()
    stack = scene.frames[:, 0].double().numpy() / 255
    median, quantile = np.median(stack, axis=0)[seen], np.quantile(stack, 0.4, axis=0)[seen]
    chosen = [stack[round(index * (len(stack) - 1) / 3)] for index in range(4)] if len(stack) >= 4 else list(stack)
    found = [np.clip(picture - streaks, 0, 1)[seen] for picture in chosen]

    def psnr(pictures: list[np.ndarray], wanted: np.ndarray) -> float:
        return float(np.mean([10 * math.log10(1 / max(np.mean((picture - wanted) ** 2), 1e-6)) for picture in pictures]))

    clean = truth[0].double().numpy()[seen] / 255 if truth is not None else None
    return LabelFree(
        score=psnr(found, quantile),
        score_input=psnr([picture[seen] for picture in chosen], quantile),
        pair_gap=float(np.mean([np.abs(found[index] - found[index - 1]).mean() for index in range(len(found))])),
        median_distance=float(np.mean([np.abs(picture - median).mean() for picture in found])),
        mean_streaks=streaks,
        contrast_kept=float(np.mean([picture.std() for picture in found]) / median.std()),
        psnr=psnr(found, clean) if clean is not None else None,
        psnr_input=psnr([picture[seen] for picture in chosen], clean) if clean is not None else None,
    )


@settings(deadline=None, max_examples=25)
@given(
    cover=st.sampled_from([0.0, 0.002, 0.1, 0.4]),
    frames=st.integers(2, 9),
    streaks=st.sampled_from([-0.1, 0.0, 0.2, 0.9]),
    masked=st.sampled_from([0.0, 0.5, 0.97]),
    seed=st.integers(0, 99),
    with_truth=st.booleans(),
)
def test_measures_are_what_a_literal_version_finds(
    cover: float, frames: int, streaks: float, masked: float, seed: int, with_truth: bool
) -> None:
    mask = torch.from_numpy(np.random.default_rng(seed).random((1, 40, 40)) >= masked)
    scene, truth = made_scene(cover, mask, frames, seed)
    shown = truth if with_truth else None
    found, expected = measured(network_of(streaks), scene, shown), literal(scene, streaks, shown)
    for name, value in dataclasses.asdict(expected).items():
        assert getattr(found, name) == (None if value is None else pytest.approx(value, rel=1e-3, abs=1e-5)), name


def test_means_are_over_scenes_and_those_of_truth_over_scenes_that_have_one(world: World) -> None:
    first, second = (load_scene(world.scenes[number], world.workspace, grey=True) for number in (2, 5))
    network = network_of(0.05)
    truth = torch.zeros(1, *first.size[1:], dtype=torch.uint8)
    both = validate(network, [held_out_scene(first, truth), held_out_scene(second)], CPU, torch.float32)
    alone = [measured(network, first, truth), measured(network, second)]
    assert both.score == pytest.approx((alone[0].score + alone[1].score) / 2)
    assert both.pair_gap == pytest.approx((alone[0].pair_gap + alone[1].pair_gap) / 2)
    assert (both.psnr, both.psnr_input) == (alone[0].psnr, alone[0].psnr_input)


# --- the score ----------------------------------------------------------------------------------------------------------------------


def test_the_score_orders_good_identical_and_collapsed() -> None:
    """With the streaks known exactly, a little, not at all, and a background that is constant."""
    scene, truth = made_scene(0.05, frames=15)
    held_out = held_out_scene(scene)
    clean = truth.float() / 255

    class Known(torch.nn.Module):
        """Takes a share of the true rain, or everything but a constant."""

        settings = TINY.network

        def __init__(self, share: float | None) -> None:
            super().__init__()
            self.share = share
            self.anywhere = torch.nn.Parameter(torch.zeros(()))

        def forward(self, pictures: Tensor) -> Tensor:
            return pictures - 0.4 if self.share is None else self.share * (pictures - clean)

    shares: list[float | None] = [None, 0.0, 0.3, 0.7, 1.0]
    scores = [validate(Known(share), [held_out], CPU, torch.float32).score for share in shares]  # type: ignore[arg-type]
    assert scores == sorted(scores)
    assert len(set(scores)) == len(scores)


def test_the_truth_does_not_change_the_score(world: World) -> None:
    scene = load_scene(world.scenes[2], world.workspace, grey=True)
    truth = torch.zeros(1, *scene.size[1:], dtype=torch.uint8)
    with_truth, without = measured(network_of(None), scene, truth), measured(network_of(None), scene)
    assert dataclasses.replace(with_truth, psnr=None, psnr_input=None) == without


# --- awkward scenes -----------------------------------------------------------------------------------------------------------------


def measures_are_numbers(found: LabelFree) -> bool:
    return all(value is None or math.isfinite(value) for value in dataclasses.astuple(found))


def test_a_mask_that_empties_the_middle_leaves_numbers() -> None:
    side = LARGEST_SIDE_PX + 40
    mask = torch.ones(1, 24, side, dtype=torch.bool)
    mask[:, :, 20:-20] = False
    random = np.random.default_rng(0)
    scene = SceneFrames("edges", torch.from_numpy(random.integers(0, 255, (5, 1, 24, side), dtype=np.uint8)), mask)
    held_out = held_out_scene(scene)
    assert int(held_out.seen.sum()) == 24 * 20
    assert measures_are_numbers(measured(network_of(None), scene))


@pytest.mark.parametrize("cover", [0.0, 0.0005, 0.9])
def test_scenes_without_rain_or_with_little_else_leave_numbers(cover: float) -> None:
    scene, truth = made_scene(cover)
    assert measures_are_numbers(measured(network_of(0.0), scene, truth))


def test_a_mask_of_one_pixel_leaves_numbers() -> None:
    mask = torch.zeros(1, 40, 40, dtype=torch.bool)
    mask[0, 39, 0] = True
    scene, truth = made_scene(0.2, mask)
    assert measures_are_numbers(measured(network_of(0.1), scene, truth))


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    side=st.integers(1, 8),
    seed=st.integers(0, 999),
    share=st.sampled_from([0.1, 0.5, 1]),
)
def test_the_window_sees_most_of_the_mask(height: int, width: int, side: int, seed: int, share: float) -> None:
    mask = torch.from_numpy(np.random.default_rng(seed).random((height, width)) < share)
    rows, columns = most_seen_window(mask, side)
    tall, wide = min(side, height), min(side, width)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (tall, wide)
    counts = {
        (top, left): int(mask[top : top + tall, left : left + wide].sum())
        for top in range(height - tall + 1)
        for left in range(width - wide + 1)
    }
    assert counts[rows.start, columns.start] == max(counts.values())
    if share == 1:
        assert (rows.start, columns.start) == ((height - tall) // 2, (width - wide) // 2)


def test_a_scene_may_lie_on_any_device() -> None:
    """As scenes to train on do that are shown for want of held-out ones. Whatever is not made where they lie is made elsewhere here."""
    scene, _ = made_scene(0.2)
    expected = held_out_scene(scene)
    with torch.device("meta"):
        found = held_out_scene(scene)
    assert torch.equal(found.frames, expected.frames)
    assert torch.equal(found.seen, expected.seen)


# --- truths -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grey", [True, False])
def test_the_truth_is_cut_as_its_scene(world: World, grey: bool) -> None:
    truths = known_truths(world.scenes[:3], world.workspace, grey)
    assert set(truths) == {row.scene_id for row in world.scenes[:3]}
    for number, row in enumerate(world.scenes[:3]):
        clean = clean_picture(world, number).astype(float)
        shown = truths[row.scene_id].permute(1, 2, 0).numpy()
        wanted = (clean @ [0.299, 0.587, 0.114])[..., None] if grey else clean
        assert np.abs(shown - wanted).max() <= (0.51 if grey else 0)


def test_perfect_pictures_reach_the_truth(world: World) -> None:
    row = world.scenes[2]
    truth = known_truths([row], world.workspace, grey=True)[row.scene_id]
    clean = SceneFrames(row.scene_id, truth.expand(4, -1, -1, -1), torch.ones(1, *truth.shape[1:], dtype=torch.bool))
    assert measured(network_of(0.0), clean, truth).psnr == pytest.approx(60)  # as far as it is told


def test_scenes_without_truth_have_none(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = copy_world(world, tmp_path_factory.mktemp("copies") / "without")
    write_rows(Truth, other.workspace.table(Truth), world.truth[:1], Provenance("a test"))
    assert set(known_truths(world.scenes[:3], other.workspace, grey=True)) == {world.scenes[0].scene_id}
    other.workspace.table(Truth).unlink()
    assert known_truths(world.scenes[:3], other.workspace, grey=True) == {}


def test_a_truth_that_is_known_and_missing_is_named(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = copy_world(world, tmp_path_factory.mktemp("copies") / "missing")
    (other.workspace.root / str(world.truth[2].clean)).unlink()
    with pytest.raises(InputError, match=str(world.truth[2].clean)):
        known_truths(other.scenes[:3], other.workspace, grey=True)
