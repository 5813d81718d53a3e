"""Ways to tamper with a release, each with the kind of finding and the words that must come of it.

A flipped bit alone is what a bad disk does, and SHA256SUMS must show it. All else is done by someone who also mends the sums, so that the
checks behind them must find it.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from curate.release.findings import Kind
from curate.release.sums import write_sums

Entry = tuple[tarfile.TarInfo, bytes]
SHARD = "shards/train-000000.tar"


@dataclass(frozen=True)
class Tampering:
    """One way: what is done, and what is to be found."""

    name: str
    apply: Callable[[Path], object]
    kind: Kind
    message: str  # a regular expression that one finding of that kind matches


def flip(path: Path, place: float, bit: int = 0) -> None:
    """Flip one bit at a share of the file's length."""
    content = bytearray(path.read_bytes())
    content[min(len(content) - 1, int(place * len(content)))] ^= 1 << bit
    path.write_bytes(content)


def entries(shard: Path) -> list[Entry]:
    """The members of a shard and their contents."""
    with tarfile.open(shard) as archive:
        return [(member, archive.extractfile(member).read()) for member in archive.getmembers()]  # type: ignore[union-attr]


def write_entries(folder: Path, changed: list[Entry], format_: int = tarfile.USTAR_FORMAT) -> None:
    """Write the shard anew, and the sums of all."""
    with tarfile.open(folder / SHARD, "w", format=format_) as archive:
        for member, content in changed:
            archive.addfile(member, io.BytesIO(content))
    write_sums(folder)


def edit_table(folder: Path, name: str, edit: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the rows of a table, and the sums of all."""
    table = pq.read_table(folder / f"{name}.parquet")
    rows = table.to_pylist()
    edit(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / f"{name}.parquet")
    write_sums(folder)


def tamperings() -> list[Tampering]:
    """All of them."""
    return [*_flips(), *_files(), *_sums(), *_members(), *_contents(), *_tables(), *_metadata()]


def _flips() -> Iterator[Tampering]:
    words = ["README.md", "DATASHEET.md", "LICENCES.md", "CHANGELOG.md", "CITATION.cff", "build.json", "croissant.json", "splits.tsv"]
    tables = [f"{name}.parquet" for name in ("scenes", "footage", "segments", "rain", "index", "withdrawals")]
    figures = [f"figures/{name}.png" for name in ("rain-rose", "coverage", "samples")]
    for number, name in enumerate([*words, *tables, *figures, *(f"shards/{split}-000000.tar" for split in ("train", "val", "test"))]):
        for place in (0.02, 0.5, 0.97):
            yield Tampering(
                f"bit-{name}-{place}",
                lambda folder, name=name, place=place, bit=number % 8: flip(folder / name, place, bit),  # type: ignore[misc]
                "files",
                rf"^{name}: its SHA-256 is [0-9a-f]{{64}}, and SHA256SUMS says",
            )
    for place, bit, message in (
        (0.001, 0, r"its SHA-256 is|is not a SHA-256"),
        (0.3, 5, r"is missing|is not in|SHA-256"),
        (0.9999, 1, r"breaks off|not a SHA-256|is missing"),
    ):
        yield Tampering(f"bit-sums-{place}", lambda folder, p=place, b=bit: flip(folder / "SHA256SUMS", p, b), "files", message)  # type: ignore[misc]


def _files() -> Iterator[Tampering]:
    def linked(name: str) -> Callable[[Path], None]:
        def apply(folder: Path) -> None:
            (folder / name).rename(folder.parent / "elsewhere")
            (folder / name).symlink_to(folder.parent / "elsewhere")

        return apply

    for name in ("notes.txt", "scenes.parquet.lock"):
        yield Tampering(f"extra-{name}", lambda folder, name=name: (folder / name).touch(), "files", f"{name}: is not in SHA256SUMS")  # type: ignore[misc]
    for name in ("splits.tsv", "SHA256SUMS", "figures"):
        yield Tampering(f"linked-{name}", linked(name), "files", f"{name}: is a symbolic link to .*elsewhere")
    for name in ("README.md", "rain.parquet", SHARD, "figures/samples.png"):
        yield Tampering(f"missing-{name}", lambda folder, name=name: (folder / name).unlink(), "files", f"^{name}: is missing")  # type: ignore[misc]


def _sums() -> Iterator[Tampering]:
    def edited(edit: Callable[[list[str]], None]) -> Callable[[Path], None]:
        def apply(folder: Path) -> None:
            lines = (folder / "SHA256SUMS").read_text().splitlines()
            edit(lines)
            (folder / "SHA256SUMS").write_text("".join(f"{line}\n" for line in lines))

        return apply

    def doubled(lines: list[str]) -> None:
        lines.insert(1, lines[0])

    def without_one(lines: list[str]) -> None:
        del lines[4]

    def upper(lines: list[str]) -> None:
        lines[2] = lines[2][:64].upper() + lines[2][64:]

    def escaping(lines: list[str]) -> None:
        lines.insert(0, f"{'0' * 64}  ../../etc/passwd")

    def absolute(lines: list[str]) -> None:
        lines.insert(0, f"{'0' * 64}  /etc/passwd")

    yield Tampering("sums-doubled", edited(doubled), "files", "SHA256SUMS: line 2 names CHANGELOG.md out of order or twice")
    yield Tampering("sums-unsorted", edited(lambda lines: lines.reverse()), "files", "out of order")
    yield Tampering("sums-short", edited(without_one), "files", "is not in SHA256SUMS")
    yield Tampering("sums-upper", edited(upper), "files", "line 3 is not a SHA-256")
    yield Tampering("sums-escaping", edited(escaping), "files", r"\.\./\.\./etc/passwd: SHA256SUMS names a path that escapes")
    yield Tampering("sums-absolute", edited(absolute), "files", "/etc/passwd: SHA256SUMS names a path that escapes")
    yield Tampering("sums-empty", lambda folder: (folder / "SHA256SUMS").write_bytes(b"") and None, "files", "line 1 is not")
    yield Tampering("sums-gone", lambda folder: (folder / "SHA256SUMS").unlink(), "files", "SHA256SUMS: no such file")


def _changed(edit: Callable[[list[Entry]], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        members = entries(folder / SHARD)
        edit(members)
        write_entries(folder, members)

    return apply


def _of_kind(kind: bytes, target: str = "") -> Callable[[list[Entry]], None]:
    def edit(members: list[Entry]) -> None:
        members[1][0].type, members[1][0].linkname, members[1][0].size = kind, target, 0

    return edit


def _named(name: str, place: int = 2) -> Callable[[list[Entry]], None]:
    def edit(members: list[Entry]) -> None:
        members[place][0].name = name.format(members[place][0].name)

    return edit


def _added(name: str) -> Callable[[list[Entry]], None]:
    def edit(members: list[Entry]) -> None:
        member = tarfile.TarInfo(name)
        member.size = 3
        members.append((member, b"new"))

    return edit


def _header(field: str, value: object) -> Callable[[list[Entry]], None]:
    def edit(members: list[Entry]) -> None:
        setattr(members[3][0], field, value)

    return edit


def _cut(end: float) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = (folder / SHARD).read_bytes()
        (folder / SHARD).write_bytes(content[: int(end * len(content)) // 512 * 512 + (0 if end < 0.9 else 100)])
        write_sums(folder)

    return apply


def _members() -> Iterator[Tampering]:
    def removed(place: int) -> Callable[[list[Entry]], None]:
        return lambda members: members.__delitem__(place)

    def swapped(members: list[Entry]) -> None:
        members[0], members[1] = members[1], members[0]

    def doubled(place: int) -> Callable[[list[Entry]], None]:
        return lambda members: members.insert(place, members[place])

    def becomes(content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
        def apply(folder: Path) -> None:
            (folder / SHARD).write_bytes(content((folder / SHARD).read_bytes()))
            write_sums(folder)

        return apply

    def extended(folder: Path) -> None:
        members = entries(folder / SHARD)
        members[0][0].pax_headers = {"comment": "more"}
        write_entries(folder, members, tarfile.PAX_FORMAT)

    def gone(folder: Path) -> None:
        (folder / SHARD).unlink()
        write_sums(folder)

    def another(folder: Path) -> None:
        (folder / "shards" / "train-000001.tar").write_bytes((folder / SHARD).read_bytes())
        write_sums(folder)

    for place, what in ((0, "00.png"), (4, "04.png"), (5, "json"), (6, "mask.png")):
        yield Tampering(f"removed-{what}", _changed(removed(place)), "shards", rf"\.{what}: is in the index and not in the shard")
        yield Tampering(f"doubled-{what}", _changed(doubled(place)), "shards", rf"\.{what}: is there twice")
    for name in ("scenes/new.png", "more.txt"):
        yield Tampering(f"added-{name}", _changed(_added(name)), "shards", f"{name}: is in the shard and not in the index")
    for place in (1, 5, 6):
        yield Tampering(
            f"renamed-{place}", _changed(_named("{}.old", place)), "shards", "is not in the shard, which has its bytes as .*old"
        )
    yield Tampering("swapped", _changed(swapped), "shards", "lies at byte .*, and the index says")
    for name in ("../{}", "/{}", "scenes/../../{}", "..\\{}"):
        yield Tampering(f"escaping-{name}", _changed(_named(name)), "shards", "is a path that escapes the folder")
    yield Tampering("symlink", _changed(_of_kind(tarfile.SYMTYPE, "/etc/passwd")), "shards", "is a symbolic link to /etc/passwd")
    yield Tampering("hard-link", _changed(_of_kind(tarfile.LNKTYPE, "scenes/x")), "shards", "is a hard link to scenes/x")
    yield Tampering("folder", _changed(_of_kind(tarfile.DIRTYPE)), "shards", "is a folder, not a plain file")
    yield Tampering("fifo", _changed(_of_kind(tarfile.FIFOTYPE)), "shards", "is no plain file, not|not a plain file")
    yield Tampering("device", _changed(_of_kind(tarfile.CHRTYPE)), "shards", "not a plain file")
    yield Tampering("extended", extended, "shards", "is an extended header, not a plain file")
    for field, value in (("mtime", 1), ("uid", 1000), ("gid", 7), ("mode", 0o4755), ("uname", "someone")):
        yield Tampering(f"header-{field}", _changed(_header(field, value)), "shards", "its header is not one of a release")
    yield Tampering("cut-in-content", _cut(0.4), "shards", "breaks off: .* bytes are there|breaks off after")
    yield Tampering("cut-in-end", _cut(0.995), "shards", "breaks off|holds more or less than zeros")
    more = "holds more or less than zeros after its last member"
    yield Tampering("garbage-behind", becomes(lambda content: content[:-5] + b"more!"), "shards", more)
    yield Tampering("longer", becomes(lambda content: content + bytes(10240)), "shards", more)
    yield Tampering("empty-shard", becomes(lambda _: b""), "shards", "breaks off after 0 bytes")
    yield Tampering("shard-gone", gone, "shards", "is missing, or not in SHA256SUMS, and the index has 7 members in it")
    yield Tampering("shard-added", another, "shards", "train-000001.tar: scenes/.*: is in the shard and not in the index")


def _png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def _contents() -> Iterator[Tampering]:
    """Contents changed: with the sums mended alone, or with the index and the scenes too."""

    def bit(place: int) -> Callable[[list[Entry]], None]:
        def edit(members: list[Entry]) -> None:
            member, content = members[place]
            members[place] = member, content[:30] + bytes([content[30] ^ 4]) + content[31:]

        return edit

    def replaced(content: bytes, place: int = 1) -> Callable[[Path], None]:
        """Put other bytes in a member's place, and mend index and scenes as well as the sums."""

        def apply(folder: Path) -> None:
            members = entries(folder / SHARD)
            members[place][0].size = len(content)
            members[place] = members[place][0], content
            write_entries(folder, members)
            with tarfile.open(folder / SHARD) as archive:
                found = {member.name: (member.offset_data, member.size) for member in archive.getmembers()}
            name, sha256 = members[place][0].name, hashlib.sha256(content).hexdigest()

            def index(rows: list[dict[str, Any]]) -> None:
                for row in rows:
                    if row["shard"] == SHARD:
                        row["offset"], row["bytes"] = found[row["name"]]
                        row["sha256"] = sha256 if row["name"] == name else row["sha256"]

            def scenes(rows: list[dict[str, Any]]) -> None:
                for row in rows:
                    row["sha256"] = [sha256 if frame == name else old for frame, old in zip(row["frames"], row["sha256"], strict=True)]

            edit_table(folder, "index", index)
            edit_table(folder, "scenes", scenes)

        return apply

    def shorter(members: list[Entry]) -> None:
        member, content = members[2]
        member.size -= 1
        members[2] = member, content[:-1]

    jpeg = io.BytesIO()
    Image.new("RGB", (48, 40)).save(jpeg, "JPEG")
    for place in (0, 5, 6):
        yield Tampering(f"content-{place}", _changed(bit(place)), "shards", "has changed: its SHA-256 is .*, and the index says")
    yield Tampering("shorter", _changed(shorter), "shards", "has .* bytes, and the index says")
    yield Tampering("undecodable", replaced(b"no picture"), "pictures", "cannot be decoded as PNG")
    yield Tampering("half-a-png", replaced(_png(48, 40)[:70]), "pictures", "cannot be decoded as PNG")
    yield Tampering("jpeg", replaced(jpeg.getvalue()), "pictures", "cannot be decoded as PNG")
    yield Tampering("other-size", replaced(_png(40, 48)), "pictures", "is 40x48 px, where 48x40 are promised")
    yield Tampering("bomb", replaced(_png(48, 40)[:16] + b"\x7f\xff\xff\xff" * 2 + _png(48, 40)[24:]), "pictures", "decoded|promised")
    yield Tampering("mask-size", replaced(_png(48, 41), 6), "pictures", "mask.png: is 48x41 px")
    yield Tampering("about-another", replaced(b'{"scene_id": "another"}', 5), "shards", "tells of scene another")
    yield Tampering("about-no-json", replaced(b"{", 5), "shards", "is not JSON that tells of a scene")


def _tables() -> Iterator[Tampering]:
    def edited(table: str, edit: Callable[[list[dict[str, Any]]], object]) -> Callable[[Path], None]:
        return lambda folder: edit_table(folder, table, edit)

    def first(column: str, value: object) -> Callable[[list[dict[str, Any]]], None]:
        return lambda rows: rows[0].__setitem__(column, value)

    def later(rows: list[dict[str, Any]]) -> None:
        rows[0]["pts_s"] = [time + 0.5 for time in rows[0]["pts_s"]]

    def fewer(rows: list[dict[str, Any]]) -> None:
        for column in ("frames", "frame_index", "pts_s", "sha256"):
            rows[0][column] = rows[0][column][:-1]

    def more_names(rows: list[dict[str, Any]]) -> None:
        rows[0]["frames"] = [*rows[0]["frames"], "more"]

    def elsewhere(rows: list[dict[str, Any]]) -> None:
        rows[0]["frames"] = ["../../elsewhere.png", *rows[0]["frames"][1:]]

    def other_shard(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["shard"] = "../elsewhere.tar"

    def one_place(rows: list[dict[str, Any]]) -> None:
        rows[0]["place_id"] = rows[1]["place_id"]

    def one_source(rows: list[dict[str, Any]]) -> None:
        rows[0]["source_id"] = rows[1]["source_id"]

    def garbled(folder: Path) -> None:
        (folder / "rain.parquet").write_bytes(b"no table")
        write_sums(folder)

    def other_kind(folder: Path) -> None:
        (folder / "rain.parquet").write_bytes((folder / "segments.parquet").read_bytes())
        write_sums(folder)

    def proof(folder: Path) -> None:
        (folder / "splits.tsv").write_text("column\tvalue\tsplit\n")
        write_sums(folder)

    for table in ("footage", "segments"):
        yield Tampering(f"{table}-row-gone", edited(table, lambda rows: rows.pop()), "tables", "is in no row")
    yield Tampering("scene-gone", edited("scenes", lambda rows: rows.pop()), "tables", "a scene that is not in scenes.parquet")
    yield Tampering("scene-twice", edited("scenes", lambda rows: rows.insert(1, rows[0])), "tables", "has 2 rows")
    yield Tampering("index-row-gone", edited("index", lambda rows: rows.pop(0)), "tables", "4 frames, and scenes.parquet says 5")
    yield Tampering("index-mask-gone", edited("index", lambda rows: rows.pop(6)), "tables", "mask.png: is missing")
    yield Tampering("unsorted", edited("scenes", lambda rows: rows.reverse()), "tables", "not in order of their keys")
    yield Tampering("times", edited("scenes", later), "tables", "pts_s is 0.0, and scenes.parquet says 0.5")
    yield Tampering("fewer-frames", edited("scenes", fewer), "tables", "5 frames, and scenes.parquet says 4")
    yield Tampering("width", edited("scenes", first("width", 47)), "tables", "width is 48, and scenes.parquet says 47")
    yield Tampering("no-split", edited("scenes", first("split", None)), "tables", "a kept scene has a split")
    yield Tampering("shard-of-another", edited("index", first("shard", "shards/none.tar")), "tables", "its members are in several shards")
    yield Tampering("more-names", edited("scenes", more_names), "tables", "6 frames, 5 indices")
    yield Tampering("frames-elsewhere", edited("scenes", elsewhere), "tables", "scenes.parquet: .*: names files as a release does not")
    yield Tampering("mask-elsewhere", edited("scenes", first("mask", "/etc/mask.png")), "tables", "names files as a release does not")
    yield Tampering("path", edited("footage", first("path", "/home/x/a.mp4")), "tables", "footage.parquet: .*: names files as a release")
    yield Tampering("shard-elsewhere", edited("index", other_shard), "tables", "index.parquet: ../elsewhere.tar: is no name of a shard")
    yield Tampering("no-number", edited("footage", first("duration_s", float("nan"))), "tables", "duration_s holds nan")
    yield Tampering("garbled-table", garbled, "tables", "rain.parquet: cannot be read as Parquet")
    yield Tampering("table-of-another-kind", other_kind, "tables", "rain.parquet: a table of segments, where one of rain is needed")
    yield Tampering("place-leak", edited("scenes", one_place), "splits", "place_id .* is in .* and ")
    yield Tampering("source-leak", edited("scenes", one_source), "splits", "source_id .* is in .* and ")
    yield Tampering("no-proof", proof, "splits", "splits.tsv: is not the splits")


def _metadata() -> Iterator[Tampering]:
    def edited(name: str, edit: Callable[[Any], None]) -> Callable[[Path], None]:
        def apply(folder: Path) -> None:
            about = json.loads((folder / name).read_text())
            edit(about)
            (folder / name).write_text(json.dumps(about))
            write_sums(folder)

        return apply

    def other_sum(about: Any) -> None:
        about["distribution"][0]["sha256"] = "0" * 64

    def other_column(about: Any) -> None:
        about["recordSet"][0]["field"][0]["source"]["extract"]["column"] = "none"

    def no_json(folder: Path) -> None:
        (folder / "croissant.json").write_text("{")
        write_sums(folder)

    def fewer(about: Any) -> None:
        about["distribution"].pop()

    croissant, build = "croissant.json", "build.json"
    yield Tampering("croissant-sum", edited(croissant, other_sum), "croissant", "says of scenes.parquet that its SHA-256 is 000")
    yield Tampering("croissant-file", edited(croissant, fewer), "croissant", "does not name shards")
    yield Tampering("croissant-column", edited(croissant, other_column), "croissant", "column none that scenes.parquet does not have")
    yield Tampering("croissant-garbled", no_json, "croissant", "cannot be read")
    yield Tampering("build-count", edited(build, lambda about: about.update(scenes=9)), "tables", "scenes is 9, and the tables say 3")
    yield Tampering(
        "build-profile", edited(build, lambda about: about.update(profile="all")), "tables", r"what made the release \(profile\)"
    )
    yield Tampering(
        "build-short", edited(build, lambda about: about.pop("shard_bytes")), "tables", r"what made the release \(shard_bytes\)"
    )
    yield Tampering("build-garbled", edited(build, lambda about: about.pop("format")), "tables", "build.json: does not say what made")
