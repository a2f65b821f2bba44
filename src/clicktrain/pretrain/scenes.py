"""Random kinds of microscopy: a style fixes what is seen and how, a scene is one image of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.pretrain.imaging import Microscope, random_microscope
from clicktrain.pretrain.layers import Blobs, Canvas, Cells, Fibres, Layer, Regions, Surface
from clicktrain.pretrain.textures import Texture, random_texture

if TYPE_CHECKING:
    from collections.abc import Callable

    from clicktrain.types import AnyArray, IntArray

__all__ = ["Scene", "Style", "random_style"]


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
    n_classes : int
        With the ground.
    """

    level: float
    texture: Texture
    layers: tuple[Layer, ...]
    microscope: Microscope
    n_classes: int

    def draw(self, shape_px: tuple[int, int], rng: np.random.Generator) -> Scene:
        """Draw one image.

        Parameters
        ----------
        shape_px : tuple of int
        rng : Generator
        """
        ground = self.level + self.texture.paint(shape_px, rng)
        canvas = Canvas(ground, np.zeros(shape_px, np.int64))
        for layer in self.layers:
            layer.lay(canvas, rng)
        return Scene(self.microscope.take(canvas.values, rng), canvas.classes)


def random_style(rng: np.random.Generator) -> Style:
    """Choose a kind of microscopy."""
    kinds = ("regions", "cells", "blobs", "fibres")
    count = 1 + rng.choice(4, p=(0.3, 0.35, 0.25, 0.1))
    chosen = list(rng.choice(4, size=count, p=(0.22, 0.25, 0.4, 0.13)))
    # Regions and cells fill the image: they come first, or they would hide the rest.
    chosen.sort(key=lambda number: (number >= 2, number if number < 2 else 0))
    levels = rng.uniform(0.1, 1.0, 16)
    if rng.random() < 0.3:
        levels = levels.mean() + 0.25 * (levels - levels.mean())
    contrast = float(np.exp(rng.uniform(np.log(0.01), np.log(0.15))))
    maker = _Maker(rng, levels, contrast)
    layers = tuple(maker.make(kinds[number]) for number in chosen)
    texture = random_texture(rng, contrast)
    return Style(float(levels[0]), texture, layers, random_microscope(rng), maker.number + 1)


class _Maker:
    """Makes layers, each with class numbers of its own."""

    def __init__(self, rng: np.random.Generator, levels: AnyArray, contrast: float) -> None:
        self.rng, self.levels, self.contrast, self.number = rng, levels, contrast, 0

    def make(self, kind: str) -> Layer:
        makers: dict[str, Callable[[], Layer]] = {
            "regions": self.regions,
            "cells": self.cells,
            "blobs": self.blobs,
            "fibres": self.fibres,
        }
        return makers[kind]()

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def surface(self, number: int) -> Surface:
        rng = self.rng
        return Surface(
            level=float(self.levels[number % 16]),
            texture=random_texture(rng, self.contrast),
            opacity=float(rng.choice([1.0, rng.uniform(0.4, 1.0)])),
            variety=float(rng.choice([0, rng.uniform(0, 0.12)])),
            rim=float(rng.choice([0, rng.normal(0, 0.2)])),
            rim_px=self.between(1, 4),
        )

    def between(self, low: float, high: float) -> float:
        """Draw evenly on the scale of the logarithm."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def regions(self) -> Layer:
        number = self.next_number()
        return Regions(
            number,
            self.surface(number),
            scale_px=self.between(20, 120),
            share=float(self.rng.uniform(0.15, 0.7)),
            roughness=float(self.rng.choice([0, self.rng.uniform(0, 0.4)])),
        )

    def cells(self) -> Layer:
        membrane = self.next_number()
        filled = self.rng.random() < 0.5
        interior = self.next_number() if filled else None
        spacing_px = self.between(10, 80)
        return Cells(
            membrane,
            interior,
            self.surface(interior) if interior is not None else None,
            self.surface(membrane),
            spacing_px=spacing_px,
            warp_px=float(self.rng.uniform(0, 0.25)) * spacing_px,
            membrane_px=self.between(1.5, min(8.0, spacing_px / 3)),
        )

    def blobs(self) -> Layer:
        rng = self.rng
        number = self.next_number()
        radius_px = self.between(2, 40)
        places = ("anywhere", "border", "region")
        ragged = rng.random() < 0.25
        return Blobs(
            number,
            self.surface(number),
            radius_px=radius_px,
            radius_spread=float(rng.uniform(0, 0.5)),
            share=self.between(0.02, 0.6),
            elongation=1 + abs(float(rng.normal(0, 1.2 if ragged else 0.5))),
            roughness=float(rng.uniform(0.2, 0.6) if ragged else rng.uniform(0, 0.15)),
            angle=None if rng.random() < 0.7 else float(rng.uniform(0, np.pi)),
            place=places[rng.choice(3, p=(0.6, 0.2, 0.2))],  # type: ignore[arg-type]
            halo=float(rng.choice([0, rng.normal(0, 0.2)], p=(0.6, 0.4))),
            halo_px=self.between(1, 6),
            core=self.core() if radius_px > 8 and rng.random() < 0.45 else None,
        )

    def core(self) -> Blobs:
        rng = self.rng
        # A core is now and then only a look, not a class: nucleoli, vacuoles.
        number = self.next_number() if rng.random() < 0.7 else self.number
        return Blobs(
            number,
            self.surface(number),
            radius_px=float(rng.uniform(0.2, 0.6)),
            radius_spread=float(rng.uniform(0, 0.3)),
            share=0,
            elongation=1 + abs(float(rng.normal(0, 0.4))),
            roughness=float(rng.uniform(0, 0.2)),
        )

    def fibres(self) -> Layer:
        rng = self.rng
        number = self.next_number()
        return Fibres(
            number,
            self.surface(number),
            width_px=self.between(1, 8),
            count=int(self.between(3, 60)),
            curl=self.between(0.003, 0.15),
            angle=float(rng.uniform(0, np.pi)),
            spread=float(rng.choice([0.15, 2.0])),
        )
