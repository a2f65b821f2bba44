"""Pooling with spaced taps in log2(k) shifted steps per axis instead of k^ndim compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

__all__ = ["avg_pool_aten", "max_pool_aten"]


def _doublings(size: int) -> Iterator[int]:
    """Shifts, in taps, that widen a window of one tap to `size` taps; the last two windows may overlap."""
    covered = 1
    while covered < size:
        shift = min(covered, size - covered)
        covered += shift
        yield shift


def max_pool_aten(image: Tensor, size: Sequence[int], spacing_px: Sequence[int]) -> Tensor:
    """Largest tap by doubling; see `regular_max_pool`."""
    if torch.is_grad_enabled() and image.requires_grad:
        # torch.maximum splits the gradient of equals; this gives it to the first, as a patch scan does.
        pool = F.max_pool2d if image.ndim == 4 else F.max_pool3d
        return pool(image, tuple(size), stride=1, dilation=tuple(spacing_px))
    for axis, (k, d) in enumerate(zip(size, spacing_px, strict=True), start=2):
        for shift in _doublings(k):
            length = image.shape[axis] - shift * d
            image = torch.maximum(image.narrow(axis, 0, length), image.narrow(axis, shift * d, length))
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
