from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.engine.border import reflect_pad, same_size_margins

sizes = st.lists(st.integers(1, 7), min_size=2, max_size=3)
margin_pairs = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=3, max_size=3)


@given(sizes, margin_pairs)
def test_padding_is_that_of_numpy_for_any_margin(shape: list[int], pairs: list[tuple[int, int]]) -> None:
    image = torch.arange(float(np.prod(shape))).reshape(1, 1, *shape)
    margins = pairs[: len(shape)]
    padded = reflect_pad(image, margins)
    assert np.array_equal(padded[0, 0].numpy(), np.pad(image[0, 0].numpy(), margins, mode="reflect"))


@given(st.lists(st.integers(1, 50), min_size=1, max_size=3))
def test_same_size_margins_give_one_score_per_pixel(fov: list[int]) -> None:
    for side, (before, after) in zip(fov, same_size_margins(fov), strict=True):
        assert before + after == side - 1
        assert 0 <= after - before <= 1
