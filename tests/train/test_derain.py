"""Pictures, folders and videos through a network: same names, same size, same frame times, nothing overwritten by accident."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from manifests.errors import InputError
from manifests.media import frames, probe, read_picture, write_png
from tests.worlds import add_streaks, background
from train.derain import derain, derain_picture, plan
from train.network import DerainingNetwork, build
from train.presets import SMALL

Picture = npt.NDArray[np.uint8]


class SubtractsTen(nn.Module):
    """Stands in for a network: the streaks are ten grey levels everywhere."""

    settings = SMALL.network

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.Parameter(torch.tensor(10.0))

    def forward(self, pictures: Tensor) -> Tensor:
        assert pictures.shape[1] == 1  # luma
        return torch.ones_like(pictures) * self.levels / 255


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("train.derain.load_network", lambda _path: SubtractsTen())
    return tmp_path / "checkpoint.safetensors"


def rainy_picture(seed: int = 0, width: int = 48, height: int = 40) -> Picture:
    rng = np.random.default_rng(seed)
    return add_streaks(background(width, height, rng), rng)


def ten_less(picture: Picture) -> npt.NDArray[np.int64]:
    return np.maximum(picture.astype(np.int64) - 10, 0)


def write_video(path: Path, pictures: list[Picture], times_ms: list[int]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", options={"crf": "8"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for picture, time in zip(pictures, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_a_picture_loses_its_streaks_and_keeps_size_and_type(checkpoint: Path, tmp_path: Path) -> None:
    colour, grey = rainy_picture(), rainy_picture(1)[..., 0]
    write_png(tmp_path / "in" / "colour.png", colour)
    write_png(tmp_path / "in" / "grey.png", grey)
    Image.fromarray(colour).save(tmp_path / "in" / "photo.jpg", quality=95)
    summary = derain(checkpoint, [tmp_path / "in"], tmp_path / "out")
    assert (summary.total("kept"), summary.exit_code) == (3, 0)
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "colour.png"), ten_less(colour))
    with Image.open(tmp_path / "out" / "grey.png") as picture:
        assert picture.mode == "L"
        np.testing.assert_array_equal(np.asarray(picture), ten_less(grey))
    photo = read_picture(tmp_path / "out" / "photo.jpg")
    assert np.abs(photo - ten_less(read_picture(tmp_path / "in" / "photo.jpg"))).mean() < 2
    with Image.open(tmp_path / "out" / "photo.jpg") as picture:
        assert picture.format == "JPEG"


@pytest.mark.parametrize("size", [(40, 48), (37, 51), (9, 8)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_real_network_gives_the_size_it_was_given(size: tuple[int, int], channels: int) -> None:
    torch.manual_seed(0)
    network: DerainingNetwork = build(SMALL).eval()
    picture = rainy_picture(width=size[1], height=size[0])
    picture = picture if channels == 3 else picture[..., 0]
    background_ = derain_picture(network, picture)
    assert background_.shape == picture.shape
    assert background_.dtype == np.float32
    assert 0 <= background_.min() <= background_.max() <= 1


@pytest.mark.parametrize("size", [(48, 40), (47, 39)])
def test_a_video_keeps_frames_times_and_colours(checkpoint: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    pictures = [rainy_picture(seed, *size) for seed in range(6)]
    write_video(tmp_path / "clip.mp4", pictures, [0, 40, 95, 120, 333, 350])
    summary = derain(checkpoint, [tmp_path / "clip.mp4"], tmp_path / "out")
    assert summary.total("kept") == 1
    before, after = probe(tmp_path / "clip.mp4"), probe(tmp_path / "out" / "clip.mp4")
    assert (after.frames, after.width, after.height) == (6, *size)
    np.testing.assert_allclose(after.pts_s, before.pts_s, atol=1e-4)
    for rainy, derained in zip(frames(tmp_path / "clip.mp4"), frames(tmp_path / "out" / "clip.mp4"), strict=True):
        difference = derained.picture.astype(float) - ten_less(rainy.picture)
        assert np.abs(difference.mean(axis=(0, 1))).max() < 3
        assert np.abs(difference).mean() < 8  # what subsampled chroma loses of one-pixel streaks


def test_one_file_may_be_named(checkpoint: Path, tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", rainy_picture())
    derain(checkpoint, [tmp_path / "a.png"], tmp_path / "deep" / "b.bmp")
    np.testing.assert_array_equal(read_picture(tmp_path / "deep" / "b.bmp"), ten_less(rainy_picture()))


def test_an_output_that_exists_is_refused_before_anything_is_written(checkpoint: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_png(tmp_path / "in" / name, rainy_picture())
    write_png(tmp_path / "out" / "b.png", rainy_picture(5))
    with pytest.raises(InputError, match=r"b\.png: exists; give --overwrite"):
        derain(checkpoint, [tmp_path / "in"], tmp_path / "out")
    assert not (tmp_path / "out" / "a.png").exists()
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "b.png"), rainy_picture(5))
    derain(checkpoint, [tmp_path / "in"], tmp_path / "out", overwrite=True)
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "b.png"), ten_less(rainy_picture()))


def test_plans_that_would_lose_a_file_are_refused(tmp_path: Path) -> None:
    for folder in ("one", "two", "empty"):
        (tmp_path / folder).mkdir()
    for name in ("one/a.png", "two/a.png"):
        write_png(tmp_path / name, rainy_picture())
    with pytest.raises(InputError, match="and so would"):
        plan([tmp_path / "one", tmp_path / "two"], tmp_path / "out", overwrite=True)
    with pytest.raises(InputError, match="the output is the input itself"):
        plan([tmp_path / "one"], tmp_path / "one", overwrite=True)
    with pytest.raises(InputError, match="no such file"):
        plan([tmp_path / "none.png"], tmp_path / "out", overwrite=False)
    with pytest.raises(InputError, match="holds no pictures and no videos"):
        plan([tmp_path / "empty"], tmp_path / "out", overwrite=False)


def test_what_cannot_be_done_fails_by_name_and_the_rest_is_done(checkpoint: Path, tmp_path: Path) -> None:
    write_png(tmp_path / "good.png", rainy_picture())
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42")
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(tmp_path / "deep.png")
    Image.new("RGBA", (9, 9)).save(tmp_path / "glass.png")
    inputs = [tmp_path / name for name in ("empty.png", "cut.mp4", "deep.png", "glass.png", "good.png")]
    summary = derain(checkpoint, inputs, tmp_path / "out")
    assert (summary.total("kept"), summary.total("failed"), summary.exit_code) == (1, 4, 3)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


def test_a_video_that_breaks_off_or_is_empty_leaves_no_output(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "clip.mp4", [rainy_picture(seed) for seed in range(4)], [0, 40, 80, 120])

    def breaks_off(path: Path):  # type: ignore[no-untyped-def]
        for frame in frames(path):
            if frame.index == 2:
                raise InputError("decoding fails")
            yield frame

    for broken in (breaks_off, lambda _path: iter(())):
        monkeypatch.setattr("train.derain.frames", broken)
        assert derain(checkpoint, [tmp_path / "clip.mp4"], tmp_path / "out").total("failed") == 1
        assert not (tmp_path / "out" / "clip.mp4").exists()
