"""Backgrounds: photos that are there without a network, places that do not overlap, procedural scenes."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from acquire.simulator import backgrounds
from acquire.simulator.backgrounds import BUNDLED, background, places, smaller_places, stem
from acquire.simulator.procedural import PROCEDURAL, clutter
from manifests.errors import InputError
from manifests.media import write_png


def test_every_bundled_photo_is_there_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a bundled photo asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    backgrounds._photo.cache_clear()
    for name in BUNDLED:
        picture = background(name, (160, 120), (160, 120))
        assert picture.shape == (120, 160, 3)
        assert picture.std() > 10, name


def test_places_of_a_photo_do_not_overlap(tmp_path: Path) -> None:
    rows, columns = np.indices((250, 330))
    write_png(tmp_path / "plan.png", np.stack([columns % 256, rows, columns // 256], axis=2).astype(np.uint8))
    name, frame = str(tmp_path / "plan.png"), (100, 80)
    assert places(name, frame) == 9
    seen = np.zeros((250, 330), int)
    for place in range(9):
        picture = background(f"{name}:{place}", frame, frame).astype(int)
        x, y = picture[..., 0] + 256 * picture[..., 2], picture[..., 1]
        seen[y[5:-5, 5:-5].min() : y[5:-5, 5:-5].max(), np.percentile(x, 8).astype(int) : np.percentile(x, 92).astype(int)] += 1
    assert seen.max() == 1
    assert seen.mean() > 0.5


def test_mirrored_and_smaller_places_follow_and_then_no_more() -> None:
    frame = 160, 120
    number, smaller = places("coffee", frame), smaller_places("coffee", frame)
    assert np.array_equal(background(f"coffee:{number}", frame, frame), background("coffee:0", frame, frame)[:, ::-1])
    assert smaller.start == 2 * number
    assert 2 <= len(smaller) < number
    shown = [background(f"coffee:{place}", frame, frame) for place in smaller]
    assert all(picture.shape == (120, 160, 3) for picture in shown)
    assert len({picture.tobytes() for picture in shown}) == len(smaller)
    with pytest.raises(InputError, match=f"coffee holds {number} places .*, as many mirrored, and {len(smaller)} made smaller"):
        background(f"coffee:{smaller.stop}", frame, frame)


def test_smaller_places_show_more_and_are_turned_by_a_quarter(tmp_path: Path) -> None:
    """A photo of 15 bars across, which holds four places, is seen whole in a smaller one, and its bars stand in the turned one."""
    bars = np.where(np.indices((300, 300))[0] // 10 % 2, 200, 50).astype(np.uint8)
    write_png(tmp_path / "bars.png", np.repeat(bars[..., None], 3, axis=2))
    name, frame = str(tmp_path / "bars.png"), (160, 160)
    upright, turned = (background(f"{name}:{place}", frame, frame)[..., 0].astype(float) for place in smaller_places(name, frame))
    assert places(name, frame) == 4
    assert np.argmax(np.abs(np.fft.rfft(upright[:, 80] - upright[:, 80].mean()))) == 15
    assert upright.std(axis=1).max() < 1
    assert np.array_equal(turned, np.rot90(upright))


def test_a_larger_canvas_shows_the_same_place() -> None:
    small = background("rocket:1", (160, 120), (160, 120))
    large = background("rocket:1", (160, 120), (260, 150))
    assert large.shape == (150, 260, 3)
    assert abs(float(small.mean()) - float(large.mean())) < 25


@pytest.mark.parametrize("kind", list(PROCEDURAL))
def test_procedural_scenes_are_textured_repeatable_and_unlike(kind: str) -> None:
    first, again, other = (background(f"{kind}:{number}", (160, 120), (160, 120)) for number in (1, 1, 2))
    assert first.shape == (120, 160, 3)
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 15
    grey = first.mean(axis=2)
    assert np.abs(np.diff(grey, axis=1)).mean() > 3


def test_clutter_falls_off_as_stated() -> None:
    noise = clutter(np.random.default_rng(0), 256, 256, 1.0)
    assert noise.std() == pytest.approx(1, abs=1e-3)
    spectrum = np.abs(np.fft.rfft2(noise))
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None, :])
    bands = [spectrum[(frequency > low) & (frequency < 1.3 * low)].mean() for low in (0.02, 0.08, 0.32)]
    assert bands[0] / bands[1] == pytest.approx(4, rel=0.25)
    assert bands[1] / bands[2] == pytest.approx(4, rel=0.25)


def test_names() -> None:
    assert stem("coffee:1") == "coffee"
    assert stem("street:12") == "street"
    assert stem("/pictures/my yard.jpg:3") == "my yard"


def test_what_is_no_background_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for name in ("nowhere", str(tmp_path / "text.png"), str(tmp_path / "missing.png")):
        with pytest.raises(InputError, match="neither a bundled photo"):
            background(name, (64, 64), (64, 64))
