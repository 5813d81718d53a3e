"""A card and a workspace beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.workspace import Workspace


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "card").mkdir()
    return tmp_path / "card"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work")
