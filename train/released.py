"""The pictures of a release, read out of its shards: training needs nothing unpacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.errors import InputError, first_line
from manifests.tables import Scene


@dataclass(frozen=True)
class ReleasedPictures:
    """The members of a release's shards, by name."""

    folder: Path
    places: Mapping[str, tuple[str, int, int]]  # shard, offset and size in bytes

    def with_pixels(self, rows: Sequence[Scene]) -> list[Scene]:
        """The scenes whose pictures are here. Raises InputError where the release tells of scenes only."""
        there = [row for row in rows if all(name in self.places for name in row.frames)]
        if rows and not there:
            raise InputError(f"{self.folder}: holds no pixels; rebuild the scenes from their footage, see README.md there")
        return there

    def read(self, name: str) -> bytes:
        """The bytes of a member. Raises InputError where the release does not hold it."""
        if name not in self.places:
            raise InputError(
                f"{self.folder}: holds no pixels of {name}; rebuild the scenes from their footage, see the release's README.md"
            )
        shard, offset, size = self.places[name]
        path = self.folder / "shards" / Path(shard).name  # whatever the index says: nothing outside the release
        try:
            with path.open("rb") as file:
                file.seek(offset)
                content = file.read(size)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); check the release with `curate release verify`") from error
        if len(content) < size:
            raise InputError(f"{path}: ends within {name}; fetch the release again")
        return content


def released_pictures(table: Path) -> ReleasedPictures | None:
    """The pictures behind a release's scenes table, from the index beside it; None where the table is no release's.

    Raises InputError where the index cannot be read.
    """
    index = table.resolve().parent / "index.parquet"
    if not index.is_file():
        return None
    try:
        rows = pq.ParquetFile(index).read(columns=["name", "shard", "offset", "bytes"]).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{index}: cannot be read as a release's index ({first_line(error)}); fetch the release again") from error
    places = {row["name"]: (row["shard"], row["offset"], row["bytes"]) for row in rows if row["shard"] is not None}
    return ReleasedPictures(index.parent, places)
