"""Which part of an image is computed next: integers only."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from clicktrain.geometry.region import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TileSchedule", "cut", "cut_evenly", "even_tile", "strips"]

_STRIP_PX = 128


def even_tile(shape_px: Sequence[int], tile_px: Sequence[int], multiple_px: Sequence[int]) -> tuple[int, ...]:
    """Smallest tile of which as many cover an output as of a larger one.

    Parameters
    ----------
    shape_px : sequence of int
        Shape of the output.
    tile_px : sequence of int
        Largest shape of a tile, multiples of `multiple_px`.
    multiple_px : sequence of int
        What the sides are kept multiples of, unless they are the output's.
    """
    lengths = [max(1, n) for n in shape_px]
    counts = [-(-n // tile) for n, tile in zip(lengths, tile_px, strict=True)]
    return tuple(min(n, m * -(-n // (count * m))) for n, count, m in zip(lengths, counts, multiple_px, strict=True))


def cut(region: Region, tile_px: Sequence[int]) -> list[Region]:
    """Cut a box into tiles on a grid that begins at its first pixel; the last ones are what is left.

    Parameters
    ----------
    region : Region
    tile_px : sequence of int

    Returns
    -------
    list of Region
        In row-major order; every pixel of the box is in one of them.
    """
    starts = [range(first, last, side) for first, last, side in zip(region.start, region.stop, tile_px, strict=True)]
    stops = region.stop
    return [
        Region(start, tuple(min(s + side, stop) for s, side, stop in zip(start, tile_px, stops, strict=True)))
        for start in product(*starts)
    ]


def strips(region: Region) -> list[Region]:
    """Cut a box into strips of rows, always the same, for what is done with one of them at a time."""
    *depth, _, columns = region.shape_px
    return cut(region, (*depth, _STRIP_PX, columns)) if region.n_px else [region]


class TileSchedule:
    """Tiles that are still to be done: handed out in order, halved where memory runs out, counted when done.

    Parameters
    ----------
    region : Region
        What is to be covered.
    tile_px : sequence of int
        Shape of a tile.
    least_px : sequence of int
        Shape below which no tile is halved; halves are multiples of it.
    """

    def __init__(self, region: Region, tile_px: Sequence[int], least_px: Sequence[int]) -> None:
        self.region = region
        self._least_px = tuple(least_px)
        self._left = cut(region, tile_px)
        self._done_px = 0

    def __bool__(self) -> bool:
        return bool(self._left)

    def __len__(self) -> int:
        return len(self._left)

    @property
    def fraction(self) -> float:
        """Share of the pixels that is done, 0 to 1."""
        return self._done_px / self.region.n_px if self.region.n_px else 1.0

    def next(self) -> Region | None:
        """The tile that is to be done now; the same until it is done or halved. None at the end."""
        return self._left[0] if self._left else None

    def after(self) -> Region | None:
        """The tile that will most likely follow, so that it can be read meanwhile."""
        return self._left[1] if len(self._left) > 1 else None

    def done(self, tile: Region) -> None:
        """Count a tile that was handed out as done."""
        self._left.remove(tile)
        self._done_px += tile.n_px

    def put_first(self, viewport: Region) -> None:
        """Hand out tiles from the middle of a viewport outwards from now on."""
        middle = _middle(viewport)
        self._left.sort(key=lambda tile: sum((a - b) ** 2 for a, b in zip(_middle(tile), middle, strict=True)))

    def halve(self, tile: Region) -> bool:
        """Halve a tile along its longest axis, and all others that are as long; return whether any could be.

        A tile that is as small as it may get stays.
        """
        sides = tile.shape_px
        large = [axis for axis, (n, least) in enumerate(zip(sides, self._least_px, strict=True)) if n > least]
        if not large:
            return False
        axis = max(large, key=lambda axis: sides[axis])
        least = self._least_px[axis]
        side = least * -(-sides[axis] // (2 * least))
        self._left = [part for one in self._left for part in _cut_along(one, axis, side)]
        return True


def _cut_along(tile: Region, axis: int, side: int) -> list[Region]:
    return cut(tile, (*tile.shape_px[:axis], side, *tile.shape_px[axis + 1 :]))


def _middle(region: Region) -> tuple[int, ...]:
    return tuple(map(sum, zip(region.start, region.stop, strict=True)))


def cut_evenly(region: Region, tile_px: Sequence[int]) -> list[Region]:
    """Cut a box into tiles of nearly one shape, no two of which overlap.

    Parameters
    ----------
    region : Region
    tile_px : sequence of int
        Largest shape of a tile: of all shapes of which as few cover the box, the smallest is taken.
    """
    return cut(region, even_tile(region.shape_px, tile_px, (1,) * len(tile_px)))
