"""Random labelling tasks on generated images: which things belong together, and which pixels were clicked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.pretrain.strokes import draw_strokes

if TYPE_CHECKING:
    from clicktrain.types import AnyArray, IntArray

__all__ = ["Task", "random_task"]

MOST_CLASSES = 4


@dataclass(frozen=True, slots=True)
class Task:
    """What a person might label in two images of one kind.

    Parameters
    ----------
    targets : ndarray of shape (2, Y, X), int64
        Class of every pixel from 1; 0 is of no interest.
    strokes : ndarray of shape (Y, X), int64
        Labelled pixels of the first image.
    n_classes : int
    """

    targets: IntArray
    strokes: IntArray
    n_classes: int


def random_task(shown: AnyArray, rng: np.random.Generator, margin_px: int) -> Task | None:
    """Choose a labelling task and strokes for it; None where the images show too little.

    Parameters
    ----------
    shown : ndarray of shape (2, Y, X), integer
        What the pixels of two images show, from 0.
    rng : Generator
    margin_px : int
        Border in which nothing is labelled.
    """
    inner = shown[:, margin_px:-margin_px, margin_px:-margin_px]
    shares = np.stack([np.bincount(part.ravel(), minlength=int(shown.max()) + 1) / part.size for part in inner])
    usable = np.flatnonzero(shares[0] > 0.004)
    if len(usable) < 2:
        return None
    chosen = rng.permutation(usable)
    n_classes = int(rng.integers(2, min(MOST_CLASSES, len(usable)) + 1))
    groups = np.zeros(int(shown.max()) + 1, np.int64)
    groups[chosen[:n_classes]] = np.arange(1, n_classes + 1)
    # What is left over goes with some class or is of no interest, as when nobody clicked it.
    for number in chosen[n_classes:]:
        groups[number] = rng.integers(0 if rng.random() < 0.3 else 1, n_classes + 1)
    targets = groups[shown]
    clickable = np.zeros_like(targets[0])
    clickable[margin_px:-margin_px, margin_px:-margin_px] = targets[0, margin_px:-margin_px, margin_px:-margin_px]
    per_class = int(np.exp(rng.uniform(np.log(8), np.log(400))))
    length_px = int(rng.choice([1, 6, 15, 30], p=(0.1, 0.2, 0.5, 0.2)))
    strokes = draw_strokes(clickable, per_class, length_px, rng)
    return Task(targets, strokes, n_classes)
