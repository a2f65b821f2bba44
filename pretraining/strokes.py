"""Strokes as a person would draw them inside known classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clicktrain.types import IntArray

__all__ = ["draw_strokes"]

# Strokes for every pixel that is asked for, at most.
_TRIES = 4


def draw_strokes(classes: IntArray, per_class: int, length_px: int, rng: np.random.Generator) -> IntArray:
    """Label pixels of every class by strokes that stay inside it.

    Parameters
    ----------
    classes : ndarray of shape (Y, X), int
        0 is unknown.
    per_class : int
        Pixels of each class, or all where there are fewer; now and then less where new ones are hard to hit.
    length_px : int
        Longest stroke.
    rng : Generator

    Returns
    -------
    ndarray of shape (Y, X), int64
        0 where nothing was drawn.
    """
    drawn = np.zeros(classes.shape, np.int64)
    for number in np.unique(classes[classes > 0]):
        places = np.argwhere(classes == number)
        wanted = min(per_class, len(places))
        for _ in range(_TRIES * per_class):
            if wanted == 0:
                break
            stroke = _stroke(classes, places[rng.integers(len(places))], length_px, rng)[:wanted]
            wanted -= len({place for place in stroke if drawn[place] == 0})
            for place in stroke:
                drawn[place] = number
    return drawn


def _stroke(classes: IntArray, start: IntArray, length_px: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pixels of a wavering line from `start` up to where it leaves the class."""
    angles = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.3, length_px))
    rows = np.round(start[0] + np.cumsum(np.sin(angles)) - np.sin(angles[0])).astype(int)
    columns = np.round(start[1] + np.cumsum(np.cos(angles)) - np.cos(angles[0])).astype(int)
    inside = (rows >= 0) & (rows < classes.shape[0]) & (columns >= 0) & (columns < classes.shape[1])
    same = np.zeros(length_px, bool)
    same[inside] = classes[rows[inside], columns[inside]] == classes[start[0], start[1]]
    end = length_px if same.all() else int(same.argmin())
    return list(zip(rows[:end].tolist(), columns[:end].tolist(), strict=True))
