"""What a training asks for: pixels of a task beside those that were clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pretraining.tasks import inner_window

if TYPE_CHECKING:
    from clicktrain.types import IntArray
    from pretraining.tasks import Task

__all__ = ["askable", "draw_queries"]


def askable(task: Task, margin_px: int) -> IntArray:
    """Tell which pixels of a task may be asked for: those of interest that were not clicked, away from the border.

    Parameters
    ----------
    task : Task
    margin_px : int
        Width of the border, at least 1.

    Returns
    -------
    ndarray of shape (2, Y, X), int64
        Their classes from 1; 0 elsewhere.
    """
    window = (slice(None), *inner_window(margin_px))
    classes = np.zeros_like(task.targets)
    classes[window] = task.targets[window]
    classes[0][task.strokes > 0] = 0
    return classes


def draw_queries(
    classes: IntArray, n_classes: int, count: int, rng: np.random.Generator
) -> tuple[tuple[IntArray, ...], IntArray]:
    """Draw pixels with repetition, half of them from all there are and half evenly over the classes.

    Parameters
    ----------
    classes : ndarray of shape (2, Y, X), int64
        From 1, with 0 where nothing may be asked for; not 0 everywhere.
    n_classes : int
    count : int
        About the number of pixels; fewer if a class has none.
    rng : Generator

    Returns
    -------
    places : tuple of ndarray of shape (N,), int64
        Image, row and column.
    wanted : ndarray of shape (N,), int64
        Classes, from 0.
    """
    flat = classes.ravel()
    known = np.flatnonzero(flat)
    parts = [rng.choice(known, count // 2)]
    for number in range(1, n_classes + 1):
        of_class = known[flat[known] == number]
        if len(of_class):
            parts.append(rng.choice(of_class, count // 2 // n_classes))
    chosen = np.concatenate(parts)
    return np.unravel_index(chosen, classes.shape), flat[chosen] - 1
