"""The words of a release: card, datasheet, licences, change log, how to cite it, what machines read of it, and its figures."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import jinja2

from curate.release.croissant import croissant
from curate.release.diff import scene_counts
from curate.release.facts import Facts
from curate.release.figures import draw_figures
from curate.release.portable import portable_scene
from manifests.files import write_atomically


def write_words(folder: Path, facts: Facts) -> None:
    """Write all of them into a release's folder, whose tables and shards are there. The same bytes for the same rows."""
    figures = draw_figures(folder / "figures", facts)
    documents = {"README.md": "card.md", "DATASHEET.md": "datasheet.md", "LICENCES.md": "licences.md"}
    for name, template in documents.items():
        _write(
            folder / name,
            _environment().get_template(template).render(facts=facts, figures=figures, size_category=_size_category(facts.frames)),
        )
    _write(folder / "CHANGELOG.md", change_log(facts))
    _write(folder / "CITATION.cff", citation(facts))
    _write(folder / "croissant.json", json.dumps(croissant(folder, facts), indent=1, ensure_ascii=False) + "\n")


def change_log(facts: Facts) -> str:
    """An entry for this version on top of the entries of the release before.

    Raises InputError where that one's scenes cannot be read.
    """
    told = [portable_scene(scene, scene.scene_id in facts.selection.pixels) for scene in facts.selection.scenes]
    counts = None if facts.previous is None else scene_counts(facts.previous, told)
    older = "" if facts.previous is None else (facts.previous / "CHANGELOG.md").read_text(encoding="utf-8")
    here = [row for row in facts.selection.withdrawals if row.version == facts.version]
    return (
        _environment()
        .get_template("changelog.md")
        .render(facts=facts, counts=counts, withdrawals=here, older=older.partition("\n")[2].strip())
    )


def citation(facts: Facts) -> str:
    """CITATION.cff (format 1.2.0), which names no authors: whoever publishes the release adds them."""
    return "\n".join(
        [
            "cff-version: 1.2.0",
            "message: If you use this dataset, please cite it, and the paper that it follows.",
            "type: dataset",
            'title: "Time-lapse rain scenes"',
            f'version: "{facts.version}"',
            "authors:",
            '  - name: "the publisher of this dataset"',
            "references:",
            "  - type: article",
            '    title: "Single Image Deraining Using Time-lapse Data"',
            "    authors:",
            "      - family-names: Cho",
            "      - family-names: Kim",
            "      - family-names: Min",
            "      - family-names: Sohn",
            '    journal: "IEEE Transactions on Image Processing"',
            "    volume: 29",
            "    year: 2020",
            "",
        ]
    )


def _size_category(frames: int) -> str:
    """Hugging Face's word for a number of rows."""
    for most, category in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")):
        if frames < most:
            return category
    return "n>1M"


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as file:
        file.write(text.encode())


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
