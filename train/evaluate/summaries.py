"""What an evaluation came to, in words and as JSON lines."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from train.evaluate.real_rain import RealRainFound, mean_of_scenes
from train.evaluate.results import Result, data_hash
from train.evaluate.run import OURS, Evaluation, LeftOut
from train.evaluate.scoring import INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN

NAMED = 5  # of what was left out: the rest is counted
_REFERENCES = (INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN)


def as_table(evaluation: Evaluation) -> str:
    """One line a protocol and method: pictures, PSNR with the gain over doing nothing on the same pictures, SSIM."""
    wide = max(16, *(len(found.method) for found in evaluation.results))
    lines = [f"{'protocol':10} {'method':{wide}} {'pictures':>8} {'PSNR dB':>8} {'gain':>7} {'SSIM':>7}"]
    for found in evaluation.results:
        psnr = "equal" if found.psnr is None else f"{found.psnr:.2f}"
        known = found.psnr is not None and found.psnr_input is not None and found.method != INPUT
        gain = f"{(found.psnr or 0) - (found.psnr_input or 0):+.2f}" if known else ""
        lines.append(f"{found.protocol:10} {found.method:{wide}} {found.n:8} {psnr:>8} {gain:>7} {found.ssim:7.4f}")
    equal = sum(row.psnr is None for row in evaluation.scores)
    if equal:
        lines.append(f"{equal} scores are of pictures equal to their truth: without a finite PSNR, they are not in its mean")
    lines.append(f"{evaluation.layout}; data {data_hash(evaluation.scores)}, checkpoint {evaluation.checkpoint or 'none'}")
    if evaluation.worst is not None:
        lines.append(f"worst pictures: {evaluation.worst}")
    return "\n".join(lines)


def as_json_lines(evaluation: Evaluation) -> str:
    """One object a protocol and method (doing nothing, where there is no other): `protocol, n, psnr, ssim, psnr_input, ssim_input`, of
    scenes also the temporal mean's and median's, and what they are of.
    """
    methods = [found for found in evaluation.results if found.method not in _REFERENCES]
    return "\n".join(json.dumps(_line(found, evaluation)) for found in methods or evaluation.results if methods or found.method == INPUT)


def real_rain_table(found: RealRainFound) -> str:
    """One line a scene: PSNR against the temporal median before and after, in rainy pixels and elsewhere; then their means."""
    lines = [f"{'scene':16} {'frames':>6} {'rainy':>6}   in rainy pixels, dB       elsewhere, dB"]
    for scene in (*found.scenes, mean_of_scenes(found.scenes)):
        rainy = _change(scene.psnr_rainy_input, scene.psnr_rainy)
        elsewhere = _change(scene.psnr_elsewhere_input, scene.psnr_elsewhere)
        lines.append(f"{scene.scene_id:16} {scene.frames:6} {100 * scene.rainy_share:5.1f}%   {rainy:23}   {elsewhere}")
    about = f"checkpoint {found.checkpoint}, split {found.split}, data {found.data}, {found.device}; {found.versions}"
    return "\n".join([*lines, about])


def real_rain_json_lines(found: RealRainFound) -> str:
    """One object a scene, then one of their means."""
    about = {name: getattr(found, name) for name in ("checkpoint", "split", "data", "device", "versions")}
    scenes = (*found.scenes, mean_of_scenes(found.scenes))
    return "\n".join(json.dumps(dataclasses.asdict(scene) | about | {"failed": len(found.failed)}) for scene in scenes)


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "nothing to compare"
    return f"{before:5.2f} to {after:5.2f} ({after - before:+.2f})"


def left_out_in_words(left: LeftOut) -> str:
    """How many, and the first of them by name."""
    more = ", …" if len(left.names) > NAMED else ""
    return f"{left.why}: {len(left.names)} ({', '.join(left.names[:NAMED])}{more})"


def _line(found: Result, evaluation: Evaluation) -> dict[str, object]:
    line: dict[str, object] = {"protocol": found.protocol, "n": found.n, "psnr": found.psnr, "ssim": found.ssim}
    line |= {"psnr_input": found.psnr_input, "ssim_input": found.ssim_input}
    for other in evaluation.results:
        if other.protocol == found.protocol and other.method in (TEMPORAL_MEAN, TEMPORAL_MEDIAN):
            name = other.method.replace(" ", "_")
            line |= {f"psnr_{name}": other.psnr, f"ssim_{name}": other.ssim}
    method = evaluation.checkpoint if evaluation.checkpoint is not None and found.method == OURS else found.method
    rows = [row for row in evaluation.scores if (row.protocol, row.method) == (found.protocol, method)]
    return line | {
        "label": found.method,
        "checkpoint": evaluation.checkpoint if found.method == OURS else None,
        "data": data_hash(rows, method),
        "layout": evaluation.layout,
        "device": rows[0].device,
        "versions": rows[0].versions,
        "failed": len(evaluation.failed),
        "left_out": _told(evaluation.left_out),
    }


def _told(left_out: Sequence[LeftOut]) -> list[dict[str, object]]:
    return [{"why": left.why, "n": len(left.names), "first": list(left.names[:NAMED])} for left in left_out]
