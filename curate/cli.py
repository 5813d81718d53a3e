"""`curate`: from footage to scenes in which only the rain changes, and from scenes to a release."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from curate.rain_diversity import RainDiversitySettings
from curate.release.rights import PROFILES, Profile
from curate.sequences import SequencesSettings
from curate.static_segments import StaticSegmentsSettings
from manifests.options import EXIT_SOME_FAILED, Commands, dry_run_option, json_option, settings_option, workers_option, workspace_option
from manifests.workspace import Workspace


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
@dry_run_option
@json_option
def sequences(workspace: Workspace, workers: int, settings: SequencesSettings, dry_run: bool, as_json: bool) -> None:
    """Choose the frames of each scene, write them without loss, and split the scenes by place and source.

    Footage named by the patterns of hold_out goes to the test split, with all that shows its places.
    """
    from curate import sequences as stage

    if dry_run:
        _show(stage.preview(workspace, settings), as_json)
        return
    stage.run(workspace, settings, workers=workers, on_row=_row_printer(as_json)).finish(as_json)


@main.command()
@workspace_option
@workers_option
@json_option
def report(workspace: Workspace, workers: int, as_json: bool) -> None:
    """Draw what was kept and what was rejected, and why: report/index.html, a page that needs no network."""
    from curate.report.page import report as draw

    written = draw(workspace, workers=workers)
    for line in written.undrawn:
        click.echo(f"not drawn: {line}", err=True)
    told = {"page": str(written.page), "scenes": written.scenes, "rejected": written.rejected, "not_drawn": len(written.undrawn)}
    _show(told, as_json)
    click.get_current_context().exit(EXIT_SOME_FAILED if written.undrawn else 0)


@main.group()
def release() -> None:
    """A dataset that others can check and rebuild."""


@release.command()
@click.option("--version", help="Three numbers; the next patch of the releases that are there unless given, 0.1.0 at first.")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="links",
    show_default=True,
    help="links: no pixels; own: pixels of footage that is ours or free; full: of all whose licence is known.",
)
@click.option("--confirm-full", is_flag=True, help="Say that you hold the rights to all pixels of profile full.")
@workspace_option
@workers_option
@dry_run_option
@json_option
def build(
    version: str | None, profile: Profile, confirm_full: bool, workspace: Workspace, workers: int, dry_run: bool, as_json: bool
) -> None:
    """Pack the kept scenes under a version: release/VERSION/, whole or not at all, the same bytes for the same rows.

    Scenes rejected in review stay out; missing or damaged frames and rows that do not hold refuse the release.
    """
    from curate.release.build import build as build_release

    built = build_release(workspace, version, profile, confirm_full=confirm_full, workers=workers, dry_run=dry_run)
    if not as_json:
        for why, number in Counter([*built.selection.rejected.values(), *built.selection.without_pixels.values()]).items():
            click.echo(f"{number} {'scene' if number == 1 else 'scenes'}: {why}")
    told = {
        "release": str(built.folder),
        "scenes": len(built.selection.scenes),
        "with_pixels": len(built.selection.pixels),
        "rejected_in_review": len(built.selection.rejected),
        "bytes": built.bytes,
        "written": not dry_run,
    }
    _show(told, as_json)


def _show(found: dict[str, Any], as_json: bool) -> None:
    click.echo(json.dumps(found) if as_json else "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in found.items()))


def _row_printer(as_json: bool) -> Any:
    """Prints the short columns of a row as one JSON object; null where text is wanted."""
    if not as_json:
        return None

    def show(row: Any) -> None:
        shown = {name: getattr(row, name) for name in row.__dataclass_fields__}
        click.echo(json.dumps({name: value for name, value in shown.items() if not isinstance(value, tuple)}))

    return show
