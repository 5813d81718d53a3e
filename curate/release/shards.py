"""Tar shards in WebDataset's layout, the same bytes for the same content.

One sample a scene: files of one name up to the first dot, side by side in one shard (`<scene>.00.png` … `<scene>.json`). Members are in
sorted order, in USTAR, with zero times and owners, so that nothing of the machine or the moment enters.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from manifests.files import write_atomically

Sample = Mapping[str, bytes]  # member name: content


def write_shards(folder: Path, split: str, samples: Iterable[Sample], shard_bytes: int) -> list[Path]:
    """Write samples, in the order given, as `<split>-000000.tar` and on; a new shard before `shard_bytes` of members would be passed.

    A sample is never divided: one that is larger alone makes a shard of its own.
    """
    shards: list[Path] = []
    size = 0
    with contextlib.ExitStack() as open_shard:
        for sample in samples:
            added = sum(_size_in_tar(content) for content in sample.values())
            if not shards or size + added > shard_bytes:
                open_shard.close()
                shards.append(folder / f"{split}-{len(shards):06d}.tar")
                archive = open_shard.enter_context(_archive(shards[-1]))
                size = 0
            for name in sorted(sample):
                archive.addfile(_member(name, sample[name]), io.BytesIO(sample[name]))
            size += added
    return shards


@contextlib.contextmanager
def _archive(path: Path) -> Iterator[tarfile.TarFile]:
    with write_atomically(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        yield archive


def _member(name: str, content: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)  # its times and owners are zero and empty
    member.size = len(content)
    member.mode = 0o644
    return member


def _size_in_tar(content: bytes) -> int:
    return tarfile.BLOCKSIZE + len(content) + -len(content) % tarfile.BLOCKSIZE
