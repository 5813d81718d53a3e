"""`train fit`: from scenes to a trained network.

`runs` settles what a run is, `loop` goes through its steps: read it first. `frame_store` keeps the frames (`memory` says where they fit),
`machine`, `distributed` and `compiled` have the steps computed. `record` keeps what a run leaves behind: `runlog` and `tensorboard_log`,
`figures`, `reporting`, and by `validation` and `choice` the best network so far. `collapse` ends a run that has gone wrong, `stopping`
one that is told to.

    from train.fit import fit, plan

    run = plan(Path("manifests/scenes.parquet"), SMALL)
    fit(run)
"""

from train.fit.loop import fit
from train.fit.runs import plan

__all__ = ["fit", "plan"]
