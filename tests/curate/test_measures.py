"""Measures on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from curate.measures import NO_VIEW, Measures, load, save
from tests.curate.made_measures import make_measures


def test_what_is_stored_is_read_back_to_the_bit(tmp_path: Path) -> None:
    measures = make_measures([0, NO_VIEW, 1], lengths=[10, 4, 10], fps=29.97)
    save(measures, tmp_path / "deep" / "footage.npz", "key")
    again = load(tmp_path / "deep" / "footage.npz", "key")
    assert again is not None
    for field in dataclasses.fields(Measures):
        before, after = getattr(measures, field.name), getattr(again, field.name)
        assert type(before) is type(after)
        assert np.array_equal(before, after, equal_nan=np.asarray(before).dtype.kind == "f"), field.name
    assert again.frames == 24
    assert again.window_end.tolist() == [10, 14, 24]


def test_another_key_a_missing_and_a_damaged_file_are_no_measures(tmp_path: Path) -> None:
    path = tmp_path / "footage.npz"
    assert load(path, "key") is None
    save(make_measures([0, 0]), path, "key")
    assert load(path, "another") is None
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no archive", whole[:200] + bytes(50) + whole[250:]):
        path.write_bytes(damaged)
        assert load(path, "key") is None
