"""Tar shards in WebDataset's layout, the same bytes for the same content.

One sample a scene: files of one name up to the first dot, side by side in one shard (`<scene>.00.png` … `<scene>.json`). Members are in
sorted order, in USTAR, with zero times and owners, so that nothing of the machine or the moment enters.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from manifests.files import write_atomically

BLOCK = tarfile.BLOCKSIZE
RECORD = tarfile.RECORDSIZE  # an archive's length is a multiple of it, filled up with zeros


def packed(sizes: Sequence[int], shard_bytes: int) -> list[range]:
    """Samples, by their sizes in a tar, in shards: a new one before `shard_bytes` would be passed.

    A sample is never divided: one that is larger alone makes a shard of its own.
    """
    ends: list[int] = []
    filled = 0
    for place, size in enumerate(sizes):
        if place and filled + size > shard_bytes:
            ends.append(place)
            filled = 0
        filled += size
    starts = [0, *ends]
    return [range(start, end) for start, end in zip(starts, [*ends, len(sizes)], strict=True)] if sizes else []


def write_shard(path: Path, members: Iterable[tuple[str, bytes]]) -> list[int]:
    """Write names and contents as one archive, streamed, whole or not at all. Gives where each content begins, in bytes."""
    offsets = []
    with write_atomically(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            offsets.append(archive.offset + BLOCK)
            archive.addfile(_member(name, len(content)), io.BytesIO(content))
    return offsets


def member_header(name: str, size: int) -> bytes:
    """The block that stands before a member's content."""
    return _member(name, size).tobuf(tarfile.USTAR_FORMAT)


def size_in_tar(size: int) -> int:
    """What a member of so many bytes takes."""
    return BLOCK + size + -size % BLOCK


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)  # its times and owners are zero and empty
    member.size = size
    member.mode = 0o644
    return member
