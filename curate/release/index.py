"""The index of a release: one row a frame and a mask, and in shards one a scene's JSON, with its place there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.errors import InputError, first_line
from manifests.files import schema, write_atomically


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a scene, in a shard or told of only."""

    name: Annotated[str, "its name in the shard, and its path once that is unpacked"]
    scene_id: Annotated[str, "the scene"]
    kind: Annotated[Literal["frame", "mask", "about"], "a picture of the scene, where training may look in it, or the scene as JSON"]
    split: Annotated[str, "the scene's split"]
    sha256: Annotated[str, "of its bytes; of a frame without pixels, of the PNG that was made of it"]
    number: Annotated[int | None, "a frame's place in the scene, counted from 0"] = None
    frame_index: Annotated[int | None, "a frame's number in the footage, counted from 0"] = None
    pts_s: Annotated[float | None, "a frame's presentation time, s"] = None
    width: Annotated[int | None, "px"] = None
    height: Annotated[int | None, "px"] = None
    perceptual: Annotated[str | None, "a frame's difference hash, hex"] = None
    luma: Annotated[str | None, "a frame's mean luma on a 16x16 grid, 1/64 grey levels, four hex digits a cell"] = None
    shard: Annotated[str | None, "the shard that holds it; null: it is not part of the release"] = None
    offset: Annotated[int | None, "where its content begins in the shard, bytes"] = None
    bytes: Annotated[int | None, "its size in the shard"] = None
    content: Annotated[str | None, "of a mask that is in no shard: its PNG, base64"] = None


def write_index(path: Path, members: Iterable[Member]) -> None:
    """Write the members, sorted by name."""
    rows = [dataclasses.asdict(member) for member in sorted(members, key=lambda member: member.name)]
    with write_atomically(path) as file:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema(Member)), file, compression="zstd")


def read_index(path: Path) -> list[Member]:
    """The members, as they stand there. Raises InputError where it is no index."""
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({first_line(error)}); fetch the release again") from error
    if not table.schema.equals(schema(Member)):
        raise InputError(f"{path}: its columns are not those of an index; fetch the release again")
    return [Member(**row) for row in table.to_pylist()]
