"""Extremely randomised trees on the stem's features: hard to beat where clicks are few and features are good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

if TYPE_CHECKING:
    from clicktrain.types import FloatArray, IntArray

__all__ = ["MOST_EXAMPLES", "Forest", "thinned"]

MOST_EXAMPLES = 10_000


class Forest:
    """Trees and the clicked pixels they were grown from, which a model file keeps instead of the trees.

    Parameters
    ----------
    features : ndarray of shape (N, F), float32
        Of the clicked pixels.
    targets : ndarray of shape (N,), int64
        Class index of each, 0 to K - 1, every one of which occurs.
    n_trees : int

    References
    ----------
    Geurts, Ernst, Wehenkel 2006, Extremely randomized trees, Machine Learning 63.
    """

    def __init__(self, features: FloatArray, targets: IntArray, *, n_trees: int) -> None:
        self.features, self.targets = features, targets
        # Always the same seed: the same examples give the same trees, also when a file is read.
        self._trees = ExtraTreesClassifier(n_trees, n_jobs=-1, random_state=0).fit(features, targets)
        self._shares = np.bincount(targets) / len(targets)

    def probabilities(self, features: FloatArray) -> FloatArray:
        """Classify pixels, as if every class had been clicked as often.

        Parameters
        ----------
        features : ndarray of shape (N, F), float32

        Returns
        -------
        ndarray of shape (N, K), float32
        """
        # Trees grown to the end know the classes as they were clicked; weights would only change where they split.
        weighted = self._trees.predict_proba(features) / self._shares
        return np.asarray(weighted / weighted.sum(axis=1, keepdims=True), np.float32)


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
