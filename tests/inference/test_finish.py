from __future__ import annotations

import numpy as np
import pytest

from clicktrain.config import PostprocessConfig
from clicktrain.inference.pixels.postprocess import class_shares, finished


def balanced_answer(share: float, noise: float, shape: tuple[int, int] = (60, 50)) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities as if both classes were equally common, of an image in which class 1 has `share`, and the truth."""
    rng = np.random.default_rng(0)
    truth = rng.random(shape) < share
    evidence = (rng.normal(0, 1, shape) + np.where(truth, 1, -1) / noise) * 2 / noise
    rare = 1 / (1 + np.exp(-evidence))
    return np.stack([1 - rare, rare]).astype(np.float32), truth


def test_nothing_is_changed_by_custom() -> None:
    probabilities, _ = balanced_answer(0.1, 1.0)
    np.testing.assert_array_equal(finished(probabilities.copy(), None, PostprocessConfig(), 1000), probabilities)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
def test_shares_of_the_classes_are_found_the_more_cautiously_the_less_is_known(share: float) -> None:
    found = []
    for noise in (0.3, 1.0, 2.0):
        probabilities, truth = balanced_answer(share, noise)
        found.append(abs(class_shares(probabilities)[1] - truth.mean()))
        assert min(share, 0.5) - 0.03 <= class_shares(probabilities)[1] <= max(share, 0.5) + 0.03
    assert found[0] < 0.01
    assert found == sorted(found)


def test_rare_classes_stay_rare_at_argmax_and_the_more_so_with_clicks() -> None:
    probabilities, truth = balanced_answer(0.03, 1.5)
    wrong = [
        (finished(probabilities.copy(), None, PostprocessConfig(prior=1.0), clicks).argmax(axis=0) != truth).sum()
        for clicks in (50, 100, 200)
    ]
    assert wrong == sorted(wrong, reverse=True)
    assert wrong[-1] < 0.6 * (probabilities.argmax(axis=0) != truth).sum()


def test_smoothing_lets_neighbours_agree_and_keeps_sums() -> None:
    probabilities, _ = balanced_answer(0.5, 1.0)
    smooth = finished(probabilities.copy(), None, PostprocessConfig(smoothing_px=1.5), 50)
    assert np.abs(np.diff(smooth, axis=1)).mean() < 0.5 * np.abs(np.diff(probabilities, axis=1)).mean()
    np.testing.assert_allclose(smooth.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(smooth.mean(axis=(1, 2)), probabilities.mean(axis=(1, 2)), atol=5e-3)


def test_an_even_answer_stays_even() -> None:
    even, grey = np.full((4, 9, 7), 0.25, np.float32), np.random.default_rng(0).normal(size=(9, 7))
    config = PostprocessConfig(guided_px=2, smoothing_px=2, prior=1)
    np.testing.assert_allclose(finished(even.copy(), grey, config, 1000), even, atol=1e-6)
