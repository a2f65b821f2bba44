from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clicktrain.engine.grid import Grid

windows = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3)), max_size=5)


@given(windows, st.integers(1, 4))
def test_smallest_patch_has_the_counted_values(layers: list[tuple[int, int, int]], count: int) -> None:
    grid = Grid.of_pixels(1)
    for size, stride, dilation in layers:
        grid = grid.after_window((size,), (stride,), (dilation,))
    side = grid.patch_px((count,))
    assert grid.counts(side) == (count,)
    assert grid.counts((side[0] - 1,)) == (count - 1,)


@given(windows, st.integers(0, 200))
def test_counts_are_those_of_layer_after_layer(layers: list[tuple[int, int, int]], extra_px: int) -> None:
    grid = Grid.of_pixels(1)
    for size, stride, dilation in layers:
        grid = grid.after_window((size,), (stride,), (dilation,))
    length = patch = grid.extent_px[0] + extra_px
    for size, stride, dilation in layers:
        length = (length - (size - 1) * dilation - 1) // stride + 1
    assert grid.counts((patch,)) == (length,)


def test_crop_keeps_the_dropped_pixels_in_the_patch() -> None:
    grid = Grid((4,), (3,)).after_crop((1,), (2,))
    assert grid == Grid((13,), (3,))
