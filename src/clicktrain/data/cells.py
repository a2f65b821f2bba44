"""Round cells, the least that looks like tissue: what generated examples are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clicktrain.types import FloatArray

__all__ = ["draw_cell", "scattered_places"]


def scattered_places(random: np.random.Generator, side_px: int, spacing_px: int) -> FloatArray:
    """Places (y, x) about `spacing_px` apart, none of them on a grid that one sees; shape (N, 2)."""
    ticks = np.arange(spacing_px / 2, side_px, spacing_px)
    grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return (grid + random.uniform(-0.35, 0.35, grid.shape) * spacing_px).astype(np.float32)


def draw_cell(image: FloatArray, y: float, x: float, radius_px: float, brightness: float) -> None:
    """Add a disc with a soft border to the image, in place."""
    reach = int(radius_px) + 3
    top, left = max(0, int(y) - reach), max(0, int(x) - reach)
    part = image[top : int(y) + reach + 1, left : int(x) + reach + 1]
    ys, xs = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
    part += brightness / (1 + np.exp(np.hypot(ys - y, xs - x) - radius_px))
