"""The rose of equal rain is drawn once for all tests: it takes a third of the time of building a small release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import pytest

from curate.release import figures
from curate.report.roses import rain_rose
from manifests.media import Picture


@pytest.fixture(scope="session", autouse=True)
def roses_drawn_once() -> Iterator[None]:
    """Keep what was drawn, by what it shows."""
    draw = rain_rose

    @cache
    def kept(orientations: tuple[float, ...], title: str) -> Picture:
        return draw(orientations, title=title)

    def drawn(orientations: Sequence[float], *, title: str) -> Picture:
        return kept(tuple(orientations), title)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "rain_rose", drawn)
        yield
