from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.inference.slices import KnownSlices, slice_step


@given(st.integers(1, 20), st.integers(1, 5), st.data())
def test_parts_of_a_volume_are_interpolated_as_the_whole(length: int, step: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, length - 1))
    count = data.draw(st.integers(1, length - first))
    volume = torch.rand(2, length, 3, 2)
    whole, part = (KnownSlices.around(*region, length=length, step=step) for region in ((0, length), (first, count)))
    assert set(part.numbers) <= set(whole.numbers)
    expected = whole.between(volume[:, list(whole.numbers)], 0, length)[:, first : first + count]
    torch.testing.assert_close(part.between(volume[:, list(part.numbers)], first, count), expected)
    for number in part.numbers:
        if first <= number < first + count:
            torch.testing.assert_close(expected[:, number - first], volume[:, number])


@given(st.integers(2, 20), st.integers(1, 5))
def test_what_is_linear_along_z_stays_as_it_is(length: int, step: int) -> None:
    volume = torch.arange(length, dtype=torch.float32)[None, :, None, None].expand(1, length, 2, 2)
    known = KnownSlices.around(0, length, length=length, step=step)
    torch.testing.assert_close(known.between(volume[:, list(known.numbers)], 0, length), volume)


def test_slices_far_apart_are_all_looked_at() -> None:
    assert slice_step(1.0) == 3
    assert slice_step(0.5) == 6
    assert slice_step(2.0) == 2
    assert slice_step(3.0) == slice_step(10.0) == 1
