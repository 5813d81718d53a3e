"""Training, read top to bottom: `fit` prepares a run, `_loop` goes through its steps, `_step` is one of them.

The same command goes on where an interrupted run stopped, to the bit on the CPU: weights, their average, Adam's moments and the step
are saved, pairs and schedules depend on nothing but seed and step. With `minutes`, schedules follow the share of the training time
that has passed instead of the share of the steps.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import torch
from torch import Tensor

from manifests.errors import InputError, first_line
from train.checkpoints import Training, load_training, save_network, save_training, start_from
from train.collapse import JUDGE_STEPS, CollapseWatch
from train.directional import DirectionalGradientNetwork
from train.figures import SAMPLES, draw_curves, draw_samples
from train.losses import Losses, gamma_at, losses
from train.network import build
from train.presets import OptimiserSettings, Preset
from train.reporting import Reporter
from train.runlog import LogRow, RunLog
from train.runs import Run
from train.scenes import PairBatch, SceneFrames, cut_pairs, draw_pairs, load_scene, with_target
from train.validation import HeldOutScene, LabelFree, held_out_scene, known_truths, validate

TERMS = [field.name for field in dataclasses.fields(Losses)]


@dataclass(frozen=True)
class Machine:
    """Where a run computes, and in what precision."""

    device: torch.device
    precision: torch.dtype


def fit(run: Run, device: str | None = None) -> None:
    """Train a planned run and write `checkpoint.safetensors`, `log.parquet`, `curves.png` and `samples/` into its folder.

    `device` is the GPU where there is one, unless given. A finished run is left as it is, an interrupted one is gone on with. Raises
    InputError for scenes that cannot be trained on, another run in the same folder, and a collapse (the last good checkpoint stays);
    KeyboardInterrupt after an interrupted run was saved.
    """
    if run.is_finished():
        Reporter(run.name, 1).say(f"{run.folder}: finished before; nothing to do")
        return
    chosen = _device(device)
    machine = Machine(chosen, _precision(run.preset.optimiser, chosen))
    training = start(run.preset, run.seed, chosen)
    if run.init is not None:
        start_from(run.init, training)
    if run.resume.exists():
        load_training(run.resume, training)
    Reporter(run.name, 0).say(_introduced(run, machine, training))
    grey = run.preset.network.color == "luma"
    scenes = [with_target(load_scene(row, run.source, grey), run.preset.losses.target) for row in run.train_rows]
    truths = known_truths(run.held_out_rows, run.workspace, grey)
    held_out = [held_out_scene(load_scene(row, run.source, grey), truths.get(row.scene_id)) for row in run.held_out_rows]
    _loop(run, machine, training, scenes, held_out)


def start(preset: Preset, seed: int, device: torch.device) -> Training:
    """A run's state before its first step."""
    torch.manual_seed(seed)
    network = build(preset).to(device)
    directional = DirectionalGradientNetwork(preset.losses.flat_gradient).to(device)
    average = copy.deepcopy(network).requires_grad_(False).eval()
    settings = preset.optimiser
    trained = [*network.parameters(), *directional.parameters()]
    optimiser = torch.optim.Adam(trained, settings.learning_rate, (settings.beta1, settings.beta2), fused=True)
    return Training(preset, network, average, directional, optimiser)


def _loop(run: Run, machine: Machine, training: Training, scenes: Sequence[SceneFrames], held_out: Sequence[HeldOutScene]) -> None:
    """Steps until the run's bound, with its log, validations, checkpoints and pictures."""
    pairs, watch = run.preset.pairs, run.preset.watch
    collapse = CollapseWatch(watch)
    recent: list[Tensor] = []
    first_step, elapsed_before, began = training.step, training.elapsed_s, time.monotonic()
    saved = began
    done = run.bounds.progress(training.step, training.elapsed_s)
    shown = held_out or [held_out_scene(scene) for scene in scenes[:SAMPLES]]
    log = RunLog(run.folder, training.step)
    with log, _stop_signals() as stopped, Reporter(f"train {run.name}", done) as reporter:
        while done < 1 and not stopped():
            draws = draw_pairs([scene.size for scene in scenes], pairs, run.seed, training.step)
            batch = cut_pairs(scenes, draws, pairs.crop_px, machine.device)
            terms, streaks = _step(training, batch, done, machine.precision)
            training.step += 1
            training.elapsed_s = elapsed_before + time.monotonic() - began
            before, done = done, run.bounds.progress(training.step, training.elapsed_s)

            collapse.add((batch.first, batch.second), streaks, terms.total)
            if training.step % JUDGE_STEPS == 0:
                collapse.judge(training.step)
            recent.append(torch.stack([getattr(terms, name).detach() for name in TERMS]))
            validates = bool(held_out) and int(before * watch.validations) < int(done * watch.validations)
            if training.step % watch.log_steps == 0 or validates or done == 1:
                means = dict(zip(TERMS, torch.stack(recent).mean(dim=0).tolist(), strict=True))
                recent.clear()
                found = validate(training.average, held_out, machine.device, machine.precision) if validates else None
                reporter.tell(done, training.step, 2 * pairs.pairs * (training.step - first_step), means)
                log.add(_log_row(training, before, means, collapse, reporter.pace.images_per_s, found))
                if found is not None:
                    reporter.tell_validation(training.step, found)
            if int(before * watch.validations) < int(done * watch.validations):
                draw_samples(training.average, shown, machine.device, machine.precision, log.samples_path(training.step))
                log.add_samples(training.step)
            if done < 1 and time.monotonic() - saved >= 60 * watch.save_minutes:
                collapse.judge(training.step)  # or a broken network would take the place of a good one
                _save(run, training)
                saved = time.monotonic()
        collapse.judge(training.step)
        if done < 1:
            _save(run, training)
            reporter.say(f"stopped: step {training.step} is saved in {run.folder}; the same command goes on from there")
            raise KeyboardInterrupt
        _finish(run, training, log)
        reporter.say(f"finished: {training.step} steps in {training.elapsed_s:.0f} s")


def _step(training: Training, batch: PairBatch, done: float, precision: torch.dtype) -> tuple[Losses, tuple[Tensor, Tensor]]:
    """One step of Adam on a batch of pairs when `done` of the run lies behind; gives the losses and the streaks."""
    settings = training.preset.optimiser
    for group in training.optimiser.param_groups:
        group["lr"] = learning_rate_at(done, settings)
    both = torch.cat([batch.first, batch.second]).contiguous(memory_format=torch.channels_last)
    with torch.autocast(both.device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
        predicted = training.network(both)
    first_streaks, second_streaks = predicted.float().chunk(2)
    gamma = gamma_at(done, training.preset.losses)
    pictures, streaks = (batch.first, batch.second), (first_streaks, second_streaks)
    terms = losses(pictures, streaks, batch.mask, training.directional, training.preset.losses, gamma, batch.target)
    training.optimiser.zero_grad(set_to_none=True)
    terms.total.backward()  # type: ignore[no-untyped-call]
    training.optimiser.step()
    # A young average must not remember the first, random weights.
    decay = min(settings.average_decay, (1 + training.step) / (10 + training.step))
    with torch.no_grad():
        for averaged, latest in zip(training.average.parameters(), training.network.parameters(), strict=True):
            averaged.lerp_(latest, 1 - decay)
    return terms, (first_streaks.detach(), second_streaks.detach())


def learning_rate_at(progress: float, settings: OptimiserSettings) -> float:
    """Adam's rate when `progress` (0 to 1) of the run is done."""
    if settings.learning_rate_course == "cosine":
        return settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2
    return settings.learning_rate


def _log_row(
    training: Training, done: float, means: dict[str, float], collapse: CollapseWatch, images_per_s: float, found: LabelFree | None
) -> LogRow:
    signs = collapse.signs()
    return LogRow(
        step=training.step,
        elapsed_s=training.elapsed_s,
        learning_rate=learning_rate_at(done, training.preset.optimiser),
        gamma=gamma_at(done, training.preset.losses),
        images_per_s=images_per_s,
        **means,
        mean_streaks=signs.mean_streaks,
        contrast_kept=signs.contrast_kept,
        contrast_shared=signs.contrast_shared,
        dead_fraction=signs.dead_fraction,
        **({f"held_out_{name}": value for name, value in dataclasses.asdict(found).items()} if found is not None else {}),
    )


def _save(run: Run, training: Training) -> None:
    known = {"run": run.known_by()}
    save_network(run.checkpoint, training, {**known, "finished": False})
    save_training(run.resume, training, known)


def _finish(run: Run, training: Training, log: RunLog) -> None:
    _save(run, training)  # first: a disk that fills up while the curves are drawn must not cost the run
    draw_curves(log.rows, run.folder / "curves.png")
    save_network(run.checkpoint, training, {"run": run.known_by(), "finished": True})
    run.resume.unlink(missing_ok=True)


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # torch raises either, by how it was built
        raise InputError(
            f"--device {name}: cannot be used here ({first_line(error)}); leave it out, or name cpu, cuda or cuda:N"
        ) from error
    return torch.device(name)


def _precision(settings: OptimiserSettings, device: torch.device) -> torch.dtype:
    if settings.precision == "float32":
        return torch.float32
    has = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if has else torch.float32


def _introduced(run: Run, machine: Machine, training: Training) -> str:
    foreseen = run.foreseen()
    begun = f"goes on from step {training.step}" if training.step else "starts"
    held_out = len(run.held_out_rows) or "no scene of split `val`, so no validation: none"
    return (
        f"{run.folder} {begun}: {foreseen['parameters']:,} parameters, {len(run.train_rows)} scenes ({foreseen['train_frames']} frames), "
        f"held out {held_out}; on {machine.device} in {str(machine.precision).removeprefix('torch.')}"
    )


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM let the step in hand end; a second one ends at once."""
    caught: list[int] = []

    def catch(number: int, _frame: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield lambda: False
        return
    previous = {number: signal.signal(number, catch) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
