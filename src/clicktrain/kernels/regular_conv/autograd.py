"""The Triton convolution with its backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from clicktrain.kernels.regular_conv.activations import activation_gradient
from clicktrain.kernels.regular_conv.triton import (
    regular_conv_bwd_image,
    regular_conv_bwd_weight,
    regular_conv_fwd,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.kernels.regular_conv.activations import Activation

__all__ = ["regular_conv_triton"]


class _RegularConv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        dilation: tuple[int, int],
        activation: Activation,
    ) -> Tensor:
        scores = regular_conv_fwd(image, weight, bias, dilation, activation)
        ctx.save_for_backward(image, weight, None if activation == "none" else scores)
        ctx.dilation, ctx.activation = dilation, activation
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        image, weight, scores = ctx.saved_tensors
        needs_image, needs_weight, needs_bias, *_ = ctx.needs_input_grad
        dilation: tuple[int, int] = ctx.dilation
        grad = activation_gradient(grad, scores, ctx.activation)
        to_image = regular_conv_bwd_image(grad, weight, tuple(image.shape[2:]), dilation) if needs_image else None
        to_weight = regular_conv_bwd_weight(grad, image, tuple(weight.shape[2:]), dilation) if needs_weight else None
        return to_image, to_weight, grad.sum((0, 2, 3)) if needs_bias else None, None, None


def regular_conv_triton(
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    dilation: Sequence[int],
    groups: int,
    activation: Activation = "none",
) -> Tensor:
    """Convolve and activate by Triton kernels, one group of channels after the other; see `regular_conv`."""
    parts = zip(
        torch.chunk(image, groups, 1),
        torch.chunk(weight, groups, 0),
        [None] * groups if bias is None else torch.chunk(bias, groups),
        strict=True,
    )
    scores = [_RegularConv.apply(*part, tuple(dilation), activation) for part in parts]  # type: ignore[no-untyped-call]
    return scores[0] if groups == 1 else torch.cat(scores, 1)
