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
from torch.nn import functional

from train.presets import NetworkSettings, Preset

CONVOLUTIONS_A_BLOCK = (2, 2, 3)  # an encoder is VGG-16's first seven convolutions
FIRST_STREAKS = 0.1  # size of the first streaks against a He-sized last layer: near S = 0, yet not so near that rectified units die
STRIDE = 2 ** len(CONVOLUTIONS_A_BLOCK)


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


class DynamicFusion(nn.Module):
    """Features of all encoders through a filter that is generated from them (eq. 9, Table II).

    Read as one filter a picture: the features' mean over the picture gives a matrix of outputs x inputs. The generator starts out
    near a constant Xavier-sized filter: its bias is that filter, its weights are small. It computes in float32 under autocast.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.generator = nn.Linear(inputs, outputs * inputs)
        nn.init.normal_(self.generator.weight, std=inputs**-2)
        with torch.no_grad():
            nn.init.xavier_normal_(self.generator.bias.view(outputs, inputs))

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        with torch.autocast(features.device.type, enabled=False):
            filters = self.generator(features.float().mean(dim=(2, 3))).view(-1, self.outputs, self.inputs)
        fused = torch.bmm(filters.to(features.dtype), features.flatten(2))
        return functional.relu(fused.view(-1, self.outputs, *features.shape[2:]))


class ConcatFusion(nn.Module):
    """Features of all encoders through one learned 1x1 convolution, the same for every picture (Table VII, "concat")."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = _convolution(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        return functional.relu(self.convolution(features))


class Decoder(nn.Module):
    """Fused features back to full resolution, joined at each scale by all encoders' last maps there (Table II)."""

    def __init__(self, width: int, encoders: int, outputs: int) -> None:
        super().__init__()
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

    def forward(self, fused: Tensor, skips: list[list[Tensor]]) -> Tensor:
        """`skips`: of each encoder, its blocks' last maps at 1/1, 1/2, 1/4."""
        features = fused
        for block, scale in zip(reversed(range(len(CONVOLUTIONS_A_BLOCK))), self.scales, strict=True):
            # The literal 3x3 transposed kernel would shift by half a pixel and halve the last row and column.
            features = functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
            features = scale(torch.cat([features, *(of_encoder[block] for of_encoder in skips)], dim=1))
        return features


class DerainingNetwork(nn.Module):
    """Predicts the rain streaks S of a picture I = S + B."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        deepest = settings.width << (len(CONVOLUTIONS_A_BLOCK) - 1)
        self.encoders = nn.ModuleList(Encoder(settings.channels, settings.width, kernel) for kernel in settings.kernels)
        fusion = {"dynamic": DynamicFusion, "concat": ConcatFusion}[settings.fusion]
        self.fusion = fusion(len(settings.kernels) * deepest, deepest)
        self.decoder = Decoder(settings.width, len(settings.kernels), settings.channels)

    def forward(self, picture: Tensor) -> Tensor:
        """Intensities in [0, 1], (B, C, H, W) of any size, C = 1 (luma) or 3, to streaks of the same shape."""
        height, width = picture.shape[2:]
        padded = _pad_to_stride(picture)
        encoded = [encoder(padded) for encoder in self.encoders]
        fused = self.fusion(torch.cat([features for _, features in encoded], dim=1))
        streaks = self.decoder(fused, [skips for skips, _ in encoded])[:, :, :height, :width]
        if self.settings.head == "relu":
            return functional.relu(streaks)
        return functional.softplus(streaks) if self.settings.head == "softplus" else streaks


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


def _pad_to_stride(picture: Tensor) -> Tensor:
    """Reflected at right and bottom up to a multiple of 8; replicated where the picture is too small to reflect."""
    height, width = picture.shape[2:]
    bottom, right = -height % STRIDE, -width % STRIDE
    if not (bottom or right):
        return picture
    return functional.pad(picture, (0, right, 0, bottom), mode="reflect" if bottom < height and right < width else "replicate")
