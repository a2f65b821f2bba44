"""Extremely randomised trees on the stem's features: hard to beat where clicks are few and features are good."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier

from clicktrain.models.pixels.trees import NO_CHILD, Tree, compact, compiled, float32_below

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from clicktrain.models.pixels.trees import Apply
    from clicktrain.types import AnyArray, FloatArray, IntArray

__all__ = ["MOST_EXAMPLES", "Forest", "thinned"]

MOST_EXAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class Forest:
    """Grown trees. A model file keeps them as they are, so that no later library can grow others.

    Parameters
    ----------
    trees : tuple of Tree
    leaf_shares : ndarray of shape (L, K), float64
        The different class shares that leaves have; their rows sum to 1.
    class_shares : ndarray of shape (K,), float64
        Share of each class in the examples.
    n_features : int

    References
    ----------
    Geurts, Ernst, Wehenkel 2006, Extremely randomized trees, Machine Learning 63.
    """

    trees: tuple[Tree, ...]
    leaf_shares: AnyArray
    class_shares: AnyArray
    n_features: int

    @classmethod
    def grown(cls, features: FloatArray, targets: IntArray, *, n_trees: int) -> Forest:
        """Grow trees from examples; the same ones give the same trees.

        Parameters
        ----------
        features : ndarray of shape (N, F), float32
            Of the clicked pixels.
        targets : ndarray of shape (N,), int64
            Class index of each, 0 to K - 1, every one of which occurs.
        n_trees : int
        """
        found = ExtraTreesClassifier(n_trees, random_state=0).fit(features, targets)
        grown = [estimator.tree_ for estimator in found.estimators_]
        leaves = [tree.children_left == NO_CHILD for tree in grown]
        shares = np.concatenate([tree.value[leaf, 0] for tree, leaf in zip(grown, leaves, strict=True)])
        table, rows = np.unique(shares, axis=0, return_inverse=True)
        ends = np.cumsum([leaf.sum() for leaf in leaves])[:-1]
        trees = tuple(map(_as_arrays, grown, leaves, np.split(rows, ends)))
        return cls(trees, table, np.bincount(targets) / len(targets), features.shape[1])

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], *, n_trees: int, n_classes: int, n_features: int) -> Forest:
        """Take trees out of what `tensors` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            If an array is missing, of another type or shape, or does not fit the others.
        """
        arrays = {name: tensors[name].numpy() for name in _TYPES}
        for name, array in arrays.items():
            if array.dtype not in _TYPES[name]:
                raise ValueError(f"{name} must be of one of the types {_TYPES[name]}")
        sizes, leaf_shares, class_shares = (arrays.pop(name) for name in ("sizes", "leaf_shares", "class_shares"))
        if (leaf_shares.shape[1:], class_shares.shape, sizes.shape) != ((n_classes,), (n_classes,), (n_trees,)):
            raise ValueError("there must be as many trees and classes as the summary says")
        if not (class_shares > 0).all() or any(array.shape != (sizes.sum(),) for array in arrays.values()):
            raise ValueError("there must be examples of every class, and as many nodes as all trees have")
        columns = [np.split(arrays[name], np.cumsum(sizes)[:-1]) for name in Tree._fields]
        trees = tuple(map(Tree, *columns))
        for tree in trees:
            tree.check(n_features=n_features, n_leaf_rows=len(leaf_shares))
        return cls(trees, leaf_shares, class_shares, n_features)

    def tensors(self) -> dict[str, Tensor]:
        """Return what a model file keeps: the nodes of all trees, one tree after the other, and the tables."""
        nodes = {name: np.concatenate([getattr(tree, name) for tree in self.trees]) for name in Tree._fields}
        sizes = np.array([len(tree.left) for tree in self.trees], np.int32)
        arrays = nodes | {"sizes": sizes, "leaf_shares": self.leaf_shares, "class_shares": self.class_shares}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def probabilities(self, features: FloatArray) -> FloatArray:
        """Classify pixels, as if every class had been clicked as often.

        Parameters
        ----------
        features : ndarray of shape (N, F), float32

        Returns
        -------
        ndarray of shape (N, K), float32
        """
        if features.shape[1] != self.n_features:
            raise ValueError(f"features must be {self.n_features} per pixel, got {features.shape[1]}")
        summed = np.zeros((len(features), len(self.class_shares)))
        # Always in the same order, so that sums round alike however the pixels are divided.
        for apply, shares in self._ready:
            # "clip" spares NumPy a second look at leaves that are known to be there.
            summed += shares.take(apply(features), axis=0, mode="clip")
        # Trees grown to the end know the classes as they were clicked; weights would only change where they split.
        weighted = summed / self.class_shares
        return np.asarray(weighted / weighted.sum(axis=1, keepdims=True), np.float32)

    @cached_property
    def _ready(self) -> list[tuple[Apply, AnyArray]]:
        """Of each tree, what finds leaves, and the class shares of its nodes, those of inner ones without a meaning."""
        return [
            (compiled(tree, self.n_features), self.leaf_shares.take(tree.feature, axis=0, mode="clip"))
            for tree in self.trees
        ]


_INTEGERS = (np.dtype(np.int16), np.dtype(np.int32))
_TYPES: dict[str, tuple[np.dtype[Any], ...]] = {
    "left": _INTEGERS,
    "right": _INTEGERS,
    "feature": _INTEGERS,
    "threshold": (np.dtype(np.float32),),
    "sizes": (np.dtype(np.int32),),
    "leaf_shares": (np.dtype(np.float64),),
    "class_shares": (np.dtype(np.float64),),
}


def _as_arrays(grown: Any, is_leaf: AnyArray, leaf_rows: IntArray) -> Tree:
    feature = grown.feature.copy()
    feature[is_leaf] = leaf_rows
    return Tree(
        compact(grown.children_left), compact(grown.children_right), compact(feature), float32_below(grown.threshold)
    )


def thinned(targets: IntArray, most: int, *, seed: int) -> IntArray:
    """Choose `most` examples at random, as evenly over the classes as they allow.

    Parameters
    ----------
    targets : ndarray of shape (N,), int64
    most : int
    seed : int

    Returns
    -------
    ndarray of shape (M,), int64
        Indices, ascending; all of them where there are no more than `most`.
    """
    if len(targets) <= most:
        return np.arange(len(targets))
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(targets))
    # The first of every class come first, then the second ones, ...
    rank = np.empty(len(targets), np.int64)
    for number in np.unique(targets):
        members = shuffled[targets[shuffled] == number]
        rank[members] = np.arange(len(members))
    return np.sort(np.argsort(rank, kind="stable")[:most])
