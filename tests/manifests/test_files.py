from __future__ import annotations

import dataclasses
import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests import files
from manifests.errors import InputError
from manifests.files import (
    Provenance,
    append_rows,
    compact,
    fingerprint,
    read_frozen_rows,
    read_provenance,
    read_rows,
    schema,
    table_exists,
    table_hashes,
    write_atomically,
    write_rows,
)
from manifests.tables import TABLES, Footage, Rain, Scene, Segment
from manifests.workspace import Workspace
from tests.manifests.rows import FOOTAGE, RAIN, SCENE, SEGMENT

BY_HAND = Provenance("by hand", {"limit": 1.0}, {"footage": "abc"})


def footage(key: str, title: str = "") -> Footage:
    return dataclasses.replace(FOOTAGE, footage_id=key, title=title)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "manifests" / "footage.parquet"


def test_a_frozen_table_is_read_without_leaving_a_lock(table: Path) -> None:
    rows = [footage("one"), footage("two")]
    write_rows(Footage, table, rows, BY_HAND)
    for file in table.parent.glob("*.lock"):
        file.unlink()
    assert read_frozen_rows(Footage, table) == rows
    assert [path.name for path in table.parent.iterdir()] == ["footage.parquet"]
    table.write_bytes(b"no table")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_frozen_rows(Footage, table)


@pytest.mark.parametrize("row", [FOOTAGE, SEGMENT, RAIN, SCENE], ids=lambda row: type(row).__name__)
def test_rows_come_back_as_they_were(tmp_path: Path, row: Footage | Segment | Rain | Scene) -> None:
    path = tmp_path / "table.parquet"
    append_rows(type(row), path, [row], BY_HAND)
    assert read_rows(type(row), path) == [row]
    compact(type(row), path)
    assert read_rows(type(row), path) == [row]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.lists(st.sampled_from("abcdef"), max_size=4, unique=True)),
            st.tuples(st.just("drop"), st.lists(st.sampled_from("abcdef"), max_size=2, unique=True)),
            st.tuples(st.just("compact"), st.just([])),
        ),
        max_size=8,
    )
)
@settings(max_examples=25, deadline=None)
def test_parts_and_compaction_act_as_a_dictionary(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, list[str]]]) -> None:
    path = tmp_path_factory.mktemp("merge") / "footage.parquet"
    append_rows(Footage, path, [footage("z")], BY_HAND)
    expected = {"z": footage("z")}
    for number, (step, keys) in enumerate(steps):
        if step == "compact":
            compact(Footage, path)
        elif step == "append":
            rows = [footage(key, title=str(number)) for key in keys]
            append_rows(Footage, path, rows, BY_HAND)
            expected.update((row.footage_id, row) for row in rows)
        else:
            append_rows(Footage, path, [], BY_HAND, drop=keys)
            for key in keys:
                expected.pop(key, None)
    assert {row.footage_id: row for row in read_rows(Footage, path)} == expected


def test_other_tools_read_the_tables(table: Path) -> None:
    write_rows(Footage, table, [footage("a", "one"), footage("b", "two")], BY_HAND)
    frame = pandas.read_parquet(table)
    assert list(frame["footage_id"]) == ["a", "b"]
    assert list(frame.query("title == 'two'")["frames"]) == [FOOTAGE.frames]


def test_compaction_interrupted_before_parts_are_deleted_changes_nothing(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_rows(Footage, table, [footage("a"), footage("b")], BY_HAND)
    append_rows(Footage, table, [footage("c")], BY_HAND, drop=["a"])
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda *_args, **_options: None)
        compact(Footage, table)
    assert [row.footage_id for row in read_rows(Footage, table)] == ["b", "c"]
    compact(Footage, table)
    assert [row.footage_id for row in read_rows(Footage, table)] == ["b", "c"]
    assert not files._parts(table)


def test_compaction_interrupted_while_parts_are_deleted_brings_no_old_row_back(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_rows(Footage, table, [footage("a", "old"), footage("b")], BY_HAND)
    append_rows(Footage, table, [footage("a", "new")], BY_HAND, drop=["b"])
    unlink = Path.unlink
    deleted: list[Path] = []

    def unlink_one(path: Path, missing_ok: bool = False) -> None:
        if deleted:
            raise KeyboardInterrupt
        deleted.append(path)
        unlink(path, missing_ok)

    def delete_newest(folder: Path, **_options: bool) -> None:  # a folder's files go in any order
        unlink_one(max(folder.iterdir()))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.unlink", unlink_one)
        patched.setattr("shutil.rmtree", delete_newest)
        with pytest.raises(KeyboardInterrupt):
            compact(Footage, table)
    assert deleted
    assert [(row.footage_id, row.title) for row in read_rows(Footage, table)] == [("a", "new")]


def test_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manifests").write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"footage\.parquet: cannot be written \(File exists\)"):
        append_rows(Footage, tmp_path / "manifests" / "footage.parquet", [footage("a")], BY_HAND)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        append_rows(Footage, tmp_path / "footage.parquet", [footage("a")], BY_HAND)


def test_provenance_says_what_made_the_rows(table: Path) -> None:
    append_rows(Footage, table, [footage("a")], BY_HAND)
    append_rows(Footage, table, [footage("b")], BY_HAND)
    append_rows(Footage, table, [footage("c")], Provenance("again"))
    compact(Footage, table)
    first, second = read_provenance(Footage, table)
    assert (first["command"], first["settings"], first["inputs"]) == ("by hand", {"limit": 1.0}, {"footage": "abc"})
    assert second["command"] == "again"
    assert first["versions"]["pyarrow"] == pa.__version__


def test_inputs_are_told_by_the_names_of_their_tables(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_rows(Footage, workspace.table(Footage), [FOOTAGE], BY_HAND)
    write_rows(Segment, workspace.table(Segment), [SEGMENT], BY_HAND)
    first = table_hashes(workspace, Footage, Segment)
    assert list(first) == ["footage", "segments"]
    append_rows(Segment, workspace.table(Segment), [dataclasses.replace(SEGMENT, shift_px=0.2)], BY_HAND)
    second = table_hashes(workspace, Footage, Segment)
    assert second["footage"] == first["footage"]
    assert second["segments"] != first["segments"]


def test_null_in_a_required_column_is_refused_by_name(table: Path) -> None:
    bad = dataclasses.replace(FOOTAGE, origin=None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"column origin is null in row 1 \(footage_id 0123456789abcdef\)"):
        append_rows(Footage, table, [footage("a"), bad], BY_HAND)
    assert not table_exists(table)


def test_null_written_by_others_is_refused_on_reading(table: Path) -> None:
    write_rows(Footage, table, [FOOTAGE], BY_HAND)
    found = pq.read_table(table)
    index = found.schema.get_field_index("origin")
    loose = found.set_column(index, pa.field("origin", pa.string()), pa.array([None], pa.string()))
    pq.write_table(loose.replace_schema_metadata(found.schema.metadata), table)
    with pytest.raises(InputError, match="column origin is null"):
        read_rows(Footage, table)


def test_two_rows_of_one_key_are_refused(table: Path) -> None:
    with pytest.raises(InputError, match="two rows of the same footage_id"):
        append_rows(Footage, table, [FOOTAGE, FOOTAGE], BY_HAND)


def test_missing_table_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"segments\.parquet: no such table; `curate static-segments` makes it"):
        read_rows(Segment, tmp_path / "segments.parquet")


def test_foreign_wrong_broken_and_newer_tables_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "footage.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(InputError, match="not a table of rainlapse"):
        read_rows(Footage, path)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_rows(Footage, path)
    path.unlink()
    path.touch()
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_rows(Footage, path)
    write_rows(Footage, path, [FOOTAGE], BY_HAND)
    with pytest.raises(InputError, match="a table of footage, where one of scenes is needed"):
        read_rows(Scene, path)
    found = pq.read_table(path)
    about = json.loads(found.schema.metadata[b"rainlapse"])
    newer = json.dumps({**about, "schema_version": about["schema_version"] + 1})
    pq.write_table(found.replace_schema_metadata({b"rainlapse": newer}), path)
    with pytest.raises(InputError, match=r"schema version 2, and this rainlapse reads up to 1; upgrade"):
        read_rows(Footage, path)


def test_older_table_without_a_later_column_is_read_with_its_default(table: Path) -> None:
    write_rows(Footage, table, [FOOTAGE], BY_HAND)
    found = pq.read_table(table)
    pq.write_table(found.drop_columns(["also_at", "iso"]), table)
    assert read_rows(Footage, table) == [FOOTAGE]
    pq.write_table(found.drop_columns(["origin"]), table)
    with pytest.raises(InputError, match="column origin is missing"):
        read_rows(Footage, table)


def test_column_of_another_type_is_refused(table: Path) -> None:
    write_rows(Footage, table, [FOOTAGE], BY_HAND)
    found = pq.read_table(table)
    index = found.schema.get_field_index("iso")
    pq.write_table(found.set_column(index, "iso", pa.array(["a"])), table)
    with pytest.raises(InputError, match="column iso holds string, not int64"):
        read_rows(Footage, table)


def test_damage_in_the_middle_is_named(table: Path) -> None:
    write_rows(Footage, table, [footage(f"{number:016d}", title="x" * number) for number in range(200)], BY_HAND)
    content = bytearray(table.read_bytes())
    content[4:600] = b"\xff" * 596
    table.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        read_rows(Footage, table)


def test_write_atomically_leaves_the_old_file_when_the_body_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), write_atomically(path) as file:
        file.write(b"%d" % (1 // (file.write(b"new") - 3)))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_killed_while_writing_leaves_the_old_file_and_every_row_already_appended(tmp_path: Path) -> None:
    """A writer that is killed at any moment: the table reads, with all rows whose append returned."""
    script = (
        "import sys, dataclasses; from pathlib import Path\n"
        "from manifests.files import *; from manifests.tables import Footage; from tests.manifests.rows import FOOTAGE\n"
        "path = Path(sys.argv[1])\n"
        "for number in range(10000):\n"
        "    append_rows(Footage, path, [dataclasses.replace(FOOTAGE, footage_id=str(number))], Provenance('x'))\n"
        "    print(number, flush=True)\n"
        "    if number % 5 == 4: compact(Footage, path)\n"
    )
    path = tmp_path / "footage.parquet"
    for lines in (3, 11):
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(lines)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        writer.stdout.close()
        assert {int(row.footage_id) for row in read_rows(Footage, path)} >= set(told)


def _append_many(path: Path, first: int) -> None:
    for number in range(first, first + 10):
        append_rows(Footage, path, [footage(f"{number:03d}")], BY_HAND)
        if number % 4 == 0:
            compact(Footage, path)


def test_two_writers_lose_nothing(table: Path) -> None:
    writers = [multiprocessing.get_context("spawn").Process(target=_append_many, args=(table, first)) for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(read_rows(Footage, table)) == 20


def test_locked_table_is_told(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import filelock

    table.parent.mkdir()
    monkeypatch.setattr(files, "LOCK_TIMEOUT_S", 0.05)
    with filelock.FileLock(f"{table}.lock"), pytest.raises(InputError, match="locked by another run"):
        append_rows(Footage, table, [FOOTAGE], BY_HAND)


def test_fingerprint_depends_on_content_alone() -> None:
    assert fingerprint(SEGMENT, Path("a/b"), {"x": 1, "y": (1, 2)}) == fingerprint(SEGMENT, "a/b", {"y": [1, 2], "x": 1})
    assert fingerprint(SEGMENT) != fingerprint(dataclasses.replace(SEGMENT, shift_px=0.2))
    assert len(fingerprint()) == 16


@pytest.mark.parametrize("row_class", TABLES.values(), ids=TABLES)
def test_parquet_schema_marks_what_may_be_null(row_class: type) -> None:
    first = schema(row_class).field(0)
    assert first.type == pa.string()
    assert not first.nullable
    assert schema(row_class).names == [field.name for field in dataclasses.fields(row_class)]


def test_appending_costs_the_same_in_a_long_table(table: Path) -> None:
    """An append writes one part and leaves the file of what is already there alone."""
    write_rows(Footage, table, [footage(str(number)) for number in range(1000)], BY_HAND)
    before = table.stat()
    time.sleep(0.01)
    append_rows(Footage, table, [footage("x")], BY_HAND)
    assert table.stat().st_mtime_ns == before.st_mtime_ns
    assert [part.name for part in files._parts(table)] == ["000000001.parquet"]
