"""`curate`: from footage to scenes in which only the rain changes, and from scenes to a release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from curate.rain_diversity import RainDiversitySettings
from curate.release.cli import release
from curate.sequences import SequencesSettings
from curate.static_segments import StaticSegmentsSettings
from manifests.options import EXIT_SOME_FAILED, Commands, dry_run_option, json_option, settings_option, workers_option, workspace_option
from manifests.workspace import Workspace

RELEASED = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=Commands)
@click.version_option(package_name="rainlapse")
def main() -> None:
    """Find where camera and scene stand still, whether it rains there, and the frames whose rain differs most."""


@main.command("static-segments")
@workspace_option
@workers_option
@settings_option(StaticSegmentsSettings)
@dry_run_option
@json_option
def static_segments(workspace: Workspace, workers: int, settings: StaticSegmentsSettings, dry_run: bool, as_json: bool) -> None:
    """Find the spans of each footage in which camera and scene stand still; rejected spans are kept with their reason.

    What was measured is not decoded again; a changed threshold only decides anew.
    """
    from curate import static_segments as stage

    if dry_run:
        _show(stage.preview(workspace, settings), as_json)
        return
    stage.run(workspace, settings, workers=workers, on_row=_row_printer(as_json)).finish(as_json)


@main.command("rain-diversity")
@workspace_option
@workers_option
@settings_option(RainDiversitySettings)
@dry_run_option
@json_option
def rain_diversity(workspace: Workspace, workers: int, settings: RainDiversitySettings, dry_run: bool, as_json: bool) -> None:
    """Measure the rain of each static segment, and decide whether it rains and differs from frame to frame.

    What was measured is not measured again; a changed threshold only decides anew.
    """
    from curate import rain_diversity as stage

    if dry_run:
        _show(stage.preview(workspace, settings), as_json)
        return
    stage.run(workspace, settings, workers=workers, on_row=_row_printer(as_json)).finish(as_json)


@main.command()
@workspace_option
@workers_option
@settings_option(SequencesSettings)
@click.option("--from", "released", type=RELEASED, help="A release's scenes.parquet: rebuild its scenes from footage that is here instead.")
@dry_run_option
@json_option
def sequences(workspace: Workspace, workers: int, settings: SequencesSettings, released: Path | None, dry_run: bool, as_json: bool) -> None:
    """Choose the frames of each scene, write them without loss, and split the scenes by place and source.

    Footage named by the patterns of hold_out goes to the test split, with all that shows its places.
    """
    from curate import sequences as stage

    if released is not None:
        if settings != SequencesSettings() or dry_run:
            raise click.UsageError("--from takes frames and splits from the release: neither --set nor --dry-run goes with it")
        _rebuild(released, workspace, workers, as_json)
        return

    if dry_run:
        _show(stage.preview(workspace, settings), as_json)
        return
    stage.run(workspace, settings, workers=workers, on_row=_row_printer(as_json)).finish(as_json)


@main.command()
@click.option("--coverage", is_flag=True, help="Print which rain the kept scenes hold and which they lack; draw nothing.")
@workspace_option
@workers_option
@json_option
def report(coverage: bool, workspace: Workspace, workers: int, as_json: bool) -> None:
    """Draw what was kept and what was rejected, and why: report/index.html, a page that needs no network.

    With --coverage: a table of the scenes' frames by orientation, size, shape and density of their rain, and what is missing in words.
    """
    if coverage:
        _show_coverage(workspace, as_json)
        return
    from curate.report.page import report as draw

    written = draw(workspace, workers=workers)
    for line in written.undrawn:
        click.echo(f"not drawn: {line}", err=True)
    told = {"page": str(written.page), "scenes": written.scenes, "rejected": written.rejected, "not_drawn": len(written.undrawn)}
    _show(told, as_json)
    click.get_current_context().exit(EXIT_SOME_FAILED if written.undrawn else 0)


main.add_command(release)


def _rebuild(released: Path, workspace: Workspace, workers: int, as_json: bool) -> None:
    from curate.release.rebuild import OUTCOMES, rebuild, told

    found = rebuild(released, workspace, workers=workers)
    if as_json:
        for row in found.scenes:
            click.echo(json.dumps({"scene_id": row.scene_id, "outcome": row.outcome, "detail": row.detail}))
        counts = {outcome: found.counts[outcome] for outcome in OUTCOMES}
        click.echo(json.dumps({"rebuilt": len(found.survivors), "of": len(found.scenes), **counts, "fingerprint": found.fingerprint}))
    else:
        click.echo("\n".join(told(found)))
    click.get_current_context().exit(EXIT_SOME_FAILED if found.counts["failed"] else 0)


def _show(found: dict[str, Any], as_json: bool) -> None:
    click.echo(json.dumps(found) if as_json else "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in found.items()))


def _show_coverage(workspace: Workspace, as_json: bool) -> None:
    from curate.report.coverage import coverage, frame_looks, missing, rows, told
    from curate.report.page import read_tables

    found = coverage(frame_looks(read_tables(workspace)))
    if as_json:
        for line in (*rows(found), {"summary": "coverage", "frames": found.total, "missing": missing(found)}):
            click.echo(json.dumps(line, ensure_ascii=False))
    else:
        click.echo(told(found))


def _row_printer(as_json: bool) -> Any:
    """Prints the short columns of a row as one JSON object; null where text is wanted."""
    if not as_json:
        return None

    def show(row: Any) -> None:
        shown = {name: getattr(row, name) for name in row.__dataclass_fields__}
        click.echo(json.dumps({name: value for name, value in shown.items() if not isinstance(value, tuple)}))

    return show
