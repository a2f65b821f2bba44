"""Outlines: where things lie in a generated image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.ndimage as ndi
from scipy.spatial import cKDTree

from pretraining.textures import fractal_noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.types import AnyArray, IntArray

__all__ = ["Outline", "cells", "draw_outlines", "fibres", "random_points", "regions"]

_Px = tuple[int, int]
# Radii that an outline is stored as.
_ANGLES = 64
_FAR_PX = 1e3


def regions(shape_px: _Px, rng: np.random.Generator, scale_px: float, share: float, roughness: float) -> AnyArray:
    """Signed distance to the border of large regions that cover `share` of the image, positive inside, in pixels.

    Parameters
    ----------
    shape_px : tuple of int
    rng : Generator
    scale_px : float
        Typical size of a region.
    share : float
    roughness : float
        0 is smooth.

    Returns
    -------
    ndarray of shape shape_px, float64
    """
    smooth = ndi.gaussian_filter(rng.standard_normal(shape_px), scale_px / 3, mode="wrap")
    field = smooth / smooth.std() + roughness * fractal_noise(shape_px, rng, 1.5)
    inside = field > np.quantile(field, 1 - share)
    distance_px: AnyArray = ndi.distance_transform_edt(inside) - ndi.distance_transform_edt(~inside)
    return distance_px


def cells(shape_px: _Px, rng: np.random.Generator, spacing_px: float, warp_px: float) -> tuple[IntArray, AnyArray]:
    """Divide the image into cells that touch.

    Parameters
    ----------
    shape_px : tuple of int
    rng : Generator
    spacing_px : float
        Typical distance of neighbours.
    warp_px : float
        How far borders stray from straight lines.

    Returns
    -------
    numbers : ndarray of shape shape_px, int64
        Of the cell that a pixel lies in, from 0.
    distance_px : ndarray of shape shape_px, float64
        At most the distance to the nearest border, which it is on the line between two seeds.

    References
    ----------
    Worley 1996, A cellular texture basis function, SIGGRAPH: the difference of the distances to the two nearest seeds.
    """
    # Cells at the edge of the image have neighbours outside.
    margin_px = 2 * spacing_px
    extent_px = np.array(shape_px) + 2 * margin_px
    seeds = rng.uniform(0, extent_px, (max(3, int(np.prod(extent_px) / spacing_px**2)), 2)) - margin_px
    places = np.stack(np.meshgrid(*map(np.arange, shape_px), indexing="ij"), -1).astype(float)
    for axis in range(2):
        places[..., axis] += warp_px * fractal_noise(shape_px, rng, 2.0)
    distances, numbers = cKDTree(seeds).query(places, k=2)
    return numbers[..., 0], (distances[..., 1] - distances[..., 0]) / 2


def fibres(shape_px: _Px, rng: np.random.Generator, count: int, curl: float, angle: float, spread: float) -> AnyArray:
    """Distance to the nearest of `count` long curved lines, in pixels.

    Parameters
    ----------
    shape_px : tuple of int
    rng : Generator
    count : int
    curl : float
        Standard deviation of the change of direction per pixel, before it is smoothed, in radians.
    angle, spread : float
        Mean and standard deviation of the directions, in radians; 0 is along the rows.

    Returns
    -------
    ndarray of shape shape_px, float64
    """
    clear = np.ones(shape_px, bool)
    for _ in range(count):
        clear[_fibre(shape_px, rng, curl, angle, spread)] = False
    distance_px: AnyArray = ndi.distance_transform_edt(clear) if not clear.all() else np.full(shape_px, _FAR_PX)
    return distance_px


def _fibre(
    shape_px: _Px, rng: np.random.Generator, curl: float, angle: float, spread: float
) -> tuple[IntArray, IntArray]:
    """Rows and columns of the pixels in the image that a line passes, whose middle lies anywhere in the image."""
    steps = 2 * max(shape_px)
    bends = 3 * ndi.gaussian_filter1d(rng.normal(0, curl, steps), 4)
    directions = rng.normal(angle, spread) + np.cumsum(bends)
    # Not used: so a seed gives the scenes that the shipped weights were trained on.
    rng.uniform(size=2)
    rows, columns = (
        np.round(way - way[steps // 2] + rng.uniform(0, n)).astype(np.int64)
        for way, n in zip((np.cumsum(np.sin(directions)), np.cumsum(np.cos(directions))), shape_px, strict=True)
    )
    seen = (rows >= 0) & (rows < shape_px[0]) & (columns >= 0) & (columns < shape_px[1])
    return rows[seen], columns[seen]


class Outline:
    """A closed outline around a centre: an ellipse whose radius wavers.

    Parameters
    ----------
    centre_px : sequence of float
    radius_px : float
        Radius of the circle of the same area.
    elongation : float
        Ratio of the axes, at least 1.
    angle : float
        Of the long axis, in radians.
    roughness : float
        Relative amplitude of the wavering.
    rng : Generator

    Attributes
    ----------
    radii_px : ndarray of shape (64,), float64
        Distance of the outline from the centre, all around from an angle of 0 on.
    """

    def __init__(
        self,
        centre_px: Sequence[float],
        radius_px: float,
        elongation: float,
        angle: float,
        roughness: float,
        rng: np.random.Generator,
    ) -> None:
        self.centre_px = centre_px
        turns = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)
        long, short = radius_px * np.sqrt(elongation), radius_px / np.sqrt(elongation)
        ellipse = long * short / np.hypot(short * np.cos(turns - angle), long * np.sin(turns - angle))
        # Order 1 would move the outline, not change its shape.
        orders = np.arange(2, 8)
        waves = rng.normal(0, 1 / orders, len(orders)) @ np.cos(
            orders[:, None] * turns + rng.uniform(0, 2 * np.pi, (len(orders), 1))
        )
        self.radii_px = np.maximum(ellipse * (1 + roughness * waves), 0.3 * short)

    def depth(self, rows: slice, columns: slice) -> AnyArray:
        """Depth of a window's pixels below the outline, relative to the radius: 1 at the centre, 0 at the outline.

        Parameters
        ----------
        rows, columns : slice
            The window, of shape (Y, X).

        Returns
        -------
        ndarray of shape (Y, X), float64
        """
        dy = np.arange(rows.start, rows.stop)[:, None] - self.centre_px[0]
        dx = np.arange(columns.start, columns.stop)[None] - self.centre_px[1]
        turn = np.arctan2(dy, dx) % (2 * np.pi) * _ANGLES / (2 * np.pi)
        low = turn.astype(int) % _ANGLES
        part = turn - np.floor(turn)
        radius = self.radii_px[low] * (1 - part) + self.radii_px[(low + 1) % _ANGLES] * part
        depth: AnyArray = 1 - np.hypot(dy, dx) / radius
        return depth

    def window(self, shape_px: _Px) -> tuple[slice, slice] | None:
        """Rows and columns of the image that the outline lies in; None where it lies outside."""
        reach = float(self.radii_px.max())
        bounds = [
            (max(0, int(c - reach)), min(n, int(c + reach) + 2)) for c, n in zip(self.centre_px, shape_px, strict=True)
        ]
        if any(low >= high for low, high in bounds):
            return None
        return slice(*bounds[0]), slice(*bounds[1])


def draw_outlines(shape_px: _Px, outlines: Sequence[Outline]) -> tuple[IntArray, AnyArray]:
    """Draw outlines over each other, the last on top.

    Parameters
    ----------
    shape_px : tuple of int
    outlines : sequence of Outline

    Returns
    -------
    numbers : ndarray of shape shape_px, int64
        Number of the outline on top, from 1; 0 outside.
    distance_px : ndarray of shape shape_px, float64
        Signed distance to the nearest outline, positive inside; things that touch have a border between them.
    """
    numbers = np.zeros(shape_px, np.int64)
    for number, outline in enumerate(outlines, start=1):
        window = outline.window(shape_px)
        if window is not None:
            numbers[window][outline.depth(*window) > 0] = number
    within = (numbers > 0) & (ndi.minimum_filter(numbers, 3) == ndi.maximum_filter(numbers, 3))
    inner, outer = ndi.distance_transform_edt(within) + 0.5, ndi.distance_transform_edt(numbers == 0)
    return numbers, np.where(numbers > 0, inner, -outer)


def random_points(allowed: AnyArray, count: int, rng: np.random.Generator) -> AnyArray:
    """Draw pixels of a mask, with repetition.

    Parameters
    ----------
    allowed : ndarray of shape (Y, X), bool
    count : int
    rng : Generator

    Returns
    -------
    ndarray of shape (count, 2), float64
        Rows and columns; (0, 2) where nothing is allowed.
    """
    places = np.argwhere(allowed)
    if not len(places):
        return np.zeros((0, 2))
    return places[rng.integers(len(places), size=count)].astype(float)
