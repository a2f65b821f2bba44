"""Random kinds of microscopy: a style fixes what is seen and how, a scene is one image of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pretraining.blobs import Blob, Blobs, Core, Place
from pretraining.imaging import Microscope, random_microscope
from pretraining.layers import Canvas, Cells, Fibres, Layer, Regions, Surface
from pretraining.textures import Texture, random_texture

if TYPE_CHECKING:
    from clicktrain.types import AnyArray, IntArray

__all__ = ["Scene", "Style", "random_style"]

_PLACES: tuple[Place, ...] = ("anywhere", "border", "region")


@dataclass(frozen=True, slots=True)
class Scene:
    """A generated image and what it shows.

    Parameters
    ----------
    image : ndarray of shape (Y, X), float32
    classes : ndarray of shape (Y, X), int64
        Counted from 0, the ground.
    """

    image: AnyArray
    classes: IntArray


@dataclass(frozen=True, slots=True)
class Style:
    """A kind of microscopy.

    Parameters
    ----------
    level : float
        Grey value of the ground.
    texture : Texture
        Of the ground.
    layers : tuple of Layer
        From the ground up.
    microscope : Microscope
    """

    level: float
    texture: Texture
    layers: tuple[Layer, ...]
    microscope: Microscope

    def draw(self, shape_px: tuple[int, int], rng: np.random.Generator) -> Scene:
        """Draw one image.

        Parameters
        ----------
        shape_px : tuple of int
        rng : Generator

        Returns
        -------
        Scene
        """
        ground = self.level + self.texture.paint(shape_px, rng)
        canvas = Canvas(ground, np.zeros(shape_px, np.int64))
        for layer in self.layers:
            layer.lay(canvas, rng)
        return Scene(self.microscope.take(canvas.values, rng), canvas.classes)


def random_style(rng: np.random.Generator) -> Style:
    """Choose a kind of microscopy: one to four layers, each with classes of its own.

    Parameters
    ----------
    rng : Generator

    Returns
    -------
    Style
    """
    count = 1 + rng.choice(4, p=(0.3, 0.35, 0.25, 0.1))
    # Numbers of regions, cells, blobs, fibres.
    chosen = rng.choice(4, size=count, p=(0.22, 0.25, 0.4, 0.13))
    levels = rng.uniform(0.1, 1.0, 16)
    if rng.random() < 0.3:
        levels = levels.mean() + 0.25 * (levels - levels.mean())
    contrast = float(np.exp(rng.uniform(np.log(0.01), np.log(0.15))))
    maker = _Maker(rng, levels, contrast)
    makers = (maker.regions, maker.cells, maker.blobs, maker.fibres)
    # Regions and cells fill the image: they come first, or they would hide the rest.
    layers = tuple(makers[kind]() for kind in sorted(chosen, key=lambda kind: min(kind, 2)))
    return Style(float(levels[0]), random_texture(rng, contrast), layers, random_microscope(rng))


class _Maker:
    """Chooses layers, each with class numbers of its own, counted from 1.

    Parameters
    ----------
    rng : Generator
    levels : ndarray of shape (N,), float
        Grey values, by class number.
    contrast : float
        About the contrast of the textures.
    """

    def __init__(self, rng: np.random.Generator, levels: AnyArray, contrast: float) -> None:
        self.rng, self.levels, self.contrast, self.number = rng, levels, contrast, 0

    def regions(self) -> Layer:
        return Regions(
            self._new_surface(),
            scale_px=self._between(20, 120),
            share=float(self.rng.uniform(0.15, 0.7)),
            roughness=float(self.rng.choice([0, self.rng.uniform(0, 0.4)])),
        )

    def cells(self) -> Layer:
        membrane = self._next_number()
        interior = self._next_number() if self.rng.random() < 0.5 else None
        spacing_px = self._between(10, 80)
        interior_surface = self._surface(interior) if interior is not None else None
        return Cells(
            self._surface(membrane),
            interior_surface,
            spacing_px=spacing_px,
            warp_px=float(self.rng.uniform(0, 0.25)) * spacing_px,
            membrane_px=self._between(1.5, min(8.0, spacing_px / 3)),
        )

    def blobs(self) -> Layer:
        rng = self.rng
        number = self._next_number()
        radius_px = self._between(2, 40)
        ragged = rng.random() < 0.25
        surface, radius_spread = self._surface(number), float(rng.uniform(0, 0.5))
        share = self._between(0.02, 0.6)
        elongation = 1 + abs(float(rng.normal(0, 1.2 if ragged else 0.5)))
        roughness = float(rng.uniform(0.2, 0.6) if ragged else rng.uniform(0, 0.15))
        angle = None if rng.random() < 0.7 else float(rng.uniform(0, np.pi))
        place = _PLACES[rng.choice(3, p=(0.6, 0.2, 0.2))]
        halo = float(rng.choice([0, rng.normal(0, 0.2)], p=(0.6, 0.4)))
        halo_px = self._between(1, 6)
        core = self._core() if radius_px > 8 and rng.random() < 0.45 else None
        blob = Blob(surface, radius_spread, elongation, roughness, angle, halo, halo_px, core)
        return Blobs(blob, radius_px, share, place)

    def fibres(self) -> Layer:
        return Fibres(
            self._new_surface(),
            width_px=self._between(1, 8),
            count=int(self._between(3, 60)),
            curl=self._between(0.003, 0.15),
            angle=float(self.rng.uniform(0, np.pi)),
            spread=float(self.rng.choice([0.15, 2.0])),
        )

    def _core(self) -> Core:
        rng = self.rng
        # A core is now and then only a look, not a class: nucleoli, vacuoles.
        number = self._next_number() if rng.random() < 0.7 else self.number
        surface, size = self._surface(number), float(rng.uniform(0.2, 0.6))
        blob = Blob(
            surface,
            radius_spread=float(rng.uniform(0, 0.3)),
            elongation=1 + abs(float(rng.normal(0, 0.4))),
            roughness=float(rng.uniform(0, 0.2)),
        )
        return Core(blob, size)

    def _next_number(self) -> int:
        self.number += 1
        return self.number

    def _new_surface(self) -> Surface:
        return self._surface(self._next_number())

    def _surface(self, number: int) -> Surface:
        rng = self.rng
        return Surface(
            number,
            level=float(self.levels[number % len(self.levels)]),
            texture=random_texture(rng, self.contrast),
            opacity=float(rng.choice([1.0, rng.uniform(0.4, 1.0)])),
            variety=float(rng.choice([0, rng.uniform(0, 0.12)])),
            rim=float(rng.choice([0, rng.normal(0, 0.2)])),
            rim_px=self._between(1, 4),
        )

    def _between(self, low: float, high: float) -> float:
        """Draw evenly on the scale of the logarithm."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))
