from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.ndimage as ndi

from pretraining.blobs import Blob, Blobs, Core
from pretraining.layers import Canvas, Cells, Fibres, Regions, Surface
from pretraining.shapes import cells
from pretraining.textures import Texture

if TYPE_CHECKING:
    from pretraining.layers import Layer

FLAT = Texture("flat", scale_px=4, beta=1, stretch=1, angle=0, contrast=0)
GROUND, BELOW = 9, 0.5


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def plain(number: int) -> Surface:
    """A surface that shows its number as grey value."""
    return Surface(number, level=float(number), texture=FLAT)


def empty(side_px: int = 120) -> Canvas:
    return Canvas(np.full((side_px, side_px), BELOW), np.full((side_px, side_px), GROUND))


def laid(layer: Layer, canvas: Canvas | None = None, seed: int = 0) -> Canvas:
    canvas = canvas or empty()
    layer.lay(canvas, rng(seed))
    return canvas


def blob(number: int = 2, **changes: object) -> Blob:
    return dataclasses.replace(Blob(plain(number), radius_spread=0, elongation=1, roughness=0), **changes)


REGIONS = Regions(plain(1), scale_px=40, share=0.4, roughness=0.2)
LAYERS: dict[str, Layer] = {
    "regions": REGIONS,
    "membranes": Cells(plain(1), None, spacing_px=25, warp_px=3, membrane_px=4),
    "cells": Cells(plain(1), plain(2), spacing_px=25, warp_px=3, membrane_px=4),
    "blobs": Blobs(blob(1, radius_spread=0.4, elongation=2.0, roughness=0.3), radius_px=8, share=0.3),
    "cored blobs": Blobs(blob(1, core=Core(blob(2), size=0.5)), radius_px=12, share=0.3),
    "fibres": Fibres(plain(1), width_px=3, count=5, curl=0.05, angle=0.5, spread=0.3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_writes_its_classes_only_where_it_paints(name: str) -> None:
    canvas = laid(LAYERS[name])
    own = canvas.classes != GROUND
    assert set(np.unique(canvas.classes[own])) == ({1, 2} if name in ("cells", "cored blobs") else {1})
    np.testing.assert_allclose(canvas.values, np.where(own, canvas.classes, BELOW))


@pytest.mark.parametrize("name", LAYERS)
def test_one_seed_lays_a_layer_in_one_way(name: str) -> None:
    once, again, other = (laid(LAYERS[name], seed=seed).classes for seed in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_opacity_lets_what_lies_below_through() -> None:
    surface = dataclasses.replace(plain(1), opacity=0.25)
    canvas = laid(dataclasses.replace(REGIONS, surface=surface))
    np.testing.assert_allclose(canvas.values[canvas.classes == 1], BELOW + 0.25 * (1 - BELOW))


def test_a_rim_falls_off_inwards() -> None:
    surface = dataclasses.replace(plain(1), rim=3.0, rim_px=2.0)
    canvas = laid(dataclasses.replace(REGIONS, surface=surface))
    depth_px, added = canvas.region_distance_px, canvas.values - 1
    for depth in (1.0, 2.0, 5.0):
        np.testing.assert_allclose(added[depth_px == depth], 3 * np.exp(-depth / 2))


def test_variety_gives_each_thing_a_level_of_its_own() -> None:
    interior = dataclasses.replace(plain(2), variety=0.3)
    canvas = laid(Cells(plain(1), interior, spacing_px=30, warp_px=0, membrane_px=3))
    assert len(np.unique(canvas.values[canvas.classes == 2])) > 10
    assert len(np.unique(canvas.values[canvas.classes == 1])) == 1


@pytest.mark.parametrize("membrane_px", [4.0, 8.0])
def test_touching_cells_have_a_membrane_of_about_the_wanted_width(membrane_px: float) -> None:
    wall = laid(Cells(plain(1), plain(2), spacing_px=60, warp_px=0, membrane_px=membrane_px), empty(300)).classes == 1
    numbers, _ = cells((300, 300), rng(), spacing_px=60, warp_px=0)
    steps = [numbers[1:] != numbers[:-1], numbers[:, 1:] != numbers[:, :-1]]
    border = np.pad(steps[0], ((1, 0), (0, 0))) | np.pad(steps[1], ((0, 0), (1, 0)))
    # Nowhere thinner; thicker where the border is far from the line between two seeds.
    assert wall[ndi.distance_transform_edt(~border) < membrane_px / 2 - 1].all()
    # The length of lines by how often rows and columns cross them, after Cauchy and Crofton.
    length_px = np.pi / 4 * sum(int(step.sum()) for step in steps)
    assert membrane_px <= wall.sum() / length_px < 2 * membrane_px


def test_fibres_are_as_wide_as_asked() -> None:
    canvas = laid(Fibres(plain(1), width_px=5, count=1, curl=0, angle=0, spread=0), seed=3)
    assert (canvas.classes == 1).all(axis=1).sum() == 5
    assert (canvas.classes == 1).any(axis=1).sum() == 5


def test_blobs_cover_about_the_asked_share() -> None:
    shares = [(laid(Blobs(blob(), radius_px=4, share=0.1), seed=s).classes == 2).mean() for s in range(10)]
    # Some overlap, some lie half outside.
    assert 0.06 < np.mean(shares) < 0.11


def test_blobs_in_regions_have_their_centres_there() -> None:
    canvas = laid(REGIONS)
    laid(Blobs(blob(), radius_px=3, share=0.2, place="region"), canvas)
    assert (canvas.classes == 2).any()
    assert canvas.region_distance_px[canvas.classes == 2].min() > -3


def test_blobs_at_the_border_of_regions_line_it_from_within() -> None:
    canvas = laid(REGIONS)
    laid(Blobs(blob(), radius_px=3, share=0.2, place="border"), canvas)
    depth_px = canvas.region_distance_px[canvas.classes == 2]
    assert ndi.label(canvas.classes == 2)[1] > 1
    # Centres are 1.2 radii below the border, to one pixel; distances leap from 1 to -1 there.
    assert depth_px.min() >= -1
    deepest_px = 1.2 * 3 + 1 + 3
    assert depth_px.max() < deepest_px < canvas.region_distance_px.max()


@pytest.mark.parametrize("place", ["region", "border"])
def test_without_a_place_for_them_there_are_no_blobs(place: str) -> None:
    canvas = empty()
    canvas.region_distance_px = np.full(canvas.shape_px, -5.0)
    laid(Blobs(blob(), radius_px=3, share=0.2, place=place), canvas)
    assert np.array_equal(canvas.classes, empty().classes)
    np.testing.assert_array_equal(canvas.values, empty().values)


def test_without_regions_blobs_lie_anywhere() -> None:
    anywhere, border = (
        laid(Blobs(blob(), radius_px=3, share=0.2, place=place)).classes for place in ("anywhere", "border")
    )
    assert np.array_equal(anywhere, border)


def test_a_core_is_as_large_as_its_size_says_and_lies_inside() -> None:
    canvas = empty()
    blob(1, core=Core(blob(2), size=0.5)).draw_at(canvas, np.array([[60.0, 60.0]]), np.array([30.0]), rng())
    core, whole = (canvas.classes == 2).sum(), (canvas.classes != GROUND).sum()
    assert core / whole == pytest.approx(0.25, rel=0.05)
    assert whole == pytest.approx(np.pi * 30**2, rel=0.02)


def test_a_halo_lights_the_surroundings_and_is_no_class() -> None:
    canvas, dark = empty(), empty()
    for target, halo in ((canvas, 0.4), (dark, 0.0)):
        blob(2, halo=halo, halo_px=3.0).draw_at(target, np.array([[60.0, 60.0]]), np.array([10.0]), rng())
    assert np.array_equal(canvas.classes, dark.classes)
    added = canvas.values - dark.values
    np.testing.assert_allclose(added[dark.classes == 2], 0, atol=1e-12)
    np.testing.assert_allclose(added[60, 70:], 0.4 * np.exp(-np.arange(1, 51) / 3), atol=1e-12)


def test_a_common_angle_lines_blobs_up() -> None:
    canvas = empty(300)
    centres_px = np.stack(np.meshgrid(*[np.arange(40, 300, 55.0)] * 2), -1).reshape(-1, 2)
    lined = blob(2, elongation=4.0, angle=0.0)
    lined.draw_at(canvas, centres_px, np.full(len(centres_px), 10.0), rng())
    inside = canvas.classes == 2
    ends_x, ends_y = (int((np.diff(inside.astype(int), axis=axis) == 1).sum()) for axis in (1, 0))
    # Long along the rows: columns meet them more often than rows do.
    assert ends_y > 2 * ends_x
