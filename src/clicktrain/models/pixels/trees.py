"""Decision trees as arrays: what a model file keeps of them, and which leaf a pixel falls into.

`Tree.apply` is the definition. `compiled` finds the same leaves many times faster, by scikit-learn's compiled traversal
of the same arrays; where a version of scikit-learn cannot be handed arrays, the definition stands in.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from clicktrain.types import AnyArray, FloatArray, IntArray

    Apply: TypeAlias = Callable[[FloatArray], IntArray]

__all__ = ["NO_CHILD", "Tree", "compact", "compiled", "float32_below"]

NO_CHILD = -1


class Tree(NamedTuple):
    """One row per node, the root first and children after their parents.

    Parameters
    ----------
    left, right : ndarray of shape (nodes,), int16 or int32
        Children; -1 in a leaf.
    feature : ndarray of shape (nodes,), int16 or int32
        Which feature is compared; in a leaf, where its class shares stand in the forest's table.
    threshold : ndarray of shape (nodes,), float32
        To the left go pixels whose feature is at most this.
    """

    left: AnyArray
    right: AnyArray
    feature: AnyArray
    threshold: FloatArray

    def apply(self, features: FloatArray) -> IntArray:
        """Return the leaf that each pixel falls into.

        Parameters
        ----------
        features : ndarray of shape (N, F), float32

        Returns
        -------
        ndarray of shape (N,), int64
        """
        at = np.zeros(len(features), np.int64)
        moving = np.arange(len(features))
        while len(moving := moving[self.left[at[moving]] != NO_CHILD]):
            node = at[moving]
            goes_left = features[moving, self.feature[node]] <= self.threshold[node]
            at[moving] = np.where(goes_left, self.left[node], self.right[node])
        return at

    def check(self, *, n_features: int, n_leaf_rows: int) -> None:
        """Refuse arrays that would lead round in circles or out of bounds.

        Raises
        ------
        ValueError
        """
        inner, nodes = self.left != NO_CHILD, np.arange(len(self.left))
        children = np.stack((self.left, self.right))[:, inner]
        forward = np.all((children > nodes[inner]) & (children < len(nodes)))
        known = np.all((self.feature >= 0) & (self.feature < np.where(inner, n_features, n_leaf_rows)))
        if not (len(nodes) and forward and known):
            raise ValueError("nodes must lead to later nodes and leaves, by features that there are")


def compact(values: AnyArray) -> AnyArray:
    """Return integers in 16 bits if they fit, else in 32."""
    fits = values.max(initial=0) <= np.iinfo(np.int16).max
    return np.ascontiguousarray(values, np.int16 if fits else np.int32)


def float32_below(thresholds: AnyArray) -> FloatArray:
    """Round down to float32, which sends every float32 to the side that it was sent to before."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def compiled(tree: Tree, n_features: int) -> Apply:
    """Return a fast `tree.apply`, which may be called by several threads at once.

    Parameters
    ----------
    tree : Tree
        Checked: nothing is checked any more from here on.
    n_features : int
        Columns of the features that it will be given.
    """
    return _compiled(tree, n_features) if _can_compile() else tree.apply


def _compiled(tree: Tree, n_features: int) -> Apply:
    from sklearn.tree._tree import Tree as CompiledTree

    nodes = np.zeros(len(tree.left), _node_type())
    nodes["left_child"], nodes["right_child"] = tree.left, tree.right
    nodes["feature"], nodes["threshold"] = np.where(tree.left == NO_CHILD, 0, tree.feature), tree.threshold
    # One class with one value: leaves alone are asked for.
    made = CompiledTree(n_features, np.ones(1, np.intp), 1)
    values = np.zeros((len(nodes), 1, 1))
    made.__setstate__({"max_depth": 0, "node_count": len(nodes), "nodes": nodes, "values": values})
    apply: Apply = made.apply
    return apply


@cache
def _node_type() -> np.dtype[Any]:
    """How this version of scikit-learn lays a node out."""
    from sklearn.tree import DecisionTreeClassifier

    grown = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])
    node_type: np.dtype[Any] = grown.tree_.__getstate__()["nodes"].dtype
    return node_type


@cache
def _can_compile() -> bool:
    """Whether scikit-learn takes arrays and means by them what is meant here, tried on three nodes."""
    pair = np.array([1, NO_CHILD, NO_CHILD]), np.array([2, NO_CHILD, NO_CHILD])
    tree = Tree(*pair, np.array([1, 0, 1]), np.array([0.5, 0, 0], np.float32))
    asked = np.array([[9, 0.5], [0, np.nextafter(np.float32(0.5), np.float32(1))]], np.float32)
    try:
        return bool((_compiled(tree, 2)(asked) == tree.apply(asked)).all())
    except (ImportError, AttributeError, KeyError, TypeError, ValueError):
        return False
