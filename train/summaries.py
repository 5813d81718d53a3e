"""What an evaluation came to, in words and as JSON lines."""

from __future__ import annotations

import json

from train.evaluate import OURS, Evaluation
from train.scoring import INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN


def as_table(evaluation: Evaluation) -> str:
    """One line a protocol and method: pictures, PSNR with the gain over doing nothing, SSIM."""
    lines = [f"{'protocol':10} {'method':16} {'pictures':>8} {'PSNR dB':>8} {'gain':>7} {'SSIM':>7}"]
    for found in evaluation.results:
        before = evaluation.result(found.protocol, INPUT).psnr
        psnr = "equal" if found.psnr is None else f"{found.psnr:.2f}"
        gain = "" if found.psnr is None or before is None or found.method == INPUT else f"{found.psnr - before:+.2f}"
        lines.append(f"{found.protocol:10} {found.method:16} {found.n:8} {psnr:>8} {gain:>7} {found.ssim:7.4f}")
    equal = sum(row.psnr is None for row in evaluation.scores)
    if equal:
        lines.append(f"{equal} scores are of pictures equal to their truth: without a finite PSNR, they are not in its mean")
    lines.append(f"worst pictures: {evaluation.worst}")
    return "\n".join(lines)


def as_json_lines(evaluation: Evaluation) -> str:
    """One object a protocol: `protocol, n, psnr, ssim, psnr_input, ssim_input`, and for scenes the temporal mean's and median's."""
    lines = []
    for protocol in dict.fromkeys(found.protocol for found in evaluation.results):
        methods = {found.method: found for found in evaluation.results if found.protocol == protocol}
        ours = methods[OURS]
        line: dict[str, object] = {"protocol": protocol, "n": ours.n, "psnr": ours.psnr, "ssim": ours.ssim}
        for method in (INPUT, TEMPORAL_MEAN, TEMPORAL_MEDIAN):
            if method in methods:
                name = method.replace(" ", "_")
                line |= {f"psnr_{name}": methods[method].psnr, f"ssim_{name}": methods[method].ssim}
        lines.append(json.dumps(line))
    return "\n".join(lines)
