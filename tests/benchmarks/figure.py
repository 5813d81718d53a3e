"""One measured figure and the bound that it is held to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """A measured value that should be at most, or at least, its bound; without a bound it is told for what it is."""

    measure: str
    value: float
    unit: str
    bound: float | None
    side: Literal["at most", "at least"] = "at most"

    @property
    def holds(self) -> bool:
        """Whether the bound was kept."""
        if self.bound is None:
            return True
        return self.value <= self.bound if self.side == "at most" else self.value >= self.bound

    @property
    def told(self) -> str:
        """The figure as a row of a Markdown table."""
        bound = "" if self.bound is None else f"{self.side} {self.bound:g}"
        outcome = "" if self.bound is None else "holds" if self.holds else "MISSED"
        return f"| {self.measure} | {self.value:.4g} {self.unit} | {bound} | {outcome} |"
