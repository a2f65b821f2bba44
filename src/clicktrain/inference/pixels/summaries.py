"""One number per pixel out of the class probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clicktrain.types import FloatArray, IntArray, LabelArray

__all__ = ["class_numbers", "confidence"]


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


def class_numbers(probabilities: FloatArray, classes: IntArray) -> LabelArray:
    """Return the most probable class of every pixel.

    Parameters
    ----------
    probabilities : ndarray of shape (K, ...), float32
    classes : ndarray of shape (K,), int64
        Class numbers, 65535 at most.

    Returns
    -------
    ndarray of shape (...), uint8, or uint16 where a class number is beyond 255
    """
    dtype = np.uint8 if classes.max() <= np.iinfo(np.uint8).max else np.uint16
    numbers: LabelArray = classes.astype(dtype)[probabilities.argmax(axis=0)]
    return numbers
