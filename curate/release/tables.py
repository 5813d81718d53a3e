"""The tables of a release. Rows are sorted by key and no time of building is written, so that equal rows give equal bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.release.index import Member, read_index
from curate.release.portable import portable_footage, portable_scene, portable_segment
from curate.release.rights import PROFILES
from curate.release.selection import Selection
from manifests.errors import InputError
from manifests.files import Provenance, read_frozen_rows, write_rows
from manifests.tables import Footage, Rain, Scene, Segment, Withdrawal

FORMAT = 1  # of a release's files and their names
BUILD = "build.json"
INDEX = "index.parquet"
PROOF = "splits.tsv"  # that they are disjoint
_ABOUT = {"format": int, "version": str, "profile": str, "shard_bytes": int, "scenes": int, "scenes_fingerprint": str}


@dataclass(frozen=True)
class Tables:
    """What the tables of a release hold."""

    about: Mapping[str, Any]  # build.json
    footage: list[Footage]
    segments: list[Segment]
    rain: list[Rain]
    scenes: list[Scene]
    withdrawals: list[Withdrawal]
    index: list[Member]

    @property
    def pixels(self) -> frozenset[str]:
        """The ids of the scenes whose pictures are part of the release."""
        return frozenset(member.scene_id for member in self.index if member.shard is not None)


def write_tables(folder: Path, selection: Selection, provenance: Provenance) -> None:
    """Write footage, segments, rain, scenes and withdrawals as Parquet into a release's folder."""
    write_rows(Footage, folder / "footage.parquet", [portable_footage(row) for row in selection.footage], provenance)
    write_rows(Segment, folder / "segments.parquet", [portable_segment(row) for row in selection.segments], provenance)
    write_rows(Rain, folder / "rain.parquet", selection.rain, provenance)
    scenes = [portable_scene(row, row.scene_id in selection.pixels) for row in selection.scenes]
    write_rows(Scene, folder / "scenes.parquet", scenes, provenance)
    write_rows(Withdrawal, folder / "withdrawals.parquet", selection.withdrawals, provenance)
    for lock in folder.glob("*.lock"):
        lock.unlink()


def read_tables(folder: Path) -> Tables:
    """The tables of a release, which leaves nothing beside them. Raises InputError where there is none, or one that this cannot read."""
    return Tables(
        about=read_about(folder),
        footage=read_frozen_rows(Footage, folder / "footage.parquet"),
        segments=read_frozen_rows(Segment, folder / "segments.parquet"),
        rain=read_frozen_rows(Rain, folder / "rain.parquet"),
        scenes=read_frozen_rows(Scene, folder / "scenes.parquet"),
        withdrawals=read_frozen_rows(Withdrawal, folder / "withdrawals.parquet"),
        index=read_index(folder / INDEX),
    )


def read_about(folder: Path) -> dict[str, Any]:
    """What made a release. Raises InputError where there is no release, or one of a newer format."""
    path = folder / BUILD
    try:
        about = dict(json.loads(path.read_text(encoding="utf-8")))
        newer = about["format"] > FORMAT
        wrong = [] if newer else [name for name, kind in _ABOUT.items() if type(about.get(name)) is not kind]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name the folder of a release") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: does not say what made the release ({error!r}); fetch the release again") from error
    if newer:
        raise InputError(f"{path}: release format {about['format']}, and this rainlapse reads up to {FORMAT}; upgrade rainlapse")
    if wrong or about["profile"] not in PROFILES:
        raise InputError(f"{path}: does not say what made the release ({', '.join(wrong) or 'profile'}); fetch the release again")
    return about
