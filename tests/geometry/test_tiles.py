from __future__ import annotations

import numpy as np
from clicktrain.geometry.tiles import plan_tiles
from hypothesis import given
from hypothesis import strategies as st

axes = st.lists(st.tuples(st.integers(1, 15), st.integers(1, 20), st.integers(1, 9)), min_size=1, max_size=3)


@given(axes)
def test_every_output_pixel_is_written_exactly_once(sizes: list[tuple[int, int, int]]) -> None:
    shape, tile, fov = zip(*sizes, strict=True)
    writes = np.zeros(shape, int)
    for part in plan_tiles(shape, tile, fov):
        writes[part.inner] += 1
    assert (writes == 1).all()


@given(axes)
def test_identity_model_survives_tiling(sizes: list[tuple[int, int, int]]) -> None:
    shape, tile, fov = zip(*sizes, strict=True)
    padded = np.arange(np.prod([n + f - 1 for n, f in zip(shape, fov, strict=True)]))
    padded = padded.reshape([n + f - 1 for n, f in zip(shape, fov, strict=True)])
    out = np.full(shape, -1)
    for part in plan_tiles(shape, tile, fov):
        read = padded[part.outer]
        out[part.inner] = read[tuple(slice(0, n - f + 1) for n, f in zip(read.shape, fov, strict=True))]
    assert np.array_equal(out, padded[tuple(slice(0, n) for n in shape)])


@given(axes)
def test_tiles_are_no_larger_than_asked_and_nearly_equal(sizes: list[tuple[int, int, int]]) -> None:
    shape, tile, fov = zip(*sizes, strict=True)
    for axis, largest in enumerate(tile):
        lengths = [p.inner[axis].stop - p.inner[axis].start for p in plan_tiles(shape, tile, fov)]
        assert max(lengths) <= largest
        assert max(lengths) - min(lengths) <= 1


def test_empty_output_has_no_tiles() -> None:
    assert plan_tiles((0, 5), (4, 4), (3, 3)) == []
