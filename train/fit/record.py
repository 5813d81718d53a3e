"""What is kept of a run while it goes on: its log, validations, sample pictures and checkpoints. One process of a run keeps them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from manifests.errors import InputError
from train.checkpoints import Training, read_about, save_network, save_training
from train.fit.choice import LEAST_SCENES, TIE_DB, Choice, choose
from train.fit.collapse import CollapseWatch
from train.fit.figures import draw_curves, draw_samples
from train.fit.machine import Machine
from train.fit.reporting import Reporter, clock
from train.fit.runlog import LogRow, RunLog
from train.fit.runs import Run
from train.fit.validation import HeldOutScene, LabelFree, validate
from train.losses import Losses, gamma_at

TERMS = [field.name for field in dataclasses.fields(Losses)]
IDENTITY_CURE = (
    "where S fell to 0 early (curves.png), start again under another --name with a longer rise of the rate (--set warm_up=0.1), a lower "
    "--set learning_rate=… or --set directional_weight=0; where it still rises, with more --steps"
)
FORETELL_STEPS = 5  # after so many, the speed of a run without a GPU is told
WORTH_FORETELLING_S = 30.0


class Record:
    """Context manager around the training loop, in the process that writes."""

    def __init__(
        self,
        run: Run,
        machine: Machine,
        training: Training,
        held_out: Sequence[HeldOutScene],
        shown: Sequence[HeldOutScene],
        on_row: Callable[[LogRow], None] | None,
    ) -> None:
        """`held_out` scenes are validated on, `shown` ones drawn; each row of the log is also given to `on_row`."""
        self.run, self.machine, self.training = run, machine, training
        self.held_out, self.shown, self.on_row = held_out, shown, on_row
        self.known = {"run": run.known_by()}
        self.choice = _choice_of(run) if training.step else None
        self.terms: list[Tensor] = []  # of the steps since the last row of the log
        self.first_step, self.saved_at = training.step, time.monotonic()
        self.first_step_ended = self.saved_at
        self.log = RunLog(run.folder, training.step)
        self.reporter = Reporter(f"train {run.name}", run.bounds.progress(training.step, training.elapsed_s))

    def __enter__(self) -> Record:
        self.log.__enter__()
        self.reporter.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.reporter.__exit__(kind, error, traceback)
        self.log.__exit__(kind, error, traceback)

    def after_step(self, terms: Losses, collapse: CollapseWatch, before: float, done: float) -> None:
        """Do what is due once a step has brought the run from `before` to `done` (0 to 1): log, validate, draw, save."""
        training, watch = self.training, self.run.preset.watch
        self.terms.append(torch.stack([getattr(terms, name).detach() for name in TERMS]))
        self._foretell(done - before, done)
        due = int(before * watch.validations) < int(done * watch.validations)
        if training.step % watch.log_steps == 0 or due or done == 1:
            self._tell(collapse, before, done, self._validate(collapse) if due and self.held_out else None)
        if due:
            draw_samples(training.average, self.shown, self.machine.device, self.machine.precision, self.log.samples_path(training.step))
            self.log.add_samples(training.step)
        if done < 1 and time.monotonic() - self.saved_at >= 60 * watch.save_minutes:
            self.save(collapse)

    def save(self, collapse: CollapseWatch) -> None:
        """Save all that the run needs to go on. Raises InputError where that would put a broken network in the place of a good one."""
        self._refuse_broken(collapse)
        if self.choice is None:  # no held-out scenes, or none was looked at yet
            save_network(self.run.checkpoint, self.training, {**self.known, "choice": None})
        terms = torch.stack(self.terms) if self.terms else torch.empty(0, len(TERMS))
        save_training(self.run.resume, self.training, self.known, {"collapse_window": collapse.state(), "terms": terms})
        self.saved_at = time.monotonic()

    def end(self, collapse: CollapseWatch, finished: bool) -> None:
        """Save a run that was stopped, or leave a finished one's files."""
        self.save(collapse)  # first: a disk that fills up while the curves are drawn must not cost the run
        if not finished:
            self.reporter.say(f"stopped: step {self.training.step} is saved in {self.run.folder}; the same command goes on from there")
            return
        draw_curves(self.log.rows, self.run.folder / "curves.png")
        save_network(self.run.last, self.training, self.known)
        self.run.resume.unlink(missing_ok=True)
        chosen = ""
        if self.choice is not None:
            chosen = f"; chosen: the weights of step {self.choice.step}, the latest within {TIE_DB:g} dB of the best on held-out scenes"
        if self.choice is not None and len(self.held_out) < LEAST_SCENES:
            chosen = f"; held-out scenes chose nothing: {len(self.held_out)} of at least {LEAST_SCENES}"
        self.reporter.say(f"finished: {self.training.step} steps in {self.training.elapsed_s:.0f} s{chosen}")
        self._warn_of_identity()

    def _warn_of_identity(self) -> None:
        """Say so where the chosen network does no better on held-out scenes than doing nothing; no alarm sees that."""
        doing_nothing = next((row.held_out_score_input for row in reversed(self.log.rows) if row.held_out_score_input is not None), None)
        if len(self.held_out) < LEAST_SCENES or self.choice is None or doing_nothing is None or self.choice.score >= doing_nothing + TIE_DB:
            return
        self.reporter.say(
            f"the network does no better than doing nothing on held-out scenes (score {self.choice.score:.2f} dB, doing nothing "
            f"{doing_nothing:.2f} dB): {IDENTITY_CURE}"
        )

    def _validate(self, collapse: CollapseWatch) -> LabelFree:
        """Score the averaged weights, and make them the run's result where they are chosen."""
        self._refuse_broken(collapse)
        found = validate(self.training.average, self.held_out, self.machine.device, self.machine.precision)
        self.choice = choose(self.choice, self.training.step, found.score, len(self.held_out))
        if self.choice is not None and self.choice.step == self.training.step:
            save_network(self.run.checkpoint, self.training, {**self.known, "choice": dataclasses.asdict(self.choice)})
        return found

    def _tell(self, collapse: CollapseWatch, before: float, done: float, found: LabelFree | None) -> None:
        training, signs = self.training, collapse.signs()
        means = dict(zip(TERMS, torch.stack(self.terms).mean(dim=0).tolist(), strict=True))
        self.terms.clear()
        self.reporter.tell(done, training.step, self._images(), means)
        row = LogRow(
            step=training.step,
            elapsed_s=training.elapsed_s,
            learning_rate=training.optimiser.param_groups[0]["lr"],
            gamma=gamma_at(before, self.run.preset.losses),
            images_per_s=self.reporter.pace.images_per_s,
            **means,
            mean_streaks=signs.mean_streaks,
            contrast_kept=signs.contrast_kept,
            contrast_shared=signs.contrast_shared,
            dead_fraction=signs.dead_fraction,
            **({f"held_out_{name}": value for name, value in dataclasses.asdict(found).items()} if found is not None else {}),
        )
        self.log.add(row)
        if found is not None:
            self.reporter.tell_validation(training.step, found)
        if self.on_row is not None:
            self.on_row(row)

    def _images(self) -> int:
        """Frames trained on since this process began."""
        return 2 * self.run.preset.pairs.pairs * (self.training.step - self.first_step)

    def _foretell(self, last_step: float, done: float) -> None:
        """Without a GPU, say early how long it will take; the first step, which sets everything up, does not count."""
        steps = self.training.step - self.first_step
        if steps == 1:
            self.first_step_ended = time.monotonic()
        if steps != FORETELL_STEPS or self.machine.device.type != "cpu":
            return
        a_step = (time.monotonic() - self.first_step_ended) / (steps - 1)
        left_s = a_step * (1 - done) / max(last_step, 1e-12)
        if left_s > WORTH_FORETELLING_S:
            images_per_s = self._images() / steps / a_step
            self.reporter.say(f"without a GPU: {images_per_s:.3g} images/s, so this will take about {clock(left_s)}")

    def _refuse_broken(self, collapse: CollapseWatch) -> None:
        collapse.judge(self.training.step)
        if not self.training.is_finite():
            raise InputError(
                f"step {self.training.step}: weights are no finite numbers any more; the last good checkpoint is kept. Lower the rate "
                "(--set learning_rate=…) and use another --name"
            )


def _choice_of(run: Run) -> Choice | None:
    """What was chosen before a run was interrupted."""
    about: dict[str, Any] = read_about(run.checkpoint) if run.checkpoint.exists() else {}
    return Choice(**about["choice"]) if about.get("choice") is not None else None
