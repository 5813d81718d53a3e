"""The run's log: whole at any moment, and TensorBoard's events read back by TensorBoard itself."""

import dataclasses
import importlib.util
import resource
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from manifests.columns import columns
from manifests.errors import InputError
from manifests.media import write_png
from train.fit.runlog import FILE, LogRow, RunLog, read_log, write_log


def row(step: int, **changes: float | None) -> LogRow:
    """A row of made-up numbers that follow from its step."""
    values = {column.name: step + number / 100 for number, column in enumerate(columns(LogRow)) if column.required}
    return LogRow(**values | {"step": step, **changes})  # type: ignore[arg-type]


@settings(deadline=None, max_examples=30)
@given(
    steps=st.lists(st.integers(1, 10**6), unique=True).map(sorted),
    until=st.integers(0, 10**6),
    score=st.none() | st.floats(allow_nan=False, width=64),
)
def test_a_log_is_read_back_up_to_a_step(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], until: int, score: float | None
) -> None:
    path = tmp_path_factory.mktemp("log") / FILE
    rows = [row(step, held_out_score=score) for step in steps]
    write_log(path, rows)
    assert read_log(path, until) == [entry for entry in rows if entry.step <= until]


def test_every_column_says_what_it_is(tmp_path: Path) -> None:
    write_log(tmp_path / FILE, [row(1)])
    fields = pq.read_schema(tmp_path / FILE)
    assert fields.names == [field.name for field in dataclasses.fields(LogRow)]
    assert all(fields.field(name).metadata[b"meaning"] for name in fields.names)


def test_an_older_log_is_read(tmp_path: Path) -> None:
    write_log(tmp_path / FILE, [row(1)])
    older = pq.read_table(tmp_path / FILE).drop_columns(["held_out_psnr"])
    pq.write_table(older, tmp_path / FILE)
    assert read_log(tmp_path / FILE, 1) == [row(1)]


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    assert read_log(tmp_path / FILE, 9) == []
    (tmp_path / FILE).write_text("step,total\n1,2\n")
    with pytest.raises(InputError, match=r"log\.parquet: not a log of `train fit`.*delete it"):
        read_log(tmp_path / FILE, 9)


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(InputError, match=r"log\.parquet: cannot be written"):
        write_log(tmp_path / FILE, [row(1)])


def sheet(log: RunLog, step: int) -> None:
    """A sample picture whose grey level is its step."""
    write_png(log.samples_path(step), np.full((8, 12, 3), step, np.uint8))
    log.add_samples(step)


def test_the_file_is_whole_after_every_row(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0) as log:
        for step in (5, 10, 15):
            log.add(row(step))
            assert read_log(tmp_path / FILE, step) == [row(number) for number in range(5, step + 1, 5)]


def test_tensorboard_reads_what_was_logged_and_no_step_twice_after_a_kill(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0) as log:
        log.add(row(10, held_out_score=20.0))
        sheet(log, 10)
        log.add(row(20, held_out_score=21.0))
        log.add(row(30, held_out_score=99.0))  # the checkpoint is of step 20, and then the machine died
        sheet(log, 30)
    with RunLog(tmp_path, 20) as log:
        assert log.rows == [row(10, held_out_score=20.0), row(20, held_out_score=21.0)]
        log.add(row(30))
        log.add(row(40, held_out_score=22.0))
        sheet(log, 40)
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1
    events = EventAccumulator(str(tmp_path), purge_orphaned_data=False).Reload()
    assert [(event.step, event.value) for event in events.Scalars("held_out/score")] == [(10, 20.0), (20, 21.0), (40, 22.0)]
    assert [event.step for event in events.Scalars("loss/total")] == [10, 20, 30, 40]
    assert events.Scalars("loss/total")[2].value == pytest.approx(row(30).total)
    assert [event.step for event in events.Images("samples")] == [10, 40]
    assert (events.Images("samples")[0].width, events.Images("samples")[0].height) == (12, 8)
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == ["step-0000010.png", "step-0000040.png"]
    tags = {tag.partition("/")[0] for tag in events.Tags()["scalars"]}
    assert tags == {"loss", "run", "vital_signs", "held_out"}


def test_relative_times_in_tensorboard_are_times_trained(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0) as log:
        log.add(row(10, elapsed_s=5.0))
    with RunLog(tmp_path, 10) as log:  # hours later
        log.add(row(20, elapsed_s=11.5))
    first, second = EventAccumulator(str(tmp_path)).Reload().Scalars("loss/total")
    assert second.wall_time - first.wall_time == pytest.approx(6.5, abs=1e-3)


def test_without_tensorboard_the_log_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "tensorboard" else find(name))
    with RunLog(tmp_path, 0) as log:
        log.add(row(10))
        sheet(log, 10)
    assert read_log(tmp_path / FILE, 10) == [row(10)]
    assert not list(tmp_path.glob("events.*"))


def add_rows(log: RunLog, steps: int) -> None:
    for step in range(1, steps):
        log.add(row(step))


def test_a_full_disk_is_one_error(tmp_path: Path) -> None:
    """The kernel refuses to let any file grow beyond 3,000 bytes: events do, the log of two rows does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RunLog(tmp_path, 0) as log:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, hard))
        try:
            with pytest.raises(InputError, match=r"(tfevents|log\.parquet).*cannot be written.*make room"):
                add_rows(log, 50)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept = read_log(tmp_path / FILE, 50)
    assert kept == log.rows[: len(kept)]
