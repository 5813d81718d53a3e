"""Each fusion against its definition, position by position; what the generated filters start as; memory and precision."""

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from train import fusion as module
from train.fusion import DynamicFusion, LocalDynamicFusion, LowRankDynamicFusion, fusion
from train.presets import Fusion

INPUTS, OUTPUTS = 24, 8  # three encoders


def lively(kind: Fusion) -> nn.Module:
    """A fusion whose generated part is not small."""
    torch.manual_seed(0)
    built = fusion(kind, INPUTS, OUTPUTS)
    for parameter in built.parameters():
        nn.init.normal_(parameter)
    return built


def by_position(features: Tensor, fused_at: object) -> Tensor:
    """(B, OUTPUTS, H, W) from a function of picture and position, rectified."""
    batch, _, height, width = features.shape
    fused = torch.zeros(batch, OUTPUTS, height, width)
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                fused[b, :, y, x] = fused_at(b, y, x)  # type: ignore[operator]
    return fused.clamp(min=0)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_dynamic_is_one_filter_of_each_picture() -> None:
    dynamic, features = lively("dynamic"), torch.rand(2, INPUTS, 3, 4)
    assert isinstance(dynamic, DynamicFusion)

    def fused_at(b: int, y: int, x: int) -> Tensor:
        pooled = features[b].mean(dim=(1, 2))
        matrix = (dynamic.generator.weight @ pooled + dynamic.generator.bias).reshape(OUTPUTS, INPUTS)
        return matrix @ features[b, :, y, x]

    close(dynamic(features), by_position(features, fused_at))


def test_dynamic_local_is_one_filter_of_each_position() -> None:
    local, features = lively("dynamic_local"), torch.rand(2, INPUTS, 3, 4)
    assert isinstance(local, LocalDynamicFusion)

    def fused_at(b: int, y: int, x: int) -> Tensor:
        here = features[b, :, y, x]
        return (local.generator.weight @ here + local.generator.bias).reshape(OUTPUTS, INPUTS) @ here

    close(local(features), by_position(features, fused_at))


def test_dynamic_lowrank_is_a_learned_filter_and_one_of_rank_8() -> None:
    lowrank, features = lively("dynamic_lowrank"), torch.rand(2, INPUTS, 3, 4)
    assert isinstance(lowrank, LowRankDynamicFusion)
    generated = lowrank.filters(features.mean(dim=(2, 3))) - lowrank.base
    ranks = torch.linalg.matrix_rank(torch.cat([generated, generated], dim=2))
    assert ranks.tolist() == [min(OUTPUTS, module.RANK)] * 2
    factors = lowrank.generator(features[0].mean(dim=(1, 2)))
    tall, wide = factors[: module.RANK * OUTPUTS], factors[module.RANK * OUTPUTS :]
    close(generated[0], tall.view(OUTPUTS, module.RANK) @ wide.view(module.RANK, INPUTS))
    close(lowrank(features), by_position(features, lambda b, y, x: (lowrank.base + generated[b]) @ features[b, :, y, x]))


def test_the_rank_is_8_where_the_filter_is_larger() -> None:
    large = LowRankDynamicFusion(48, 16)
    nn.init.normal_(large.generator.weight)
    assert torch.linalg.matrix_rank(large.filters(torch.rand(1, 48)) - large.base).tolist() == [module.RANK]


def test_concat_sum_and_product() -> None:
    features = torch.rand(2, INPUTS, 3, 4)
    of_encoders = features.chunk(3, dim=1)
    close(fusion("sum", INPUTS, OUTPUTS)(features), of_encoders[0] + of_encoders[1] + of_encoders[2])
    close(fusion("product", INPUTS, OUTPUTS)(features), of_encoders[0] * of_encoders[1] * of_encoders[2])
    concat = lively("concat")
    weight, bias = concat.parameters()
    close(concat(features), by_position(features, lambda b, y, x: weight[:, :, 0, 0] @ features[b, :, y, x] + bias))


@pytest.mark.parametrize("kind", get_args(Fusion))
def test_gradients_are_finite_where_features_are_zero(kind: Fusion) -> None:
    features = (torch.rand(2, INPUTS, 3, 4) - 0.5).clamp(min=0).requires_grad_()
    lively(kind)(features).sum().backward()
    assert features.grad is not None
    assert bool(features.grad.isfinite().all())


@pytest.mark.parametrize("kind", ["dynamic", "dynamic_lowrank", "dynamic_local"])
def test_generated_filters_start_as_xavier_filters(kind: Fusion) -> None:
    torch.manual_seed(0)
    built = fusion(kind, 96, 32)
    pooled = torch.rand(2, 96)
    made = built.filters(pooled) if isinstance(built, module.GLOBAL) else built.generator(pooled)  # type: ignore[operator]
    assert made.std().item() == pytest.approx((2 / (96 + 32)) ** 0.5, rel=0.05)
    assert (made[0] - made[1]).abs().max().item() < 0.1 * made.std().item()


@pytest.mark.parametrize("kind", ["dynamic", "dynamic_lowrank"])
def test_the_pictures_filter_is_made_in_float32_under_autocast(kind: Fusion) -> None:
    built, features = fusion(kind, INPUTS, OUTPUTS), torch.rand(1, INPUTS, 3, 4).bfloat16()
    exact = built.filters(features.float().mean(dim=(2, 3)))  # type: ignore[operator]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = built.filters(features.float().mean(dim=(2, 3)))  # type: ignore[operator]
        assert built(features).dtype == torch.bfloat16
    assert made.dtype == torch.float32
    assert torch.equal(made, exact)


def test_filters_by_position_never_lie_in_memory_together() -> None:
    """Of 32 outputs, 16 at a time; and for the backward pass nothing is kept that is as large as those."""
    local, features = LocalDynamicFusion(48, 32), torch.rand(1, 48, 20, 20, requires_grad=True)
    sizes: list[int] = []

    def kept(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(kept, lambda tensor: tensor):
        fused = local(features)
    of_all_filters = 400 * 48 * 32
    assert max(sizes) <= max(local.generator.weight.numel(), features.numel()) < of_all_filters / 4
    fused.sum().backward()
    checkpointed = [features.grad, local.generator.weight.grad, local.generator.bias.grad]
    features.grad = local.generator.weight.grad = local.generator.bias.grad = None
    positions = features.permute(0, 2, 3, 1).reshape(-1, 48)
    filters = local.generator(positions).view(-1, 32, 48)
    torch.einsum("poi,pi->po", filters, positions).clamp(min=0).sum().backward()  # type: ignore[no-untyped-call]
    for found, expected in zip(checkpointed, [features.grad, local.generator.weight.grad, local.generator.bias.grad], strict=True):
        assert found is not None
        assert expected is not None
        torch.testing.assert_close(found, expected)
