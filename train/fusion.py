"""How the encoders' features become one: the dynamic fusion of Cho et al. 2020 (eq. 9, Table II) and what Table VII compares it with.

Every kind maps the concatenated features of all encoders, (B, inputs, H, W), to fused ones, (B, outputs, H, W), outputs being the
channels of one encoder; so the decoder is the same for all. "One filter" is ambiguous in the paper: the scale "8/8" says one for each
position, "convolved with the generated filter" says one for the picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from train.presets import Fusion

RANK = 8  # of what is generated in LowRankDynamicFusion
OUTPUTS_AT_ONCE = 16  # rows of each position's filter in memory together; 256 of them would be 3 GiB for 512x512 pixels at full width


class DynamicFusion(nn.Module):
    """One filter for the picture: the features' mean over the picture makes a matrix of outputs x inputs.

    The generator starts out near a constant Xavier-sized filter: its bias is that filter, its weights are small. It computes in float32
    under autocast.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.generator = _generator(inputs, outputs)

    def forward(self, features: Tensor, filters: Tensor | None = None) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W); `filters` (B, outputs, inputs) where the features are a part of the picture only."""
        return _filtered(features, self.filters(features.float().mean(dim=(2, 3))) if filters is None else filters)

    def filters(self, pooled: Tensor) -> Tensor:
        """The features' mean over the picture, (B, inputs) in float32, to the picture's filter, (B, outputs, inputs)."""
        with torch.autocast(pooled.device.type, enabled=False):
            made: Tensor = self.generator(pooled)
        return made.view(-1, self.outputs, self.inputs)


class LowRankDynamicFusion(nn.Module):
    """One filter for the picture, a learned one plus a generated one of rank 8: 25 times fewer parameters than `DynamicFusion`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.base = nn.Parameter(torch.empty(outputs, inputs))
        self.generator = nn.Linear(inputs, RANK * (outputs + inputs))
        nn.init.xavier_normal_(self.base)
        # The two factors start at random directions, their product at a hundredth of the learned filter.
        nn.init.normal_(self.generator.weight, std=inputs**-2)
        nn.init.normal_(self.generator.bias, std=(0.01 * (2 / (inputs + outputs)) ** 0.5 / RANK**0.5) ** 0.5)

    def forward(self, features: Tensor, filters: Tensor | None = None) -> Tensor:
        """As `DynamicFusion.forward`."""
        return _filtered(features, self.filters(features.float().mean(dim=(2, 3))) if filters is None else filters)

    def filters(self, pooled: Tensor) -> Tensor:
        """As `DynamicFusion.filters`."""
        with torch.autocast(pooled.device.type, enabled=False):
            factors: Tensor = self.generator(pooled)
            tall = factors[:, : RANK * self.outputs].view(-1, self.outputs, RANK)
            wide = factors[:, RANK * self.outputs :].view(-1, RANK, self.inputs)
            filters: Tensor = self.base + tall @ wide
            return filters


class LocalDynamicFusion(nn.Module):
    """One filter for each position, made from the features there: as many parameters as `DynamicFusion`, and twice the network's work.

    A few rows of all positions' filters are made at a time, and made again in the backward pass, so that memory stays within a multiple
    of the features' own. They are computed in the precision of the features.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.generator = _generator(inputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        batch, _, height, width = features.shape
        positions = features.permute(0, 2, 3, 1).reshape(-1, self.inputs)
        parts = -(-self.outputs // OUTPUTS_AT_ONCE)
        weights = self.generator.weight.view(self.outputs, self.inputs, self.inputs).chunk(parts)
        biases = self.generator.bias.view(self.outputs, self.inputs).chunk(parts)
        fused = [
            checkpoint(_filtered_by_position, positions, weight, bias, use_reentrant=False)
            if torch.is_grad_enabled()
            else _filtered_by_position(positions, weight, bias)
            for weight, bias in zip(weights, biases, strict=True)
        ]
        return functional.relu(torch.cat(fused, dim=1).view(batch, height, width, self.outputs).permute(0, 3, 1, 2))


class ConcatFusion(nn.Module):
    """One learned 1x1 convolution, the same for every picture (Table VII, "concat")."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 1)
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")
        nn.init.constant_(self.convolution.bias, 0)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        return functional.relu(self.convolution(features))


class SumFusion(nn.Module):
    """The encoders' features added element by element (Table VII, "sum"): nothing is learned."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.encoders = inputs // outputs

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        batch, inputs, height, width = features.shape
        return features.view(batch, self.encoders, inputs // self.encoders, height, width).sum(dim=1)


class ProductFusion(nn.Module):
    """The encoders' features multiplied element by element (Table VII, "product"): nothing is learned."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.encoders = inputs // outputs

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        first, *others = features.chunk(self.encoders, dim=1)
        for other in others:  # not `prod`, whose gradient is slow where a factor is 0, and rectified features are 0 often
            first = first * other
        return first


GLOBAL = (DynamicFusion, LowRankDynamicFusion)  # whose filter depends on the whole picture


def fusion(kind: Fusion, inputs: int, outputs: int) -> nn.Module:
    """The module of a kind, randomly initialised."""
    kinds: dict[Fusion, type[nn.Module]] = {
        "dynamic": DynamicFusion,
        "dynamic_local": LocalDynamicFusion,
        "dynamic_lowrank": LowRankDynamicFusion,
        "concat": ConcatFusion,
        "sum": SumFusion,
        "product": ProductFusion,
    }
    return kinds[kind](inputs, outputs)


def _generator(inputs: int, outputs: int) -> nn.Linear:
    generator = nn.Linear(inputs, outputs * inputs)
    nn.init.normal_(generator.weight, std=inputs**-2)
    with torch.no_grad():
        nn.init.xavier_normal_(generator.bias.view(outputs, inputs))
    return generator


def _filtered(features: Tensor, filters: Tensor) -> Tensor:
    """Features (B, inputs, H, W) through a filter a picture, (B, outputs, inputs), and ReLU."""
    batch, inputs, height, width = features.shape
    positions = features.permute(0, 2, 3, 1).reshape(batch, height * width, inputs)  # no copy: features are channels_last
    fused = torch.bmm(positions, filters.to(features.dtype).transpose(1, 2))
    return functional.relu(fused.view(batch, height, width, -1).permute(0, 3, 1, 2))


def _filtered_by_position(positions: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Features of positions (N, inputs) through some rows of the filter that each makes for itself: (N, rows).

    `weight` (rows, inputs, inputs) and `bias` (rows, inputs) are the generator's for these rows.
    """
    filters = functional.linear(positions, weight.flatten(0, 1), bias.flatten()).view(-1, *bias.shape)
    return torch.bmm(filters, positions[:, :, None]).squeeze(2)
