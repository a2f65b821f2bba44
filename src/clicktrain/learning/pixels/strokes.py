"""Strokes: clicks that touch, which know hardly more than one of them does."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from clicktrain.annotations.clicks import Clicks
    from clicktrain.types import IntArray

__all__ = ["strokes_of"]


def strokes_of(clicks: Clicks) -> IntArray:
    """Tell which stroke each click belongs to.

    Clicks of one class are of one stroke if they touch, be it at a corner.

    Parameters
    ----------
    clicks : Clicks

    Returns
    -------
    ndarray of shape (N,), int64
        Numbers from 0 on.
    """
    # With a border, so that the neighbours of a pixel never lie on the other side of the image.
    shape = (clicks.classes.max(initial=0) + 1, *(side + 2 for side in clicks.shape_px))
    places = np.ravel_multi_index((clicks.classes, *(clicks.positions_px + 1).T), shape)
    known, which = np.unique(places, return_inverse=True)
    ones = np.array([int(np.prod(shape[axis + 2 :])) for axis in range(len(clicks.shape_px))])
    ahead = [step for step in product((-1, 0, 1), repeat=len(ones)) if step > (0,) * len(ones)]
    pairs = [_pairs(known, int(ones @ np.array(step))) for step in ahead]
    before, after = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(before), bool), (before, after)), (len(known), len(known)))
    stroke: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    return stroke[which.reshape(-1)]


def _pairs(known: IntArray, distance: int) -> IntArray:
    """Indices (2, M) of those `known` numbers, ascending, that lie a distance apart."""
    found = np.minimum(np.searchsorted(known, known + distance), len(known) - 1)
    (before,) = np.nonzero(known[found] == known + distance)
    return np.stack((before, found[before]))
