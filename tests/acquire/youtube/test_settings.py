"""What settings make of what sources state."""

from __future__ import annotations

import pytest

from acquire.youtube.settings import permits


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("Creative Commons Attribution license (reuse allowed)", True),
        ("CC BY 4.0", True),
        ("CC-BY-SA", True),
        ("creativecommon", False),
        ("Standard YouTube License", False),
        ("accbyte", False),
        (None, False),
    ],
)
def test_what_counts_as_creative_commons(stated: str | None, kept: bool) -> None:
    assert permits("creativecommon", stated) == kept
    assert permits(None, stated)
