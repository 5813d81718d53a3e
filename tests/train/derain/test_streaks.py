"""Streaks out of stored samples: exact in integers, blind to how the camera was held."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, ImageOps

from manifests.errors import InputError
from tests.train.derain.networks import random_network, takes_out
from tests.worlds import add_streaks, background
from train.derain.streaks import Deraining, derain_picture, derain_samples, upright
from train.inference import remove_rain

CPU = torch.device("cpu")


def rainy(width: int = 24, height: int = 19, seed: int = 0) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return add_streaks(background(width, height, rng), rng, streaks=8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_pillow_shows(orientation: int) -> None:
    picture = Image.fromarray(rainy())
    exif = picture.getexif()
    exif[0x0112] = orientation
    shown = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(upright(rainy(), orientation).transpose(1, 2, 0), shown)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_network_sees_the_picture_upright(orientation: int) -> None:
    """Stored sideways, a picture loses the streaks that it loses when it is stored upright."""
    deraining = Deraining(random_network(), CPU)
    stored = rainy()
    shown = np.ascontiguousarray(upright(stored, orientation).transpose(1, 2, 0))
    of_shown, _ = derain_samples(deraining, shown)
    of_stored, _ = derain_samples(deraining, stored, orientation)
    np.testing.assert_array_equal(upright(of_stored, orientation).transpose(1, 2, 0), of_shown)
    assert np.abs(of_stored.astype(int) - stored).max() > 2  # it does take something out


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("color", ["luma", "rgb"])
def test_samples_lose_what_the_network_says_once_rounded(depth: type, channels: int, color: str) -> None:
    network = random_network(f"color={color}")
    full = np.iinfo(depth).max
    samples: npt.NDArray[Any] = np.random.default_rng(1).integers(0, full, (17, 22, channels), endpoint=True).astype(depth)
    derained, streaks = derain_samples(Deraining(network, CPU), samples)
    pictures = torch.from_numpy(samples.astype(np.float32).transpose(2, 0, 1) / full)[None]
    expected, found = remove_rain(network, pictures)
    difference = derained.astype(float) - full * expected[0].numpy().transpose(1, 2, 0)
    assert np.abs(difference).max() <= 0.51 + full * 1e-6
    assert derained.dtype == streaks.dtype == depth
    assert np.abs(streaks[..., 0] - full * np.clip(found[0].numpy().mean(axis=0), 0, 1)).max() <= 0.51 + full * 1e-6


def test_a_constant_is_subtracted_exactly() -> None:
    samples = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    derained, streaks = derain_samples(Deraining(takes_out(10), CPU), samples)
    np.testing.assert_array_equal(derained, np.maximum(samples.astype(int) - 10, 0))
    assert (streaks == 10).all()


@pytest.mark.parametrize("size", [(40, 48), (37, 51), (9, 8), (1, 1), (1, 30)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_comes_out_at_its_size(size: tuple[int, int], channels: int) -> None:
    picture = rainy(size[1], size[0])
    picture = picture if channels == 3 else picture[..., 0]
    derained = derain_picture(random_network(), picture)
    assert derained.shape == picture.shape
    assert derained.dtype == np.float32
    assert 0 <= derained.min() <= derained.max() <= 1


def test_too_little_memory_is_told_with_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr("train.derain.streaks.remove_rain", fails)
    with pytest.raises(InputError, match=r"19x24x3 need more memory than there is"):
        derain_picture(takes_out(1), rainy())
    monkeypatch.setattr("train.derain.streaks.remove_rain", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        derain_picture(takes_out(1), rainy())
