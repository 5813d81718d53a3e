"""`train evaluate`: a checkpoint, and what other methods made, against clean truth, beside doing nothing.

Two inputs: scenes with the simulator's truth, or a folder of rainy and clean pictures. Frames of one scene are also scored by their
temporal mean and median, which need no network. One row a picture, method and protocol goes to scores.parquet, those of a scene together
(by Ctrl-C, as many as there are); a row is known by what it was computed from, so a second run computes what is missing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from manifests.errors import InputError
from manifests.executors import run_rows
from manifests.files import Provenance, append_rows, compact, file_sha256, read_rows, table_exists, table_hash
from manifests.media import Picture
from manifests.options import usable_cores
from manifests.tables import Scene, Score, Split, Truth
from manifests.workspace import Workspace
from train.checkpoints import load_network
from train.derain import derain_picture
from train.devices import chosen_device, device_name
from train.evaluate.layouts import Found
from train.evaluate.outputs import find_outputs
from train.evaluate.pairs import find_pairs
from train.evaluate.results import Result, results
from train.evaluate.scoring import INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN, Background, Context, Derain, Method, Scored, score_group
from train.evaluate.truths import RainyPictures, scenes_with_truth
from train.evaluate.worst import draw_worst
from train.metrics import Protocol
from train.network import DerainingNetwork

DEFAULT_PROTOCOLS: tuple[Protocol, ...] = ("y-mprnet", "rgb")
OURS = "ours"
SAVED_EVERY_S = 1.0  # saving each picture by itself would cost as much as scoring it


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was not scored since something is missing beside it."""

    why: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found."""

    scores: tuple[Score, ...]  # one a picture, method and protocol
    results: tuple[Result, ...]  # by protocol; ours, other methods, input, the temporal ones
    layout: str  # how the pictures were paired, in words
    left_out: tuple[LeftOut, ...]
    failed: tuple[str, ...]  # what could not be read or scored, one line each
    checkpoint: str | None  # the beginning of its SHA-256
    worst: Path | None  # a drawing of the pictures that came out worst; None where none differs from its truth, or without a method

    def result(self, protocol: Protocol, method: str = OURS) -> Result:
        """One method's means. Raises KeyError where it was not scored."""
        for found in self.results:
            if (found.protocol, found.method) == (protocol, method):
                return found
        raise KeyError((protocol, method))


@dataclass(frozen=True)
class _Pictures:
    """What is to be scored."""

    groups: tuple[RainyPictures, ...]
    layout: str
    left_out: tuple[LeftOut, ...]
    called: str  # for the drawing's name
    inputs: Mapping[str, str]  # hashes for the provenance


def evaluate(
    checkpoint: Path | None = None,
    scenes: Path | None = None,
    *,
    truth: Path | None = None,
    pairs: Path | None = None,
    outputs: Mapping[str, Path] | None = None,
    split: Split = "test",
    protocols: Sequence[Protocol] = DEFAULT_PROTOCOLS,
    device: str | None = None,
    workspace: Workspace,
) -> Evaluation:
    """Score a checkpoint, and other methods' folders of `outputs` by what they are called, on a folder of pairs or a split's kept scenes.

    `scenes` and `truth` are tables, of the workspace unless given; outputs need `pairs`. Rows go to the workspace's scores.parquet, a
    drawing of the worst pictures to its report/. Raises InputError when a table or folder is missing or holds nothing to score, when two
    pictures of a pair differ in size, when outputs match no picture, when the device is not there, and when nothing at all could be scored.
    """
    if pairs is not None:
        found = find_pairs(pairs)
        pictures = _of_pairs(pairs, found)
        others = [_other(name, folder, found) for name, folder in (outputs or {}).items()]
    elif outputs:
        raise InputError("outputs of other methods are found by the names of rainy pictures: name their folder with --pairs")
    else:
        pictures, others = _of_scenes(scenes or workspace.table(Scene), truth or workspace.table(Truth), split), []
    where = chosen_device(device)
    name: str | None = None
    ours: list[Method] = []
    if checkpoint is not None:
        derain = _one_at_a_time(load_network(checkpoint).to(where))
        name = file_sha256(checkpoint)[:16]
        ours.append(Method(name, workspace.relative(checkpoint), derain))
    methods = (*ours, *(method for method, _ in others))
    table = workspace.table(Score)
    known = {row.score_id: row for row in (read_rows(Score, table) if table_exists(table) else [])}
    context = Context(methods, tuple(dict.fromkeys(protocols)), known, workspace, device_name(where))
    asked = {"methods": [method.name for method in methods], "pictures": pictures.called, "protocols": list(context.protocols)}
    scores, failed = _score_all(pictures.groups, context, Provenance("train evaluate", asked, dict(pictures.inputs)))
    if not scores:
        raise InputError(f"nothing could be scored: {failed[0]}")
    worst = workspace.root / "report" / f"worst-{methods[0].name[:16]}-{pictures.called}.png" if methods else None
    if worst is not None:
        of_first = [row for row in scores if row.protocol == context.protocols[0]]
        if not draw_worst(pictures.groups, of_first, methods[0], workspace, worst):
            worst = None
    called = {method.name: OURS if method.derain else method.name for method in methods}
    left_out = (*pictures.left_out, *(left for _, lefts in others for left in lefts))
    return Evaluation(tuple(scores), results(scores, called, context.protocols), pictures.layout, left_out, tuple(failed), name, worst)


# --- what is scored -----------------------------------------------------------------------------------------------------------------


def _of_scenes(scenes: Path, truth: Path, split: Split) -> _Pictures:
    found = scenes_with_truth(scenes, truth, split)
    left_out = (LeftOut("scenes without a clean picture", found.without_truth),) if found.without_truth else ()
    inputs = {"scenes": table_hash(scenes), "truth": table_hash(truth)}
    return _Pictures(found.scenes, f"scenes of split {split}, whose truth the simulator knows", left_out, split, inputs)


def _of_pairs(folder: Path, found: Found) -> _Pictures:
    unpaired = tuple(str(path.relative_to(folder)) for path in found.unpaired)
    left_out = (LeftOut("pictures without a partner", unpaired),) if unpaired else ()
    return _Pictures(found.groups, found.layout, left_out, folder.resolve().name, {})


def _other(name: str, folder: Path, found: Found) -> tuple[Method, tuple[LeftOut, ...]]:
    """Another method by its outputs, and what it lacks."""
    if name in (OURS, INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN):
        raise InputError(
            f"outputs cannot be called {name!r}, which stands for something else; call them otherwise: --outputs NAME={folder}"
        )
    if "/" in name:
        raise InputError(f"outputs cannot be called {name!r}, since the drawing's file is named after them; leave out the slash")
    outputs = find_outputs(folder, found)
    missing = tuple(str(path.relative_to(found.rainy_folder)) for path in outputs.missing)
    extra = tuple(str(path.relative_to(folder)) for path in outputs.without_rainy)
    lefts = ((f"pictures without an output of {name}", missing), (f"outputs of {name} without a rainy picture", extra))
    return Method(name, outputs=outputs.of), tuple(LeftOut(why, names) for why, names in lefts if names)


# --- scoring ------------------------------------------------------------------------------------------------------------------------


def _score_all(groups: Sequence[RainyPictures], context: Context, provenance: Provenance) -> tuple[list[Score], list[str]]:
    """The rows of all groups, computed or already in the table, in order; and what failed."""
    table = context.workspace.table(Score)
    scores: list[Score] = []
    failed: list[str] = []
    unsaved: list[Score] = []
    saved_at = time.monotonic()

    def save() -> None:
        nonlocal saved_at
        append_rows(Score, table, unsaved, provenance)
        unsaved.clear()
        saved_at = time.monotonic()

    def take(outcomes: Sequence[Scored]) -> None:
        for outcome in outcomes:
            scores.extend(outcome.rows)
            failed.extend(outcome.failed)
            unsaved.extend(row for row in outcome.rows if row.score_id not in context.known)
        if time.monotonic() - saved_at > SAVED_EVERY_S:
            save()

    def fail(_group: RainyPictures, error: str) -> list[Scored]:
        return [Scored((), (error,))]

    try:
        with _side_by_side(lambda group: [score_group(group, context)], groups, context.ended, take) as work:
            run_rows(work, groups, name=_name, on_error=fail, save=take, workers=0, timeout_s=float("inf"), label="scoring")
    finally:
        save()
    if table_exists(table):
        compact(Score, table)
    return scores, failed


@contextmanager
def _side_by_side(
    work: Callable[[RainyPictures], list[Scored]],
    groups: Sequence[RainyPictures],
    ended: threading.Event,
    take: Callable[[Sequence[Scored]], None],
) -> Iterator[Callable[[RainyPictures], list[Scored]]]:
    """`work` in threads, begun on the next groups while one is waited for; to be called with the groups in order.

    So the network is at work while pictures of other groups are read and measured. Where it ends early, by Ctrl-C, `take` is given what
    was scored of the groups begun.
    """
    threads = max(2, usable_cores())
    coming = iter(groups)
    begun: deque[Future[list[Scored]]] = deque()
    pool = ThreadPoolExecutor(threads)

    def next_outcome(_group: RainyPictures) -> list[Scored]:
        while len(begun) <= threads and (following := next(coming, None)) is not None:
            begun.append(pool.submit(work, following))
        wait([begun[0]])  # and where that is interrupted, it stays among what is begun
        return begun.popleft().result()

    try:
        yield next_outcome
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)
        for future in begun:
            if not future.cancelled() and future.exception() is None:
                take(future.result())


def _one_at_a_time(network: DerainingNetwork) -> Derain:
    """The network for threads."""
    lock = threading.Lock()

    def derain(picture: Picture) -> Background:
        with lock:
            return derain_picture(network, picture)

    return derain


def _name(group: RainyPictures) -> str:
    return group.scene_id or group.frames[0].name
