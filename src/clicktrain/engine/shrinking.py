"""Tiles that get smaller when memory runs out."""

from __future__ import annotations

from collections import deque
from itertools import product
from typing import TYPE_CHECKING

from clicktrain.errors import ClickTrainError, is_out_of_memory
from clicktrain.geometry.tiles import Tile
from clicktrain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ShrinkingTiles", "equal_tiles", "even_tile"]


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
    counts = [-(-n // tile) for n, tile in zip(shape_px, tile_px, strict=True)]
    return tuple(min(n, m * -(-n // (count * m))) for n, count, m in zip(shape_px, counts, multiple_px, strict=True))


def equal_tiles(region: Sequence[slice], tile_px: Sequence[int], fov_px: Sequence[int]) -> list[Tile]:
    """Cut a region of an output into tiles of one shape; the last ones along an axis overlap those before.

    Parameters
    ----------
    region : sequence of slice
    tile_px : sequence of int
        Shape of a tile's output; where the region is smaller, tiles are.
    fov_px : sequence of int
        Input pixels that one output pixel depends on.
    """
    return [
        Tile(inner, tuple(slice(s.start, s.stop + fov - 1) for s, fov in zip(inner, fov_px, strict=True)))
        for inner in product(*map(_slices, region, tile_px))
    ]


class ShrinkingTiles:
    """Tiles that are still to be done; all get smaller when one is too large for the memory.

    All have one shape, so that what is known of one, such as the memory that it takes, holds for all. The last ones
    along an axis therefore overlap those before.

    Parameters
    ----------
    shape_px : sequence of int
        Shape of the output.
    tile_px : sequence of int
        Shape of a tile's output.
    fov_px : sequence of int
        Input pixels that one output pixel depends on.
    least_px : sequence of int
        Shape below which no tile is halved; halves are multiples of it.
    """

    def __init__(
        self, shape_px: Sequence[int], tile_px: Sequence[int], fov_px: Sequence[int], least_px: Sequence[int]
    ) -> None:
        self._fov_px, self._least_px = fov_px, least_px
        self._left = deque(self._cut([slice(0, n) for n in shape_px], tile_px))
        self._done = 0

    def __bool__(self) -> bool:
        return bool(self._left)

    @property
    def first(self) -> Tile:
        """Tile that is next."""
        return self._left[0]

    def finish(self) -> None:
        """Drop the first tile, which is done."""
        self._left.popleft()
        self._done += 1

    def shrink(self, error: Exception) -> None:
        """Halve the first tile, and all others with it, after what it raised.

        Raises
        ------
        ClickTrainError
            If the tile is as small as it may get.
        Exception
            `error` itself, if it is not about memory.
        """
        if not is_out_of_memory(error):
            raise error
        size = tuple(part.stop - part.start for part in self.first.inner)
        large = [axis for axis, (n, least) in enumerate(zip(size, self._least_px, strict=True)) if n > least]
        if not large:
            raise ClickTrainError(
                f"memory must hold one tile of {size} px and its surroundings, and it is full. Close other programs, "
                "or use a network with fewer channels."
            ) from error
        axis = max(large, key=lambda axis: size[axis])
        least = self._least_px[axis]
        smaller = (*size[:axis], least * -(-size[axis] // (2 * least)), *size[axis + 1 :])
        self._left = deque(part for tile in self._left for part in self._cut(tile.inner, smaller))

    def progress(self, stage: str, *, half_done: bool = False) -> Progress:
        """How far the tiles are, each counted as two steps."""
        return Progress(stage, 2 * self._done + half_done, 2 * (self._done + len(self._left)))

    def _cut(self, region: Sequence[slice], tile_px: Sequence[int]) -> list[Tile]:
        return equal_tiles(region, tile_px, self._fov_px)


def _slices(region: slice, side: int) -> list[slice]:
    """Equal parts that cover a region, the last one moved inwards."""
    side = min(side, region.stop - region.start)
    return [slice(s, s + side) for s in (min(s, region.stop - side) for s in range(region.start, region.stop, side))]
