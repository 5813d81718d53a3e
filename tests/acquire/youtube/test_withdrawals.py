"""What was taken down is not acquired again: not from its source, and not under another address."""

from __future__ import annotations

import shutil
from pathlib import Path

from acquire.youtube.batch import youtube
from acquire.youtube.settings import YoutubeSettings
from manifests.files import Provenance, file_sha256, fingerprint, read_rows, write_rows
from manifests.tables import Footage, Withdrawal
from manifests.workspace import Workspace
from tests.loopback import Asked, serve
from tests.manifests.clips import encode
from tests.worlds import NOW


def test_neither_its_source_nor_its_bytes_are_acquired_again(tmp_path: Path) -> None:
    web, workspace, asked = tmp_path / "web", Workspace(tmp_path / "workspace"), list[Asked]()
    web.mkdir()
    encode(web / "first.mp4", [number / 25 for number in range(10)])
    encode(web / "other.mp4", [number / 25 for number in range(12)])
    shutil.copyfile(web / "first.mp4", web / "copy.mp4")
    with serve(web, asked=asked) as url:
        links = [f"{url}/{name}.mp4" for name in ("first", "copy", "other")]
        down = Withdrawal(file_sha256(web / "first.mp4")[:16], "youtube", (fingerprint("youtube", links[0]),), "asked", "0.2.0", NOW)
        write_rows(Withdrawal, workspace.table(Withdrawal), [down], Provenance("a test"))
        for _ in range(2):
            summary = youtube(links, YoutubeSettings(allow_generic=True), workspace)
            assert (summary.total("rejected"), summary.total("failed")) == (2, 0)
            assert summary.counts["rejected", "taken down"] == 2
            paths = {request.path for request in asked}
            assert "/first.mp4" not in paths
        requests = len([request for request in asked if request.path == "/copy.mp4"])
        youtube(links, YoutubeSettings(allow_generic=True), workspace)
        assert len([request for request in asked if request.path == "/copy.mp4"]) == requests  # its bytes are known now
    rows = {row.source_id: row for row in read_rows(Footage, workspace.table(Footage))}
    assert set(rows) == set(links[1:])
    assert (rows[links[1]].status, rows[links[1]].reason, rows[links[1]].path) == ("rejected", "taken down: asked", None)
    assert [path.name for path in (workspace.root / "footage").glob("*.mp4")] == [f"{rows[links[2]].footage_id}.mp4"]
