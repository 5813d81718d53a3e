"""How well static cameras are told from moving ones, on the labelled clips of `static_cases`: by segment, by frame, by category.

A kept segment is right when it and a span to be kept share at least 0.8 of what they cover together. `python -m
tests.benchmarks.static_accuracy` takes the seeds that thresholds were set on (`--seed tuning`) or the other one, and draws the measures
behind the thresholds (`--draw FILE`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from curate.measures import Measures
from curate.static_segments import StaticSegmentsSettings, measured
from curate.verdicts import judge
from manifests.files import fingerprint
from manifests.tables import Footage, Segment
from manifests.workspace import Workspace
from tests.benchmarks.figure import Figure
from tests.benchmarks.rendered import rendered
from tests.benchmarks.static_cases import REPORTING_SEED, TUNING_SEEDS, Case, cases, make_dark_background

SAME = 0.8  # of what two spans cover together, they share
NEAR_FRAMES = 3
Span = tuple[int, int]


@dataclass(frozen=True)
class Outcome:
    """What came of a case."""

    case: Case
    measures: Measures
    rows: list[Segment]
    masks: list[npt.NDArray[np.uint8]]  # of the kept rows, in their order

    @property
    def kept(self) -> list[Span]:
        """The spans that were kept."""
        return [(row.first_frame, row.end_frame) for row in self.rows if row.reason is None]

    @property
    def right(self) -> list[tuple[Span, Span]]:
        """Kept spans with the ones that they should be."""
        return [(span, true) for span in self.kept for true in self.case.expected.spans if _overlap(span, true) >= SAME]

    @property
    def wrong(self) -> list[Span]:
        """Kept spans that should not be."""
        return [span for span in self.kept if span not in [found for found, _ in self.right] and not self._is_still(span)]

    @property
    def missed(self) -> list[Span]:
        """Spans that should have been kept, or called static."""
        found = [expected for _, expected in self.right]
        static = [(row.first_frame, row.end_frame) for row in self.rows if row.verdict == "static"]
        unseen = [span for span in self.case.expected.still if sum(_shared(span, one) for one in static) < SAME * (span[1] - span[0])]
        return [true for true in self.case.expected.spans if true not in found] + unseen

    def _is_still(self, span: Span) -> bool:
        return any(_shared(span, still) >= SAME * (span[1] - span[0]) for still in self.case.expected.still)


def outcomes(chosen: Iterable[Case], settings: StaticSegmentsSettings | None = None) -> list[Outcome]:
    """Renders the cases that are not rendered yet, measures and judges them."""
    cv2.setNumThreads(1)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for case in chosen:
            measures = measured(_footage(case), Workspace(Path(folder)))
            found.append(decided(case, measures, settings or StaticSegmentsSettings()))
    return found


def decided(case: Case, measures: Measures, settings: StaticSegmentsSettings) -> Outcome:
    """What the stored measures of a case give under these settings."""
    judged = judge(measures, case.clip.name, settings)
    return Outcome(case, measures, [row for row, _ in judged], [mask for _, mask in judged if mask is not None])


def figures(found: Sequence[Outcome]) -> list[Figure]:
    """The bounds of the whole set."""
    right = sum(len(one.right) for one in found)
    wrong, missed = sum(len(one.wrong) for one in found), sum(len(one.missed) for one in found)
    ends = np.array([abs(a - b) for one in found for span, true in one.right for a, b in zip(span, true, strict=True)])
    true, kept, undecided, unknown = (np.concatenate(series) for series in zip(*map(_by_frame, found), strict=True))
    kept &= ~np.concatenate([_within(one.case.expected.still, one.case.clip.frames) for one in found])
    lit = np.concatenate([np.full(one.case.clip.frames, one.case.light != "dark") for one in found]) & ~undecided
    both = (true & kept).sum()
    return [
        Figure("labelled clips", len(found), "", 300, "at least"),
        Figure("of them marginal", sum(one.case.marginal for one in found) / len(found), "", 0.33, "at least"),
        Figure("precision of kept segments", right / max(1, right + wrong), "", 0.99, "at least"),
        Figure("recall of static spans", right / max(1, right + missed), "", 0.97, "at least"),
        Figure("precision of kept frames", both / max(1, kept.sum()), "", 0.99, "at least"),
        Figure("recall of static frames", both / max(1, true.sum()), "", 0.97, "at least"),
        Figure(f"segment ends within {NEAR_FRAMES} frames", float((ends <= NEAR_FRAMES).mean()), "", 0.97, "at least"),
        Figure("segment end farthest off", float(ends.max()), "frames", None),
        Figure("frames of unknown verdict, where there is light", float(unknown[lit].mean()), "", 0.03),
    ]


def table(found: Sequence[Outcome], title: str, category: Callable[[Case], str]) -> str:
    """Markdown: what came of each category."""
    lines = [f"| {title} | clips | to be kept | kept, right | kept, wrong | missed | unknown frames |", "|---|---|---|---|---|---|---|"]
    for name in sorted({category(one.case) for one in found}):
        chosen = [one for one in found if category(one.case) == name]
        unknown = np.concatenate([_by_frame(one)[3] & ~one.case.expected.undecided for one in chosen]).mean()
        spans = [(one.case.expected.spans, one.right, one.wrong, one.missed) for one in chosen]
        counts = [len(chosen), *(sum(len(of) for of in kind) for kind in zip(*spans, strict=True))]
        lines.append(f"| {name} | {' | '.join(map(str, counts))} | {100 * unknown:.1f} % |")
    return "\n".join(lines)


def misses(found: Sequence[Outcome]) -> str:
    """A line for each segment that was wrongly kept, missed, or ends too far off."""
    lines = []
    for one in found:
        far = [span for span, true in one.right if max(abs(a - b) for a, b in zip(span, true, strict=True)) > NEAR_FRAMES]
        if one.wrong or one.missed or far:
            case = one.case
            told = "; ".join(f"{row.first_frame}-{row.end_frame} {row.reason or 'kept'}" for row in one.rows)
            kind = f"{case.clip.width}x{case.clip.height}, {case.clip.codec} {case.clip.quality}, {case.rain}, {case.light}, {case.things}"
            move = f" {case.clip.camera.amount:.2f}" if case.clip.camera.amount else ""
            wanted = f"expected {list(case.expected.spans + case.expected.still)}"
            lines.append(f"- {case.clip.name}{' marginal' if case.marginal else ''}{move} ({kind}): {wanted}, got {told}")
    return "\n".join(lines) or "- none"


def run() -> list[Figure]:
    """Report on the seed that nothing was tuned on."""
    from tests.benchmarks import static_masks

    found = outcomes(cases(REPORTING_SEED))
    print(told(found))
    return figures(found) + static_masks.figures(found)


def told(found: Sequence[Outcome]) -> str:
    """All tables and the misses."""
    categories: dict[str, Callable[[Case], str]] = {
        "camera": lambda case: f"{case.camera}{' (marginal)' if case.marginal else ''}",
        "rain": lambda case: case.rain,
        "light": lambda case: case.light,
        "things": lambda case: case.things,
        "codec": lambda case: case.clip.codec,
        "height": lambda case: f"{case.clip.height:4d}",
    }
    tables = [table(found, title, category) for title, category in categories.items()]
    return "\n\n".join([*tables, f"Misses:\n{misses(found)}"]) + "\n"


def _footage(case: Case) -> Footage:
    clip = case.clip
    make_dark_background(clip)
    return Footage(
        footage_id=fingerprint(clip),
        source="simulated",
        source_id=clip.name,
        origin=clip.name,
        status="ok",
        acquired_at=datetime(2026, 1, 1, tzinfo=UTC),
        path=str(rendered(clip)),
        width=clip.width,
        height=clip.height,
        frames=clip.frames,
        media="stills" if clip.codec == "jpeg" else "video",
    )


def _overlap(one: Span, other: Span) -> float:
    return _shared(one, other) / (max(one[1], other[1]) - min(one[0], other[0]))


def _shared(one: Span, other: Span) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def _by_frame(one: Outcome) -> tuple[npt.NDArray[np.bool_], ...]:
    """For each frame: whether it should be kept, was kept, may come out either way, is unknown."""
    frames = one.case.clip.frames
    unknown = _within([(row.first_frame, row.end_frame) for row in one.rows if row.verdict == "unknown"], frames)
    return _within(one.case.expected.spans, frames), _within(one.kept, frames), one.case.expected.undecided, unknown


def _within(spans: Iterable[Span], count: int) -> npt.NDArray[np.bool_]:
    inside = np.zeros(count, bool)
    for first, end in spans:
        inside[first:end] = True
    return inside


def main(arguments: list[str]) -> int:
    """Print the tables of one seed; draw the curves where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.static_accuracy")
    parser.add_argument("--seed", choices=("tuning", "reporting"), default="reporting")
    parser.add_argument("--draw", type=Path, metavar="FILE")
    chosen = parser.parse_args(arguments)
    seeds = TUNING_SEEDS if chosen.seed == "tuning" else (REPORTING_SEED,)
    found = outcomes(case for seed in seeds for case in cases(seed))
    print(told(found))
    measured_figures = figures(found)
    print("\n".join(figure.told for figure in measured_figures))
    if chosen.draw is not None:
        from tests.benchmarks.static_curves import draw

        draw(found, chosen.draw)
    return 0 if all(figure.holds for figure in measured_figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
