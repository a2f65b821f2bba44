"""Tiles cover the output, and still do after they have shrunk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.engine.shrinking import ShrinkingTiles, even_tile
from clicktrain.errors import ClickTrainError

shapes = st.lists(st.integers(1, 40), min_size=2, max_size=2)


@given(shapes, shapes, st.lists(st.integers(1, 6), min_size=2, max_size=2), st.sets(st.integers(0, 20)))
def test_tiles_cover_the_output_however_often_they_shrink(
    shape: list[int], tile: list[int], least: list[int], failing: set[int]
) -> None:
    tiles = ShrinkingTiles(shape, tile, (5, 3), least)
    covered, attempt = np.zeros(shape, bool), 0
    while tiles:
        inner, outer = tiles.first.inner, tiles.first.outer
        assert [(s.start, s.stop) for s in outer] == [
            (s.start, s.stop + f - 1) for s, f in zip(inner, (5, 3), strict=True)
        ]
        attempt += 1
        if attempt in failing and any(s.stop - s.start > n for s, n in zip(inner, least, strict=True)):
            tiles.shrink(MemoryError())
            continue
        covered[inner] = True
        tiles.finish()
    assert covered.all()
    assert tiles.progress("predicting").fraction == 1


@given(shapes, shapes, st.lists(st.integers(1, 6), min_size=2, max_size=2))
def test_even_tiles_are_as_many_and_no_larger(shape: list[int], counts: list[int], multiple: list[int]) -> None:
    tile = [count * m for count, m in zip(counts, multiple, strict=True)]
    even = even_tile(shape, tile, multiple)
    for n, side, most, m in zip(shape, even, tile, multiple, strict=True):
        assert side <= min(n, most)
        assert side % m == 0 or side == n
        assert -(-n // side) == -(-n // most)


def test_the_smallest_tile_does_not_shrink() -> None:
    tiles = ShrinkingTiles((30, 4), (8, 4), (1, 1), (8, 8))
    with pytest.raises(ClickTrainError, match=r"one tile of \(8, 4\) px"):
        tiles.shrink(MemoryError())


def test_only_full_memory_makes_tiles_shrink() -> None:
    tiles = ShrinkingTiles((30, 30), (8, 8), (1, 1), (1, 1))
    with pytest.raises(ValueError, match="something else"):
        tiles.shrink(ValueError("something else"))
