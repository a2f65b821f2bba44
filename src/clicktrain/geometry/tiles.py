"""Tiles of an image with the pixels that each needs around it: integers only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Tile", "plan_tiles"]


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile.

    Parameters
    ----------
    inner : tuple of slice
        What the tile writes, in the output.
    outer : tuple of slice
        What the tile reads, in the input that is larger than the output by the field of view less 1.
    """

    inner: tuple[slice, ...]
    outer: tuple[slice, ...]


def plan_tiles(shape_px: Sequence[int], tile_px: Sequence[int], fov_px: Sequence[int]) -> list[Tile]:
    """Cut an output into tiles that cover every pixel exactly once.

    Parameters
    ----------
    shape_px : sequence of int
        Shape of the output, any number of axes.
    tile_px : sequence of int
        Largest shape of a tile's output, from 1.
    fov_px : sequence of int
        Input pixels that one output pixel depends on; the input is larger than the output by `fov_px - 1`.

    Returns
    -------
    list of Tile
        In row-major order; along an axis the tiles differ by at most one pixel.
    """
    axes = [_plan_axis(*sizes) for sizes in zip(shape_px, tile_px, fov_px, strict=True)]
    return [Tile(*map(tuple, zip(*parts, strict=True))) if parts else Tile((), ()) for parts in product(*axes)]


def _plan_axis(length: int, tile: int, fov: int) -> list[tuple[slice, slice]]:
    count = -(-length // tile)
    # Tiles of nearly one size: a thin last tile would cost its whole border for a few pixels.
    edges = [length * i // count for i in range(count + 1)] if count else [0]
    return [(slice(a, b), slice(a, b + fov - 1)) for a, b in pairwise(edges)]
