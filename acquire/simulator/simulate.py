"""Render a world of clips into a workspace: footage, its rows, and the truth about each clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from manifests.options import Summary
from manifests.tables import Footage, Truth
from manifests.workspace import Workspace

if TYPE_CHECKING:
    from acquire.simulator.specification import ClipSpecification

STAGE_VERSION = 1  # goes up when the same specification is rendered otherwise
TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class SimulateSettings:
    """How large the simulated world is, and what is in it."""

    clips: Annotated[int, "static rain scenes to train on"] = 12
    held_out: Annotated[int, "static rain scenes kept for evaluation: their photos and rain are shared with no other clip"] = 3
    sparse: Annotated[int, "static scenes in a few streaks of rain: what teaches a network to leave alone what only looks like rain"] = 0
    others: Annotated[int, "further clips: moving, shaken, cut, frozen, without rain, …"] = 12
    mix: Annotated[tuple[str, ...], "kinds of the further clips, taken in turn"] = (
        "pan",
        "shake",
        "cut",
        "frozen",
        "dry",
        "bump",
        "objects",
        "zoom",
        "roll",
        "overlay",
        "exposure",
        "traffic",
    )
    seed: Annotated[int, "another seed, another world"] = 0
    width: Annotated[int, "px, upright, even"] = 320
    height: Annotated[int, "px, upright, even"] = 240
    frames: Annotated[int, "frames a clip; 30 of them, 0.1 s apart, make a scene"] = 80
    fps: Annotated[float, "frames a second"] = 20.0
    quality: Annotated[int, "of the video codec, 0-100"] = 62
    rain: Annotated[
        Literal["filmed", "wide"], "filmed: streaks as cameras show them; wide: every look of rain that is known, picture editors' included"
    ] = "filmed"
    stills: Annotated[bool, "whether clips are folders of JPEG stills instead of videos"] = False
    backgrounds: Annotated[str | None, "folder of pictures to rain on; none: scikit-image's bundled photos"] = None

    def __post_init__(self) -> None:
        if min(self.clips, self.held_out, self.sparse, self.others) < 0 or not 0 <= self.quality <= 100:
            raise ValueError("clips, held_out, sparse and others must not be negative, and quality lies between 0 and 100")
        if min(self.width, self.height) < 64 or self.width % 2 or self.height % 2 or self.frames < 1 or self.fps <= 0:
            raise ValueError("width and height must be even and at least 64, frames and fps positive")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What rendering one clip gives: its footage row, and its truth unless it failed."""

    footage: Footage
    truth: Truth | None


def missing_clips(workspace: Workspace, settings: SimulateSettings) -> list[ClipSpecification]:
    """The world's clips that are not rendered yet, or were by other settings. Raises InputError for settings that make no world."""
    from acquire.simulator.world import world

    truths, footage = _known(workspace)
    present = {row.footage_id for row in footage if row.status == "ok" and row.path and workspace.resolve(row.path).exists()}
    done = {row.rendered_from for row in truths if row.footage_id in present}
    return [clip for clip in world(settings) if rendered_from(clip) not in done]


def simulate(
    workspace: Workspace, settings: SimulateSettings, *, workers: int, on_row: Callable[[Footage], None] = lambda row: None
) -> Summary:
    """Render what is missing of the world and write the rows of `footage` and `truth`, each as soon as its clip is done.

    Videos lie in `footage/<clip>.mp4`, rain-free pictures in `footage/clean/<clip>.png`. Raises InputError for settings that make no
    world; a clip that cannot be rendered becomes a failed row. `on_row` is called with each footage row as it is saved.
    """
    from manifests.executors import run_rows
    from manifests.files import Provenance, append_rows, compact

    summary = Summary("footage")
    missing = missing_clips(workspace, settings)
    provenance = Provenance("acquire simulate", asdict(settings))
    stale = {row.clip_id: row.footage_id for row in _known(workspace)[0]}

    def save(results: Sequence[Rendered]) -> None:
        for result in results:
            footage = result.footage
            drop = {stale.get(footage.source_id, ""), failed_id(footage.source_id)} - {"", footage.footage_id}
            append_rows(Footage, workspace.table(Footage), [footage], provenance, drop=drop if result.truth else ())
            if result.truth is not None:  # last: a clip counts as done from here on
                append_rows(Truth, workspace.table(Truth), [result.truth], provenance)
            summary.add("kept" if result.truth else "failed", footage.error)
            on_row(footage)

    try:
        run_rows(
            partial(_render_row, workspace),
            missing,
            name=lambda clip: clip.name,
            on_error=lambda clip, message: [Rendered(_failed_row(clip, message), None)],
            save=save,
            workers=workers,
            timeout_s=TIMEOUT_S,
            label="render",
        )
    finally:
        compact(Footage, workspace.table(Footage))
        compact(Truth, workspace.table(Truth))
    return summary


def rendered_from(clip: ClipSpecification) -> str:
    """The resume key: hash of the specification, of the picture it names, and of the renderer's version."""
    from acquire.simulator.backgrounds import split_name
    from manifests.files import file_sha256, fingerprint

    picture = Path(split_name(clip.background)[0])
    return fingerprint(clip, file_sha256(picture) if picture.is_file() else None, STAGE_VERSION)


def failed_id(clip_id: str) -> str:
    """The key of the row of a clip that could not be rendered."""
    return f"failed-{clip_id}"


def _known(workspace: Workspace) -> tuple[list[Truth], list[Footage]]:
    from manifests.files import read_rows, table_exists

    truths, footage = workspace.table(Truth), workspace.table(Footage)
    return read_rows(Truth, truths) if table_exists(truths) else [], read_rows(Footage, footage) if table_exists(footage) else []


def _render_row(workspace: Workspace, clip: ClipSpecification) -> list[Rendered]:
    from importlib.metadata import version

    from acquire.intake import probed
    from acquire.simulator.render import render_clip
    from manifests.files import utc_now
    from manifests.media import content_sha256, probe

    folder = workspace.root / "footage"
    path = folder / clip.file_name
    truth = render_clip(clip, path, folder / "clean" / f"{clip.name}.png")
    clean = workspace.relative(Path(truth.clean)) if truth.clean is not None else None
    row = Footage(
        footage_id=truth.footage_id,
        source="simulated",
        source_id=clip.name,
        origin=f"acquire simulate: {clip.name}",
        status="ok",
        acquired_at=utc_now(),
        path=workspace.relative(path),
        sha256=content_sha256(path),
        bytes=path.stat().st_size,
        title=clip.name,
        tool=f"rainlapse {version('rainlapse')}",
        **probed(probe(path)),
    )
    return [Rendered(row, replace(truth, clean=clean, rendered_from=rendered_from(clip)))]


def _failed_row(clip: ClipSpecification, message: str) -> Footage:
    from manifests.files import utc_now

    return Footage(
        footage_id=failed_id(clip.name),
        source="simulated",
        source_id=clip.name,
        origin=f"acquire simulate: {clip.name}",
        status="failed",
        acquired_at=utc_now(),
        error_kind="disk_full" if "No space left" in message else "unknown",
        error=message,
        retryable=True,
    )
