"""The Triton convolution with its backward pass."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from clicktrain.kernels.regular_conv.triton import regular_conv_bwd_image, regular_conv_fwd
from clicktrain.kernels.shapes import window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["regular_conv_triton"]


def weight_gradient(grad: Tensor, image: Tensor, size: Sequence[int], spacing_px: Sequence[int]) -> Tensor:
    """Gradient (K, C, h, w) of the weight: per tap one matrix product of the gradient and the shifted image."""
    shape_px = tuple(grad.shape[2:])
    taps = [
        torch.einsum("bkyx,bcyx->kc", grad, window(image, (i * spacing_px[0], j * spacing_px[1]), shape_px))
        for i, j in product(range(size[0]), range(size[1]))
    ]
    return torch.stack(taps, -1).view(grad.shape[1], image.shape[1], *size)


class _RegularConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, weight: Tensor, bias: Tensor | None, spacing_px: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(image, weight)
        ctx.spacing_px = spacing_px
        return regular_conv_fwd(image, weight, bias, spacing_px)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        image, weight = ctx.saved_tensors
        needs_image, needs_weight, needs_bias, _ = ctx.needs_input_grad
        spacing_px: tuple[int, int] = ctx.spacing_px
        to_image = regular_conv_bwd_image(grad, weight, tuple(image.shape[2:]), spacing_px) if needs_image else None
        to_weight = weight_gradient(grad, image, weight.shape[2:], spacing_px) if needs_weight else None
        return to_image, to_weight, grad.sum((0, 2, 3)) if needs_bias else None, None


def regular_conv_triton(
    image: Tensor, weight: Tensor, bias: Tensor | None, spacing_px: Sequence[int], groups: int
) -> Tensor:
    """Convolve by Triton kernels, one group of channels after the other; see `regular_conv`."""
    parts = zip(
        torch.chunk(image, groups, 1),
        torch.chunk(weight, groups, 0),
        [None] * groups if bias is None else torch.chunk(bias, groups),
        strict=True,
    )
    scores = [_RegularConv.apply(*part, tuple(spacing_px)) for part in parts]  # type: ignore[no-untyped-call]
    return scores[0] if groups == 1 else torch.cat(scores, 1)
