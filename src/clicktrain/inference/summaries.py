"""One number per pixel out of the class probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clicktrain.types import FloatArray

__all__ = ["confidence"]


def confidence(probabilities: FloatArray) -> FloatArray:
    """Say how sure the classifier is of the class it chose.

    Parameters
    ----------
    probabilities : ndarray of shape (K, ...), float32

    Returns
    -------
    ndarray of shape (...), float32
        From 0, all classes equally likely, to 1, certain.
    """
    chance = 1 / len(probabilities)
    largest: FloatArray = probabilities.max(axis=0)
    above_chance: FloatArray = np.clip((largest - chance) / (1 - chance), 0, 1)
    return above_chance
