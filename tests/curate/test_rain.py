"""Rain's measures against drawn bars, and against the simulator's truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from acquire.simulator.render import RenderedFrame, render_frames
from acquire.simulator.specification import ClipSpecification, RainSpecification
from curate import rain
from tests.curate.streaks import Grey, Plane, bars, ground, seen

SIZE = (180, 320)


def impulse_of(frames: list[Grey]) -> rain.Streaks:
    before, frame, after = frames
    return rain.measure(rain.impulse_residual(frame, before, after))


def angle_between(one: float, other: float) -> float:
    return abs((one - other + 90) % 180 - 90)


@pytest.mark.parametrize("orientation_deg", [40, 65, 90, 101, 140])
@pytest.mark.parametrize("residual", ["impulse", "median"])
def test_a_drawn_orientation_is_found(orientation_deg: float, residual: str) -> None:
    rng = np.random.default_rng(int(orientation_deg))
    background = ground(*SIZE, rng)
    frames = [seen(background + bars(*SIZE, rng, orientation_deg=orientation_deg, number=60), rng) for _ in range(3)]
    still = rain.median_residual(frames[1], seen(background, rng))
    streaks = rain.measure(still) if residual == "median" else impulse_of(frames)
    assert streaks.orientation_deg is not None
    assert angle_between(streaks.orientation_deg, orientation_deg) < 2
    assert streaks.concentration > 0.9
    assert streaks.bright_to_dark > 3


def test_mirrored_rain_has_the_mirrored_orientation() -> None:
    rng = np.random.default_rng(1)
    background = ground(*SIZE, rng)
    frames = [seen(background + bars(*SIZE, rng, orientation_deg=65, number=60), rng) for _ in range(3)]
    there = impulse_of(frames)
    mirrored = impulse_of([np.ascontiguousarray(frame[:, ::-1]) for frame in frames])
    assert there.orientation_deg is not None
    assert mirrored.orientation_deg is not None
    assert mirrored.orientation_deg == pytest.approx(180 - there.orientation_deg, abs=0.2)
    assert mirrored.cover == there.cover
    assert mirrored.length_px == pytest.approx(there.length_px, rel=0.02)


def test_a_blobs_moments_are_those_of_its_pixels() -> None:
    rng = np.random.default_rng(2)
    candidates = bars(60, 80, rng, orientation_deg=70, number=8) > 20
    blobs = rain.find_blobs(candidates)
    count, labels = cv2.connectedComponents(candidates.astype(np.uint8))
    literal = []
    for label in range(1, count):
        rows, columns = np.nonzero(labels == label)
        if rows.size < rain.LEAST_BLOB_PX:
            continue
        values, vectors = np.linalg.eigh(np.cov(np.stack([columns, -rows]).astype(float), bias=True) + np.eye(2) / 12)
        literal.append((np.sqrt(12 * values[1]), np.sqrt(12 * values[0]), np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])) % 180))
    assert len(literal) == blobs.length_px.size > 3
    for (length, width, angle), *found in zip(
        literal, blobs.length_px, blobs.width_px, np.degrees(blobs.orientation_rad) % 180, strict=True
    ):
        assert found[0] == pytest.approx(length)
        assert found[1] == pytest.approx(width)
        assert angle_between(found[2], angle) < 1e-6
    assert blobs.area_px.sum() == (blobs.labels > 0).sum() <= candidates.sum()
    assert set(np.unique(blobs.labels)) == set(range(len(literal) + 1))


@pytest.mark.parametrize("hidden", [0, 2])
def test_the_autocovariance_is_that_of_its_definition(hidden: int) -> None:
    rng = np.random.default_rng(3)
    mask = np.ones((6, 8), bool)
    mask[1 : 1 + hidden, 2 : 2 + hidden] = False
    plane = np.where(mask, rng.random(mask.shape), 0).astype(np.float32)
    found = rain.autocovariance(plane, rain.Seen.of(mask))
    centred = np.where(mask, plane - plane[mask].mean(), 0)
    for down, right in [(0, 0), (1, 0), (0, 3), (-1, -2), (2, -3)]:
        pairs = sum(
            bool(mask[row, column] and mask[row + down, column + right])
            for row in range(max(0, -down), min(6, 6 - down))
            for column in range(max(0, -right), min(8, 8 - right))
        )
        literal = np.sum(centred * np.roll(centred, (-down, -right), (0, 1))) / pairs * mask.sum() / np.sum(centred**2)
        assert found[down, right] == pytest.approx(literal, abs=1e-5)


def test_a_mask_of_leaves_does_not_shorten_the_streaks() -> None:
    rng = np.random.default_rng(11)
    background = ground(*SIZE, rng)
    leaves = cv2.GaussianBlur(rng.normal(0, 1, SIZE), (0, 0), 6) > 0  # half of the picture, patches of a dozen pixels
    frames = [seen(background + bars(*SIZE, rng, orientation_deg=80, number=60, length_px=30), rng) for _ in range(3)]
    residual = rain.impulse_residual(frames[1], frames[0], frames[2])
    whole, masked = rain.measure(residual), rain.measure(residual, rain.Seen.of(leaves))
    assert masked.length_px == pytest.approx(whole.length_px, rel=0.2)
    assert masked.width_px == pytest.approx(whole.width_px, rel=0.15)
    assert masked.orientation_deg == pytest.approx(whole.orientation_deg, abs=2)
    assert masked.cover == pytest.approx(whole.cover, rel=0.15)


@given(angles=st.lists(st.floats(0, 179), min_size=2, max_size=40), turn=st.floats(-90, 90))
@settings(max_examples=50, deadline=None)
def test_concentration_does_not_change_as_all_turn(angles: list[float], turn: float) -> None:
    def of(values: Plane) -> float:
        ones = np.ones(values.size)
        return rain.concentration(rain.Blobs(ones, ones, ones, ones, ones, np.radians(values), np.zeros((1, 1), np.int32)))

    here = of(np.array(angles))
    assert 0 <= here <= 1 + 1e-9
    assert of(np.array(angles) + turn) == pytest.approx(here, abs=1e-5)


def test_concentration_of_chance_is_free_of_bias() -> None:
    rng = np.random.default_rng(4)
    ones = np.ones(6)
    squares = [
        rain.concentration(rain.Blobs(ones, ones, ones, ones, ones, rng.uniform(0, np.pi, 6), np.zeros((1, 1), np.int32))) ** 2
        for _ in range(400)
    ]
    # Uncorrected, the mean of the squares would be 1/6; what is left comes from cutting negative values off.
    assert np.mean(squares) < 0.09
    assert rain.concentration(rain.Blobs(ones, ones, ones, ones, ones, np.full(6, 1.0), np.zeros((1, 1), np.int32))) == pytest.approx(1)


def test_few_bright_streaks_do_not_outvote_many_faint_ones() -> None:
    rng = np.random.default_rng(9)
    background = ground(*SIZE, rng)
    near = [bars(*SIZE, rng, orientation_deg=88, number=8, brightness=140, width_px=2.5) for _ in range(3)]
    far = [bars(*SIZE, rng, orientation_deg=76, number=64, brightness=35, width_px=1.5) for _ in range(3)]
    found = impulse_of([seen(background + bright + faint, rng) for bright, faint in zip(near, far, strict=True)]).orientation_deg
    # Both are 20 px long, so that the mean by length lies at (8 * 88 + 64 * 76) / 72 = 77.3; by the light's square it would be 84.
    assert found == pytest.approx(77.3, abs=2.2)


def test_what_the_neighbours_streaks_overlap_does_not_turn_the_frames() -> None:
    rng = np.random.default_rng(12)
    background = ground(*SIZE, rng)
    left = np.arange(SIZE[1]) < 200
    here = left * bars(*SIZE, rng, orientation_deg=70, number=60)
    around = [bars(*SIZE, rng, orientation_deg=100, number=150, width_px=4) for _ in range(2)]
    before, frame, after = (seen(background + light, rng) for light in (around[0], here, around[1]))
    impulse = rain.impulse_residual(frame, before, after)
    risen = rain.median_residual(frame, seen(background, rng)).bright
    bitten, whole = rain.measure(impulse), rain.measure(impulse, risen=risen)
    assert whole.orientation_deg == pytest.approx(70, abs=0.5)
    assert angle_between(bitten.orientation_deg or 0.0, 70) > 2 * angle_between(whole.orientation_deg or 0.0, 70)
    assert whole.cover == bitten.cover
    car = risen.copy()
    car[100:160, 250:310] = 90  # rises over the median too, but has no impulse near
    assert rain.measure(impulse, risen=car).orientation_deg == pytest.approx(whole.orientation_deg, abs=1e-6)


def test_a_streak_counts_no_more_for_being_bright() -> None:
    shape = bars(*SIZE, np.random.default_rng(13), number=20) > 20
    faint, bright = (rain.evened(np.where(shape, level, 0).astype(np.uint8)) for level in (rain.SATURATED_LEVEL, 200))
    assert np.array_equal(faint, bright)
    assert np.count_nonzero(faint) > 100


@pytest.mark.parametrize("length_px", [15, 30, 60])
def test_streaks_that_fan_out_keep_their_length_and_width(length_px: float) -> None:
    rng = np.random.default_rng(10)
    background = ground(*SIZE, rng)
    for spread_deg in (0.0, 5.0):
        frames = [
            seen(background + bars(*SIZE, rng, orientation_deg=70, number=25, length_px=length_px, width_px=2, spread_deg=spread_deg), rng)
            for _ in range(3)
        ]
        streaks = impulse_of(frames)
        assert streaks.length_px == pytest.approx(length_px, rel=0.25), spread_deg
        assert 1.2 < (streaks.width_px or 0) < 2.8


def test_noise_alone_is_no_rain() -> None:
    rng = np.random.default_rng(5)
    background = ground(*SIZE, rng)
    streaks = impulse_of([seen(background, rng, noise=4.0) for _ in range(3)])
    assert streaks.concentration < 0.4
    assert 0.8 < streaks.bright_to_dark < 1.25
    assert streaks.cells.sum() < 64


def test_nothing_gives_nothing() -> None:
    flat = np.full(SIZE, 80, np.uint8)
    streaks = impulse_of([flat, flat, flat])
    assert streaks.orientation_deg is None
    assert streaks.length_px is None
    assert (streaks.cover, streaks.amplitude, streaks.concentration) == (0, 0, 0)
    assert streaks.bright_to_dark == 1
    assert not streaks.cells.any()


def test_dark_streaks_do_not_brighten() -> None:
    rng = np.random.default_rng(6)
    background = ground(*SIZE, rng) + 60
    frames = [seen(background - bars(*SIZE, rng, number=60, brightness=50), rng) for _ in range(3)]
    assert impulse_of(frames).bright_to_dark < 0.5


def test_cells_tell_where_streaks_are() -> None:
    rng = np.random.default_rng(7)
    background = ground(*SIZE, rng)
    corner = np.zeros(SIZE)
    corner[: SIZE[0] // 2, : SIZE[1] // 2] = 1
    frames = [seen(background + corner * bars(*SIZE, rng, number=120), rng) for _ in range(3)]
    cells = impulse_of(frames).cells
    assert (cells[:4, :4] > 0).mean() > 0.6
    assert cells[:4, :4].sum() > 0.9 * cells.sum()
    assert rain.spread(cells, rain.Seen.of(np.ones(SIZE, bool))) == pytest.approx(0.25, abs=0.1)


@given(st.integers(1, 64), st.floats(0.5, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_spread_is_the_share_of_the_cells_that_streaks_fall_into(holding: int, usual: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = rain.Seen.of(np.ones(SIZE, bool))
    cells = np.zeros(64, np.int64)
    cells[rng.permutation(64)[:holding]] = rng.poisson(usual, holding)
    found = rain.spread(cells.reshape(8, 8), whole)
    assert 0 <= found <= 1
    if holding * usual**2 > 60:  # enough streaks meet in cells to tell
        assert found == pytest.approx(holding / 64, rel=0.6)
    assert rain.spread(3 * np.eye(8, dtype=np.int64), whole) == pytest.approx(8 / 64, rel=0.5)
    assert rain.spread(np.zeros((8, 8), np.int64), whole) == 0
    half = np.zeros(SIZE, bool)
    half[:, : SIZE[1] // 2] = True
    assert rain.spread(np.full((8, 8), 5), rain.Seen.of(half)) == 1  # of the cells that are seen


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_differing_share_is_one_for_strangers_and_zero_for_copies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8)
    left[:, :15] = rng.integers(4, 100, (20, 15))
    right[:, 15:] = rng.integers(4, 100, (20, 15))
    assert rain.differing_share(left, right) == 1
    assert rain.differing_share(left, left) == 0
    assert 0 < rain.differing_share(left, np.maximum(left, right)) < 1
    assert rain.differing_share(left * 0 + 3, left * 0) == 0


def test_mean_orientation_knows_that_0_is_180() -> None:
    mean = rain.mean_orientation_deg(np.array([178.0, 4.0]), np.ones(2))
    assert mean == pytest.approx(1.0)
    assert rain.mean_orientation_deg(np.array([]), np.array([])) is None


# --- against the simulator --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated() -> list[tuple[RainSpecification, list[RenderedFrame], list[rain.Streaks]]]:
    """Scenes of many looks; per scene the frames between the first and the last, with what was measured of them."""
    rng = np.random.default_rng(8)
    found = []
    for seed in range(14):
        look = RainSpecification(
            orientation_deg=float(rng.uniform(40, 140)),
            length_px=float(10 * 6 ** (seed / 13)),
            width_px=float(rng.uniform(1.0, 2.5)),
            density=float(0.02 * 10 ** rng.uniform(0, 1)),
            brightness=float(rng.uniform(50, 110)),
            layers=int(rng.integers(1, 3)),
            smeared=0.0,
        )
        clip = ClipSpecification(seed=seed, width=320, height=180, frames=6, background=f"street:{seed}", rain=look, noise=0.8)
        frames = list(render_frames(clip))
        pictures = [cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY) for frame in frames]
        streaks = [impulse_of(pictures[index - 1 : index + 2]) for index in range(1, 5)]  # type: ignore[arg-type]
        found.append((look, frames[1:5], streaks))
    return found


def test_simulated_orientation(simulated: list[tuple[RainSpecification, list[RenderedFrame], list[rain.Streaks]]]) -> None:
    errors = [
        angle_between(streak.orientation_deg, frame.orientation_deg)
        for _, frames, streaks in simulated
        for frame, streak in zip(frames, streaks, strict=True)
        if streak.orientation_deg is not None and frame.orientation_deg is not None
    ]
    assert len(errors) > 50
    assert np.median(errors) < 1.0
    assert np.quantile(errors, 0.95) < 4.0


def test_simulated_cover_length_and_width_rank_as_they_were_drawn(
    simulated: list[tuple[RainSpecification, list[RenderedFrame], list[rain.Streaks]]],
) -> None:
    truth, found = [], []
    for _, frames, streaks in simulated:
        drawn = [(np.mean(frame.rain > 5), np.mean(frame.lengths_px), np.mean(frame.widths_px)) for frame in frames]
        truth.append(np.mean(drawn, axis=0))
        found.append(np.median([(streak.cover, streak.length_px or 0.0, streak.width_px or 0.0) for streak in streaks], axis=0))
    correlations = [spearmanr(np.array(truth)[:, measure], np.array(found)[:, measure]).statistic for measure in range(3)]
    assert correlations[0] > 0.95
    assert correlations[1] > 0.9
    assert correlations[2] > 0.8
