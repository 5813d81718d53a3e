"""What the demo came to, read back from its tables, and printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from curate.report.counts import Tables, stages
from manifests.files import file_sha256, read_rows
from manifests.tables import Footage, Rain, Scene, Score, Segment, Truth
from manifests.workspace import Workspace
from tests.demo.steps import Step
from tests.demo.world import World, clip_name

PROTOCOL = "y-mprnet"
CHECKPOINT = "runs/small/checkpoint.safetensors"


@dataclass(frozen=True)
class Result:
    """Mean scores of one method over the held-out frames."""

    method: str
    psnr: float
    ssim: float
    pictures: int


@dataclass(frozen=True)
class Outcome:
    """All that is told at the end."""

    workspace: Workspace
    steps: Sequence[Step]
    seconds: float
    footage: Sequence[Footage]
    segments: Sequence[Segment]
    rain: Sequence[Rain]
    scenes: Sequence[Scene]
    results: Sequence[Result]  # `input` first, the network last
    training: Sequence[Truth]  # what the simulator knows of the scenes trained on or validated with
    held_out: Sequence[Truth]

    @property
    def gain_db(self) -> float:
        """PSNR of the network's output over doing nothing."""
        return self.results[-1].psnr - self.results[0].psnr


def read_outcome(workspace: Workspace, world: World, steps: Sequence[Step], seconds: float) -> Outcome:
    """Read the tables that the commands left."""
    scenes = read_rows(Scene, workspace.table(Scene))
    footage = read_rows(Footage, workspace.table(Footage))
    truth = world.truth
    names = {row.footage_id: clip_name(row.origin) for row in footage}
    kept = [row for row in scenes if row.reason is None and row.error is None]
    return Outcome(
        workspace=workspace,
        steps=steps,
        seconds=seconds,
        footage=footage,
        segments=read_rows(Segment, workspace.table(Segment)),
        rain=read_rows(Rain, workspace.table(Rain)),
        scenes=scenes,
        results=_results(read_rows(Score, workspace.table(Score)), file_sha256(workspace.root / CHECKPOINT)[:16]),
        training=[truth[name] for name in sorted({names[row.footage_id] for row in kept if row.split != "test"})],
        held_out=[truth[name] for name in sorted({names[row.footage_id] for row in kept if row.split == "test"})],
    )


def _results(scores: Sequence[Score], checkpoint: str) -> list[Result]:
    """Of the pictures that differ from their truth, by method; of networks only the one with this hash."""
    known = ("input", "temporal mean", "temporal median")
    rows = [row for row in scores if row.protocol == PROTOCOL and row.psnr is not None and row.method in (*known, checkpoint)]
    methods = sorted({row.method for row in rows}, key=lambda method: (*known, checkpoint).index(method))
    results = []
    for method in methods:
        mine = [row for row in rows if row.method == method]
        name = method if method in known else "network (one frame)"
        psnr = sum(row.psnr for row in mine if row.psnr is not None) / len(mine)
        results.append(Result(name, psnr, sum(row.ssim for row in mine) / len(mine), len(mine)))
    return results


def kept_scenes(outcome: Outcome) -> list[Scene]:
    """The scenes that may be trained or scored on, in order of split."""
    return sorted(
        (row for row in outcome.scenes if row.reason is None and row.error is None), key=lambda row: (row.split or "", row.source_id)
    )


def rejections(outcome: Outcome) -> list[tuple[str, str, int]]:
    """Stage, reason and number of what each stage rejected or failed."""
    tables = Tables(list(outcome.footage), list(outcome.segments), list(outcome.rain), list(outcome.scenes))
    return [(stage.name, reason, number) for stage in stages(tables) for reason, number in (*stage.rejected, *stage.failed)]


def overlap(outcome: Outcome) -> list[str]:
    """What training and held-out scenes share of backgrounds and rain parameters: it must be nothing."""
    shared = []
    for name in ("background", "orientation_deg", "length_px", "width_px", "density", "brightness"):
        common = {getattr(row, name) for row in outcome.training} & {getattr(row, name) for row in outcome.held_out}
        shared += [f"{name} {value}" for value in sorted(common)]
    return shared


def print_outcome(outcome: Outcome) -> None:
    """Print what was kept and rejected, both lists of scenes, the scores and the times."""
    print("\n== What was kept and rejected")
    kept = kept_scenes(outcome)
    splits = Counter(row.split for row in kept)
    print(f"{len(outcome.footage)} clips, {len(outcome.segments)} segments, {len(kept)} scenes kept {dict(splits)}")
    for stage, reason, number in rejections(outcome):
        print(f"  {stage:9} {number:3}  {reason}")
    for title, rows in (("Scenes trained on, or validated with", outcome.training), ("Held-out scenes", outcome.held_out)):
        print(f"\n== {title}: background, rain")
        for row in rows:
            print(f"  {row.clip_id:28} {rain_text(row)}")
    shared = overlap(outcome)
    print(f"  shared between the two lists: {', '.join(shared) or 'nothing'}")
    print(f"\n== Held-out frames against the simulator's truth, {PROTOCOL}")
    for result in outcome.results:
        print(f"  {result.method:22} {result.psnr:6.2f} dB  {result.ssim:.4f}  ({result.pictures} pictures)")
    print(f"  gain over doing nothing: {outcome.gain_db:+.2f} dB")
    print(f"\n== Time: {outcome.seconds:.0f} s")
    for step in outcome.steps:
        print(f"  {step.seconds:6.1f} s  {' '.join(step.command.split()[:3])}")


def rain_text(row: Truth) -> str:
    """A clip's background and rain parameters in one line."""
    return (
        f"{row.background:14} {row.orientation_deg:6.1f}°  {row.length_px:5.1f} x {row.width_px:4.2f} px  "
        f"cover {row.density:.3f}  +{row.brightness:.0f} levels"
    )
