"""What a generated image is built of, from the ground up: regions, cells and fibres; `blobs` has the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pretraining.shapes import cells, fibres, regions

if TYPE_CHECKING:
    from clicktrain.types import AnyArray, IntArray
    from pretraining.textures import Texture

__all__ = ["Canvas", "Cells", "Fibres", "Layer", "Regions", "Surface"]


@dataclass(slots=True)
class Canvas:
    """A picture in the making.

    Parameters
    ----------
    values : ndarray of shape (Y, X), float
        Grey values.
    classes : ndarray of shape (Y, X), int64
        What each pixel shows, counted from 0.
    region_distance_px : ndarray of shape (Y, X), float, or None
        Signed distance to the border of the newest regions, positive inside; later layers may line it.
    """

    values: AnyArray
    classes: IntArray
    region_distance_px: AnyArray | None = None

    @property
    def shape_px(self) -> tuple[int, int]:
        """Size in pixels."""
        return self.classes.shape


@dataclass(frozen=True, slots=True)
class Surface:
    """How a kind of thing looks, and its class.

    Parameters
    ----------
    number : int
        Class of its pixels.
    level : float
        Mean grey value.
    texture : Texture
    opacity : float
        1 hides what lies below.
    variety : float
        Standard deviation of the level between one thing and the next.
    rim : float
        Added at the border, falling off inwards.
    rim_px : float
        How far the rim reaches.
    """

    number: int
    level: float
    texture: Texture
    opacity: float = 1.0
    variety: float = 0.0
    rim: float = 0.0
    rim_px: float = 1.0

    def paint(
        self, canvas: Canvas, inside: AnyArray, depth_px: AnyArray, things: IntArray, rng: np.random.Generator
    ) -> None:
        """Paint pixels and give them the class.

        Parameters
        ----------
        canvas : Canvas
        inside : ndarray of shape (Y, X), bool
            What is painted.
        depth_px : ndarray of shape (Y, X), float
            Distance to the border from within.
        things : ndarray of shape (Y, X), int64
            Tells one thing from the next, from 0.
        rng : Generator
        """
        levels = self.level + self.variety * rng.standard_normal(int(things.max()) + 1)
        looks = levels[things] + self.texture.paint(canvas.shape_px, rng)
        looks = looks + self.rim * np.exp(-np.maximum(depth_px, 0) / self.rim_px)
        canvas.values = np.where(inside, canvas.values + self.opacity * (looks - canvas.values), canvas.values)
        canvas.classes = np.where(inside, self.number, canvas.classes)


class Layer(Protocol):
    """Something that can be laid over a picture, each time with other places and instances of its textures."""

    def lay(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Change the picture's grey values and classes.

        Parameters
        ----------
        canvas : Canvas
        rng : Generator
        """


@dataclass(frozen=True, slots=True)
class Regions:
    """Large regions, told apart from the ground by level or by texture alone.

    Parameters
    ----------
    surface : Surface
    scale_px : float
        Typical size of a region.
    share : float
        Of the image that they cover.
    roughness : float
        Of the border; 0 is smooth.
    """

    surface: Surface
    scale_px: float
    share: float
    roughness: float

    def lay(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """See `Layer`."""
        distance_px = regions(canvas.shape_px, rng, self.scale_px, self.share, self.roughness)
        inside = distance_px > 0
        self.surface.paint(canvas, inside, distance_px, inside.astype(np.int64), rng)
        canvas.region_distance_px = distance_px


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells that touch, with a membrane between them.

    Parameters
    ----------
    membrane : Surface
    interior : Surface or None
        None leaves what lies below.
    spacing_px : float
        Typical distance of neighbours.
    warp_px : float
        How far borders stray from straight lines.
    membrane_px : float
        Width of the membrane where it is narrowest, between two seeds; about half as much again on average.
    """

    membrane: Surface
    interior: Surface | None
    spacing_px: float
    warp_px: float
    membrane_px: float

    def lay(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """See `Layer`."""
        numbers, distance_px = cells(canvas.shape_px, rng, self.spacing_px, self.warp_px)
        wall = distance_px < self.membrane_px / 2
        if self.interior is not None:
            self.interior.paint(canvas, ~wall, distance_px, numbers, rng)
        self.membrane.paint(canvas, wall, self.membrane_px / 2 - distance_px, np.zeros_like(numbers), rng)


@dataclass(frozen=True, slots=True)
class Fibres:
    """Long thin curved lines.

    Parameters
    ----------
    surface : Surface
    width_px : float
    count : int
    curl : float
        Standard deviation of the change of direction per pixel, before it is smoothed, in radians.
    angle, spread : float
        Mean and standard deviation of the directions, in radians.
    """

    surface: Surface
    width_px: float
    count: int
    curl: float
    angle: float
    spread: float

    def lay(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """See `Layer`."""
        distance_px = fibres(canvas.shape_px, rng, self.count, self.curl, self.angle, self.spread)
        inside = distance_px <= self.width_px / 2
        self.surface.paint(canvas, inside, self.width_px / 2 - distance_px, np.zeros(inside.shape, np.int64), rng)
