"""The convolution at chosen positions: taps gathered into a buffer that stays in the cache, then a matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.kernels.taps import Taps

__all__ = ["product", "product_gradients", "selected_conv_aten"]

# Gathered taps of one chunk of positions: half of what two cores keep in their caches, and as good as all on a GPU.
_CHUNK_BYTES = {"cpu": 4 << 20, "cuda": 256 << 20}
# Below this, starting oneDNN costs more than its faster product saves.
_LEAST_ROWS = 128


def selected_conv_aten(values: Tensor, taps: Taps, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """Convolve at chosen positions; see `selected_conv`."""
    # (K, C / groups, *size) as (groups, K / groups, T, C / groups): taps in the order in which they are gathered.
    matrix = weight.flatten(2).transpose(1, 2).contiguous().view(groups, len(weight) // groups, -1, weight.shape[1])
    scores: Tensor = _SelectedConv.apply(values, matrix, taps)  # type: ignore[no-untyped-call]
    return scores if bias is None else scores + bias


class _SelectedConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, matrix: Tensor, taps: Taps) -> Tensor:
        ctx.save_for_backward(values, matrix)
        ctx.taps = taps
        scores = values.new_empty((len(taps), matrix.shape[0] * matrix.shape[1]))
        for part, rows in taps.chunks(_chunk_rows(values, taps)):
            scores[part] = product(_gathered(values, rows), matrix)
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, matrix = ctx.saved_tensors
        needs_values, needs_matrix, _ = ctx.needs_input_grad
        to_values = torch.zeros_like(values) if needs_values else None
        to_matrix = torch.zeros_like(matrix) if needs_matrix else None
        for part, rows in ctx.taps.chunks(_chunk_rows(values, ctx.taps)):
            to_taps, to_kernel = product_gradients(
                grad[part].contiguous(), _gathered(values, rows), matrix, (needs_values, needs_matrix)
            )
            if to_values is not None:
                to_values.index_add_(0, rows.view(-1), to_taps.view(-1, values.shape[1]))
            if to_matrix is not None:
                to_matrix += to_kernel
        return to_values, to_matrix, None


def _chunk_rows(values: Tensor, taps: Taps) -> int:
    row_bytes = values.shape[1] * values.element_size() * len(taps.steps)
    return max(64, _CHUNK_BYTES.get(values.device.type, 4 << 20) // row_bytes)


def _gathered(values: Tensor, rows: Tensor) -> Tensor:
    """Taps (m, T, C) of positions, from rows (m, T)."""
    return values.index_select(0, rows.view(-1)).view(*rows.shape, -1)


def _as_image(rows: Tensor) -> Tensor:
    """Rows (m, n) as one image (1, n, m, 1): oneDNN's 1 x 1 convolution is a matrix product with its own kernels.

    On processors that MKL does not favour it is twice as fast as MKL's product.
    """
    return rows.view(1, len(rows), 1, -1).permute(0, 3, 1, 2)


def _suits_onednn(rows: Tensor, groups: int) -> bool:
    fits = rows.device.type == "cpu" and rows.dtype in (torch.float32, torch.bfloat16)
    return fits and groups == 1 and len(rows) >= _LEAST_ROWS and torch._C._has_mkldnn


def product(taps: Tensor, matrix: Tensor) -> Tensor:
    """Scores (m, K) of gathered taps (m, T, C)."""
    groups, kernels, *_ = matrix.shape
    rows = taps.flatten(1)
    if _suits_onednn(rows, groups):
        image = F.conv2d(_as_image(rows), matrix.view(kernels, -1, 1, 1))
        return image.permute(0, 2, 3, 1).reshape(len(rows), -1)
    if groups == 1:
        return F.linear(rows, matrix.view(kernels, -1))
    return torch.einsum("mtgc,gktc->mgk", _in_groups(taps, groups), matrix).flatten(1)


def product_gradients(grad: Tensor, taps: Tensor, matrix: Tensor, needs: tuple[bool, bool]) -> tuple[Tensor, Tensor]:
    """Gradients of the taps (m, T, C) and of the matrix; empty where they are not needed."""
    groups, kernels, *_ = matrix.shape
    rows = taps.flatten(1)
    if _suits_onednn(rows, groups):
        to_image, to_kernel, _ = torch.ops.aten.convolution_backward(
            _as_image(grad), _as_image(rows), matrix.view(kernels, -1, 1, 1), None,
            [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [*needs, False],
        )  # fmt: skip
        to_taps = to_image.permute(0, 2, 3, 1).reshape(taps.shape) if needs[0] else taps
        return to_taps, to_kernel.view(matrix.shape) if needs[1] else matrix
    parts, grad = _in_groups(taps, groups), _in_groups(grad, groups)
    to_taps = torch.einsum("mgk,gktc->mtgc", grad, matrix).flatten(2) if needs[0] else taps
    return to_taps.contiguous(), torch.einsum("mgk,mtgc->gktc", grad, parts) if needs[1] else matrix


def _in_groups(rows: Tensor, groups: int) -> Tensor:
    """Rows (..., C) as (..., groups, C / groups)."""
    return rows.view(*rows.shape[:-1], groups, rows.shape[-1] // groups)
