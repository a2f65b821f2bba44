"""Round to ragged things: nuclei, vesicles, granules, spread cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from pretraining.shapes import Outline, draw_outlines, random_points

if TYPE_CHECKING:
    from clicktrain.types import AnyArray
    from pretraining.layers import Canvas, Surface

__all__ = ["Blob", "Blobs", "Core", "Place"]

Place: TypeAlias = Literal["anywhere", "border", "region"]

_MOST = 400
_SMALLEST_RADIUS_PX = 1.2


@dataclass(frozen=True, slots=True)
class Blob:
    """A kind of blob, apart from its size and place.

    Parameters
    ----------
    surface : Surface
    radius_spread : float
        Standard deviation of the logarithm of the radius.
    elongation : float
        Ratio of the axes, at least 1.
    roughness : float
        Relative amplitude of the outline's wavering.
    angle : float or None
        Common direction of the long axes, in radians; None for any.
    halo : float
        Added around them, falling off outwards.
    halo_px : float
        How far the halo reaches.
    core : Core or None
        What lies in the middle of each.
    """

    surface: Surface
    radius_spread: float
    elongation: float
    roughness: float
    angle: float | None = None
    halo: float = 0.0
    halo_px: float = 1.0
    core: Core | None = None

    def draw_at(self, canvas: Canvas, centres_px: AnyArray, radii_px: AnyArray, rng: np.random.Generator) -> None:
        """Draw blobs over the picture, the last on top.

        Parameters
        ----------
        canvas : Canvas
        centres_px : ndarray of shape (N, 2), float
        radii_px : ndarray of shape (N,), float
            About the radii of the circles of the same area.
        rng : Generator
        """
        sizes_px = np.maximum(_SMALLEST_RADIUS_PX, radii_px * np.exp(rng.normal(0, self.radius_spread, len(radii_px))))
        outlines = self._outlines(centres_px, sizes_px, rng)
        things, distance_px = draw_outlines(canvas.shape_px, outlines)
        halo = self.halo * np.exp(np.minimum(distance_px, 0) / self.halo_px)
        canvas.values = canvas.values + np.where(distance_px > 0, 0, halo)
        self.surface.paint(canvas, things > 0, distance_px, things, rng)
        if self.core is not None:
            off_px = rng.normal(0, 0.15, centres_px.shape) * sizes_px[:, None]
            self.core.blob.draw_at(canvas, centres_px + off_px, sizes_px * self.core.size, rng)

    def _outlines(self, centres_px: AnyArray, sizes_px: AnyArray, rng: np.random.Generator) -> list[Outline]:
        count = len(sizes_px)
        turns = rng.uniform(0, np.pi, count) if self.angle is None else rng.normal(self.angle, 0.2, count)
        return [
            Outline(centre, size, self.elongation, turn, self.roughness, rng)
            for centre, size, turn in zip(centres_px, sizes_px, turns, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Core:
    """What lies in the middle of blobs.

    Parameters
    ----------
    blob : Blob
    size : float
        Radius, relative to that of the blob around it.
    """

    blob: Blob
    size: float


@dataclass(frozen=True, slots=True)
class Blobs:
    """A layer of blobs.

    Parameters
    ----------
    blob : Blob
    radius_px : float
        Median radius.
    share : float
        Of the image that they would cover without overlap.
    place : {"anywhere", "border", "region"}
        Where they lie: along the border of the regions, from within, or all over the regions, if there are some.
    """

    blob: Blob
    radius_px: float
    share: float
    place: Place = "anywhere"

    def lay(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """See `Layer`."""
        centres_px = self._centres_px(canvas, rng)
        self.blob.draw_at(canvas, centres_px, np.full(len(centres_px), self.radius_px), rng)

    def _centres_px(self, canvas: Canvas, rng: np.random.Generator) -> AnyArray:
        wanted = self.share * np.prod(canvas.shape_px) / (np.pi * self.radius_px**2)
        count = int(min(_MOST, max(1, rng.poisson(wanted + 0.5))))
        distance_px = canvas.region_distance_px
        if self.place == "anywhere" or distance_px is None:
            # Those at the edge of the image may lie half outside.
            spread: AnyArray = rng.uniform(-self.radius_px, np.array(canvas.shape_px) + self.radius_px, (count, 2))
            return spread
        if self.place == "region":
            return random_points(distance_px > 0, count, rng)
        return random_points(np.abs(distance_px - 1.2 * self.radius_px) <= 1, count, rng)
