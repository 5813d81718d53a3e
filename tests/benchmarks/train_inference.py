"""How long a 512x512 picture takes: `default` and `small`, against the device's matrix rate and a convolution stack of PReNet's cost."""

from __future__ import annotations

import torch

from tests.benchmarks import prenet
from tests.benchmarks.figure import Figure
from tests.benchmarks.train_device import device_for_measuring, least_seconds, matrix_rate
from train.inference import remove_rain
from train.network import build, multiply_adds
from train.presets import DEFAULT, SMALL, Preset

SIDE_PX = 512
PRECISIONS = (torch.bfloat16, torch.float32)
GPU_LIMIT_S = 0.005  # of `default` in bfloat16
DEFAULT_AHEAD, SMALL_AHEAD = 4.0, 40.0  # times PReNet's speed in float32; `default` where the device multiplies bfloat16 matrices


def run() -> list[Figure]:
    """Seconds a picture, shares of the matrix rate, and how far ahead of PReNet."""
    with device_for_measuring() as (device, name):
        rate = matrix_rate(device, torch.bfloat16)
        times = 20 if device.type == "cuda" else 2
        ours = {
            (preset.name, precision): _seconds_of_preset(preset, precision, device, times)
            for preset in (DEFAULT, SMALL)
            for precision in PRECISIONS
        }
        peer = {precision: _seconds_of_prenet(precision, device, times) for precision in PRECISIONS}
    where = f"{SIDE_PX}x{SIDE_PX} on {name}"
    figures = [Figure(f"matrix rate in bfloat16, {name}", rate / 1e9, "GFLOP/s", None)]
    for preset in (DEFAULT, SMALL):
        operations = 2 * multiply_adds(preset.network, SIDE_PX, SIDE_PX)
        for precision in PRECISIONS:
            spent = ours[preset.name, precision]
            held = device.type == "cuda" and preset is DEFAULT and precision == torch.bfloat16
            figures.append(Figure(f"`{preset.name}` in {_told(precision)}, {where}", spent, "s", GPU_LIMIT_S if held else None))
            if precision == torch.bfloat16:  # in float32 matrix products may run slower than convolutions: MKL's on AMD do
                figures.append(Figure("its share of the matrix rate", 100 * operations / spent / rate, "%", None))
    for precision in PRECISIONS:
        work = f"{prenet.multiply_adds(SIDE_PX, SIDE_PX) / 1e9:.0f} G multiply-adds"
        figures.append(Figure(f"PReNet's convolutions ({work}) in {_told(precision)}, {where}", peer[precision], "s", None))
    has_matrix_units = device.type == "cuda" or torch.cpu._is_amx_tile_supported()
    for preset_name, bound in ((DEFAULT.name, DEFAULT_AHEAD if has_matrix_units else None), (SMALL.name, SMALL_AHEAD)):
        spent = ours[preset_name, torch.bfloat16]
        figures.append(
            Figure(f"`{preset_name}` in bfloat16 against PReNet in float32", peer[torch.float32] / spent, "x", bound, "at least")
        )
        figures.append(Figure("the same, PReNet in bfloat16 too", peer[torch.bfloat16] / spent, "x", None))
    return figures


def _seconds_of_preset(preset: Preset, precision: torch.dtype, device: torch.device, times: int) -> float:
    network = build(preset).to(device).eval()
    picture = torch.rand(1, 3, SIDE_PX, SIDE_PX, device=device)
    return least_seconds(lambda: remove_rain(network, picture, precision), device, times=times)


@torch.inference_mode()
def _seconds_of_prenet(precision: torch.dtype, device: torch.device, times: int) -> float:
    """In the memory format that is fastest for it too."""
    network = prenet.PReNet().to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    assert sum(parameter.numel() for parameter in network.parameters()) == prenet.PARAMETERS
    picture = torch.rand(1, 3, SIDE_PX, SIDE_PX, device=device).contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
        return least_seconds(lambda: network(picture), device, times=times)


def _told(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")
