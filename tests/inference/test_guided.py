"""Answers are smoothed along the edges of the image, never across them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.inference.guided import GuidedFilter, smooth_along_edges


def step_image(shape: tuple[int, ...]) -> np.ndarray:
    """Dark and bright halves along the last axis, of variance 1."""
    image = np.full(shape, -1.0, np.float32)
    image[..., shape[-1] // 2 :] = 1
    return image


def noisy_answer(truth: np.ndarray, noise: float) -> np.ndarray:
    score = 2 * truth - 1 + noise * np.random.default_rng(0).normal(size=truth.shape)
    second = 1 / (1 + np.exp(-2 * score))
    return np.stack([1 - second, second]).astype(np.float32)


def smoothed(probabilities: np.ndarray, grey: np.ndarray, radius_px: int = 3) -> np.ndarray:
    answer = probabilities.copy()
    smooth_along_edges(answer, grey, radius_px, (1.0,) * grey.ndim)
    return answer


@pytest.mark.parametrize("shape", [(40, 60), (6, 20, 30)])
def test_noise_goes_and_edges_stay(shape: tuple[int, ...]) -> None:
    image = step_image(shape)
    truth = image > 0
    answer = noisy_answer(truth, noise=1.5)
    along, blind = (smoothed(answer, guide) for guide in (image, np.zeros_like(image)))
    wrong, wrong_along = ((one.argmax(axis=0) != truth).mean() for one in (answer, along))
    assert wrong_along < 0.2 * wrong
    edge = np.abs(np.arange(shape[-1]) - shape[-1] // 2 + 0.5) < 2
    right_along, right_blind = (np.where(truth, one[1], one[0])[..., edge].mean() for one in (along, blind))
    assert right_along > right_blind + 0.1


@given(st.integers(2, 5), st.integers(1, 5), st.integers(0, 1000))
def test_probabilities_stay_probabilities_whatever_the_order_of_the_classes(k: int, radius_px: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    answer = rng.dirichlet(np.full(k, 0.3), size=(15, 12)).transpose(2, 0, 1).astype(np.float32)
    grey = rng.normal(size=(15, 12)).astype(np.float32)
    result = smoothed(answer, grey, radius_px)
    assert (result > 0).all()
    np.testing.assert_allclose(result.sum(axis=0), 1, atol=1e-5)
    order = rng.permutation(k)
    np.testing.assert_allclose(smoothed(answer[order], grey, radius_px), result[order], atol=1e-4)


def test_lines_in_the_guide_pass_unchanged_where_edges_are_strong() -> None:
    guide = 100 * np.random.default_rng(0).normal(size=(20, 20))
    np.testing.assert_allclose(GuidedFilter(guide, (2, 2))(3 * guide + 1), 3 * guide + 1, rtol=1e-3, atol=1e-2)


def test_slices_that_have_nothing_to_do_with_each_other_are_smoothed_apart() -> None:
    answer = noisy_answer(step_image((3, 20, 30)) > 0, noise=1.5)
    grey = np.random.default_rng(1).normal(size=(3, 20, 30)).astype(np.float32)
    together = answer.copy()
    smooth_along_edges(together, grey, 3, (np.inf, 1.0, 1.0))
    for number in range(3):
        np.testing.assert_allclose(together[:, number], smoothed(answer[:, number], grey[number]), atol=1e-5)
