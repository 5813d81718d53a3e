"""Curves and samples: every column of the log is drawn, and each panel of a sample shows what its title says."""

import dataclasses
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
import torch
from torch import Tensor

from manifests.media import read_picture
from train.fit.figures import PANELS, SAMPLES, STREAKS_TIMES, draw_curves, draw_samples
from train.fit.runlog import LogRow
from train.fit.validation import held_out_scene
from train.pictures import GAP_PX, TEXT_PX
from train.presets import SMALL
from train.scenes import SceneFrames


def row(step: int, score: float | None) -> LogRow:
    return LogRow(step, step / 2, 1e-3, 1.0, 80.0, 0.5 / step, 0.1, 0.2, 0.9, 0.001, 0.02, 0.95, 0.9, 0.0, held_out_score=score)


def test_every_column_has_its_panel() -> None:
    drawn = [name for panel in PANELS for name in panel.columns]
    assert sorted(drawn) == sorted(field.name for field in dataclasses.fields(LogRow) if field.name not in ("step", "elapsed_s"))


def test_curves_hold_the_logs_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = []
    save = matplotlib.figure.Figure.savefig

    def keep(figure: matplotlib.figure.Figure, *arguments: object, **options: object) -> None:
        figures.append(figure)
        save(figure, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    draw_curves([row(10, None), row(20, 25.0), row(30, None), row(40, 27.0)], tmp_path / "curves.png")
    by_title = {axes.get_title(): axes for axes in figures[0].axes}
    assert np.asarray(by_title["total loss"].lines[0].get_xydata()).tolist() == [[step, 0.5 / step] for step in (10, 20, 30, 40)]
    held_out = by_title["held out: PSNR"].lines
    assert len(held_out) == 1  # no truth was known
    assert np.asarray(held_out[0].get_xydata()).tolist() == [[20, 25.0], [40, 27.0]]
    assert read_picture(tmp_path / "curves.png").std() > 5


def test_a_log_without_rows_is_drawn(tmp_path: Path) -> None:
    draw_curves([], tmp_path / "curves.png")
    assert read_picture(tmp_path / "curves.png").shape[2] == 3


class Halves(torch.nn.Module):
    """Takes half of what it sees."""

    settings = SMALL.network

    def __init__(self) -> None:
        super().__init__()
        self.share = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.share * pictures


def test_samples_show_rainy_derained_streaks_and_median(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    stack = torch.from_numpy(random.integers(0, 150, (5, 1, 24, 40), dtype=np.uint8))
    scene = held_out_scene(SceneFrames("one", stack, torch.ones(1, 24, 40, dtype=torch.bool)))
    path = tmp_path / "samples" / "step-0000010.png"
    network = Halves()
    draw_samples(network, [scene] * (SAMPLES + 1), torch.device("cpu"), torch.float32, path)  # type: ignore[arg-type]
    sheet = read_picture(path)
    first = stack[0, 0].double().numpy()
    wanted = [first, first / 2, np.minimum(first / 2 * STREAKS_TIMES, 255), np.median(stack[:, 0].double().numpy(), axis=0)]
    top = TEXT_PX + GAP_PX
    for number, picture in enumerate(wanted):
        left = GAP_PX + number * (40 + GAP_PX)
        shown = sheet[top : top + 24, left : left + 40].astype(float)
        assert np.abs(shown - picture[..., None]).max() <= 1, number
    assert sheet.shape[0] == 2 * TEXT_PX + SAMPLES * (24 + 2 * TEXT_PX)
