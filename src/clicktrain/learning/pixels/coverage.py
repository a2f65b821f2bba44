"""Equal windows that hold the clicks of an image, and not more of them than memory has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.types import IntArray

__all__ = ["cover", "draw_windows"]


def cover(clicks: Clicks, sides_px: int | Sequence[int]) -> tuple[IntArray, IntArray]:
    """Cover clicks by windows on a regular grid; those that would leave the image are shifted inwards.

    Parameters
    ----------
    clicks : Clicks
    sides_px : int or sequence of int
        Of a window, along all axes or along each.

    Returns
    -------
    origins : ndarray of shape (W, ndim), int64
        First pixel of each window.
    owner : ndarray of shape (N,), int64
        Window of each click.
    """
    sides = np.array(sides_px)
    last = np.maximum(np.array(clicks.shape_px) - sides, 0)
    origins = np.minimum(clicks.positions_px // sides * sides, last)
    unique, owner = np.unique(origins, axis=0, return_inverse=True)
    return unique, owner.reshape(-1)


def draw_windows(owner: IntArray, classes: IntArray, most: int, *, seed: int) -> IntArray:
    """Choose windows so that every class keeps about the same number of them, as far as it has that many.

    Parameters
    ----------
    owner : ndarray of shape (N,), int64
        Window of each click.
    classes : ndarray of shape (N,), int64
        Class number of each click.
    most : int
        Windows to keep, though never less than one a class; all are kept where there are no more.
    seed : int

    Returns
    -------
    ndarray of shape (M,), int64
        Numbers of the windows kept, ascending.
    """
    windows, numbers = np.unique(owner), np.unique(classes)
    most = max(most, len(numbers))
    if len(windows) <= most:
        return windows
    rng = np.random.default_rng(seed)
    per_class = [rng.permutation(np.unique(owner[classes == number])) for number in numbers]
    # Dealt out in turn: the first window of every class, then the second, ...
    turns = [(turn, int(window)) for queue in per_class for turn, window in enumerate(queue)]
    dealt = dict.fromkeys(window for _, window in sorted(turns, key=lambda pair: pair[0]))
    return np.sort(np.array(list(dealt)[:most], np.int64))
