"""Largest tap at chosen positions, tap after tap, on chunks that stay in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.kernels.taps import Taps

__all__ = ["selected_max"]

_CHUNK_BYTES = {"cpu": 1 << 20, "cuda": 256 << 20}


def selected_max(values: Tensor, taps: Taps) -> Tensor:
    """Take the largest tap at chosen positions.

    Of equal taps the first in row-major order takes the gradient, as in `regular_max_pool`.

    Parameters
    ----------
    values : Tensor of shape (N, C)
        Values of a map, one row per place that is read.
    taps : Taps
        The rows that each of M positions reads.

    Returns
    -------
    Tensor of shape (M, C)
    """
    if torch.is_grad_enabled() and values.requires_grad:
        largest: Tensor = _SelectedMax.apply(values, taps)  # type: ignore[no-untyped-call]
        return largest
    return _largest(values, taps, None)


class _SelectedMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, taps: Taps) -> Tensor:
        kind = torch.uint8 if len(taps.steps) <= 256 else torch.int32
        winners = torch.zeros((len(taps), values.shape[1]), dtype=kind, device=values.device)
        largest = _largest(values, taps, winners)
        ctx.save_for_backward(winners)
        ctx.taps, ctx.rows = taps, len(values)
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (winners,) = ctx.saved_tensors
        to_values = grad.new_zeros((ctx.rows, grad.shape[1]))
        for part, rows in ctx.taps.chunks(_chunk_rows(grad)):
            for tap, read in enumerate(rows):
                to_values.index_add_(0, read, grad[part] * (winners[part] == tap))
        return to_values, None


def _chunk_rows(values: Tensor) -> int:
    return max(64, _CHUNK_BYTES.get(values.device.type, 1 << 20) // (values.shape[1] * values.element_size()))


def _largest(values: Tensor, taps: Taps, winners: Tensor | None) -> Tensor:
    """Largest taps (M, C); the number of the winning tap is written to `winners`."""
    largest = values.new_empty((len(taps), values.shape[1]))
    for part, rows in taps.chunks(_chunk_rows(values)):
        best = values.index_select(0, rows[0])
        for tap, read in enumerate(rows[1:], start=1):
            other = values.index_select(0, read)
            if winners is not None:
                # Strictly larger, so that of equals the first stays; later taps have larger numbers.
                torch.maximum(winners[part], (other > best) * winners.new_full((), tap), out=winners[part])
            best = torch.maximum(best, other)
        largest[part] = best
    return largest
