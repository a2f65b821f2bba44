"""Random labelling tasks on generated images: which things belong together, and which pixels were clicked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pretraining.strokes import draw_strokes

if TYPE_CHECKING:
    from clicktrain.types import IntArray

__all__ = ["Task", "inner_window", "random_task"]

_MOST_CLASSES = 4
# What covers less of the first image can hardly be clicked.
_LEAST_SHARE = 0.004


@dataclass(frozen=True, slots=True)
class Task:
    """What a person might label in two images of one kind.

    Parameters
    ----------
    targets : ndarray of shape (2, Y, X), int64
        Class of every pixel from 1; 0 is of no interest.
    strokes : ndarray of shape (Y, X), int64
        Labelled pixels of the first image; 0 elsewhere.
    n_classes : int
        At least 2.
    """

    targets: IntArray
    strokes: IntArray
    n_classes: int


def inner_window(margin_px: int) -> tuple[slice, slice]:
    """Rows and columns of an image without a border of `margin_px`, which is at least 1."""
    return slice(margin_px, -margin_px), slice(margin_px, -margin_px)


def random_task(shown: IntArray, rng: np.random.Generator, margin_px: int) -> Task | None:
    """Choose a labelling task and strokes for it.

    Parameters
    ----------
    shown : ndarray of shape (2, Y, X), int64
        What the pixels of two images show, from 0.
    rng : Generator
    margin_px : int
        Border in which nothing is labelled, at least 1.

    Returns
    -------
    Task or None
        None where the first image shows too little to tell apart. Every class of a task has strokes.
    """
    window = inner_window(margin_px)
    counts = np.bincount(shown[0][window].ravel(), minlength=int(shown.max()) + 1)
    usable = np.flatnonzero(counts / counts.sum() > _LEAST_SHARE)
    if len(usable) < 2:
        return None
    usable = rng.permutation(usable)
    n_classes = int(rng.integers(2, min(_MOST_CLASSES, len(usable)) + 1))
    targets = _grouped(usable, n_classes, len(counts), rng)[shown]
    clickable = np.zeros_like(targets[0])
    clickable[window] = targets[0][window]
    per_class = int(np.exp(rng.uniform(np.log(8), np.log(400))))
    length_px = int(rng.choice([1, 6, 15, 30], p=(0.1, 0.2, 0.5, 0.2)))
    return Task(targets, draw_strokes(clickable, per_class, length_px, rng), n_classes)


def _grouped(usable: IntArray, n_classes: int, n_shown: int, rng: np.random.Generator) -> IntArray:
    """Class of everything shown, of shape (n_shown,), each of 1 to `n_classes` at least once."""
    groups = np.zeros(n_shown, np.int64)
    groups[usable[:n_classes]] = np.arange(1, n_classes + 1)
    # What is left over goes with some class or is of no interest, as when nobody clicked it.
    for number in usable[n_classes:]:
        groups[number] = rng.integers(0 if rng.random() < 0.3 else 1, n_classes + 1)
    return groups
