"""What the table knows of links, and how their rows are written."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from acquire.failures import KINDS
from acquire.intake import failed_id
from acquire.youtube import YoutubeSettings
from acquire.youtube.archive import COMPACTED_EVERY, Archive
from acquire.youtube.links import Link, read_link
from acquire.youtube.tool import tool
from manifests.files import read_provenance, read_rows
from manifests.tables import ErrorKind, Footage
from manifests.workspace import Workspace

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
A, B = read_link("aaaaaaaaaaa"), read_link("bbbbbbbbbbb")


@pytest.fixture
def workspace(temporary_files: object, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("work"))


def failed(link: Link, kind: ErrorKind, **changes: object) -> Footage:
    row = Footage(failed_id("youtube", link.source_id), "youtube", link.source_id, link.url, "failed", NOW, error_kind=kind, error="x")
    return dataclasses.replace(row, **{"retryable": KINDS[kind].retryable, "tool": tool(), **changes})  # type: ignore[arg-type]


def arrived(workspace: Workspace, link: Link, name: str = "0" * 16) -> Footage:
    """An ok row whose media are there."""
    (workspace.root / "footage").mkdir(exist_ok=True)
    (workspace.root / "footage" / f"{name}.mp4").write_bytes(b"media")
    return Footage(name, "youtube", link.source_id, link.url, "ok", NOW, path=f"footage/{name}.mp4")


def test_what_came_takes_the_place_of_what_failed(workspace: Workspace) -> None:
    archive = Archive(workspace, YoutubeSettings())
    archive.save(failed(A, "network"))
    assert archive.earlier(A) == failed(A, "network")
    archive.save(arrived(workspace, A))
    for known in (archive, Archive(workspace, YoutubeSettings())):
        assert (known.is_there(A), known.earlier(A), len(known.rows)) == (True, None, 1)


def test_the_same_bytes_are_one_row_with_both_links(workspace: Workspace) -> None:
    archive = Archive(workspace, YoutubeSettings())
    archive.save(arrived(workspace, A))
    archive.save(arrived(workspace, B))
    (row,) = read_rows(Footage, workspace.table(Footage))
    assert (row.source_id, row.also_at) == (A.source_id, (B.source_id,))
    (workspace.root / "footage" / f"{row.footage_id}.mp4").unlink()
    again = Archive(workspace, YoutubeSettings())
    assert not again.is_there(A)
    assert not again.is_there(B)


@pytest.mark.parametrize(
    ("row", "licence", "due"),
    [
        (failed(A, "network"), None, True),
        (failed(A, "private"), None, False),
        (failed(A, "forbidden", next_attempt_at=NOW + timedelta(seconds=1)), None, False),
        (failed(A, "rate_limited", next_attempt_at=NOW + timedelta(hours=1)), None, True),  # the breaker has the say
        (failed(A, "out_of_date"), None, False),
        (failed(A, "out_of_date", tool="yt-dlp 1"), None, True),
        (failed(A, "private", status="rejected", error_kind=None, licence="Standard"), "creativecommon", False),
        (failed(A, "private", status="rejected", error_kind=None, licence="Standard"), None, True),
    ],
)
def test_what_is_due(workspace: Workspace, row: Footage, licence: str | None, due: bool) -> None:
    settings = YoutubeSettings(licence=licence)  # type: ignore[arg-type]
    archive = Archive(workspace, settings)
    assert archive.is_due(A, NOW)
    archive.save(row)
    assert archive.is_due(A, NOW) == due
    assert archive.is_due(B, NOW)


def test_parts_are_folded_in_before_they_are_many(workspace: Workspace) -> None:
    archive = Archive(workspace, YoutubeSettings())
    parts = workspace.table(Footage).with_name("footage.parquet.parts")
    for number in range(COMPACTED_EVERY + 1):
        archive.save(failed(read_link(f"{number:011}"), "private"))
        assert len(list(parts.glob("*.parquet"))) < COMPACTED_EVERY
    assert len(read_rows(Footage, workspace.table(Footage))) == COMPACTED_EVERY + 1


def test_what_leaves_no_row_takes_the_failure_out(workspace: Workspace) -> None:
    archive = Archive(workspace, YoutubeSettings())
    archive.drop(A.source_id)  # there is none
    assert not workspace.table(Footage).exists()
    archive.save(failed(A, "network"))
    archive.save(failed(B, "network"))
    archive.drop(A.source_id)
    assert set(Archive(workspace, YoutubeSettings()).rows) == {failed_id("youtube", B.source_id)}


def test_secrets_stay_out_of_provenance(workspace: Workspace) -> None:
    settings = YoutubeSettings(
        cookies="very-secret.txt", proxy="http://u:very-secret@h:80", extractor_args=("youtube:po_token=very-secret",)
    )
    Archive(workspace, settings).save(failed(A, "private"))
    told = str(read_provenance(Footage, workspace.table(Footage)))
    assert "hourly_budget" in told
    assert "secret" not in told
