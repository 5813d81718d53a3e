"""A study's table on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure
from PIL import Image

from manifests.errors import InputError
from train.studies.results import markdown_table, read_results, write_figure, write_markdown, write_results


@dataclass(frozen=True, slots=True)
class Measured:
    """A row of a study that a test made up."""

    name: Annotated[str, "what"]
    value: Annotated[float | None, "how much"] = None
    many: Annotated[tuple[int, ...], "some"] = ()


ROWS = [Measured("first", 1.5, (1, 2)), Measured("second")]


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    assert read_results(Measured, tmp_path) == []
    write_results(Measured, tmp_path, ROWS, {"command": "train study made-up"})
    assert read_results(Measured, tmp_path) == ROWS
    assert b"train study made-up" in pq.read_schema(tmp_path / "table.parquet").metadata[b"rainlapse"]


def test_a_damaged_table_and_one_of_other_columns_are_refused(tmp_path: Path) -> None:
    @dataclass(frozen=True, slots=True)
    class Other:
        """Another study's row."""

        name: Annotated[str, "what"]

    write_results(Other, tmp_path, [Other("x")], {})
    with pytest.raises(InputError, match="other columns"):
        read_results(Measured, tmp_path)
    (tmp_path / "table.parquet").write_bytes(b"PAR1 but not for long")
    with pytest.raises(InputError, match=r"table\.parquet: cannot be read"):
        read_results(Measured, tmp_path)


def test_the_table_in_markdown() -> None:
    assert markdown_table(["a", "b"], [[1, "x"], [2, "y"]]) == "| a | b |\n| --- | --- |\n| 1 | x |\n| 2 | y |"


def test_a_cell_stays_one_cell() -> None:
    header, _, row = markdown_table(["|error|", "b"], [["two\nlines", "x|y"]]).splitlines()
    assert (header, row) == (r"| \|error\| | b |", r"| two lines | x\|y |")


def test_text_and_figure_appear_in_the_folder(tmp_path: Path) -> None:
    write_markdown(tmp_path / "new", "words\n")
    write_figure(tmp_path / "new", Figure(figsize=(2, 1)))
    assert (tmp_path / "new" / "table.md").read_text() == "words\n"
    assert Image.open(tmp_path / "new" / "figure.png").size == (260, 130)
