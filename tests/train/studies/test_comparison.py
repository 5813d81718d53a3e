"""Variants side by side."""

from __future__ import annotations

import dataclasses

import numpy as np
from matplotlib.figure import Figure

from train.studies.comparison import compare, comparison_table, draw_comparison
from train.studies.study import Study
from train.studies.trials import Trial, Variant

ROWS = [
    Trial("a", "one", 0, "rgb", 10, 28.0, 0.90, 27.0, 0.8),
    Trial("b", "one", 1, "rgb", 10, 29.0, 0.92, 27.0, 0.8),
    Trial("c", "two", 0, "rgb", 10, 6.0, 0.1, 27.0, 0.8, collapsed="a constant background"),
    Trial("d", "two", 1, "rgb", 10, None, None, 27.0, 0.8, error="not a finite number"),
]


def test_a_line_a_variant_and_doing_nothing_first() -> None:
    lines = comparison_table(ROWS).splitlines()
    assert lines[2] == "| do nothing |  | 27.00 |  | 0.8000 |  |"
    assert lines[3] == "| one | 2 | 28.50 ± 0.71 | 1.50 ± 0.71 | 0.9100 ± 0.0141 |  |"
    assert lines[4] == "| two | 2 | 6.00 | -21.00 | 0.1000 | 1 of 2: a constant background; 1 of 2: failed: not a finite number |"


def test_what_collapsed_far_below_stays_within_the_figure() -> None:
    axes = Figure().add_subplot()
    draw_comparison(axes, ROWS)
    left, right = axes.get_xlim()
    shown = np.concatenate([np.asarray(line.get_xdata()) for line in axes.lines if line.get_marker() in ("o", "x")])
    assert sorted(shown.tolist()) == [left, 28.0, 29.0]
    assert 27 - left < 4
    assert right > 29
    assert any(text.get_text() == "6.0 dB" for text in axes.texts)


def test_variants_without_any_network_can_be_drawn() -> None:
    axes = Figure().add_subplot()
    draw_comparison(axes, [dataclasses.replace(ROWS[3], variant="one"), ROWS[3]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two"]


def test_table_and_figure_are_left_in_the_folder_with_the_conditions(study: Study, made_up: list[Variant]) -> None:
    found = compare(study, [Variant("it", study.preset)], "A title")
    assert (found.folder / "table.md").read_text() == found.markdown
    assert found.markdown.startswith("A title\n\nPreset `small` at width 2, kernels 3, crops of 16 px, 2 pairs a step, 2 steps, 2 seeds")
    assert "Protocol `y-mprnet`, 10 pictures of held-out scenes." in found.markdown
    assert (found.folder / "figure.png").stat().st_size > 5000
    assert found.folder == study.workspace.root / "studies" / "losses"
