"""`acquire`: footage from YouTube, from one's own camera or from the simulator, as files and rows of `footage.parquet`."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from acquire.failures import KINDS
from acquire.shown import printable, shown_size
from acquire.simulator.simulate import SimulateSettings
from acquire.told import tell_coming, tell_groups, tell_row, tell_rows
from acquire.tripod import TripodSettings
from acquire.youtube import YoutubeSettings
from manifests.options import Commands, dry_run_option, json_option, settings_option, workers_option, workspace_option
from manifests.tables import Footage
from manifests.workspace import Workspace

_Settings = TypeVar("_Settings", SimulateSettings, YoutubeSettings)


def _kinds(_ctx: click.Context, _option: click.Parameter, given: str | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(kind.strip() for kind in given.split(",") if kind.strip())


def _sides(_ctx: click.Context, _option: click.Parameter, given: str | None) -> dict[str, int] | None:
    if given is None:
        return None
    width, _, height = given.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise click.BadParameter(f"{given!r}: write WIDTHxHEIGHT in px, as in 320x240")
    return {"width": int(width), "height": int(height)}


def _seconds(_ctx: click.Context, _option: click.Parameter, given: str | None) -> float | None:
    if given is None:
        return None
    read = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?) ?([smh]?)", given.strip().lower())
    if read is None:
        raise click.BadParameter(f"{given!r}: write a length of time as in 90s, 20m or 2h")
    return float(read[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[read[2]]


def _changed(settings: _Settings, given: dict[str, Any]) -> _Settings:
    try:
        return dataclasses.replace(settings, **{name: value for name, value in given.items() if value is not None})
    except ValueError as error:  # the settings check their own values
        raise click.UsageError(str(error)) from error


@click.group(cls=Commands)
@click.version_option(package_name="rainlapse")
def main() -> None:
    """Bring footage into a workspace: fetched, copied or rendered; decoded whole, hashed, and every failure named."""


@main.command()
@click.argument("urls", type=click.Path(dir_okay=False, path_type=Path))
@workspace_option
@click.option("--allow-generic", is_flag=True, help="Fetch direct links (mp4, HLS, DASH) of other sites too.")
@click.option("--format", "format_", metavar="SELECTION", help="yt-dlp's format selection.")
@click.option("--cookies", type=click.Path(dir_okay=False), metavar="FILE", help="Cookies in Netscape's format; a private copy is used.")
@click.option("--proxy", metavar="URL", help="Ask through this proxy.")
@click.option("--rate-limit", metavar="RATE", help="At most so many bytes a second: 500K, 4M.")
@click.option("--extractor-args", multiple=True, metavar="ARGS", help="For yt-dlp's extractors: youtube:player_client=web. Repeatable.")
@click.option("--licence", type=click.Choice(["creativecommon"]), help="Keep only what states such a licence; the rest is rejected.")
@click.option("--live-window", "live_window_s", metavar="LENGTH", callback=_seconds, help="Record so much of a live stream: 90s, 20m, 2h.")
@click.option("--strict", is_flag=True, help="Refuse a list with a line that is no link, before anything is asked for.")
@click.option("--retry", multiple=True, type=click.Choice(list(KINDS)), help="Ask again for what failed so, due or not. Repeatable.")
@settings_option(YoutubeSettings)
@dry_run_option
@json_option
def youtube(urls: Path, workspace: Workspace, strict: bool, settings: YoutubeSettings, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Fetch the videos that URLS asks for: a text file with one link a line, or a CSV or Parquet file with a column url.

    Videos, shorts, live streams, bare ids, playlists, channels and searches (ytsearch20:WORDS); behind a video a time range may stand
    (00:10:00-00:25:00). What is there already is not asked for again; what failed waits until it is due. You are bound by YouTube's terms
    and by the uploaders' rights.
    """
    from acquire import youtube as source

    given["format"] = given.pop("format_")
    settings = _changed(settings, {name: None if value is False or value == () else value for name, value in given.items()})
    if dry_run:
        click.get_current_context().exit(tell_coming(source.preview(urls, settings, workspace, strict=strict, say=_say), as_json))
    source.youtube(urls, settings, workspace, strict=strict, say=_say, on_row=_row_printer(as_json)).finish(as_json)


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FOLDER...")
@workspace_option
@click.option("--in-place", is_flag=True, help="Leave the files where they are and keep their absolute paths, instead of copying them.")
@settings_option(TripodSettings)
@workers_option
@dry_run_option
@json_option
def tripod(
    folders: tuple[Path, ...], workspace: Workspace, in_place: bool, settings: TripodSettings, workers: int, dry_run: bool, as_json: bool
) -> None:
    """Take in the videos and series of stills in FOLDER and below it, from one's own camera.

    Recordings that the camera split are joined, stills shot as a time-lapse become series. A card read twice adds nothing.
    """
    from acquire import tripod as source

    if in_place:
        settings = dataclasses.replace(settings, in_place=True)
    if dry_run:
        for found in source.found_footage(folders, workspace, settings, say=_say):
            size = sum(file.stat().st_size for file in found.files)
            entry = {"source_id": found.name, "media": "stills" if found.pictures else "video", "files": len(found.files), "bytes": size}
            click.echo(
                json.dumps(entry)
                if as_json
                else f"{printable(found.name)}: {len(found.files)} file{'s' if len(found.files) > 1 else ''}, {shown_size(size)}"
            )
        return
    source.tripod(folders, settings, workspace, workers=workers, say=_say, on_row=_row_printer(as_json)).finish(as_json)


@main.command()
@workspace_option
@click.option("--clips", type=click.IntRange(0), help="Static rain scenes to train on.")
@click.option("--held-out", type=click.IntRange(0), help="Static rain scenes kept for evaluation.")
@click.option("--others", type=click.IntRange(0), help="Further clips, of the kinds in --mix.")
@click.option("--mix", metavar="KIND,...", callback=_kinds, help="Kinds of the further clips, taken in turn.")
@click.option("--seed", type=int, help="Another seed, another world.")
@click.option("--size", metavar="WxH", callback=_sides, help="Upright size of the clips, px.")
@click.option("--frames", type=click.IntRange(1), help="Frames a clip.")
@click.option("--backgrounds", type=click.Path(exists=True, file_okay=False), metavar="DIR", help="Pictures to rain on.")
@settings_option(SimulateSettings)
@workers_option
@dry_run_option
@json_option
def simulate(workspace: Workspace, settings: SimulateSettings, workers: int, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Render clips with known rain, background and camera into footage/, and the truth about them into manifests/truth.parquet.

    What is rendered already is left alone; adding clips does not change those that are there.
    """
    from acquire.simulator import simulate as source

    sides = given.pop("size") or {}
    settings = _changed(settings, {**given, **sides})
    if dry_run:
        for clip in source.missing_clips(workspace, settings):
            entry = {"clip_id": clip.name, "background": clip.background, "frames": clip.frames, "width": clip.width, "height": clip.height}
            click.echo(json.dumps(entry) if as_json else f"{clip.name}: {clip.frames} frames of {clip.width}x{clip.height} px")
        return
    source.simulate(workspace, settings, workers=workers, on_row=_row_printer(as_json)).finish(as_json)


@main.command()
@workspace_option
@click.option("--verbose", "-v", is_flag=True, help="Name each row that failed or was rejected, with the tool's own words.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Failures of this kind alone, row by row. Repeatable.")
@json_option
def status(workspace: Workspace, verbose: bool, kinds: tuple[str, ...], as_json: bool) -> None:
    """Count footage by source and outcome, and say what may be asked for again, and when.

    Each kind of failure comes with its latest example: how often it was asked for, by which version of which tool, and what that said.
    """
    from acquire.status import status as count
    from acquire.status import waits
    from manifests.files import read_rows, utc_now

    rows, now = read_rows(Footage, workspace.table(Footage)), utc_now()
    tell_groups([group for group in count(rows, now) if not kinds or group.error_kind in kinds], as_json)
    if verbose or kinds:
        told = [(row, when) for row, when in zip(rows, waits(rows, now), strict=True) if row.status != "ok"]
        told = [(row, when) for row, when in told if not kinds or row.error_kind in kinds]
        tell_rows([row for row, _ in told], [when for _, when in told], as_json)


def _say(line: str) -> None:
    click.echo(printable(line), err=True)


def _row_printer(as_json: bool) -> Callable[[Footage], None]:
    return tell_row if as_json else lambda _row: None
