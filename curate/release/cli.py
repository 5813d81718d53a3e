"""`curate release`: a dataset that others can check, rebuild and rely on."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from curate.release.findings import EXIT_CODES, MEANINGS
from curate.release.rights import PROFILES, Profile
from manifests.options import EXIT_SOME_FAILED, dry_run_option, json_option, workers_option, workspace_option
from manifests.workspace import Workspace

RELEASE = click.Path(file_okay=False, path_type=Path)


@click.group()
def release() -> None:
    """A dataset that others can check, rebuild and rely on."""


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
@click.option("--shard-gb", type=click.FloatRange(0.5, 2), default=1, show_default=True, help="Most gigabytes of a shard.")
@workspace_option
@workers_option
@dry_run_option
@json_option
@click.pass_context
def build(
    context: click.Context,
    version: str | None,
    profile: Profile,
    confirm_full: bool,
    shard_gb: float,
    workspace: Workspace,
    workers: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Pack the kept scenes under a version: release/VERSION/, whole or not at all, the same bytes for the same rows.

    Scenes rejected in review, taken down or without provenance stay out, and so do those of which `manifests check` finds a row that does
    not hold (exit code 3). Missing or damaged frames refuse the release.
    """
    from curate.release.build import build as build_release

    shard_bytes = round(shard_gb * 1e9)
    built = build_release(workspace, version, profile, confirm_full=confirm_full, workers=workers, shard_bytes=shard_bytes, dry_run=dry_run)
    left_out = [("scene", built.selection.rejected), ("pixels", built.selection.without_pixels)]
    if as_json:
        for what, rows in left_out:
            for scene_id, reason in sorted(rows.items()):
                click.echo(json.dumps({"scene_id": scene_id, "left_out": what, "reason": reason}))
    else:
        for what, rows in left_out:
            for reason, number in sorted(Counter(rows.values()).items()):
                click.echo(f"pixels of {number} left out: {reason}" if what == "pixels" else f"{number} left out: {reason}")
    told = {
        "release": str(built.folder),
        "scenes": len(built.selection.scenes),
        "with_pixels": len(built.selection.pixels),
        "rejected": len(built.selection.rejected),
        "damaged": len(built.selection.damaged),
        "picture_bytes" if dry_run else "bytes": built.bytes,
        "sha256": built.sha256,
        "written": not dry_run,
    }
    _show(told, as_json)
    context.exit(EXIT_SOME_FAILED if built.selection.damaged else 0)


def _told_with_codes(command: click.Command) -> click.Command:
    codes = "\n".join(f"  {code}  {kind}: {MEANINGS[kind]}" for kind, code in EXIT_CODES.items())
    command.help = f"{command.help}\n\n\b\nExit codes, of the first kind that was found:\n  0  all holds\n{codes}\n"
    return command


@_told_with_codes
@release.command()
@click.argument("folder", metavar="DIR", type=RELEASE)
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Open only N pictures, and do not hash the shards whole.")
@workers_option
@json_option
@click.pass_context
def verify(context: click.Context, folder: Path, sample: int | None, workers: int, as_json: bool) -> None:
    """Check a release: every file, table, shard and picture, and the splits. Needs no network, and writes nothing."""
    from curate.release.verify import verify as verify_release

    verified = verify_release(folder, sample=sample, workers=workers)
    for finding in verified.findings:
        line = json.dumps(dataclasses.asdict(finding)) if as_json else f"{finding.kind}: {finding.where}: {finding.problem}"
        click.echo(line)
    told = {
        "release": str(folder),
        "sha256": verified.sha256,
        "scenes": verified.scenes,
        "frames": verified.frames,
        "pictures_opened": verified.opened,
        "sampled": sample is not None,
        "findings": len(verified.findings),
    }
    _show(told, as_json)
    context.exit(verified.exit_code)


@release.command()
@click.argument("folder", metavar="DIR", type=RELEASE)
@workspace_option
@workers_option
@json_option
def unpack(folder: Path, workspace: Workspace, workers: int, as_json: bool) -> None:
    """Write the scenes of a release that have pixels into an empty workspace (-C), where `train fit` reads them."""
    from curate.release.unpack import unpack as unpack_release

    unpacked, left = unpack_release(folder, workspace, workers=workers)
    _show({"workspace": str(workspace.root), "scenes": unpacked, "without_pixels": left}, as_json)


@release.command()
@click.argument("named", metavar="ID")
@click.option("--reason", required=True, help="Why, in a few words; they are published with the tombstone.")
@workspace_option
@workers_option
@json_option
def takedown(named: str, reason: str, workspace: Workspace, workers: int, as_json: bool) -> None:
    """Take a footage out of the latest release: a new minor version without it, a tombstone, and no acquiring it again.

    ID is the footage's id, its source id or address, or the id of a segment or scene of it.
    """
    from curate.release.takedown import takedown as take_down

    done = take_down(workspace, named, reason, workers=workers)
    for folder in done.still_in:
        click.echo(f"{folder} still holds it: delete that, and what was published of it", err=True)
    for path in done.media:
        click.echo(f"{path} is kept, and so are its scenes: delete them where they must go from here as well", err=True)
    told = {
        "release": str(done.release.folder),
        "taken_down": [row.withdrawal_id for row in done.withdrawals],
        "scenes_gone": len(done.scenes),
        "scenes": len(done.release.selection.scenes),
        "sha256": done.release.sha256,
    }
    _show(told, as_json)


@release.command()
@click.argument("before", metavar="A", type=RELEASE)
@click.argument("after", metavar="B", type=RELEASE)
@json_option
def diff(before: Path, after: Path, as_json: bool) -> None:
    """Say what came, went and changed from release A to release B, by table and key."""
    from curate.release.diff import diff as differences

    changes = differences(before, after)
    for change in changes:
        columns = f" ({', '.join(change.columns)})" if change.columns else ""
        click.echo(json.dumps(dataclasses.asdict(change)) if as_json else f"{change.table} {change.key}: {change.change}{columns}")
    counts = Counter(f"{change.table}_{change.change}" for change in changes)
    _show(dict(sorted(counts.items())) if counts else {"changes": 0}, as_json)


def _show(found: dict[str, Any], as_json: bool) -> None:
    click.echo(json.dumps(found) if as_json else "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in found.items()))
