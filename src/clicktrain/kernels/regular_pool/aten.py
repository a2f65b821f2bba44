"""Pooling with dilated taps in log2(k) shifted steps per axis instead of k^ndim compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

__all__ = ["avg_pool_aten", "doublings", "max_pool_aten"]


def doublings(size: int) -> Iterator[int]:
    """Shifts, in taps, that widen a window of one tap to `size` taps; the last two windows may overlap."""
    covered = 1
    while covered < size:
        shift = min(covered, size - covered)
        covered += shift
        yield shift


def _pairs(shape_px: Sequence[int], size: Sequence[int], dilation: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Every doubling as (axis, shift in pixels, length that is left): the last axis first.

    That order makes the first of equals in row-major order win: within a row first, then the first row.
    """
    for axis in reversed(range(2, 2 + len(size))):
        length = shape_px[axis - 2]
        for taps in doublings(size[axis - 2]):
            shift_px = taps * dilation[axis - 2]
            length -= shift_px
            yield axis, shift_px, length


class _DoublingMax(torch.autograd.Function):
    """Maximum by doubling that remembers, per doubling, where the shifted half was strictly larger."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, size: tuple[int, ...], dilation: tuple[int, ...]) -> Tensor:
        ctx.pairs, wins = [], []
        for axis, shift_px, length in _pairs(image.shape[2:], size, dilation):
            first, second = image.narrow(axis, 0, length), image.narrow(axis, shift_px, length)
            ctx.pairs.append((axis, shift_px, length))
            wins.append(second > first)
            image = torch.maximum(first, second)
        ctx.save_for_backward(*wins)
        return image if wins else image.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        for (axis, shift_px, length), second_wins in zip(reversed(ctx.pairs), reversed(ctx.saved_tensors), strict=True):
            to_second = grad * second_wins
            shape = list(grad.shape)
            shape[axis] = length + shift_px
            wider = torch.empty(shape, dtype=grad.dtype, device=grad.device, memory_format=_layout(grad))
            torch.sub(grad, to_second, out=wider.narrow(axis, 0, length))
            wider.narrow(axis, length, shift_px).zero_()
            wider.narrow(axis, shift_px, length).add_(to_second)
            grad = wider
        return grad, None, None


def _layout(image: Tensor) -> torch.memory_format:
    return torch.channels_last if image.ndim == 4 else torch.channels_last_3d


def max_pool_aten(image: Tensor, size: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Largest tap by doubling; see `regular_max_pool`."""
    if torch.is_grad_enabled() and image.requires_grad:
        largest: Tensor = _DoublingMax.apply(image, tuple(size), tuple(dilation))  # type: ignore[no-untyped-call]
        return largest
    for axis, shift_px, length in _pairs(image.shape[2:], size, dilation):
        image = torch.maximum(image.narrow(axis, 0, length), image.narrow(axis, shift_px, length))
    return image


def _sum_along(image: Tensor, axis: int, size: int, dilation: int) -> Tensor:
    """Sum of `size` taps along one axis: half of them, shifted and added, and the odd one out."""
    if size == 1:
        return image
    half = size // 2
    halves = _sum_along(image, axis, half, dilation)
    length = image.shape[axis] - (size - 1) * dilation
    total = halves.narrow(axis, 0, length) + halves.narrow(axis, half * dilation, length)
    return total + image.narrow(axis, (size - 1) * dilation, length) if size % 2 else total


def avg_pool_aten(image: Tensor, size: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Mean of the taps by doubling; see `regular_avg_pool`."""
    taps = 1
    for axis, (k, d) in enumerate(zip(size, dilation, strict=True), start=2):
        image = _sum_along(image, axis, k, d)
        taps *= k
    return image / taps
