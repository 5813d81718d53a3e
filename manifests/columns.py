"""What a row class or a settings class says of each of its fields: name, type, meaning.

Both kinds of class are frozen dataclasses whose fields read `Annotated[type, "meaning, unit"]`, so one reader serves the Parquet
schema, the checks, `manifests schema` and the commands' `--set`.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class Column:
    """One field. `kind` is str, int, float, bool or datetime; of its elements where `many`."""

    name: str
    kind: type
    meaning: str
    required: bool  # never null
    many: bool  # a tuple of values
    many_nullable: bool  # elements of the tuple may be null
    choices: tuple[str, ...]  # the values of a closed list, else empty
    default: Any  # dataclasses.MISSING where there is none

    @property
    def type_name(self) -> str:
        """The type as a reader writes it: `list of float`, `text: ok, failed`."""
        words = {str: "text", int: "int", float: "float", bool: "bool"}.get(self.kind, "time")
        if self.choices:
            words = " | ".join(f"`{choice}`" for choice in self.choices)
        return f"list of {words}" if self.many else words


def columns(row_class: type) -> tuple[Column, ...]:
    """The fields of a row or settings class, in order; the first is a row class's key."""
    return _columns(row_class)


@cache  # asked for at every part of a table
def _columns(row_class: type) -> tuple[Column, ...]:
    hints = get_type_hints(row_class, include_extras=True)
    return tuple(_column(field, hints[field.name]) for field in dataclasses.fields(row_class))


def key_name(row_class: type) -> str:
    """The name of a row class's key column."""
    return dataclasses.fields(row_class)[0].name


def refuse_outside(settings: object, names: Iterable[str], *, zero: bool = True, most: float = math.inf) -> None:
    """Raise ValueError for a named setting that is negative, above `most`, infinite or no number; or zero, unless `zero` may be."""
    for name in names:
        value = getattr(settings, name)
        if not (0 <= value <= most and value < math.inf and (zero or value > 0)):
            wanted = f"{'from zero' if zero else 'above zero'}{' up' if zero and most == math.inf else ''}"
            raise ValueError(f"{name}: {value} is no number {wanted}{f' to {most:g}' if most < math.inf else ''}")


def _column(field: dataclasses.Field[Any], hint: Any) -> Column:
    meaning = ""
    if get_origin(hint) is Annotated:
        hint, meaning = get_args(hint)[:2]
    hint, nullable = _without_none(hint)
    many = get_origin(hint) is tuple
    many_nullable = False
    if many:
        hint, many_nullable = _without_none(get_args(hint)[0])
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    kind = str if choices else hint
    return Column(field.name, kind, meaning, not nullable, many, many_nullable, choices, field.default)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """`X | None` as (X, True), X as (X, False)."""
    if get_origin(hint) in (Union, types.UnionType):
        rest = [argument for argument in get_args(hint) if argument is not type(None)]
        if len(rest) != 1:
            raise TypeError(f"a field holds one type or null, not {hint}")
        return rest[0], True
    return hint, False
