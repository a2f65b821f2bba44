from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier

from clicktrain.models.pixels import trees
from clicktrain.models.pixels.forest import Forest
from clicktrain.models.pixels.trees import NO_CHILD, Tree, compact, compiled, float32_below

INT16 = np.iinfo(np.int16).max


def examples(seed: int, n: int, n_features: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Few different values, so that some pixels of different classes look the same and others lie on thresholds."""
    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.arange(n) % n_classes)
    return rng.integers(-3, 4, (n, n_features)).astype(np.float32) / 3, targets


@given(st.integers(0, 99), st.integers(8, 200), st.integers(1, 5), st.integers(2, 4))
def test_definition_compiled_trees_and_scikit_learn_agree(seed: int, n: int, n_features: int, n_classes: int) -> None:
    features, targets = examples(seed, n, n_features, n_classes)
    asked = np.concatenate((features, np.random.default_rng(seed).normal(size=(50, n_features)))).astype(np.float32)
    forest = Forest.grown(features, targets, n_trees=5)
    found = ExtraTreesClassifier(5, random_state=0).fit(features, targets)
    summed = np.zeros((len(asked), n_classes))
    for tree, known in zip(forest.trees, found.estimators_, strict=True):
        leaves = tree.apply(asked)
        np.testing.assert_array_equal(leaves, known.apply(asked))
        np.testing.assert_array_equal(leaves, compiled(tree, n_features)(asked))
        summed += forest.leaf_shares[tree.feature[leaves]]
    np.testing.assert_allclose(summed / 5, found.predict_proba(asked), atol=1e-12)


def test_trees_are_compiled_by_this_version_of_scikit_learn() -> None:
    assert trees._can_compile()


@pytest.mark.parametrize("error", [ImportError, AttributeError, KeyError, TypeError, ValueError])
def test_the_definition_stands_in_where_trees_cannot_be_compiled(error: type, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise error

    features, targets = examples(0, 60, 4, 3)
    forest = Forest.grown(features, targets, n_trees=5)
    expected = forest.probabilities(features)
    monkeypatch.setattr(trees, "_compiled", refuse)
    monkeypatch.setattr(trees, "_can_compile", trees._can_compile.__wrapped__)
    assert compiled(forest.trees[0], 4) == forest.trees[0].apply
    np.testing.assert_array_equal(Forest.grown(features, targets, n_trees=5).probabilities(features), expected)


def test_the_definition_stands_in_where_compiled_trees_answer_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "_compiled", lambda *_: lambda features: np.zeros(len(features), np.int64))
    assert not trees._can_compile.__wrapped__()


@given(st.floats(-1e30, 1e30), st.integers(-2, 2))
def test_rounding_a_threshold_sends_every_float32_to_the_same_side(threshold: float, steps: int) -> None:
    value = np.float32(threshold)
    for _ in range(abs(steps)):
        value = np.nextafter(value, np.float32(np.copysign(np.inf, steps)))
    rounded = float32_below(np.array([threshold]))
    assert rounded.dtype == np.float32
    assert (float(value) <= threshold) == bool(value <= rounded[0])


@pytest.mark.parametrize(("most", "dtype"), [(INT16, np.int16), (INT16 + 1, np.int32)])
def test_integers_are_kept_in_as_few_bits_as_hold_them(most: int, dtype: type) -> None:
    kept = compact(np.array([-1, most]))
    assert kept.dtype == dtype
    assert kept.tolist() == [-1, most]


STUMP = {"left": [1, NO_CHILD, NO_CHILD], "right": [2, NO_CHILD, NO_CHILD], "feature": [1, 0, 2]}


@pytest.mark.parametrize(
    "changes",
    [
        {"left": [0, -1, -1]},
        {"left": [1, 0, -1]},
        {"left": [-2, -1, -1]},
        {"right": [3, -1, -1]},
        {"right": [-1, -1, -1]},
        {"feature": [2, 0, 2]},
        {"feature": [-1, 0, 2]},
        {"feature": [1, 0, 3]},
        {"feature": [1, -1, 2]},
        {"left": [], "right": [], "feature": []},
    ],
)
def test_arrays_that_lead_out_of_bounds_or_in_circles_are_refused(changes: dict[str, list[int]]) -> None:
    def made(columns: dict[str, list[int]]) -> Tree:
        arrays = {name: np.array(column, np.int16) for name, column in columns.items()}
        return Tree(threshold=np.zeros(len(columns["left"]), np.float32), **arrays)

    made(STUMP).check(n_features=2, n_leaf_rows=3)
    with pytest.raises(ValueError, match="nodes must lead to later nodes"):
        made(STUMP | changes).check(n_features=2, n_leaf_rows=3)
