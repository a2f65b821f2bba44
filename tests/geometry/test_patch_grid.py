from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.geometry.patch_grid import plan_patch_grid


@st.composite
def grids(draw):
    patch_px = draw(st.integers(1, 12))
    stride_px = draw(st.integers(1, patch_px))
    return plan_patch_grid(tuple(draw(st.integers(patch_px, 60)) for _ in range(2)), patch_px, stride_px), stride_px


@given(grids())
def test_every_pixel_lies_in_a_patch_and_every_patch_in_the_image(case) -> None:
    grid, _ = case
    covered = np.zeros(grid.shape_px, bool)
    for index in range(len(grid)):
        y, x = grid.corner_px(index)
        assert covered[y : y + grid.patch_px, x : x + grid.patch_px].shape == (grid.patch_px, grid.patch_px)
        covered[y : y + grid.patch_px, x : x + grid.patch_px] = True
    assert covered.all()


@given(grids())
def test_neighbours_are_at_most_a_stride_apart_and_in_the_order_of_the_image(case) -> None:
    grid, stride_px = case
    corners = np.array([grid.corner_px(index) for index in range(len(grid))]).reshape(*grid.shape, 2)
    for axis in (0, 1):
        steps = np.diff(corners[..., axis], axis=axis)
        assert (steps >= 1).all()
        assert (steps <= stride_px).all()
        assert (np.diff(corners[..., axis], axis=1 - axis) == 0).all()


@given(grids())
def test_scale_and_translation_find_every_centre_within_half_a_pixel(case) -> None:
    grid, _ = case
    for index in range(len(grid)):
        centre = np.array(grid.corner_px(index)) + (grid.patch_px - 1) / 2
        shown = np.array(grid.translate_px) + np.array(grid.cell(index)) * grid.scale_px
        assert np.abs(shown - centre).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(("size", "n"), [(16, 1), (17, 2), (32, 2), (33, 3), (64, 4)])
def test_patches_are_as_few_as_the_stride_allows(size: int, n: int) -> None:
    assert plan_patch_grid((size, 16), 16, 16).shape == (n, 1)
