from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.models.pixels.forest import Forest, thinned


def blobs(counts: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(len(counts)), counts)
    return (rng.normal(size=(len(targets), 3)) + 4 * targets[:, None]).astype(np.float32), targets


def test_the_same_examples_grow_the_same_trees() -> None:
    features, targets = blobs((30, 20))
    one, same = (Forest(features, targets, n_trees=8).probabilities(features + 1) for _ in range(2))
    other = Forest(features[::2], targets[::2], n_trees=8).probabilities(features + 1)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_what_was_clicked_is_recognised_and_probabilities_sum_to_1() -> None:
    features, targets = blobs((30, 5, 60))
    probabilities = Forest(features, targets, n_trees=8).probabilities(features)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), targets)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_a_class_with_many_clicks_does_not_weigh_more() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1010, 2)).astype(np.float32)
    targets = np.repeat([0, 1], (1000, 10))
    shares = Forest(features, targets, n_trees=64).probabilities(rng.normal(size=(2000, 2)).astype(np.float32))
    # Nothing tells the classes apart. As they were clicked, the rare one would be given a hundredth.
    assert shares[:, 1].mean() > 0.05


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(4, 80), st.integers(0, 9))
def test_thinned_examples_are_even_over_the_classes(counts: list[int], most: int, seed: int) -> None:
    targets = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    kept = thinned(targets, most, seed=seed)
    assert len(kept) == len(set(kept.tolist())) == min(most, len(targets))
    numbers = np.bincount(targets[kept], minlength=len(counts))
    dropped = numbers < np.array(counts)
    # A class loses examples only where it still has as many as any other, but for the last round of dealing.
    assert not dropped.any() or numbers[dropped].min() >= numbers.max() - 1


@pytest.mark.parametrize("most", [3, 5])
def test_few_examples_are_all_kept(most: int) -> None:
    assert thinned(np.array([0, 1, 1]), most, seed=0).tolist() == [0, 1, 2]
