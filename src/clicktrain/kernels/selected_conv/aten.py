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
_CHUNK_BYTES = {"cpu": 4 << 20, "cuda": 256 << 20}


def selected_conv_aten(values: Tensor, taps: Taps, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """Convolve at chosen positions; see `selected_conv`."""
    scores: Tensor = _SelectedConv.apply(values, weight.flatten(2)[..., None], taps, groups)  # type: ignore[no-untyped-call]
    return scores if bias is None else scores + bias


class _SelectedConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, kernel: Tensor, taps: Taps, groups: int) -> Tensor:
        ctx.save_for_backward(values, kernel)
        ctx.taps, ctx.groups = taps, groups
        scores = values.new_empty((len(taps), len(kernel)))
        for part, rows in taps.chunks(_chunk_positions(values, taps)):
            scores[part] = F.conv2d(gather_taps(values, rows), kernel, groups=groups)[0, :, 0].T
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, kernel = ctx.saved_tensors
        needs = ctx.needs_input_grad[:2]
        to_values = torch.zeros_like(values) if needs[0] else None
        to_kernel = torch.zeros_like(kernel) if needs[1] else None
        for part, rows in ctx.taps.chunks(_chunk_positions(values, ctx.taps)):
            gathered = gather_taps(values, rows)
            to_taps, share = tap_gradients(grad[part], gathered, kernel, ctx.groups, needs)
            if to_values is not None:
                to_values.index_add_(0, rows.view(-1), to_taps[0].permute(1, 2, 0).reshape(-1, values.shape[1]))
            if to_kernel is not None:
                to_kernel += share
        return to_values, to_kernel, None, None


def _chunk_positions(values: Tensor, taps: Taps) -> int:
    position_bytes = values.shape[1] * values.element_size() * len(taps.steps)
    return max(64, _CHUNK_BYTES.get(values.device.type, 4 << 20) // position_bytes)


def gather_taps(values: Tensor, rows: Tensor) -> Tensor:
    """Values of the taps of m positions as one image (1, C, T, m): a row per tap, channels innermost in memory.

    A convolution whose kernel is T rows high and one pixel wide weighs and sums them. So the matrix product runs in the
    convolution's own kernels, which on some processors are twice as fast as those of the product.

    Parameters
    ----------
    values : Tensor of shape (N, C)
    rows : Tensor of shape (T, m), int64
    """
    return values.index_select(0, rows.view(-1)).view(1, *rows.shape, -1).permute(0, 3, 1, 2)


def tap_gradients(
    grad: Tensor, gathered: Tensor, kernel: Tensor, groups: int, needs: tuple[bool, bool]
) -> tuple[Tensor, Tensor]:
    """Gradients of gathered taps (1, C, T, m) and of the kernel (K, C / groups, T, 1), from that of (m, K) scores."""
    image = grad.contiguous().view(1, 1, *grad.shape).permute(0, 3, 1, 2)
    to_taps, to_kernel, _ = torch.ops.aten.convolution_backward(
        image, gathered, kernel, None, [1, 1], [0, 0], [1, 1], False, [0, 0], groups, [*needs, False]
    )
    return to_taps, to_kernel
