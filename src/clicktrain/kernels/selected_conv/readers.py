"""Who reads a row of values: the index of a selected convolution, turned round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["readers_of"]


def readers_of(index: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """List, for every row of values and every tap, the positions that read the row through that tap.

    Parameters
    ----------
    index : Tensor of shape (M, T), int64
        The rows of values that each position reads.
    rows : int
        Number N of rows of values.

    Returns
    -------
    positions : Tensor of shape (M * T,), int64
        All lists, one after the other: ordered by row, then tap, then position.
    offsets : Tensor of shape (N * T + 1,), int64
        Row n and tap t own `positions[offsets[n * T + t] : offsets[n * T + t + 1]]`.
    """
    taps = index.shape[1]
    keys, order = (index * taps + torch.arange(taps, device=index.device)).flatten().sort(stable=True)
    offsets = torch.searchsorted(keys, torch.arange(rows * taps + 1, device=index.device))
    return order // taps, offsets
