from __future__ import annotations

import numpy as np
import pytest

from clicktrain.config import PostprocessConfig
from clicktrain.inference.pixels.postprocess import class_weights, reach_px, smooth, weigh


def balanced_answer(share: float, noise: float, shape: tuple[int, int] = (60, 50)) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities as if both classes were equally common, of an image in which class 1 has `share`, and the truth."""
    rng = np.random.default_rng(0)
    truth = rng.random(shape) < share
    evidence = (rng.normal(0, 1, shape) + np.where(truth, 1, -1) / noise) * 2 / noise
    rare = 1 / (1 + np.exp(-evidence))
    return np.stack([1 - rare, rare]).astype(np.float32), truth


def finished(probabilities: np.ndarray, guide: np.ndarray | None, config: PostprocessConfig, clicks: int) -> np.ndarray:
    """The answer for a whole image, out of the balanced one."""
    answer = probabilities.copy()
    smooth(answer, guide, config, (1.0, 1.0))
    weigh(answer, class_weights(answer.mean(axis=(1, 2)), config, clicks, 2))
    return answer


def test_nothing_is_changed_by_custom() -> None:
    probabilities, _ = balanced_answer(0.1, 1.0)
    np.testing.assert_array_equal(finished(probabilities, None, PostprocessConfig(), 1000), probabilities)


def test_shares_count_the_more_the_more_clicks_there_are_and_in_volumes_always() -> None:
    config, shares = PostprocessConfig(prior=1.0), (0.2, 0.8)
    strengths = [class_weights(shares, config, clicks, 2)[1] for clicks in (1, 50, 100, 200, 1000)]
    assert strengths == sorted(strengths)
    assert (strengths[0], strengths[-1]) == pytest.approx((1.6**0.5, 1.6))
    assert class_weights(shares, config, 1, 3) == pytest.approx((0.4, 1.6))
    assert class_weights(shares, PostprocessConfig(), 1000, 2) is None


def test_rare_classes_stay_rare_at_argmax_and_the_more_so_with_clicks() -> None:
    probabilities, truth = balanced_answer(0.03, 1.5)
    wrong = [
        (finished(probabilities, None, PostprocessConfig(prior=1.0), clicks).argmax(axis=0) != truth).sum()
        for clicks in (50, 100, 200)
    ]
    assert wrong == sorted(wrong, reverse=True)
    assert wrong[-1] < 0.6 * (probabilities.argmax(axis=0) != truth).sum()


def test_smoothing_lets_neighbours_agree_and_keeps_sums() -> None:
    probabilities, _ = balanced_answer(0.5, 1.0)
    found = finished(probabilities, None, PostprocessConfig(smoothing_px=1.5), 50)
    assert np.abs(np.diff(found, axis=1)).mean() < 0.5 * np.abs(np.diff(probabilities, axis=1)).mean()
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), probabilities.mean(axis=(1, 2)), atol=5e-3)


def test_an_even_answer_stays_even() -> None:
    even, grey = np.full((4, 9, 7), 0.25, np.float32), np.random.default_rng(0).normal(size=(9, 7)).astype(np.float32)
    config = PostprocessConfig(guided_px=2, smoothing_px=2, prior=1)
    np.testing.assert_allclose(finished(even, grey, config, 1000), even, atol=1e-6)


@pytest.mark.parametrize("config", [PostprocessConfig(guided_px=2), PostprocessConfig(smoothing_px=1.3)])
@pytest.mark.parametrize("distance", [0.4, 1.0, 3.0, np.inf])
def test_what_lies_farther_than_the_reach_does_not_count(config: PostprocessConfig, distance: float) -> None:
    rng, voxel_size = np.random.default_rng(0), (distance, 1.0)
    answer = rng.dirichlet(np.ones(3), size=(61, 61)).transpose(2, 0, 1).astype(np.float32)
    guide, reach = rng.normal(size=(61, 61)).astype(np.float32), reach_px(config, voxel_size)
    inner = tuple(slice(30 - n, 31 + n) for n in reach)
    part, whole = answer[(slice(None), *inner)].copy(), answer.copy()
    smooth(part, guide[inner], config, voxel_size)
    smooth(whole, guide, config, voxel_size)
    np.testing.assert_allclose(part[(slice(None), *reach)], whole[:, 30, 30], atol=1e-5)
