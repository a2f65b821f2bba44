"""Pooling with spaced taps in log2(k) shifted steps per axis instead of k^ndim compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

__all__ = ["avg_pool_aten", "max_pool_aten"]


class _LargerOfTwo(torch.autograd.Function):
    """The larger of a value and the one `shift_px` further; of equals the first takes the whole gradient.

    `torch.maximum` would give each half of it, and a patch scan through `max_pool2d` does not.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor, axis: int, shift_px: int) -> Tensor:
        length = image.shape[axis] - shift_px
        first, second = image.narrow(axis, 0, length), image.narrow(axis, shift_px, length)
        ctx.save_for_backward((second > first) | second.isnan())
        ctx.axis, ctx.shift_px, ctx.shape = axis, shift_px, image.shape
        return torch.maximum(first, second)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (took_second,) = ctx.saved_tensors
        (grad,) = grads
        length = grad.shape[ctx.axis]
        to_second = grad * took_second
        before = grad.new_zeros(ctx.shape)
        before.narrow(ctx.axis, 0, length).copy_(grad - to_second)
        before.narrow(ctx.axis, ctx.shift_px, length).add_(to_second)
        return before, None, None


def _doublings(size: int) -> Iterator[int]:
    """Shifts, in taps, that widen a window of one tap to `size` taps; the last two windows may overlap."""
    covered = 1
    while covered < size:
        shift = min(covered, size - covered)
        covered += shift
        yield shift


def max_pool_aten(image: Tensor, size: Sequence[int], spacing_px: Sequence[int]) -> Tensor:
    """Largest tap by doubling; see `regular_max_pool`."""
    needs_grad = torch.is_grad_enabled() and image.requires_grad
    # Innermost axis first: then the first of equals along each axis is the first in row-major order.
    for axis in reversed(range(2, image.ndim)):
        for shift in _doublings(size[axis - 2]):
            shift_px = shift * spacing_px[axis - 2]
            if needs_grad:
                image = _LargerOfTwo.apply(image, axis, shift_px)  # type: ignore[no-untyped-call]
            else:
                length = image.shape[axis] - shift_px
                image = torch.maximum(image.narrow(axis, 0, length), image.narrow(axis, shift_px, length))
    return image


def _sum_along(image: Tensor, axis: int, size: int, spacing_px: int) -> Tensor:
    """Sum of `size` taps along one axis: half of them, shifted and added, and the odd one out."""
    if size == 1:
        return image
    half = size // 2
    halves = _sum_along(image, axis, half, spacing_px)
    length = image.shape[axis] - (size - 1) * spacing_px
    total = halves.narrow(axis, 0, length) + halves.narrow(axis, half * spacing_px, length)
    return total + image.narrow(axis, (size - 1) * spacing_px, length) if size % 2 else total


def avg_pool_aten(image: Tensor, size: Sequence[int], spacing_px: Sequence[int]) -> Tensor:
    """Mean of the taps by doubling; see `regular_avg_pool`."""
    taps = 1
    for axis, (k, d) in enumerate(zip(size, spacing_px, strict=True), start=2):
        image = _sum_along(image, axis, k, d)
        taps *= k
    return image / taps
