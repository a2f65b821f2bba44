from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save
from sklearn.ensemble import ExtraTreesClassifier

from clicktrain.models.pixels.forest import Forest, thinned


def blobs(counts: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(len(counts)), counts)
    return (rng.normal(size=(len(targets), 3)) + 4 * targets[:, None]).astype(np.float32), targets


def test_the_same_examples_grow_the_same_trees() -> None:
    features, targets = blobs((30, 20))
    one, same = (Forest.grown(features, targets, n_trees=8).probabilities(features + 1) for _ in range(2))
    other = Forest.grown(features[::2], targets[::2], n_trees=8).probabilities(features + 1)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_what_was_clicked_is_recognised_and_probabilities_sum_to_1() -> None:
    features, targets = blobs((30, 5, 60))
    probabilities = Forest.grown(features, targets, n_trees=8).probabilities(features)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), targets)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_a_class_with_many_clicks_does_not_weigh_more() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1010, 2)).astype(np.float32)
    targets = np.repeat([0, 1], (1000, 10))
    shares = Forest.grown(features, targets, n_trees=64).probabilities(rng.normal(size=(2000, 2)).astype(np.float32))
    # Nothing tells the classes apart. As they were clicked, the rare one would be given a hundredth.
    assert shares[:, 1].mean() > 0.05


def test_every_class_weighs_the_same_and_else_scikit_learn_answers() -> None:
    features, targets = blobs((30, 5, 60))
    asked = features[::-1] * 0.7
    found = ExtraTreesClassifier(8, random_state=0).fit(features, targets).predict_proba(asked) / (30, 5, 60)
    expected = found / found.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(Forest.grown(features, targets, n_trees=8).probabilities(asked), expected, atol=1e-7)


def test_pixels_are_classified_alike_however_they_are_divided() -> None:
    features, targets = blobs((30, 5, 60))
    forest = Forest.grown(features, targets, n_trees=8)
    expected = forest.probabilities(features)
    np.testing.assert_array_equal(forest.probabilities(features[3:4]), expected[3:4])
    assert forest.probabilities(features[:0]).shape == (0, 3)


def restored(tensors: dict[str, torch.Tensor], **changes: int) -> Forest:
    return Forest.restored(tensors, **({"n_trees": 8, "n_classes": 3, "n_features": 3} | changes))


@given(st.integers(0, 99))
def test_what_is_kept_gives_the_same_answer_bit_for_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(90, 3)).astype(np.float32)
    forest = Forest.grown(features, np.arange(90) % 3, n_trees=8)
    kept = load(save(forest.tensors()))
    asked = rng.normal(size=(200, 3)).astype(np.float32)
    np.testing.assert_array_equal(restored(kept).probabilities(asked), forest.probabilities(asked))
    assert save(restored(kept).tensors()) == save(forest.tensors())


def test_nothing_is_grown_when_trees_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = Forest.grown(*blobs((30, 5, 60)), n_trees=8).tensors()
    monkeypatch.delattr("clicktrain.models.pixels.forest.ExtraTreesClassifier")
    restored(tensors)


@pytest.mark.parametrize(
    "changes",
    [
        {"left": torch.zeros(9, dtype=torch.int16)},
        {"left": None},
        {"threshold": torch.zeros(9, dtype=torch.float64)},
        {"threshold": torch.zeros(9, dtype=torch.bfloat16)},
        {"sizes": torch.zeros(8, dtype=torch.int32)},
        {"sizes": torch.full((8,), -1, dtype=torch.int32)},
        {"class_shares": torch.zeros(3, dtype=torch.float64)},
        {"class_shares": torch.ones(2, dtype=torch.float64)},
        {"leaf_shares": torch.ones(3, 2, dtype=torch.float64)},
        {"leaf_shares": torch.ones(1, 3, dtype=torch.float64)},
        {"n_trees": 7},
        {"n_classes": 2},
        {"n_features": 2},
    ],
)
def test_trees_that_do_not_fit_together_are_refused(changes: dict[str, object]) -> None:
    tensors = Forest.grown(*blobs((30, 5, 60)), n_trees=8).tensors()
    numbers = {name: value for name, value in changes.items() if isinstance(value, int)}
    tensors = {name: changes.get(name, tensor) for name, tensor in tensors.items()}
    with pytest.raises((KeyError, TypeError, ValueError)):
        restored({name: tensor for name, tensor in tensors.items() if tensor is not None}, **numbers)


def test_pixels_with_other_features_are_refused() -> None:
    features, targets = blobs((30, 5))
    with pytest.raises(ValueError, match="features must be 3 per pixel, got 2"):
        Forest.grown(features, targets, n_trees=2).probabilities(features[:, :2])


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


def test_predicting_on_several_threads_leaves_the_filters_of_warnings_alone() -> None:
    """scikit-learn's own prediction on threads can lose them: they are the process's, not the thread's."""
    features, targets = blobs((30, 20))
    forest = Forest.grown(features, targets, n_trees=16)
    many = np.tile(features, (200, 1))
    before = list(warnings.filters)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for _ in range(50):
            forest.probabilities(many)
    finally:
        torch.set_num_threads(n_threads)
    assert warnings.filters == before
