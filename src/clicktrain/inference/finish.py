"""From the blended answers to the probabilities that people see: neighbours agree, rare classes stay rare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from clicktrain.models.blend import way_between

if TYPE_CHECKING:
    from clicktrain.config import FinishConfig
    from clicktrain.types import FloatArray

__all__ = ["class_shares", "finished"]

# The shares of the classes count half up to the first number of clicks, and in full from the second on.
_CLICKS = (50, 200)
_AT_FEW = 0.5


def finished(probabilities: FloatArray, config: FinishConfig, clicks: int) -> FloatArray:
    """Smooth probabilities and weigh classes by how common they are in the image, in place.

    Strokes show every class alike, images do not: argmax of balanced probabilities gives a rare class far too many
    pixels. How common each class is follows from the probabilities themselves: one step of the reference's expectation
    maximisation. Further steps drive a class that is merely uncertain out of the image.

    Parameters
    ----------
    probabilities : ndarray of shape (K, Y, X), float32
        As if all classes were equally common.
    config : FinishConfig
    clicks : int
        Number of clicks that the classifier was trained on.

    Returns
    -------
    ndarray of shape (K, Y, X), float32
        The same array; sums to 1 in every pixel.

    References
    ----------
    Saerens, Latinne, Decaestecker 2002, Adjusting the outputs of a classifier to new a priori probabilities, Neural
    Computation 14, section 2.
    """
    if config.smoothing_px:
        for one in probabilities:
            gaussian_filter(one, config.smoothing_px, output=one, truncate=3.0)
    strength = config.prior * _evidence(clicks)
    if strength:
        weights = (class_shares(probabilities) * len(probabilities)) ** strength
        probabilities *= weights.astype(np.float32)[:, None, None]
        probabilities /= probabilities.sum(axis=0)
    return probabilities


def class_shares(probabilities: FloatArray) -> FloatArray:
    """Estimate which share of an image each class has, cautiously: what nobody knows counts as evenly shared.

    Parameters
    ----------
    probabilities : ndarray of shape (K, Y, X)
        As if all classes were equally common.

    Returns
    -------
    ndarray of shape (K,), float64
        Sums to 1.
    """
    shares: FloatArray = probabilities.mean(axis=(1, 2), dtype=np.float64)
    return shares


def _evidence(clicks: int) -> float:
    return _AT_FEW + (1 - _AT_FEW) * way_between(clicks, *_CLICKS)
