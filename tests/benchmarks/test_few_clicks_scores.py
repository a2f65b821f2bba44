from __future__ import annotations

import numpy as np
import pytest
from _few_clicks.scores import score

CLASSES = np.array([1, 3])
TRUTH = np.random.default_rng(0).choice(CLASSES, (250, 200))


def one_hot(truth: np.ndarray) -> np.ndarray:
    return (truth == CLASSES[:, np.newaxis, np.newaxis]).astype(float)


def test_perfect_answer_scores_one() -> None:
    assert score(one_hot(TRUTH), CLASSES, TRUTH) == (1, 1)


def test_random_answer_scores_as_chance() -> None:
    found = score(np.random.default_rng(1).random((2, *TRUTH.shape)), CLASSES, TRUTH)
    # Of two equal classes, a quarter of the pixels is right for either, of three quarters.
    assert found.iou == pytest.approx(1 / 3, abs=0.01)
    assert found.ap == pytest.approx(1 / 2, abs=0.01)


def test_unknown_pixels_do_not_count() -> None:
    probabilities = one_hot(TRUTH)
    probabilities[:, :100] = 1 - probabilities[:, :100]
    truth = TRUTH.copy()
    truth[:100] = 0
    assert score(probabilities, CLASSES, truth) == (1, 1)


def test_class_that_was_not_learned_costs_overlap_only() -> None:
    truth = TRUTH.copy()
    truth[:, :20] = 2
    found = score(one_hot(TRUTH), CLASSES, truth)
    assert found.iou < 0.67
    assert 0.8 < found.ap < 1
