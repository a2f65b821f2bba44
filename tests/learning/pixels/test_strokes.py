from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label

from clicktrain import Clicks
from clicktrain.learning.pixels.strokes import strokes_of


@pytest.mark.parametrize("shape", [(13, 17), (5, 7, 6)])
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.05, 0.2, 0.5]))
def test_strokes_are_what_touches_in_the_labels_image(shape: tuple[int, ...], seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, 4, shape) * (rng.random(shape) < share)
    clicks = Clicks.from_labels(labels)
    found = strokes_of(clicks)
    pairs = {
        (number, int(part[tuple(position)]), int(stroke))
        for number in clicks.present
        for part in [label(labels == number, np.ones((3,) * len(shape)))[0]]
        for position, stroke in zip(clicks.positions_px, found, strict=True)
        if part[tuple(position)]
    }
    # One stroke for every part that hangs together, and one such part for every stroke.
    assert len(pairs) == len({pair[:2] for pair in pairs}) == len({pair[2] for pair in pairs})


def test_clicks_on_one_pixel_are_one_stroke_for_each_class() -> None:
    clicks = Clicks(np.array([[2, 2], [2, 2], [2, 2], [2, 3]]), np.array([1, 1, 2, 2]), (4, 4))
    first, again, other, beside = strokes_of(clicks)
    assert first == again != other == beside


def test_pixels_at_opposite_borders_do_not_touch() -> None:
    clicks = Clicks(np.array([[0, 4], [1, 0]]), np.array([1, 1]), (3, 5))
    assert len(set(strokes_of(clicks).tolist())) == 2


def test_without_clicks_there_are_no_strokes() -> None:
    assert len(strokes_of(Clicks.from_labels(np.zeros((4, 5), int)))) == 0
