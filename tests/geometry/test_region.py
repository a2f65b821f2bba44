from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.geometry.region import Region

shapes = st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[tuple[int, ...], Region]:
    """A shape and a box that may reach over its border, or lie beyond it."""
    shape = draw(shapes)
    starts = tuple(draw(st.integers(-5, n + 5)) for n in shape)
    return shape, Region.at(starts, tuple(draw(st.integers(0, 12)) for _ in shape))


def pixels(region: Region) -> set[tuple[int, ...]]:
    return {tuple(np.add(index, region.start)) for index in np.ndindex(*region.shape_px)}


@given(boxes())
def test_what_is_clipped_are_the_pixels_inside(case: tuple[tuple[int, ...], Region]) -> None:
    shape, region = case
    assert pixels(region.clipped(shape)) == pixels(region) & pixels(Region.whole(shape))


@given(boxes())
def test_it_has_as_many_pixels_as_it_says(case: tuple[tuple[int, ...], Region]) -> None:
    assert len(pixels(case[1])) == case[1].n_px


@given(boxes(), st.integers(0, 4))
def test_it_lies_where_it_says_within_a_larger_one(case: tuple[tuple[int, ...], Region], margin_px: int) -> None:
    shape, region = case
    inside = region.clipped(shape)
    outer = inside.grown((margin_px,) * len(shape))
    image = np.arange(np.prod(shape)).reshape(shape)
    around = np.full(outer.shape_px, -1)
    around[inside.within(outer)] = image[inside.slices]
    np.testing.assert_array_equal(around[inside.within(outer)], image[inside.slices])
    assert (around >= 0).sum() == inside.n_px


@given(boxes(), st.integers(1, 6))
def test_patches_see_as_much_as_a_dense_pass_takes(case: tuple[tuple[int, ...], Region], fov_px: int) -> None:
    _, region = case
    fov = (fov_px,) * len(region.start)
    seen = region.seen_by(fov)
    assert seen.shape_px == tuple(n + fov_px - 1 for n in region.shape_px)
    assert seen.start == tuple(start - (fov_px - 1) // 2 for start in region.start)


def test_boxes_of_other_axes_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        Region((0, 0), (3, 4)).clipped((3,))
