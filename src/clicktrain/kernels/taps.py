"""Which rows of a table of values each chosen position reads: integers only, unrolled a chunk at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

__all__ = ["Taps"]


@dataclass(frozen=True, eq=False, slots=True)
class Taps:
    """The taps of chosen positions, as rows of a table.

    Unrolled, the index of 100,000 positions of a 5 x 5 kernel has 20 MB, and is written and read once: it is made in
    pieces that stay in the cache.

    Parameters
    ----------
    first : Tensor of shape (M,), int64
        Flat place of each position's first tap on the grid of the map that is read.
    steps : Tensor of shape (T,), int64
        Flat distance of every tap from the first, in row-major order of the taps.
    rows : Tensor of shape (P,), int64, optional
        Row of the table for each place of the grid; None where the table holds all places, in order.
    size : tuple of int
        Taps per axis; their product is T.
    """

    first: Tensor
    steps: Tensor
    rows: Tensor | None
    size: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.first)

    @classmethod
    def of_index(cls, index: Tensor, size: tuple[int, ...]) -> Taps:
        """Taps given by an index of shape (M, T): the rows themselves."""
        count = index.shape[1]
        first = torch.arange(len(index), device=index.device) * count
        return cls(first, torch.arange(count, device=index.device), index.reshape(-1), size)

    def index(self) -> Tensor:
        """Rows (M, T) that the positions read."""
        return self._rows(0, len(self)).T.contiguous()

    def chunks(self, most: int) -> Iterator[tuple[slice, Tensor]]:
        """Go through the positions, at most `most` at a time, with the rows (T, m) that they read."""
        for start in range(0, len(self), most):
            stop = min(start + most, len(self))
            yield slice(start, stop), self._rows(start, stop)

    def _rows(self, start: int, stop: int) -> Tensor:
        # Positions innermost: T is small, and a sum along short rows runs at a fraction of the speed.
        places = self.steps[:, None] + self.first[None, start:stop]
        return places if self.rows is None else self.rows.index_select(0, places.view(-1)).view(places.shape)
