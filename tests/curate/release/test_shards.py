"""Packing, and tar archives byte by byte."""

from __future__ import annotations

import tarfile
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from curate.release.shards import member_header, packed, size_in_tar, write_shard


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(1, 50), max_size=20), most=st.integers(1, 100))
def test_packing_keeps_order_and_size_and_opens_no_shard_too_soon(sizes: list[int], most: int) -> None:
    shards = packed(sizes, most)
    assert [place for shard in shards for place in shard] == list(range(len(sizes)))
    for shard in shards:
        assert len(shard) == 1 or sum(sizes[place] for place in shard) <= most
    for shard, following in pairwise(shards):
        assert sum(sizes[place] for place in shard) + sizes[following[0]] > most


def test_offsets_are_where_the_contents_lie(tmp_path: Path) -> None:
    members = [("scenes/a.00.png", b"x" * 700), ("scenes/a.json", b""), ("scenes/b.00.png", b"yz")]
    offsets = write_shard(tmp_path / "a.tar", members)
    content = (tmp_path / "a.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as archive:
        found = [(member.name, member.offset_data) for member in archive]
    assert found == [(name, offset) for (name, _), offset in zip(members, offsets, strict=True)]
    for (name, written), offset in zip(members, offsets, strict=True):
        assert content[offset : offset + len(written)] == written
        assert content[offset - 512 : offset] == member_header(name, len(written))
    assert [size_in_tar(size) for size in (0, 1, 512, 513)] == [512, 1024, 1024, 1536]
