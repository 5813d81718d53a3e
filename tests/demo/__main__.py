"""`python -m tests.demo [FOLDER]`: simulate a world, acquire it, curate it, train on it, evaluate, derain, release; then one page.

Everything lies in FOLDER (`demo/`): `world/` is the outside, `work/` the workspace. Run again, it goes on where it was interrupted.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from manifests.tables import Truth
from manifests.workspace import Workspace
from tests.demo import steps
from tests.demo.outcome import CHECKPOINT, print_outcome, read_outcome
from tests.demo.page import write_page
from tests.demo.world import World

SIMULATE = "acquire simulate --clips 18 --held-out 4 --others 12 --seed 2020"
# Held-out clips go to the test split, and nothing else does: a photo shows several of the others.
SEQUENCES = "curate sequences --set hold_out=*holdout-* --set test_fraction=0"


FIT = "train fit manifests/scenes.parquet --preset small"


def main(folder: Path, simulate: str = SIMULATE, fit: str = FIT) -> None:
    """Run the demo in `folder`; `simulate` and `fit` decide how large it is."""
    start = time.monotonic()
    world = World(Workspace(folder / "world"))
    work = folder / "work"
    for path in (world.workspace.root, work):
        path.mkdir(parents=True, exist_ok=True)
    done = [steps.run(simulate, world.workspace.root)]
    world.lay_out()
    with world.served(work / "urls.txt"):
        done.append(steps.run("acquire youtube urls.txt --allow-generic", work))
    done.append(steps.run(f"acquire tripod {world.card.resolve()}", work))
    done += [
        steps.run("curate static-segments", work),
        steps.run("curate rain-diversity", work),
        steps.run(SEQUENCES, work),
        steps.run("curate report", work),
        steps.run("manifests check --media", work),
        steps.run(fit, work),
    ]
    truth = world.workspace.table(Truth).resolve()
    unseen = world.clip("holdout-000-coffee").resolve()
    done += [
        steps.run(f"train evaluate {CHECKPOINT} manifests/scenes.parquet --truth {truth} --split test", work),
        steps.run(f"train derain {CHECKPOINT} {unseen} -o derained --overwrite", work),
    ]
    if not (work / "release").exists():  # a second run would build the next version of the same scenes
        done.append(steps.run("curate release build --profile own", work))
    outcome = read_outcome(Workspace(work), world, done, time.monotonic() - start)
    print_outcome(outcome)
    print(f"\nThe page with the pictures: {write_page(outcome, world, folder)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo"))
