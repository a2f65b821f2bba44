"""The Triton convolution of chosen channels with its backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from clicktrain.kernels.mod_conv.shapes import margins_px
from clicktrain.kernels.mod_conv.triton import mod_conv_bwd_image, mod_conv_bwd_weight, mod_conv_fwd
from clicktrain.kernels.regular_conv.activations import activation_gradient

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.kernels.regular_conv.activations import ModActivation

__all__ = ["mod_conv_triton"]


class _ModConv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        channels: Tensor,
        scores: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        dilation: tuple[int, int],
        padding_px: tuple[int, int],
        activation: ModActivation,
    ) -> Tensor:
        out, made = mod_conv_fwd(image, channels, scores, weight, bias, dilation, padding_px, activation)
        ctx.save_for_backward(image, channels, scores, weight, made)
        ctx.dilation, ctx.padding_px, ctx.activation = dilation, padding_px, activation
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        image, channels, scores, weight, made = ctx.saved_tensors
        needs_image, _, needs_scores, needs_weight, needs_bias, *_ = ctx.needs_input_grad
        first = grad[:, : channels.shape[1]]
        to_made = activation_gradient(first * scores[:, :, None, None], made, ctx.activation)
        places = (ctx.dilation, ctx.padding_px)
        to_image = None
        if needs_image:
            margins = margins_px(weight.shape[2:], *places)
            to_image = F.pad(grad, (margins[1], margins[1], margins[0], margins[0]))
            mod_conv_bwd_image(to_image, to_made, channels, weight, *places)
        to_scores = (first * made).sum((2, 3)) if needs_scores else None
        size = (weight.shape[2], weight.shape[3])
        to_weight = mod_conv_bwd_weight(to_made, image, channels, size, *places) if needs_weight else None
        to_bias = to_made.sum((0, 2, 3)) if needs_bias else None
        return to_image, None, to_scores, to_weight, to_bias, None, None, None


def mod_conv_triton(
    image: Tensor,
    channels: Tensor,
    scores: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    dilation: Sequence[int],
    padding_px: Sequence[int],
    activation: ModActivation,
) -> Tensor:
    """Gather, convolve, activate, weigh and add in one Triton kernel; see `mod_conv`."""
    out: Tensor = _ModConv.apply(  # type: ignore[no-untyped-call]
        image, channels, scores, weight, bias, tuple(dilation), tuple(padding_px), activation
    )
    return out
