from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Literal

import pytest

from manifests.columns import columns, key_name, refuse_outside
from manifests.tables import TABLES


@dataclass(frozen=True, slots=True)
class Example:
    name: Annotated[str, "a name"]
    kind: Annotated[Literal["a", "b"] | None, "one of two"] = None
    sizes: Annotated[tuple[float | None, ...], "px"] = ()
    at: Annotated[datetime | None, "when"] = None


def test_reads_kind_nullability_and_meaning() -> None:
    name, kind, sizes, at = columns(Example)
    assert (name.kind, name.required, name.meaning, name.default) == (str, True, "a name", dataclasses.MISSING)
    assert (kind.kind, kind.required, kind.choices) == (str, False, ("a", "b"))
    assert (sizes.kind, sizes.many, sizes.many_nullable, sizes.required) == (float, True, True, True)
    assert at.kind is datetime
    assert [column.type_name for column in columns(Example)] == ["text", "`a` | `b`", "list of float", "time"]


@pytest.mark.parametrize("row_class", TABLES.values(), ids=TABLES)
def test_every_column_says_what_it_means(row_class: type) -> None:
    assert key_name(row_class).endswith("_id")
    for column in columns(row_class):
        assert column.meaning, column.name
        assert column.kind in (str, int, float, bool, datetime), column.name


@pytest.mark.parametrize("row_class", TABLES.values(), ids=TABLES)
def test_units_in_names_are_the_units_told(row_class: type) -> None:
    """A float column that ends in no unit is a share, a count or a grey level, and says so."""
    for column in columns(row_class):
        if column.name.endswith("_s") and column.kind is float:
            assert " s" in column.meaning or "time" in column.meaning, column.name
        if column.name.endswith("_px"):
            assert "px" in column.meaning or "shift" in column.meaning or "streak" in column.meaning, column.name


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_numbers_outside_of_their_range_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"share: {value} is no number from zero to 1"):
        refuse_outside(SimpleNamespace(share=value), ["share"], most=1)


def test_the_ends_of_a_range_belong_to_it_and_zero_as_said() -> None:
    refuse_outside(SimpleNamespace(least=0, most=1.0), ["least", "most"], most=1)
    with pytest.raises(ValueError, match="least: 0 is no number above zero"):
        refuse_outside(SimpleNamespace(least=0), ["least"], zero=False)
    with pytest.raises(ValueError, match="least: inf is no number from zero up"):
        refuse_outside(SimpleNamespace(least=float("inf")), ["least"])
