"""Correlation along one axis as a product with a banded matrix, block by block.

For the few channels of an image that is up to three times as fast as a convolution, and the sums are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["correlate_along"]

# Outputs of a product: the longer the more of the band is zeros, the shorter the more calls.
_LEAST_BLOCK_PX = 64


def correlate_along(values: Tensor, kernels: Tensor, axis: int, *, stride: int = 1) -> Tensor:
    """Correlate along a spatial axis with each of several kernels, without padding.

    Parameters
    ----------
    values : Tensor of shape (N, [Z,] Y, X)
    kernels : Tensor of shape (M, k)
    axis : {-3, -2, -1}
    stride : int
        Distance of the places that are answered, from the first on.

    Returns
    -------
    Tensor of shape (N, M, [z,] y, x)
        Shorter by k - 1 along the axis, then divided by the stride and rounded up.
    """
    taps = kernels.shape[1]
    shape = [len(values), len(kernels), *values.shape[1:]]
    length = shape[axis] = (values.shape[axis] - taps) // stride + 1
    result = values.new_empty(shape)
    block_px = max(_LEAST_BLOCK_PX, taps // stride)
    for start in range(0, length, block_px):
        count = min(block_px, length - start)
        block = values.narrow(axis, start * stride, (count - 1) * stride + taps)
        _multiply(block, kernels, axis, stride, result.narrow(axis, start, count))
    return result


def _multiply(block: Tensor, kernels: Tensor, axis: int, stride: int, target: Tensor) -> None:
    count, places, kinds = target.shape[axis], block.shape[axis], len(kernels)
    band = _band(kernels, count, stride)
    if axis == -1:
        product = torch.matmul(block, band.T)
        target.copy_(product.view(*product.shape[:-1], kinds, count).movedim(-2, 1))
    elif axis == -2:
        product = torch.matmul(band, block)
        target.copy_(product.view(*product.shape[:-2], kinds, count, -1).movedim(-3, 1))
    else:
        product = torch.matmul(band, block.reshape(len(block), places, -1))
        target.copy_(product.view(target.shape))


def _band(kernels: Tensor, count: int, stride: int) -> Tensor:
    """Banded matrix (M * count, (count - 1) * stride + k) of kernels (M, k)."""
    kinds, taps = kernels.shape
    band = kernels.new_zeros((kinds, count, (count - 1) * stride + taps))
    rows = band.as_strided((kinds, count, taps), (band.stride(0), band.stride(1) + stride, 1))
    rows.copy_(kernels[:, None].expand(-1, count, -1))
    return band.flatten(0, 1)
