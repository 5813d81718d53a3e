"""The deraining network: one rainy picture in, its rain streaks out (Cho et al. 2020, Tables I and II, Fig. 4).

Encoders of different kernel sizes see the picture at three scales; a filter generated for each picture fuses what they found; a
decoder with skip connections from all encoders brings the streaks back to full resolution. The rows "concat3 512", "concat2 256" and
"concat1 128" of Table II contradict the convolutions' 1024, 512 and 256 input channels; those agree with one another, so the skips
come from all three encoders.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from train.fusion import fusion
from train.presets import Deconv, NetworkSettings, Preset

SOFTPLUS_BIAS = -3.0  # of a softplus head: S begins at 0.05, not at ln 2, from which it falls so fast that units die
CONVOLUTIONS_A_BLOCK = (2, 2, 3)  # an encoder is VGG-16's first seven convolutions
FIRST_STREAKS = 0.1  # size of the first streaks against a He-sized last layer: near S = 0, yet not so near that rectified units die
STRIDE = 1 << len(CONVOLUTIONS_A_BLOCK)


class Encoder(nn.Module):
    """Three blocks of convolutions of one kernel size, each followed by ReLU, each block by 2x2 max pooling (Table I)."""

    def __init__(self, channels: int, width: int, kernel: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        for block, convolutions in enumerate(CONVOLUTIONS_A_BLOCK):
            layers: list[nn.Module] = []
            for _ in range(convolutions):
                layers += [_convolution(channels, width << block, kernel), nn.ReLU(inplace=True)]
                channels = width << block
            self.blocks.append(nn.Sequential(*layers))

    def forward(self, picture: Tensor) -> tuple[list[Tensor], Tensor]:
        """BCHW to the blocks' last maps at 1/1, 1/2, 1/4, and the pooled features at 1/8."""
        skips = []
        features = picture
        for block in self.blocks:
            skips.append(block(features))
            features = functional.max_pool2d(skips[-1], 2)
        return skips, features


class Decoder(nn.Module):
    """Fused features back to full resolution, joined at each scale by all encoders' last maps there (Table II)."""

    def __init__(self, width: int, encoders: int, outputs: int, deconv: Deconv, first_bias: float) -> None:
        super().__init__()
        self.doubled = {"interpolate": _interpolated, "bilinear3": _transposed_bilinear3}[deconv]
        self.scales = nn.ModuleList()
        for block in reversed(range(len(CONVOLUTIONS_A_BLOCK))):
            wide = width << block
            last = outputs if block == 0 else wide // 2
            sizes = [(1 + encoders) * wide, *[wide] * CONVOLUTIONS_A_BLOCK[block], last]
            layers: list[nn.Module] = []
            for size_in, size_out in itertools.pairwise(sizes):
                last_convolution = _convolution(size_in, size_out, 3)
                layers += [last_convolution, nn.ReLU(inplace=True)]
            self.scales.append(nn.Sequential(*(layers if block else layers[:-1])))  # the head has its own activation
        with torch.no_grad():
            last_convolution.weight *= FIRST_STREAKS
            last_convolution.bias.fill_(first_bias)  # type: ignore[union-attr]

    def forward(self, fused: Tensor, skips: list[list[Tensor]]) -> Tensor:
        """`skips`: of each encoder, its blocks' last maps at 1/1, 1/2, 1/4."""
        features = fused
        for block, scale in zip(reversed(range(len(CONVOLUTIONS_A_BLOCK))), self.scales, strict=True):
            features = scale(torch.cat([self.doubled(features), *(of_encoder[block] for of_encoder in skips)], dim=1))
        return features


class DerainingNetwork(nn.Module):
    """Predicts the rain streaks S of a picture I = S + B."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        deepest = settings.width << (len(CONVOLUTIONS_A_BLOCK) - 1)
        self.encoders = nn.ModuleList(Encoder(settings.channels, settings.width, kernel) for kernel in settings.kernels)
        self.fusion = fusion(settings.fusion, len(settings.kernels) * deepest, deepest)
        first_bias = SOFTPLUS_BIAS if settings.head == "softplus" else 0.0
        self.decoder = Decoder(settings.width, len(settings.kernels), settings.channels, settings.deconv, first_bias)

    def forward(self, picture: Tensor, filters: Tensor | None = None) -> Tensor:
        """Intensities in [0, 1], (B, C, H, W) of any size, C = 1 (luma) or 3, to streaks of the same shape.

        `filters` (B, outputs, inputs) are the whole picture's, where `picture` is a part of it and the fusion one of `fusion.GLOBAL`.
        """
        height, width = picture.shape[2:]
        padded = padded_to_stride(picture) if height % STRIDE or width % STRIDE else picture
        return self.streaks(padded, filters)[:, :, :height, :width]

    def streaks(self, padded: Tensor, filters: Tensor | None = None) -> Tensor:
        """As `forward`, for pictures whose sides are multiples of 8."""
        encoded = [encoder(padded) for encoder in self.encoders]
        features = torch.cat([deepest for _, deepest in encoded], dim=1)
        fused = self.fusion(features) if filters is None else self.fusion(features, filters)
        streaks: Tensor = self.decoder(fused, [skips for skips, _ in encoded])
        if self.settings.head == "relu":
            return functional.relu(streaks)
        return functional.softplus(streaks) if self.settings.head == "softplus" else streaks

    def features(self, padded: Tensor) -> Tensor:
        """What is fused: the features of all encoders at 1/8 of a picture whose sides are multiples of 8."""
        return torch.cat([encoder(padded)[1] for encoder in self.encoders], dim=1)


def build(preset: Preset) -> DerainingNetwork:
    """The network of a preset, randomly initialised from torch's current seed, in the memory format that convolutions are fastest in."""
    return DerainingNetwork(preset.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _convolution(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """Zero "same" padding and bias, no normalisation; He's initialisation, since every layer is followed by ReLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution


def padded_to_stride(picture: Tensor) -> Tensor:
    """Pictures (B, C, H, W), reflected at right and bottom up to multiples of 8."""
    height, width = picture.shape[2:]
    rows = reflected(torch.arange((height + STRIDE - 1) // STRIDE * STRIDE, device=picture.device), height)
    columns = reflected(torch.arange((width + STRIDE - 1) // STRIDE * STRIDE, device=picture.device), width)
    return picture[:, :, rows][..., columns]


def reflected(positions: Tensor, length: int) -> Tensor:
    """Where positions beyond the end of a line of `length` lie once it is reflected there, again and again where it is short."""
    last = torch.full_like(positions, length - 1)  # ONNX takes no remainder by a number that depends on the shape
    folded = positions % (2 * last).clamp(min=1)
    return torch.minimum(folded, 2 * last - folded)


def multiply_adds(settings: NetworkSettings, height: int, width: int) -> int:
    """Multiplications with an addition that one picture of height x width takes, counted as the layers run (without their data)."""
    with FakeTensorMode(), torch.no_grad(), FlopCounterMode(display=False) as counted:
        DerainingNetwork(settings)(torch.empty(1, settings.channels, height, width))
    return int(counted.get_total_flops()) // 2


def _interpolated(features: Tensor) -> Tensor:
    """Bilinear, each pixel in its place."""
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def _transposed_bilinear3(features: Tensor) -> Tensor:
    """The 3x3 transposed convolution of stride 2 with the fixed kernel (1/2, 1, 1/2) both ways, as Table II prints it.

    Every second pixel is the one from before, the others are means of neighbours, with 0 beyond the last row and column: so the picture
    shifts by half a pixel and its end darkens.
    """
    for axis in (2, 3):
        beyond = torch.zeros_like(features.narrow(axis, 0, 1))
        following = torch.cat([features.narrow(axis, 1, features.shape[axis] - 1), beyond], dim=axis)
        features = torch.stack([features, (features + following) / 2], dim=axis + 1).flatten(axis, axis + 1)
    return features
