"""One measured figure and the bound that it is held to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measure whose value should be at most its bound."""

    measure: str
    value: float
    unit: str
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the bound was kept."""
        return self.value <= self.bound
