from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi

from pretraining.strokes import draw_strokes


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def patchwork(side_px: int = 80) -> np.ndarray:
    """Classes 1 to 3 with wavy borders, and 0 in between."""
    field = ndi.gaussian_filter(rng(4).standard_normal((side_px, side_px)), 6)
    return np.digitize(field, np.quantile(field, [0.25, 0.5, 0.75]))


@pytest.mark.parametrize("length_px", [1, 6, 30])
@pytest.mark.parametrize("per_class", [8, 60, 400])
def test_strokes_stay_inside_their_class_and_give_the_asked_number(per_class: int, length_px: int) -> None:
    classes = patchwork()
    drawn = draw_strokes(classes, per_class, length_px, rng())
    assert np.array_equal(drawn[drawn > 0], classes[drawn > 0])
    assert np.bincount(drawn.ravel(), minlength=4)[1:].tolist() == [per_class] * 3


def test_a_class_smaller_than_asked_gets_all_it_has() -> None:
    classes = np.ones((60, 60), np.int64)
    classes[20:22, 30:33] = 2
    drawn = draw_strokes(classes, 50, 10, rng())
    assert (drawn == 2).sum() == 6
    assert (drawn == 1).sum() == 50


def test_one_seed_draws_one_set_of_strokes() -> None:
    once, again, other = (draw_strokes(patchwork(), 60, 15, rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_a_stroke_is_in_one_piece_and_no_longer_than_asked() -> None:
    classes = np.ones((100, 100), np.int64)
    eight = np.ones((3, 3))
    pieces = [ndi.label(draw_strokes(classes, 12, 12, rng(seed)), eight)[1] for seed in range(20)]
    # A stroke that crosses itself or leaves the image leaves some pixels to the next.
    assert np.mean(pieces) < 2
    assert ndi.label(draw_strokes(classes, 12, 1, rng()), eight)[1] > 8


def test_nothing_is_drawn_where_nothing_is_known() -> None:
    assert not draw_strokes(np.zeros((30, 30), np.int64), 20, 5, rng()).any()
