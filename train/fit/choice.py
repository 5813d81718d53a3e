"""Which of a run's networks to pass on: the latest that held-out scenes, without truth, tell to be as good as any before it.

Later networks have seen more and, where the rate falls to 0, wander less, so that of two whose scores are told apart by chance alone the
later is taken; an earlier one is kept only where training has gone astray since. A few scenes cannot tell that: by one alone, whose texture
looked like rain, the network of a fifth of a run was once chosen, which was 0.8 dB worse on others. There the latest is taken.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

TIE_DB = 0.1  # scores that differ by less are equals
LEAST_SCENES = 4  # fewer held-out scenes choose nothing


@dataclass(frozen=True)
class Choice:
    """The step whose averaged weights are chosen, their score, and the best score that any had, dB."""

    step: int
    score: float
    best: float


def choose(before: Choice | None, step: int, score: float, scenes: int) -> Choice | None:
    """The choice once the weights of `step` have been scored on so many scenes. A score that is no number (the weights are broken)
    chooses nothing."""
    if not math.isfinite(score):
        return before
    best = max(score, before.best) if before is not None else score
    if before is None or scenes < LEAST_SCENES or score >= best - TIE_DB:
        return Choice(step, score, best)
    return dataclasses.replace(before, best=best)
