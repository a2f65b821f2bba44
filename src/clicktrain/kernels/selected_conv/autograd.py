"""The Triton convolution at chosen positions with its backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from clicktrain.kernels.selected_conv.triton import (
    selected_conv_bwd_values,
    selected_conv_bwd_weight,
    selected_conv_fwd,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["selected_conv_triton"]


class _SelectedConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(values, index, weight)
        return selected_conv_fwd(values, index, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, index, weight = ctx.saved_tensors
        needs_values, _, needs_weight, needs_bias = ctx.needs_input_grad
        to_values = selected_conv_bwd_values(grad, index, weight, len(values)) if needs_values else None
        to_weight = selected_conv_bwd_weight(grad, values, index) if needs_weight else None
        return to_values, None, to_weight, grad.sum(0) if needs_bias else None


def selected_conv_triton(values: Tensor, index: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve at chosen positions by Triton kernels; the arguments are those of `selected_conv_reference`."""
    scores: Tensor = _SelectedConv.apply(values, index, weight.flatten(2), bias)  # type: ignore[no-untyped-call]
    return scores
