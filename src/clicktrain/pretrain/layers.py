"""What a generated image is built of, from the ground up: regions, cells, blobs, fibres."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from clicktrain.pretrain.shapes import Outline, cells, draw_outlines, fibres, outline_points, regions

if TYPE_CHECKING:
    from clicktrain.pretrain.textures import Texture
    from clicktrain.types import AnyArray, IntArray

__all__ = ["Blobs", "Canvas", "Cells", "Fibres", "Layer", "Regions", "Surface"]


@dataclass(slots=True)
class Canvas:
    """A picture in the making.

    Parameters
    ----------
    values : ndarray of shape (Y, X), float
        Grey values.
    classes : ndarray of shape (Y, X), int64
        What each pixel shows, counted from 0.
    region_distance_px : ndarray of shape (Y, X), float, optional
        Signed distance to the border of the newest regions, which later layers may line.
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
    """How a kind of thing looks.

    Parameters
    ----------
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

    level: float
    texture: Texture
    opacity: float = 1.0
    variety: float = 0.0
    rim: float = 0.0
    rim_px: float = 1.0

    def paint(
        self, canvas: Canvas, inside: AnyArray, depth_px: AnyArray, numbers: IntArray, rng: np.random.Generator
    ) -> None:
        """Paint the pixels of `inside`; `numbers` tells one thing from the next."""
        levels = self.level + self.variety * rng.standard_normal(int(numbers.max()) + 1)
        looks = levels[numbers] + self.texture.paint(canvas.shape_px, rng)
        looks = looks + self.rim * np.exp(-np.maximum(depth_px, 0) / self.rim_px)
        canvas.values = np.where(inside, canvas.values + self.opacity * (looks - canvas.values), canvas.values)


class Layer(Protocol):
    """Something that can be laid over a picture."""

    def lay(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Change the picture's grey values and classes."""


@dataclass(frozen=True, slots=True)
class Regions:
    """Large regions, told apart from the ground by level or by texture alone."""

    number: int
    surface: Surface
    scale_px: float
    share: float
    roughness: float

    def lay(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """See `Layer`."""
        distance_px = regions(canvas.shape_px, rng, self.scale_px, self.share, self.roughness)
        inside = distance_px > 0
        self.surface.paint(canvas, inside, distance_px, inside.astype(np.int64), rng)
        canvas.classes = np.where(inside, self.number, canvas.classes)
        canvas.region_distance_px = distance_px


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells that touch, with a membrane between them."""

    membrane_number: int
    interior_number: int | None
    interior: Surface | None
    membrane: Surface
    spacing_px: float
    warp_px: float
    membrane_px: float

    def lay(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """See `Layer`."""
        numbers, distance_px = cells(canvas.shape_px, rng, self.spacing_px, self.warp_px)
        wall = distance_px < self.membrane_px / 2
        if self.interior is not None and self.interior_number is not None:
            self.interior.paint(canvas, ~wall, distance_px, numbers, rng)
            canvas.classes = np.where(wall, canvas.classes, self.interior_number)
        self.membrane.paint(canvas, wall, self.membrane_px / 2 - distance_px, np.zeros_like(numbers), rng)
        canvas.classes = np.where(wall, self.membrane_number, canvas.classes)


@dataclass(frozen=True, slots=True)
class Blobs:
    """Round to ragged things: nuclei, vesicles, granules, spread cells.

    Parameters
    ----------
    number : int
    surface : Surface
    radius_px : float
    radius_spread : float
        Standard deviation of the logarithm of the radius.
    share : float
        Of the image that they would cover without overlap.
    elongation, roughness : float
    angle : float or None
        Common direction; None for any.
    place : {"anywhere", "border", "region"}
        Where they lie; along or in the regions where there are some.
    halo, halo_px : float
        Added around them, falling off outwards.
    core : Blobs or None
        What lies in the middle of each, with a radius relative to it.
    """

    number: int
    surface: Surface
    radius_px: float
    radius_spread: float
    share: float
    elongation: float
    roughness: float
    angle: float | None = None
    place: Literal["anywhere", "border", "region"] = "anywhere"
    halo: float = 0.0
    halo_px: float = 1.0
    core: Blobs | None = field(default=None)

    def lay(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """See `Layer`."""
        centres = self._centres(canvas, rng)
        self._lay_at(canvas, centres, np.full(len(centres), self.radius_px), rng)

    def _centres(self, canvas: Canvas, rng: np.random.Generator) -> AnyArray:
        area_px = np.pi * self.radius_px**2
        count = int(min(400, max(1, rng.poisson(self.share * np.prod(canvas.shape_px) / area_px + 0.5))))
        if self.place != "anywhere" and canvas.region_distance_px is not None:
            if self.place == "border":
                lined = max(1, int((np.abs(canvas.region_distance_px) < 1).sum() / 2 / self.radius_px))
                return outline_points(canvas.region_distance_px, 1.2 * self.radius_px, min(count, lined), rng)
            inside = np.argwhere(canvas.region_distance_px > 0)
            return inside[rng.integers(len(inside), size=count)].astype(float) if len(inside) else np.zeros((0, 2))
        spread: AnyArray = rng.uniform(-self.radius_px, np.array(canvas.shape_px) + self.radius_px, (count, 2))
        return spread

    def _lay_at(self, canvas: Canvas, centres: AnyArray, radii_px: AnyArray, rng: np.random.Generator) -> None:
        sizes = np.maximum(1.2, radii_px * np.exp(rng.normal(0, self.radius_spread, len(centres))))
        turns = rng.uniform(0, np.pi, len(centres)) if self.angle is None else rng.normal(self.angle, 0.2, len(centres))
        outlines = [
            Outline(centre, size, self.elongation, turn, self.roughness, rng)
            for centre, size, turn in zip(centres, sizes, turns, strict=True)
        ]
        numbers, distance_px = draw_outlines(canvas.shape_px, outlines)
        canvas.values = canvas.values + np.where(
            distance_px > 0, 0, self.halo * np.exp(np.minimum(distance_px, 0) / self.halo_px)
        )
        self.surface.paint(canvas, numbers > 0, distance_px, numbers, rng)
        canvas.classes = np.where(numbers > 0, self.number, canvas.classes)
        if self.core is not None:
            off = rng.normal(0, 0.15, centres.shape) * sizes[:, None]
            self.core._lay_at(canvas, centres + off, sizes * self.core.radius_px, rng)


@dataclass(frozen=True, slots=True)
class Fibres:
    """Long thin curved lines."""

    number: int
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
        canvas.classes = np.where(inside, self.number, canvas.classes)
