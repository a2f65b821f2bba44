"""Cutting the maps of a segment into pieces that stay in the cache: images of a batch, or strips of rows."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["Piece", "plan_pieces"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some images of a batch, and some rows (first spatial axis) of them.

    Parameters
    ----------
    images : slice
    first_row : int
    rows : int or None
        None for all rows that are left, however many a map has.
    """

    images: slice
    first_row: int
    rows: int | None

    def of(self, maps: Tensor, halo: int = 0) -> Tensor:
        """Cut the piece out of maps (B, C, *spatial), with `halo` rows more."""
        # No view where nothing is cut off: its gradient would cost a map of zeros.
        count = len(range(len(maps))[self.images])
        part = maps if count == len(maps) else maps[self.images]
        left = part.shape[2] - self.first_row
        rows = left if self.rows is None else min(self.rows + halo, left)
        return part if rows == part.shape[2] else part.narrow(2, self.first_row, rows)


def plan_pieces(batch: int, shape_px: Sequence[int], piece_px: int | None) -> list[Piece]:
    """Cut a batch of maps into pieces of about `piece_px` values each.

    Parameters
    ----------
    batch : int
        Images, fragments included.
    shape_px : sequence of int
        Spatial shape of the smallest map of the segment.
    piece_px : int or None
        Values per piece, all images of it together; None for one piece.
    """
    image_px = prod(shape_px)
    if piece_px is None or batch * image_px <= piece_px:
        return [Piece(slice(0, batch), 0, None)]
    if image_px <= piece_px:
        images = piece_px // image_px
        return [Piece(slice(i, min(i + images, batch)), 0, None) for i in range(0, batch, images)]
    rows = max(1, piece_px * shape_px[0] // image_px)
    starts = range(0, shape_px[0], rows)
    return [
        Piece(slice(b, b + 1), row, rows if row + rows < shape_px[0] else None) for b in range(batch) for row in starts
    ]
