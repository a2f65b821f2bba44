"""In which blocks a stored array is best read."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.images.openers import Sliceable

__all__ = ["blocks_under", "chunk_px"]

# Smaller chunks are read several at a time.
_LEAST_BLOCK_PX = {2: (256, 256), 3: (16, 64, 64)}


def chunk_px(values: Sliceable, axes: str) -> tuple[int, ...] | None:
    """Spatial shape of the chunks that an array is decoded in; None for one that is in memory or mapped."""
    chunks: Sequence[Any] | None = getattr(values, "chunks", None)
    if not chunks:
        return None
    # dask gives the lengths of all chunks along an axis; the first one stands for them.
    sides = [max(1, int(side if isinstance(side, int) else side[0])) for side in chunks]
    return tuple(sides[axes.index(name)] for name in "ZYX" if name in axes)


def blocks_under(region: Region, chunk_px: Sequence[int], shape_px: Sequence[int]) -> list[Region]:
    """Blocks of whole chunks, on a grid over the image, that a region touches."""
    least = _LEAST_BLOCK_PX[len(chunk_px)]
    sides = [side * ceil(wanted / side) for side, wanted in zip(chunk_px, least, strict=True)]
    start = tuple(first // side * side for first, side in zip(region.start, sides, strict=True))
    stop = tuple(-(-last // side) * side for last, side in zip(region.stop, sides, strict=True))
    return cut(Region(start, stop).clipped(shape_px), sides)
