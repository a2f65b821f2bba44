from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.geometry.region import Region
from clicktrain.inference.pixels.strided import StridedAxis, StridedRegion, read_off, slice_step


@given(st.integers(1, 20), st.integers(1, 5), st.booleans(), st.data())
def test_parts_of_an_axis_are_interpolated_as_the_whole(
    length: int, step: int, with_last: bool, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, length - 1))
    count = data.draw(st.integers(1, length - first))
    volume = torch.rand(2, length, 3, 2)
    whole, part = (
        StridedAxis.around(*region, length=length, step=step, with_last=with_last)
        for region in ((0, length), (first, count))
    )
    assert set(part.numbers) <= set(whole.numbers)
    expected = whole.between(volume[:, list(whole.numbers)], 1, 0, length)[:, first : first + count]
    torch.testing.assert_close(part.between(volume[:, list(part.numbers)], 1, first, count), expected)
    for number in part.numbers:
        if first <= number < first + count:
            torch.testing.assert_close(expected[:, number - first], volume[:, number])


@given(st.integers(2, 20), st.integers(1, 5))
def test_what_is_linear_along_an_axis_stays_as_it_is(length: int, step: int) -> None:
    volume = torch.arange(length, dtype=torch.float32)[None, :, None, None].expand(1, length, 2, 2)
    known = StridedAxis.around(0, length, length=length, step=step, with_last=True)
    torch.testing.assert_close(known.between(volume[:, list(known.numbers)], 1, 0, length), volume)


def test_beyond_the_last_known_place_all_is_as_there() -> None:
    known = StridedAxis.around(0, 6, length=6, step=2)
    assert known.numbers == (0, 2, 4)
    values = known.between(torch.tensor([[0.0, 10.0, 20.0]]), 1, 0, 6)
    torch.testing.assert_close(values, torch.tensor([[0.0, 5.0, 10.0, 15.0, 20.0, 20.0]]))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
def test_single_pixels_are_read_off_as_the_whole_is_interpolated(rows: int, columns: int, output_stride: int) -> None:
    shape_px = (rows, columns)
    region = StridedRegion.of(Region.whole(shape_px), shape_px, output_stride)
    assert region.span.start == (0, 0)
    maps = torch.rand(2, *(len(places.numbers) for places in region.along))
    positions = np.argwhere(np.ones(shape_px))
    whole = region.between(maps)
    torch.testing.assert_close(read_off(maps, positions, output_stride).T.reshape(2, *shape_px), whole)


def test_slices_far_apart_are_all_looked_at() -> None:
    assert slice_step(1.0) == 3
    assert slice_step(0.5) == 6
    assert slice_step(2.0) == 2
    assert slice_step(3.0) == slice_step(10.0) == 1
