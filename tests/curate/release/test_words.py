"""What a release says of itself, to people and to machines: true of its rows, and read by other people's tools."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]

from curate.release.build import build
from curate.release.facts import Facts
from curate.release.figures import coverage_map
from curate.release.selection import select
from curate.release.tables import read_tables
from curate.release.words import change_log, citation
from manifests.errors import InputError
from manifests.files import file_sha256
from manifests.media import read_picture
from tests.curate.release.releases import built
from tests.worlds import World, write_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    return built(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def folder(made: tuple[World, Path]) -> Path:
    return made[1]


def front_matter(folder: Path) -> dict[str, Any]:
    _, matter, _ = (folder / "README.md").read_text().split("---\n", 2)
    return dict(yaml.safe_load(matter))


def test_the_card_begins_with_what_a_hub_reads(folder: Path) -> None:
    matter = front_matter(folder)
    assert (matter["license"], matter["license_link"], matter["size_categories"]) == ("other", "LICENCES.md", ["n<1K"])
    (config,) = matter["configs"]
    assert {entry["split"]: entry["path"] for entry in config["data_files"]} == {
        "train": "shards/train-*.tar",
        "validation": "shards/val-*.tar",
        "test": "shards/test-*.tar",
    }


def test_a_card_of_links_names_no_shards(tmp_path: Path) -> None:
    world, unreachable = built(tmp_path, "links")
    assert "curate sequences --from" not in (unreachable / "README.md").read_text()  # nobody else has that footage
    world.footage[0] = replace(world.footage[0], source="youtube", origin="https://example.org/a")
    write_world(world)
    folder = build(world.workspace).folder
    assert "configs" not in front_matter(folder)
    text = (folder / "README.md").read_text()
    assert "load_dataset" not in text
    assert "fingerprints and masks, from which the scenes can be rebuilt" in text
    assert "curate sequences --from scenes.parquet" in text
    assert "samples.png" not in text
    assert not (folder / "shards").exists()
    assert "There are none in this release." in (folder / "LICENCES.md").read_text()


def test_simulated_rain_is_called_so(folder: Path, made: tuple[World, Path]) -> None:
    for name in ("README.md", "DATASHEET.md", "LICENCES.md", "croissant.json"):
        assert re.search(r"[Ss]imulated(\*\*)?[: ]", (folder / name).read_text()), name
    selection = select(made[0].workspace, "links")
    filmed = replace(selection, footage=[replace(row, source="tripod") for row in selection.footage])
    assert Facts("0.1.0", "links", filmed, [], None).simulated == 0


def test_documents_name_only_files_that_are_there(folder: Path) -> None:
    for document in ("README.md", "DATASHEET.md", "LICENCES.md"):
        text = (folder / document).read_text()
        named = re.findall(r"`([\w./-]+\.(?:md|parquet|csv|json|cff|tar))`", text) + re.findall(r"\]\((\S+?)\)", text)
        assert named
        for name in named:
            assert (folder / name).is_file(), f"{document}: {name}"


def test_the_datasheet_answers_under_the_headings_of_gebru_and_others(folder: Path) -> None:
    text = (folder / "DATASHEET.md").read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Motivation",
        "Composition",
        "Collection process",
        "Preprocessing, cleaning, labelling",
        "Uses",
        "Distribution",
        "Maintenance",
    ]
    assert "3 scenes, 15 frames, from 3 footage items" in text
    assert "The newest footage was acquired on 2024-05-17." in text
    assert "Pixels of 0 of 3 scenes are not part of it; 0 of these" in text
    orientations = sorted(value for row in read_tables(folder).rain for value in row.frame_orientation_deg if value is not None)
    low, median, high = np.percentile(orientations, (5, 50, 95))
    assert f"| orientation | 15 | {low:.3g} | {median:.3g} | {high:.3g} |" in text


def test_citation_is_yaml_of_the_format(folder: Path) -> None:
    cited = yaml.safe_load((folder / "CITATION.cff").read_text())
    assert (cited["cff-version"], cited["type"], cited["version"]) == ("1.2.0", "dataset", "0.1.0")
    assert {"message", "title", "authors"} <= cited.keys()


def test_croissant_is_valid_and_reads_the_tables(folder: Path) -> None:
    command = [str(Path(sys.executable).parent / "mlcroissant"), "validate", "--jsonld", "croissant.json"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "Done." in result.stderr
    assert "WARNING" not in result.stderr, result.stderr
    about = json.loads((folder / "croissant.json").read_text())
    for entry in about["distribution"]:
        assert file_sha256(folder / entry["contentUrl"]) == entry["sha256"]
    answered = {name.removeprefix("rai:") for name in about if name.startswith("rai:")}
    assert {"dataCollection", "dataBiases", "dataLimitations", "dataUseCases", "personalSensitiveInformation"} <= answered


def test_croissant_records_are_the_rows(folder: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    records = mlcroissant.Dataset(jsonld=str(folder / "croissant.json")).records("index")
    told = sorted(record["index/name"].decode() for record in records)
    assert told == sorted(member.name for member in read_tables(folder).index)


def test_the_shards_load_as_a_webdataset_offline(folder: Path, tmp_path: Path) -> None:
    script = (
        "import datasets, sys\n"
        "found = datasets.load_dataset('webdataset', data_files={'train': 'shards/train-*.tar', 'test': 'shards/test-*.tar'})\n"
        "assert found['train'].num_rows == found['test'].num_rows == 1, found\n"
        "(row,) = found['train']\n"
        "print(row['00.png'].size, row['mask.png'].size, row['json']['split'], sum(name.endswith('.png') for name in row))\n"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path), "HOME": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("\n")[-2] == "(48, 40) (48, 40) train 6"


def test_figures_show_what_was_counted(folder: Path) -> None:
    for name in ("rain-rose.png", "coverage.png", "samples.png"):
        assert read_picture(folder / "figures" / name).std() > 5
    empty, full = coverage_map([]), coverage_map([(91.0, 10.0)] * 40)
    assert empty.shape == full.shape
    changed = np.argwhere((empty != full).any(axis=-1))
    assert len(changed) > 500  # one cell is shaded, and says 40
    assert np.ptp(changed, axis=0).tolist() <= [30, 72]


def facts(world: World, version: str, previous: Path | None) -> Facts:
    return Facts(version, "links", select(world.workspace, "links"), [], previous)


def test_the_change_log_grows_from_the_release_before(made: tuple[World, Path]) -> None:
    world, folder = made
    text = change_log(facts(world, "0.1.1", folder))
    assert text.index("## 0.1.1") < text.index("## 0.1.0") < text.index("First release: 3 scenes")
    assert "Against 0.1.0: 0 came, 0 went, 3 changed." in text  # their pixels went
    assert 'version: "0.1.1"' in citation(facts(world, "0.1.1", folder))


def test_a_previous_release_that_cannot_be_read_is_named(made: tuple[World, Path], tmp_path: Path) -> None:
    (tmp_path / "scenes.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"scenes\.parquet: cannot be read as Parquet"):
        change_log(facts(made[0], "0.1.1", tmp_path))


def test_what_strangers_wrote_cannot_break_a_table(made: tuple[World, Path]) -> None:
    selection = select(made[0].workspace, "links")
    footage = [replace(row, licence="CC | BY\n# not a heading") for row in selection.footage]
    told = Facts("0.1.0", "links", replace(selection, footage=footage), [], None).licences
    assert [row.licence for row in told] == ["CC / BY # not a heading"]
