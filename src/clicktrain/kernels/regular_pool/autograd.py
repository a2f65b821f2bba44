"""The Triton max pool with its backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from clicktrain.kernels.regular_pool.triton import max_pool_bwd, max_pool_fwd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["max_pool_triton"]


class _RegularMaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, size: tuple[int, int], dilation: tuple[int, int]) -> Tensor:
        pooled, chosen = max_pool_fwd(image, size, dilation)
        ctx.save_for_backward(chosen)
        ctx.size, ctx.dilation, ctx.shape_px = size, dilation, tuple(image.shape[2:])
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (chosen,) = ctx.saved_tensors
        return max_pool_bwd(grad, chosen, ctx.shape_px, ctx.size, ctx.dilation), None, None


def max_pool_triton(image: Tensor, size: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Largest tap by Triton kernels; see `regular_max_pool`."""
    pooled: Tensor = _RegularMaxPool.apply(image, tuple(size), tuple(dilation))  # type: ignore[no-untyped-call]
    return pooled
