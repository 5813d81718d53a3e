"""A folder is held by one at a time, until it is let go, and nothing is left in it."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from manifests.folder_lock import hold_folder


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with ExitStack() as first:
        hold_folder(tmp_path, first)
        with ExitStack() as second, pytest.raises(BlockingIOError):
            hold_folder(tmp_path, second)
    with ExitStack() as third:
        hold_folder(tmp_path, third)
    assert list(tmp_path.iterdir()) == []
