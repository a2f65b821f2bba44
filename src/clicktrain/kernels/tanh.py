"""The hyperbolic tangent at the speed of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["fast_tanh"]


def fast_tanh(values: Tensor) -> Tensor:
    """Hyperbolic tangent; on CPU in float32 as 2 sigmoid(2 x) - 1, which PyTorch computes several times faster.

    It differs from `torch.tanh` by about 1e-7, the rounding of values near 1.

    Parameters
    ----------
    values : Tensor
    """
    if values.device.type != "cpu" or values.dtype not in (torch.float32, torch.bfloat16):
        return torch.tanh(values)
    if torch.is_grad_enabled() and values.requires_grad:
        result: Tensor = _FastTanh.apply(values)  # type: ignore[no-untyped-call]
        return result
    return _tanh(values)


def _tanh(values: Tensor) -> Tensor:
    # Near 0 the difference needs more digits than bfloat16 has.
    return (2 * values.float()).sigmoid_().mul_(2).sub_(1).to(values.dtype)


class _FastTanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        result = _tanh(values)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (result,) = ctx.saved_tensors
        slope = (result * result).neg_().add_(1)
        to_values: Tensor = slope.mul_(grad)
        return to_values
