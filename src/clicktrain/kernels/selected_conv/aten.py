"""The convolution at chosen positions: taps gathered into a buffer that stays in the cache, then one convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.kernels.taps import Taps

__all__ = ["gather_taps", "selected_conv_aten", "tap_gradients"]

# Gathered taps of one chunk of positions: half of what two cores keep in their caches, and as good as all on a GPU.
_CHUNK_BYTES = {"cuda": 256 << 20}
_OTHER_CHUNK_BYTES = 4 << 20
_LEAST_POSITIONS = 64


def selected_conv_aten(values: Tensor, taps: Taps, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """Convolve at chosen positions; see `selected_conv`."""
    kernel = weight.flatten(2)[:, :, None]
    if groups == 1:
        # In the order of the gathered values: taps outside, channels inside.
        kernel = kernel.permute(0, 3, 1, 2).flatten(1)[..., None, None]
    scores: Tensor = _SelectedConv.apply(values, kernel, taps, groups)  # type: ignore[no-untyped-call]
    return scores if bias is None else scores + bias


class _SelectedConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, kernel: Tensor, taps: Taps, groups: int) -> Tensor:
        ctx.save_for_backward(values, kernel)
        ctx.taps, ctx.groups = taps, groups
        scores = values.new_empty((len(taps), len(kernel)))
        for part, rows in taps.chunks(_chunk_positions(values, taps)):
            image = gather_taps(values, rows, groups)
            scores[part] = F.conv2d(image, kernel, groups=groups)[0, :, :, 0].T
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, kernel = ctx.saved_tensors
        needs = ctx.needs_input_grad[:2]
        to_values = torch.zeros_like(values) if needs[0] else None
        to_kernel = torch.zeros_like(kernel) if needs[1] else None
        for part, rows in ctx.taps.chunks(_chunk_positions(values, ctx.taps)):
            image = gather_taps(values, rows, ctx.groups)
            to_taps, share = tap_gradients(grad[part], image, kernel, ctx.groups, needs)
            if to_values is not None:
                to_values.index_add_(0, _by_position(rows), to_taps.permute(0, 2, 3, 1).reshape(-1, values.shape[1]))
            if to_kernel is not None:
                to_kernel += share
        return to_values, to_kernel, None, None


def _chunk_positions(values: Tensor, taps: Taps) -> int:
    position_bytes = values.shape[1] * values.element_size() * len(taps.steps)
    return max(_LEAST_POSITIONS, _CHUNK_BYTES.get(values.device.type, _OTHER_CHUNK_BYTES) // position_bytes)


def _by_position(rows: Tensor) -> Tensor:
    """Rows (T, m) as one list, all taps of a position after each other."""
    return rows.T.reshape(-1)


def gather_taps(values: Tensor, rows: Tensor, groups: int) -> Tensor:
    """Values of the taps of m positions as an image whose convolution weighs and sums them; channels lie innermost.

    The matrix product so runs in the convolution's own kernels, which on some processors are twice as fast as those of
    the product.

    Parameters
    ----------
    values : Tensor of shape (N, C)
    rows : Tensor of shape (T, m), int64
    groups : int

    Returns
    -------
    Tensor of shape (1, T * C, m, 1), or (1, C, m, T) where there are groups of channels
    """
    taps, positions = rows.shape
    gathered = values.index_select(0, _by_position(rows)).view(1, positions, *(1, -1) if groups == 1 else (taps, -1))
    return gathered.permute(0, 3, 1, 2)


def tap_gradients(
    grad: Tensor, image: Tensor, kernel: Tensor, groups: int, needs: tuple[bool, bool]
) -> tuple[Tensor, Tensor]:
    """Gradients of the gathered taps and of the kernel, in their own shapes, from that of (m, K) scores."""
    to_scores = grad.contiguous().view(1, len(grad), 1, -1).permute(0, 3, 1, 2)
    to_taps, to_kernel, _ = torch.ops.aten.convolution_backward(
        to_scores, image, kernel, None, [1, 1], [0, 0], [1, 1], False, [0, 0], groups, [*needs, False]
    )
    return to_taps, to_kernel
