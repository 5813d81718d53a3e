"""Motion between pictures, against other libraries, exact Fourier shifts and known similarities."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.registration import phase_cross_correlation

from curate import motion

Picture = npt.NDArray[np.uint8]


def textured(height: int, width: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """A texture with detail of several sizes, 40-215 grey levels."""
    generator = np.random.default_rng(seed)
    layers = [cv2.GaussianBlur(generator.standard_normal((height, width)), (0, 0), sigma) * sigma for sigma in (1.0, 2.0, 5.0)]
    total = np.sum(layers, axis=0)
    return np.asarray(40 + 175 * (total - total.min()) / np.ptp(total))


def moved(picture: npt.NDArray[np.float64], right: float, down: float, scale: float = 1.0, roll_deg: float = 0.0) -> Picture:
    """The picture's content moved, zoomed and rolled (counter-clockwise) about its middle."""
    height, width = picture.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), roll_deg, scale)
    matrix[:, 2] += np.array([right, down])
    seen = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(np.clip(np.rint(seen), 0, 255), np.uint8)


def shifts_between(reference: Picture, picture: Picture, grid: motion.Grid) -> tuple[motion.Shifts, npt.NDArray[np.float64]]:
    return motion.block_shifts(motion.spectra(reference, grid), motion.spectra(picture, grid), grid)


@pytest.mark.parametrize("length", range(8, 200))
def test_block_sides_are_even_fit_and_need_no_padding(length: int) -> None:
    side = motion.block_side(length)
    assert side % 2 == 0
    assert length / 2 < side <= length
    assert cv2.getOptimalDFTSize(side) == side


def test_no_block_fits_into_a_sliver() -> None:
    with pytest.raises(ValueError, match="7 px"):
        motion.block_side(7)


@pytest.mark.parametrize("side", sorted({motion.block_side(length) for length in range(8, 140)}))
def test_a_picture_has_not_moved_against_itself_at_any_block_size(side: int) -> None:
    picture = np.rint(textured(2 * side, 2 * side, side)).astype(np.uint8)
    grid = motion.make_grid(2 * side, 2 * side, 2)
    assert (grid.height, grid.width) == ((side, side) if side >= 16 else (grid.height, grid.width))
    before = picture.copy()
    shifts, responses = shifts_between(picture, picture, grid)
    assert np.abs(shifts).max() < 1e-3
    assert responses.min() > 0.8
    assert responses.max() <= 1.001
    assert (picture == before).all()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (45, 80), (90, 160), (180, 320), (184, 320), (320, 184), (101, 77)])
def test_blocks_lie_inside_the_picture_and_their_centres_balance(height: int, width: int) -> None:
    grid = motion.make_grid(height, width, 4)
    assert 1 <= grid.blocks <= 16
    assert grid.tops.min() >= 0
    assert grid.lefts.min() >= 0
    assert (grid.tops + grid.height).max() <= height
    assert (grid.lefts + grid.width).max() <= width
    assert np.abs(grid.centres.mean(axis=0)).max() <= 1.0


@pytest.mark.parametrize(("right", "down"), [(0.1, 0.0), (0.4, -0.3), (0.5, 0.5), (-1.7, 2.25), (5.0, -4.0)])
def test_shifts_of_a_fraction_of_a_pixel_are_read_to_a_fiftieth_and_larger_ones_to_three_per_cent(right: float, down: float) -> None:
    picture = textured(144, 256)
    grid = motion.make_grid(144, 256, 4)
    shifts, responses = shifts_between(moved(picture, 0, 0), moved(picture, right, down), grid)
    assert np.median(shifts, axis=0) == pytest.approx([right, down], abs=0.02, rel=0.03)
    assert responses.min() > 0.5


def test_shifts_agree_with_other_libraries() -> None:
    picture = textured(144, 256, 3)
    reference, later = moved(picture, 0, 0), moved(picture, 3.0, -2.0)
    grid = motion.make_grid(144, 256, 4)
    shifts, _ = shifts_between(reference, later, grid)
    for block in range(grid.blocks):
        top, left = int(grid.tops[block]), int(grid.lefts[block])
        cut = (slice(top, top + grid.height), slice(left, left + grid.width))
        backwards, *_ = phase_cross_correlation(reference[cut] * grid.taper, later[cut] * grid.taper, upsample_factor=20)  # type: ignore[no-untyped-call]
        assert shifts[block] == pytest.approx(-backwards[::-1], abs=0.12)
        taper = grid.taper.astype(np.float32)
        opencv, _ = cv2.phaseCorrelate(reference[cut].astype(np.float32), later[cut].astype(np.float32), taper)
        assert shifts[block] == pytest.approx(opencv, abs=0.25)  # whose centroid leans towards whole px


def test_unrelated_blocks_answer_faintly() -> None:
    grid = motion.make_grid(128, 128, 2)
    first, second = (np.rint(textured(128, 128, seed)).astype(np.uint8) for seed in (1, 2))
    _, responses = shifts_between(first, second, grid)
    _, together = motion.common_shifts(motion.spectra(first, grid), motion.spectra(second[None], grid), grid)
    assert responses.max() < 0.3
    assert together[0] < 0.2


def test_a_peak_is_found_where_it_is_expected_and_nowhere_else() -> None:
    picture, grid = textured(180, 320, 3), motion.make_grid(180, 320, 4)
    one, other = (motion.spectra(seen, grid) for seen in (np.rint(picture).astype(np.uint8), moved(picture, 4.3, -2.6)))
    everywhere, answers = motion.block_shifts(one, other, grid)
    near, answers_near = motion.block_shifts_near(one, other, grid, np.full((16, 2), (5.4, -3.3)))
    assert np.allclose(near, everywhere, atol=1e-6)
    assert np.allclose(answers_near, answers, atol=1e-6)
    elsewhere = motion.block_shifts_near(one, other, grid, np.full((16, 2), (-4.0, 6.0)))
    assert (elsewhere[1] < 0.2 * answers).all()
    assert (np.abs(elsewhere[0] - (-4.0, 6.0)) <= motion.NEAR_PX + 1).all()


def test_peaks_wrap_round_the_block_and_blocks_may_be_as_small_as_they_come() -> None:
    picture, grid = textured(16, 16, 3), motion.make_grid(16, 16, 2)
    one = motion.spectra(np.rint(picture).astype(np.uint8), grid)
    shifts, responses = motion.block_shifts_near(one, one, grid, np.zeros((grid.blocks, 2)))
    assert np.abs(shifts).max() < 1e-3
    assert np.allclose(responses, motion.block_shifts(one, one, grid)[1])


def test_true_peaks_lower_than_others_are_found_where_they_are_expected() -> None:
    generator = np.random.default_rng(8)
    picture, grid = textured(180, 320, 3), motion.make_grid(180, 320, 4)
    noisy = [moved(picture, *shift) + generator.normal(0, 75, picture.shape) for shift in ((0, 0), (1.4, 0.7))]
    one, other = (motion.spectra(np.clip(seen, 0, 255).astype(np.uint8), grid) for seen in noisy)

    def right(shifts: motion.Shifts) -> int:
        return int((np.abs(shifts - (1.4, 0.7)).max(axis=1) < 0.5).sum())

    assert right(motion.block_shifts(one, other, grid)[0]) < right(motion.block_shifts_near(one, other, grid, np.zeros((16, 2)))[0])


def test_blank_blocks_give_numbers_and_no_warning() -> None:
    grid = motion.make_grid(64, 64, 2)
    shifts, responses = shifts_between(np.zeros((64, 64), np.uint8), np.full((64, 64), 9, np.uint8), grid)
    assert np.isfinite(shifts).all()
    assert np.abs(responses).max() < 0.1


def test_blocks_together_find_a_frame_through_heavy_rain_and_an_object() -> None:
    picture = textured(144, 256, 5)
    grid = motion.make_grid(144, 256, 4)
    generator = np.random.default_rng(1)
    frame = moved(picture, 0.8, -0.6)
    for _ in range(250):  # a third of the picture under streaks
        column, row = int(generator.integers(0, 250)), int(generator.integers(0, 130))
        cv2.line(frame, (column, row), (column + 2, row + 28), int(generator.integers(150, 255)), 2)
    frame[40:100, 60:120] = 30
    shifts, responses = motion.common_shifts(motion.spectra(moved(picture, 0, 0), grid), motion.spectra(frame[None], grid), grid)
    assert shifts[0] == pytest.approx((0.8, -0.6), abs=0.1)
    assert responses[0] > 0.1


def test_chosen_blocks_are_those_of_the_whole() -> None:
    picture = np.rint(textured(96, 128)).astype(np.uint8)
    grid = motion.make_grid(96, 128, 4)
    chosen = np.array([1, 7, 12])
    assert np.array_equal(motion.spectra(picture, grid, chosen), motion.spectra(picture, grid)[chosen])


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5))))
@settings(deadline=None, max_examples=60)
def test_the_temporal_median_is_the_middle_of_the_sorted(pictures: npt.NDArray[np.uint8]) -> None:
    assert np.array_equal(motion.temporal_median(pictures), np.sort(pictures, axis=0)[(len(pictures) - 1) // 2])


def test_contrast_counts_detail_and_no_gradient() -> None:
    grid = motion.make_grid(64, 128, 2)
    picture = np.tile(np.linspace(20, 220, 128).astype(np.uint8), (64, 1))
    picture[:32, :64] += np.random.default_rng(0).integers(0, 20, (32, 64)).astype(np.uint8)
    contrasts = motion.block_contrasts(picture, grid)
    assert contrasts[0] > 3
    assert contrasts[3] < 1


CENTRES = np.array([[x, y] for y in (-60.0, -20.0, 20.0, 60.0) for x in (-120.0, -40.0, 40.0, 120.0)])


def similar(right: float, down: float, scale: float, roll_deg: float) -> motion.Shifts:
    """The blocks' exact shifts under a similarity, rows growing downwards."""
    turn = np.radians(roll_deg)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(scale * CENTRES @ rotation.T + [right, down] - CENTRES)


@pytest.mark.parametrize(
    ("right", "down", "scale", "roll_deg"), [(0, 0, 1, 0), (2.5, -1, 1, 0), (0, 0, 1.01, 0), (0, 0, 1, 0.5), (-1, 2, 0.97, -1.5)]
)
def test_a_similarity_is_found_among_blocks_that_go_their_own_way(right: float, down: float, scale: float, roll_deg: float) -> None:
    generator = np.random.default_rng(4)
    shifts = similar(right, down, scale, roll_deg) + generator.normal(0, 0.02, (16, 2))
    astray = np.array([0, 5, 6, 9, 13, 14])
    shifts[astray] = generator.uniform(-15, 15, (6, 2))
    fitted = motion.fit_similarity(CENTRES, shifts, 0.25, 6)
    assert (fitted.right_px, fitted.down_px) == pytest.approx((right, down), abs=0.1)
    assert fitted.scale == pytest.approx(scale, abs=0.001)
    assert fitted.roll_deg == pytest.approx(roll_deg, abs=0.05)
    assert fitted.agreeing.sum() >= 9
    assert not fitted.agreeing[astray].any()


def test_zoom_and_roll_of_pictures_have_the_signs_of_the_viewer() -> None:
    picture = textured(180, 320, 8)
    grid = motion.make_grid(180, 320, 4)
    shifts, _ = shifts_between(moved(picture, 0, 0), moved(picture, 0, 0, 1.01, 0.5), grid)
    fitted = motion.fit_similarity(grid.centres, shifts, 0.25, 6)
    assert fitted.scale == pytest.approx(1.01, abs=0.001)
    assert fitted.roll_deg == pytest.approx(0.5, abs=0.04)
    assert abs(fitted.right_px) + abs(fitted.down_px) < 0.1


def test_two_motions_are_those_of_one_after_the_other() -> None:
    points, agreeing = np.random.default_rng(4).uniform(-100, 100, (20, 2)), np.ones(20, bool)
    first, second = motion.Similarity(3.0, -1.0, 1.02, 2.0, agreeing), motion.Similarity(-0.5, 4.0, 0.97, -5.0, agreeing)

    def seen(points: npt.NDArray[np.float64], by: motion.Similarity) -> npt.NDArray[np.float64]:
        angle = np.radians(by.roll_deg)
        turn = by.scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # rows grow downwards
        return np.asarray(points @ turn.T + (by.right_px, by.down_px))

    assert np.allclose(seen(seen(points, first), second), seen(points, second.after(first)))
    fitted = motion.fit_similarity(points, seen(points, first) - points, 0.5, 3)
    assert (fitted.right_px, fitted.scale, fitted.roll_deg) == pytest.approx((3.0, 1.02, 2.0), abs=0.05)


def test_blocks_that_agree_on_nothing_give_no_answer() -> None:
    shifts = np.random.default_rng(2).uniform(-20, 20, (16, 2))
    fitted = motion.fit_similarity(CENTRES, shifts, 0.25, 6)
    assert np.isnan(fitted.right_px)
    assert not fitted.agreeing.any()
    assert np.isnan(motion.fit_similarity(CENTRES[:2], shifts[:2], 0.25, 3).scale)


def test_many_pictures_at_once_come_out_as_one_by_one() -> None:
    """Against a literal form: each picture by itself, in double precision."""
    picture, grid = textured(96, 128, 4), motion.make_grid(96, 128, 4)
    chosen = np.array([0, 5, 6, 9, 15])
    places = [(0.0, 0.0), (1.3, -0.4), (-2.0, 3.1)]
    pictures = np.stack([moved(picture, *place) for place in places])
    reference = motion.spectra(pictures[0], grid, chosen)
    shifts, responses = motion.common_shifts(reference, motion.spectra(pictures, grid, chosen), grid)
    for seen, shift, response in zip(pictures, shifts, responses, strict=True):
        total = np.zeros((grid.height, grid.width // 2 + 1), complex)
        for block in chosen:
            cut = (slice(grid.tops[block], grid.tops[block] + grid.height), slice(grid.lefts[block], grid.lefts[block] + grid.width))
            one, other = (np.fft.rfft2((shown[cut] - shown[cut].mean()) * grid.taper) for shown in (pictures[0], seen))
            cross = other * one.conj()
            total += cross / np.sqrt(np.abs(cross) ** 2 + 1e-6 * (np.abs(cross) ** 2).mean() + 1e-12)
        surface = np.fft.irfft2(total / len(chosen) * grid.weight, s=(grid.height, grid.width))
        row, column = np.unravel_index(surface.argmax(), surface.shape)
        assert (round(shift[1]) % grid.height, round(shift[0]) % grid.width) == (row, column)
        assert response == pytest.approx(surface.max() / surface_of_no_shift(grid), rel=1e-3)


def surface_of_no_shift(grid: motion.Grid) -> float:
    return float(np.fft.irfft2(grid.weight.astype(complex), s=(grid.height, grid.width)).max())


def test_blocks_at_rest_are_counted_in_the_rain_and_not_when_all_has_moved() -> None:
    picture, grid = textured(180, 320, 6), motion.make_grid(180, 320, 4)
    generator = np.random.default_rng(2)

    def rainy(right: float) -> Picture:
        frame = moved(picture, right, 0)
        for _ in range(150):
            column, row = int(generator.integers(0, 316)), int(generator.integers(-20, 170))
            cv2.line(frame, (column, row), (column + 2, row + 24), int(generator.integers(150, 255)), 1)
        return frame

    before, rests, gone = (motion.spectra(rainy(right), grid) for right in (0, 0.4, 12))
    assert motion.blocks_at_rest(before, rests, grid, 2.0, 5.0) == 16
    assert motion.blocks_at_rest(before, gone, grid, 2.0, 5.0) == 0
    half = gone.copy()
    half[:8] = rests[:8]
    assert motion.blocks_at_rest(before, half, grid, 2.0, 5.0) == 8
