"""A whole release holds; whatever is done to one is found, and told in words of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from curate.cli import main
from curate.release.build import build
from curate.release.findings import EXIT_CODES
from curate.release.sums import write_sums
from curate.release.verify import verify
from manifests.errors import InputError
from tests.curate.release.releases import built, contents
from tests.curate.release.tampering import Tampering, edit_table, entries, flip, tamperings
from tests.worlds import make_world, write_world

TAMPERINGS = tamperings()
QUICK = {
    "bit-README.md-0.5",
    "bit-shards/train-000000.tar-0.5",
    "bit-scenes.parquet-0.5",
    "bit-sums-0.3",
    "extra-notes.txt",
    "linked-splits.tsv",
    "removed-00.png",
    "added-more.txt",
    "renamed-1",
    "doubled-04.png",
    "escaping-../{}",
    "symlink",
    "cut-in-content",
    "other-size",
    "undecodable",
    "index-row-gone",
    "scene-twice",
    "place-leak",
    "croissant-sum",
    "sums-gone",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("made"))[1]


@pytest.fixture
def copy(release: Path, tmp_path: Path) -> Path:
    return shutil.copytree(release, tmp_path / "0.1.0")


def test_a_whole_release_holds_and_nothing_is_written_into_it(release: Path) -> None:
    before = contents(release)
    for workers in (0, 1):
        verified = verify(release, workers=workers)
        assert verified.findings == []
        assert (verified.scenes, verified.frames, verified.opened, verified.exit_code) == (3, 15, 18, 0)
    assert contents(release) == before


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("links"), "links")[1]


def test_a_release_of_ones_own_card_holds_and_names_no_path_of_the_machine(tmp_path: Path) -> None:
    world = make_world(tmp_path, scenes=2)
    paths = {row.footage_id: f"/media/card/{row.footage_id}.mp4" for row in world.footage}
    world.footage[:] = [
        replace(row, source="tripod", source_id=paths[row.footage_id], origin=paths[row.footage_id]) for row in world.footage
    ]
    world.scenes[:] = [replace(row, source_id=paths[row.footage_id]) for row in world.scenes]
    write_world(world)
    folder = build(world.workspace, profile="own").folder
    assert verify(folder, workers=0).findings == []
    assert [name for name, content in contents(folder).items() if b"/media/card" in content] == []


def test_a_release_of_links_holds(links: Path) -> None:
    verified = verify(links)
    assert verified.findings == []
    assert (verified.scenes, verified.frames, verified.opened) == (3, 15, 0)


def test_masks_that_the_index_holds_are_looked_at(links: Path, tmp_path: Path) -> None:
    def becomes(content: bytes, mended: bool) -> Callable[[list[dict[str, Any]]], None]:
        def edit(rows: list[dict[str, Any]]) -> None:
            row = next(row for row in rows if row["kind"] == "mask")
            row["content"] = base64.b64encode(content).decode()
            row["sha256"] = hashlib.sha256(content).hexdigest() if mended else row["sha256"]

        return edit

    def lost(rows: list[dict[str, Any]]) -> None:
        next(row for row in rows if row["kind"] == "mask")["content"] = None

    def in_a_frame(rows: list[dict[str, Any]]) -> None:
        rows[0]["content"] = "eA=="

    def garbled(rows: list[dict[str, Any]]) -> None:
        next(row for row in rows if row["kind"] == "mask")["content"] = "?"

    for number, (edit, problem) in enumerate(
        [
            (becomes(b"x", False), "has changed"),
            (becomes(b"x", True), "cannot be decoded as PNG"),
            (lost, "is a mask without its content"),
            (in_a_frame, "has content, which only masks in no shard have"),
            (garbled, "is not base64"),
        ]
    ):
        copy = shutil.copytree(links, tmp_path / str(number))
        edit_table(copy, "index", edit)
        told = [finding.problem for finding in verify(copy).findings if finding.kind == "tables"]
        assert any(problem in line for line in told), (problem, told)


def found(tampering: Tampering, copy: Path) -> None:
    """Assert that a tampering is found as what it is, and leads to an exit code of its own."""
    tampering.apply(copy)
    verified = verify(copy)
    told = [f"{finding.where}: {finding.problem}" for finding in verified.findings if finding.kind == tampering.kind]
    assert any(re.search(tampering.message, line) for line in told), verified.findings
    assert verified.exit_code == min(EXIT_CODES[finding.kind] for finding in verified.findings)


@pytest.mark.parametrize("tampering", [case for case in TAMPERINGS if case.name in QUICK], ids=lambda case: case.name)
def test_tampering_is_found(tampering: Tampering, copy: Path) -> None:
    found(tampering, copy)


@pytest.mark.torture
@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda case: case.name)
def test_every_tampering_is_found(tampering: Tampering, copy: Path) -> None:
    found(tampering, copy)


def test_there_are_a_hundred_tamperings_of_different_names() -> None:
    names = {case.name for case in TAMPERINGS}
    assert len(names) == len(TAMPERINGS) >= 100
    assert names >= QUICK


def test_kinds_end_the_command_apart(copy: Path) -> None:
    arguments = ["release", "verify", str(copy), "--workers", "0"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    by_name = {case.name: case for case in TAMPERINGS}
    codes = []
    for name in (
        "croissant-sum",
        "place-leak",
        "removed-00.png",
        "index-mask-gone",
        "extra-notes.txt",
    ):
        by_name[name].apply(copy)
        codes.append(CliRunner().invoke(main, arguments).exit_code)
    assert codes == [9, 8, 6, 5, 4]


def test_json_is_one_object_a_line(copy: Path) -> None:
    flip(copy / "README.md", 0.5)
    result = CliRunner().invoke(main, ["release", "verify", str(copy), "--workers", "0", "--json"])
    finding, summary = [json.loads(line) for line in result.stdout.splitlines()]
    assert (finding["kind"], finding["where"]) == ("files", "README.md")
    assert (summary["findings"], summary["pictures_opened"], summary["sampled"]) == (1, 18, False)
    assert result.exit_code == 4


def test_a_sample_opens_some_pictures_and_finds_damage_in_them(copy: Path) -> None:
    assert verify(copy, sample=4).findings == []
    assert verify(copy, sample=4).opened == 4
    members = [name for split in ("train", "val", "test") for name in entries(copy / "shards" / f"{split}-000000.tar")]
    assert verify(copy, sample=len(members)).findings == []
    flip(copy / "shards" / "train-000000.tar", 0.5)
    assert [finding.kind for finding in verify(copy, sample=100).findings] == ["shards"]
    by_name = {case.name: case for case in TAMPERINGS}
    by_name["removed-00.png"].apply(copy)
    assert "is not as long as the index says" in {finding.problem for finding in verify(copy, sample=1).findings}


def test_no_release_and_a_newer_one_are_refused_in_words(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no release"):
        verify(tmp_path / "none")
    about = json.loads((copy / "build.json").read_text())
    (copy / "build.json").write_text(json.dumps({**about, "format": 2}))
    write_sums(copy)
    with pytest.raises(InputError, match=r"release format 2, and this rainlapse reads up to 1; upgrade rainlapse"):
        verify(copy)


def test_it_runs_as_a_command_of_its_own(release: Path) -> None:
    command = [str(Path(sys.executable).parent / "curate"), "release", "verify", str(release), "--json", "--workers", "0"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(result.stdout)["findings"] == 0
