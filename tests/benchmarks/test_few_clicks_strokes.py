from __future__ import annotations

import numpy as np
import pytest
from _few_clicks.strokes import draw_strokes

HALF = np.repeat([1, 2], 20)
FLAT = np.tile(HALF, (40, 1))
STACK = np.tile(HALF, (6, 30, 1))


@pytest.mark.parametrize("truth", [FLAT, STACK], ids=["2D", "3D"])
def test_strokes_stay_inside_their_class(truth: np.ndarray) -> None:
    drawn = draw_strokes(truth, 200, seed=[0, 200])
    assert (drawn[drawn > 0] == truth[drawn > 0]).all()


@pytest.mark.parametrize("budget", [2, 50, 201])
def test_every_pixel_of_the_budget_is_labelled_evenly_over_the_classes(budget: int) -> None:
    counts = np.bincount(draw_strokes(FLAT, budget, seed=[1]).ravel(), minlength=3)[1:]
    assert counts.sum() == budget
    assert np.ptp(counts) <= 1


def test_same_seed_gives_same_strokes_and_another_seed_others() -> None:
    assert (draw_strokes(FLAT, 50, seed=[0, 50]) == draw_strokes(FLAT, 50, seed=[0, 50])).all()
    assert (draw_strokes(FLAT, 50, seed=[0, 50]) != draw_strokes(FLAT, 50, seed=[1, 50])).any()


def test_class_smaller_than_its_share_is_labelled_whole() -> None:
    truth = np.ones((30, 30), np.int64)
    truth[:10, :10] = 2
    drawn = draw_strokes(truth, 400, seed=[0])
    assert (drawn == 2).sum() == 100
    assert (drawn == 1).sum() == 200


def test_unknown_pixels_are_never_labelled() -> None:
    truth = FLAT.copy()
    truth[::2] = 0
    assert not draw_strokes(truth, 100, seed=[0])[::2].any()
