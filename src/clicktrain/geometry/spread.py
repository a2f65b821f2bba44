"""Boxes that lie evenly all over an image: integers only."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from clicktrain.geometry.region import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["spread_boxes"]


def spread_boxes(shape_px: Sequence[int], counts: Sequence[int], sides_px: Sequence[int]) -> list[Region]:
    """Boxes around the middles of equal parts of an image, always the same ones for a shape.

    Parameters
    ----------
    shape_px : sequence of int
    counts : sequence of int
        Boxes along each axis.
    sides_px : sequence of int
        Of a box; where the image is shorter, so is the box.

    Returns
    -------
    list of Region
        Inside the image, in row-major order.
    """
    along = [
        [max(0, (2 * i + 1) * length // (2 * count) - side // 2) for i in range(count)]
        for length, count, side in zip(shape_px, counts, sides_px, strict=True)
    ]
    return [Region.at(start, sides_px).clipped(shape_px) for start in product(*along)]
