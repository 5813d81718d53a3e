"""Training, read top to bottom: `fit` prepares a run, `_loop` goes through its steps, `_step` is one of them.

The same command goes on where an interrupted run stopped. On a CPU it does so to the bit, on a GPU with `deterministic`: weights, their
average, Adam's moments, the random state, what was measured lately and the step are saved; pairs and schedules depend on nothing but seed
and step. With `minutes`, schedules follow the share of the training time that has passed instead of the share of the steps.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from manifests.errors import InputError
from manifests.folder_lock import hold_folder
from train.checkpoints import Training, load_training, start_from
from train.directional import DirectionalGradientNetwork
from train.fit.collapse import JUDGE_STEPS, CollapseWatch
from train.fit.compiled import compiled
from train.fit.distributed import gathering, is_first
from train.fit.figures import SAMPLES
from train.fit.frame_store import FrameStore, bytes_of, load_scenes
from train.fit.machine import Machine, machine_for
from train.fit.memory import device_memory, host_room, place_of_frames, step_memory
from train.fit.record import Record
from train.fit.reporting import Reporter
from train.fit.runlog import LogRow
from train.fit.runs import Run
from train.fit.stopping import stop_signals
from train.fit.validation import held_out_scene, known_truths
from train.losses import Losses, gamma_at, losses
from train.network import build
from train.presets import OptimiserSettings, Preset
from train.scenes import PairBatch, load_scene


def fit(run: Run, device: str | None = None, *, deterministic: bool = False, on_row: Callable[[LogRow], None] | None = None) -> None:
    """Train a planned run and leave `checkpoint.safetensors`, `last.safetensors`, `log.parquet`, `curves.png` and `samples/` in its folder.

    `device` is the GPU where there is one, unless named; `deterministic` gives up speed on a GPU for the same bits every time; each row of
    the log is also given to `on_row`. Processes that `torchrun` started share every step, and the first one writes. A finished run is left
    as it is, an interrupted one is gone on with.

    Raises InputError for scenes that cannot be trained on, another run in the same folder, too little memory, and a collapse (the last
    good checkpoint stays); KeyboardInterrupt after an interrupted run was saved.
    """
    if run.is_finished():
        if is_first():
            Reporter(run.name, 1).say(f"{run.folder}: finished before; nothing to do")
        return
    with _alone(run) if is_first() else contextlib.nullcontext(), machine_for(run.preset, device, deterministic) as machine:
        training = start(run.preset, run.seed, machine.device)
        if run.init is not None:
            start_from(run.init, training)
        beside = load_training(run.resume, training) if run.resume.exists() else {}
        collapse = CollapseWatch(run.preset.watch)
        if beside:
            collapse.restore(beside["collapse_window"].to(machine.device))
        if is_first():
            Reporter(run.name, 0).say(_introduced(run, machine, training))
        store = _stored_frames(run, machine)
        with _record(run, machine, training, store, on_row) if is_first() else contextlib.nullcontext() as record:
            if record is not None and beside:
                record.terms = list(beside["terms"].to(machine.device))
            network = _quickest(run, machine, training, deterministic)
            _loop(run, machine, training, network, store, collapse, record)


@contextlib.contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Hold the run's folder. Raises InputError while another process trains there."""
    run.folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        try:
            hold_folder(run.folder, held)
        except BlockingIOError:
            raise InputError(f"{run.folder}: another run is at work there; wait for it, or give this one another --name") from None
        except OSError:
            pass  # network file systems that lock no folders
        yield


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


def _loop(
    run: Run,
    machine: Machine,
    training: Training,
    network: nn.Module,
    store: FrameStore,
    collapse: CollapseWatch,
    record: Record | None,
) -> None:
    """Steps until the run's bound or a signal; `network` is the training's, as it computes, `record` what the first process keeps."""
    pairs, processes = run.preset.pairs, machine.processes
    elapsed_before, began = training.elapsed_s, time.monotonic()
    done, told_to_stop = run.bounds.progress(training.step, training.elapsed_s), False
    with stop_signals() as stopped:
        while done < 1 and not told_to_stop:
            draws = store.draw_pairs(pairs, run.seed, training.step).part(processes.part(pairs.pairs))
            batch = store.cut_pairs(draws, pairs.crop_px, machine.device)
            whole, streaks, terms = _step(training, network, batch, done, machine)
            training.step += 1
            told_to_stop, training.elapsed_s = processes.agreed(stopped(), elapsed_before + time.monotonic() - began)
            before, done = done, run.bounds.progress(training.step, training.elapsed_s)

            collapse.add((whole.first, whole.second), streaks, terms.total)
            if training.step % JUDGE_STEPS == 0:
                collapse.judge(training.step)
            if record is not None:
                record.after_step(terms, collapse, before, done)
        collapse.judge(training.step)
        if record is not None:
            record.end(collapse, finished=done == 1)
    if done < 1:
        raise KeyboardInterrupt


def _step(
    training: Training, network: nn.Module, batch: PairBatch, done: float, machine: Machine
) -> tuple[PairBatch, tuple[Tensor, Tensor], Losses]:
    """One step of Adam when `done` of the run lies behind, on this process's pairs; gives the pairs of all, their streaks, and the losses.

    The loss is taken of all processes' streaks at once, and its gradient there is sent back through the network part by part. So neither
    the number of processes nor that of parts changes what is a mean over the pixels that count.
    """
    settings, presets_losses = training.preset.optimiser, training.preset.losses
    training.optimiser.zero_grad(set_to_none=True)
    for group in training.optimiser.param_groups:
        group["lr"] = learning_rate_at(done, settings)

    parts = torch.cat([batch.first, batch.second]).contiguous(memory_format=torch.channels_last).chunk(settings.accumulate)
    with torch.set_grad_enabled(len(parts) == 1):  # several parts go forward twice, since memory holds what one needs to go back
        predicted = [machine.streaks(network, part) for part in parts]
    whole, streaks = _of_all(batch, torch.cat(predicted), machine)
    pictures, gamma = (whole.first, whole.second), gamma_at(done, presets_losses)
    terms = losses(pictures, streaks, whole.mask, training.directional, presets_losses, gamma, whole.target)
    terms.total.backward()  # type: ignore[no-untyped-call]
    machine.processes.average([parameter.grad for parameter in training.directional.parameters()])

    own = machine.processes.part(len(whole.mask))
    # Gradients are averaged over the processes, and the loss is already a mean over all pairs.
    gradient = torch.cat([_gradient(of_frame)[own] for of_frame in streaks]) * machine.processes.number
    for place, (part, of_part) in enumerate(zip(parts, gradient.chunk(len(parts)), strict=True)):
        with gathering(network, last=place == len(parts) - 1):
            (predicted[0] if len(parts) == 1 else machine.streaks(network, part)).backward(of_part)  # type: ignore[no-untyped-call]
    training.optimiser.step()
    _follow(training, settings)
    return whole, (streaks[0].detach(), streaks[1].detach()), terms


def _of_all(batch: PairBatch, own_streaks: Tensor, machine: Machine) -> tuple[PairBatch, tuple[Tensor, Tensor]]:
    """The pairs of all processes, and their streaks, from which a gradient can be taken."""
    targets = [] if batch.target is None else [batch.target]
    first, second, mask, first_streaks, second_streaks, *target = machine.processes.gathered(
        [batch.first, batch.second, batch.mask, *own_streaks.chunk(2), *targets]
    )
    whole = PairBatch(first, second, mask, target[0] if target else None)
    return whole, (first_streaks.requires_grad_(), second_streaks.requires_grad_())


def _gradient(streaks: Tensor) -> Tensor:
    return streaks.grad if streaks.grad is not None else torch.zeros_like(streaks)


@torch.no_grad()
def _follow(training: Training, settings: OptimiserSettings) -> None:
    """Move the average towards the latest weights."""
    # A young average must not remember the first, random weights.
    decay = min(settings.average_decay, (1 + training.step) / (10 + training.step))
    torch._foreach_lerp_(list(training.average.parameters()), list(training.network.parameters()), 1 - decay)


def learning_rate_at(progress: float, settings: OptimiserSettings) -> float:
    """Adam's rate when `progress` (0 to 1) of the run is done."""
    risen = min(1.0, progress / settings.warm_up) if settings.warm_up > 0 else 1.0
    left = (1 + math.cos(math.pi * progress)) / 2 if settings.learning_rate_course == "cosine" else 1.0
    return settings.learning_rate * risen * left


def _stored_frames(run: Run, machine: Machine) -> FrameStore:
    """The frames to train on, where they fit beside a step."""
    grey, target = run.preset.network.color == "luma", run.preset.losses.target
    room = 0
    if machine.device.type == "cuda":
        pairs_at_once = run.preset.pairs.pairs // (machine.processes.number * run.preset.optimiser.accumulate)
        room = device_memory(machine.device) - step_memory(run.preset, machine.precision).of(pairs_at_once)
    place = place_of_frames(bytes_of(run.train_rows, grey, target), room, host_room() // machine.processes.on_this_machine)
    return load_scenes(run.train_rows, run.source, grey, target=target, place=place, device=machine.device, folder=run.folder)


def _record(run: Run, machine: Machine, training: Training, store: FrameStore, on_row: Callable[[LogRow], None] | None) -> Record:
    grey = run.preset.network.color == "luma"
    truths = known_truths(run.held_out_rows, run.workspace, grey)
    held_out = [held_out_scene(load_scene(row, run.source, grey), truths.get(row.scene_id)) for row in run.held_out_rows]
    shown = held_out or [held_out_scene(scene) for scene in store.scenes[:SAMPLES]]
    return Record(run, machine, training, held_out, shown, on_row)


def _quickest(run: Run, machine: Machine, training: Training, deterministic: bool) -> nn.Module:
    """The training's network as it computes: compiled where that is wanted and works, and shared among processes."""
    settings, side = run.preset.optimiser, run.preset.pairs.crop_px
    images = 2 * run.preset.pairs.pairs // (machine.processes.number * settings.accumulate)
    example = torch.zeros(images, run.preset.network.channels, side, side, device=machine.device).contiguous(
        memory_format=torch.channels_last
    )
    say = Reporter(run.name, 0).say if machine.processes.first else lambda text: None
    network = compiled(training.network, "off" if deterministic else settings.compile, example, machine.precision, say)
    return machine.processes.shared(network)


def _introduced(run: Run, machine: Machine, training: Training) -> str:
    foreseen = run.foreseen()
    begun = f"goes on from step {training.step}" if training.step else "starts"
    held_out = len(run.held_out_rows) or "no scene of split `val`, so no validation: none"
    beside = f", {machine.processes.number} processes" if machine.processes.number > 1 else ""
    return (
        f"{run.folder} {begun}: {foreseen['parameters']:,} parameters, {len(run.train_rows)} scenes ({foreseen['train_frames']} frames), "
        f"held out {held_out}; on {machine.device} in {str(machine.precision).removeprefix('torch.')}{beside}"
    )
