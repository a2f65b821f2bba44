"""A generated section of an organ whose layers look alike: what a pixel is follows from where in the organ it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clicktrain.types import FloatArray, IntArray

__all__ = ["organ_section"]

_CELL_SPACING_PX, _CELL_RADIUS_PX, _CELL_BRIGHTNESS = 18, (4.0, 6.0), (50, 110)
_GROUND, _TISSUE, _NOISE = 20, 60, 9


def organ_section(seed: int, *, side_px: int = 768) -> tuple[NDArray[np.uint8], IntArray]:
    """Draw an oval organ full of cells on a dark ground.

    Its shell is two fifths of the way deep; cells in shell and core are the same.

    Parameters
    ----------
    seed : int
    side_px : int
        Height and width. Where it is several times as large as a classifier's field of view, that does not reach from
        the border between shell and core to the outside.

    Returns
    -------
    image : ndarray of shape (side_px, side_px), uint8
    truth : ndarray of shape (side_px, side_px), int64
        1 outside, 2 in the shell, 3 in the core.
    """
    random = np.random.default_rng(seed)
    inside = _oval(random, side_px)
    depth_px = distance_transform_edt(inside)
    truth = np.where(inside, np.where(depth_px < 0.4 * depth_px.max(), 2, 3), 1)
    image = np.where(inside, _TISSUE, _GROUND).astype(np.float32)
    places = _scattered_places(random, side_px)
    for y, x in places[(places < side_px).all(axis=1)]:
        if inside[int(y), int(x)]:
            _draw_cell(image, y, x, random.uniform(*_CELL_RADIUS_PX), random.uniform(*_CELL_BRIGHTNESS))
    return np.clip(image + random.normal(0, _NOISE, image.shape), 0, 255).astype(np.uint8), truth


def _scattered_places(random: np.random.Generator, side_px: int) -> FloatArray:
    """Places (y, x) about one spacing apart, none of them on a grid that one sees; shape (N, 2)."""
    ticks = np.arange(_CELL_SPACING_PX / 2, side_px, _CELL_SPACING_PX)
    grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return (grid + random.uniform(-0.35, 0.35, grid.shape) * _CELL_SPACING_PX).astype(np.float32)


def _draw_cell(image: FloatArray, y: float, x: float, radius_px: float, brightness: float) -> None:
    """Add a disc with a soft border to the image, in place."""
    reach = int(radius_px) + 3
    top, left = max(0, int(y) - reach), max(0, int(x) - reach)
    part = image[top : int(y) + reach + 1, left : int(x) + reach + 1]
    ys, xs = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
    part += brightness / (1 + np.exp(np.hypot(ys - y, xs - x) - radius_px))


def _oval(random: np.random.Generator, side_px: int) -> NDArray[np.bool_]:
    """An ellipse, turned and off the middle."""
    centre_y, centre_x = side_px * random.uniform(0.46, 0.54, 2)
    half_long, half_short = side_px * random.uniform((0.40, 0.32), (0.44, 0.38))
    angle = random.uniform(0, np.pi)
    ys, xs = np.ogrid[:side_px, :side_px]
    along = (ys - centre_y) * np.sin(angle) + (xs - centre_x) * np.cos(angle)
    across = (ys - centre_y) * np.cos(angle) - (xs - centre_x) * np.sin(angle)
    oval: NDArray[np.bool_] = np.hypot(along / half_long, across / half_short) < 1
    return oval
